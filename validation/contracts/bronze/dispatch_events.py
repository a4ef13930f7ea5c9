"""bronze.dispatch_events: dispatch lifecycle events as received."""

from validation.columns import pick
from validation.contract import Table
from validation.contracts.envelope import BRONZE_ENVELOPE

DISPATCH_EVENTS = Table(
    name="bronze.dispatch_events",
    grain="One row per dispatch line landed and accepted, resends included.",
    key=("source_object", "source_line"),
    columns=(
        *BRONZE_ENVELOPE,
        *pick(
            "event_id",
            "event_timestamp",
            "event_type",
            "job_id",
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
        ),
    ),
    required=("landed_at", "content_digest", "event_id", "event_timestamp", "event_type", "job_id"),
    order=("job_id", "event_timestamp"),
    retention_months=24,
    is_restricted=True,
)
