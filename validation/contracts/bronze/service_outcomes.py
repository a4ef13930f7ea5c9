"""bronze.service_outcomes: claim versions as received."""

from validation.columns import pick
from validation.contract import Table
from validation.contracts.envelope import BRONZE_ENVELOPE

SERVICE_OUTCOMES = Table(
    name="bronze.service_outcomes",
    grain="One row per claim line landed and accepted, resends included.",
    key=("source_object", "source_line"),
    columns=(
        *BRONZE_ENVELOPE,
        *pick(
            "event_timestamp",
            "claim_id",
            "job_id",
            "provider_id",
            "claim_outcome",
            "invoice_status",
            "billed_usd",
            "tow_km",
            "rating",
            "nps",
            "submitted_at",
        ),
    ),
    required=("landed_at", "content_digest", "event_timestamp", "claim_id", "job_id", "submitted_at"),
    order=("claim_id", "event_timestamp"),
    retention_months=24,
    is_restricted=True,
)
