"""silver.job_milestones: each lifecycle event where the automaton put it, as a changelog."""

from validation.columns import pick
from validation.contract import Check, Severity, Table

JOB_MILESTONES = Table(
    name="silver.job_milestones",
    grain="One row per lifecycle event and tick in which its place in the job changed.",
    key=("event_id", "event_timestamp", "known_at"),
    columns=pick(
        "event_id",
        "event_timestamp",
        "known_at",
        "known_date",
        "job_id",
        "event_type",
        "provider_id",
        "offer_id",
        "assignment_id",
        "stage",
        "is_illegal",
        "illegal_reason",
    ),
    required=("job_id", "event_type", "is_illegal"),
    order=("job_id", "event_timestamp"),
    checks=(Check("legal_transition", "NOT is_illegal", Severity.WARN),),
)
