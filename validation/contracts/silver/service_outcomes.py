"""silver.service_outcomes: every version of every claim."""

from validation.columns import pick
from validation.contract import Between, Reference, Table

SERVICE_OUTCOMES = Table(
    name="silver.service_outcomes",
    grain="One row per claim version; the current one has the greatest source_updated_at known.",
    key=("claim_id", "source_updated_at", "known_at"),
    columns=pick(
        "claim_id",
        "source_updated_at",
        "known_at",
        "known_date",
        "landed_at",
        "job_id",
        "provider_id",
        "submitted_at",
        "claim_outcome",
        "invoice_status",
        "billed_cents",
        "tow_metres",
        "rating",
        "nps",
        "is_late",
        "has_unknown_value",
        "source_object",
        "source_line",
    ),
    required=("job_id", "submitted_at", "is_late"),
    order=("provider_id", "claim_id"),
    checks=(
        Between("nps", 0, 10),
        Between("billed_cents", 0),
    ),
    references=(Reference("job_id", "silver.jobs", days=120),),
)
