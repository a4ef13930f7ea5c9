"""silver.jobs: the state of each job, as a changelog."""

from validation.columns import pick
from validation.contract import Check, Severity, Table

JOBS = Table(
    name="silver.jobs",
    grain="One row per job and tick in which what was known of it changed.",
    key=("job_id", "known_at"),
    columns=pick(
        "job_id",
        "known_at",
        "known_date",
        "requested_at",
        "scheduled_for",
        "is_immediate",
        "job_kind",
        "requested_service_type",
        "service_type",
        "program_id",
        "zone_id",
        "area_id",
        "destination_zone_id",
        "member_token",
        "vehicle_token",
        "vehicle_year",
        "vehicle_make",
        "vehicle_model",
        "stage",
        "stage_since_at",
        "offer_count",
        "decline_count",
        "assigned_provider_id",
        "unassigned_from",
        "first_accepted_at",
        "completed_at",
        "cancelled_at",
        "cancel_actor",
        "illegal_event_count",
    ),
    required=("stage", "is_immediate", "offer_count", "decline_count", "illegal_event_count"),
    order=("zone_id", "job_id"),
    checks=(Check("has_request", "requested_at IS NOT NULL", Severity.WARN),),
)
