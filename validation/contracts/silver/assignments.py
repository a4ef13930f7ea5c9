"""silver.assignments: the state of each accepted offer, as a changelog."""

from validation.columns import pick
from validation.contract import Check, OneOf, Severity, Table

ASSIGNMENTS = Table(
    name="silver.assignments",
    grain="One row per assignment and tick in which what was known of it changed.",
    key=("assignment_id", "known_at"),
    columns=pick(
        "assignment_id",
        "known_at",
        "known_date",
        "job_id",
        "offer_id",
        "provider_id",
        "driver_id",
        "requested_at",
        "accepted_at",
        "accepted_landed_at",
        "is_backdated",
        "first_promised_arrival_at",
        "promised_arrival_at",
        "promise_extension_count",
        "en_route_at",
        "on_scene_at",
        "gone_on_arrival_at",
        "arrived_at",
        "is_gone_on_arrival",
        "completed_at",
        "cancelled_at",
        "ended_at",
        "end_reason",
        "dispatch_channel",
        "is_immediate",
        "job_kind",
        "service_type",
        "program_id",
        "zone_id",
        "area_id",
    ),
    required=("job_id", "accepted_at", "end_reason", "is_backdated", "is_gone_on_arrival"),
    order=("provider_id", "assignment_id"),
    checks=(
        OneOf(
            "end_reason",
            (
                "open",
                "arrived",
                "provider_gave_back",
                "agent_reassigned",
                "eta_rejected",
                "member_cancelled",
                "missing_milestone",
            ),
        ),
        Check("arrival_after_acceptance", "coalesce(arrived_at >= accepted_at, true)", Severity.WARN),
    ),
)
