"""bronze.gps_pings: GPS fixes as received."""

from validation.columns import pick
from validation.contract import Table
from validation.contracts.envelope import BRONZE_ENVELOPE

GPS_PINGS = Table(
    name="bronze.gps_pings",
    grain="One row per ping line landed and accepted, resends included.",
    key=("source_object", "source_line"),
    columns=(
        *BRONZE_ENVELOPE,
        *pick(
            "event_id",
            "event_timestamp",
            "provider_id",
            "driver_id",
            "latitude",
            "longitude",
            "speed_kmh",
            "heading",
            "accuracy_m",
        ),
    ),
    required=(
        "landed_at",
        "content_digest",
        "event_id",
        "event_timestamp",
        "provider_id",
        "driver_id",
        "latitude",
        "longitude",
    ),
    order=("driver_id", "event_timestamp"),
    retention_months=24,
    is_restricted=True,
)
