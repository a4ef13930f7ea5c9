"""bronze.provider_status: driver status updates as received."""

from validation.columns import pick
from validation.contract import Table
from validation.contracts.envelope import BRONZE_ENVELOPE

PROVIDER_STATUS = Table(
    name="bronze.provider_status",
    grain="One row per status line landed and accepted, resends included.",
    key=("source_object", "source_line"),
    columns=(
        *BRONZE_ENVELOPE,
        *pick(
            "event_id",
            "event_timestamp",
            "provider_id",
            "driver_id",
            "truck_id",
            "status",
            "equipment",
            "active_job_count",
        ),
    ),
    required=(
        "landed_at",
        "content_digest",
        "event_id",
        "event_timestamp",
        "provider_id",
        "driver_id",
        "status",
    ),
    order=("driver_id", "event_timestamp"),
    retention_months=24,
    is_restricted=True,
)
