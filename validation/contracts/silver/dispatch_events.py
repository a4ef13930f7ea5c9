"""silver.dispatch_events: lifecycle events, once each, without identities."""

from validation.columns import pick
from validation.contract import Check, Severity, Table

DISPATCH_EVENTS = Table(
    name="silver.dispatch_events",
    grain="One row per event: the first known within the horizon wins; resends and conflicts are counted.",
    key=("event_id", "event_timestamp", "known_at"),
    columns=pick(
        "event_id",
        "event_timestamp",
        "event_type",
        "job_id",
        "known_at",
        "known_date",
        "landed_at",
        "offer_id",
        "assignment_id",
        "provider_id",
        "driver_id",
        "dispatch_channel",
        "actor",
        "reason_code",
        "service_type",
        "zone_id",
        "destination_zone_id",
        "promised_arrival_at",
        "offer_expires_at",
        "vehicle_year",
        "vehicle_make",
        "vehicle_model",
        "vehicle_token",
        "member_token",
        "program_id",
        "scheduled_for",
        "job_kind",
        "selection_policy_version",
        "selection_rank",
        "selection_score",
        "selection_propensity",
        "is_late",
        "has_unknown_value",
        "source_object",
        "source_line",
    ),
    required=("event_type", "job_id", "landed_at", "is_late"),
    order=("job_id", "event_timestamp"),
    checks=(
        Check("known_after_event", "known_at > event_timestamp - INTERVAL 1 HOUR"),
        Check("known_vocabulary", "NOT has_unknown_value", Severity.WARN),
    ),
)

DISPATCH_EVENTS_PRECISE = Table(
    name="silver.dispatch_events_precise",
    grain="One row per event of silver.dispatch_events that carries identifiers or a location.",
    key=("event_id", "event_timestamp", "known_at"),
    columns=pick(
        "event_id", "event_timestamp", "event_type", "job_id", "known_at", "known_date", "sealed_payload"
    ),
    required=("job_id", "sealed_payload"),
    order=("job_id", "event_timestamp"),
    is_restricted=True,
)
