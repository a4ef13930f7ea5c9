"""silver.job_waits: the periods in which a job waited without a provider, as a changelog."""

from validation.columns import pick
from validation.contract import Check, Severity, Table

JOB_WAITS = Table(
    name="silver.job_waits",
    grain="One row per wait of a job and tick in which what was known of it changed.",
    key=("job_id", "wait_seq", "known_at"),
    columns=pick(
        "job_id",
        "wait_seq",
        "known_at",
        "known_date",
        "is_retracted",
        "wait_started_at",
        "wait_ended_at",
        "is_immediate",
        "job_kind",
        "program_id",
        "zone_id",
        "area_id",
    ),
    required=("is_retracted", "wait_started_at", "is_immediate"),
    order=("zone_id", "job_id"),
    checks=(Check("ends_after_start", "coalesce(wait_ended_at >= wait_started_at, true)", Severity.WARN),),
)
