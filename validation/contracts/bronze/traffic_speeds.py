"""bronze.traffic_speeds: traffic readings as received."""

from validation.columns import pick
from validation.contract import Table
from validation.contracts.envelope import BRONZE_ENVELOPE

TRAFFIC_SPEEDS = Table(
    name="bronze.traffic_speeds",
    grain="One row per reading landed and accepted, resends included.",
    key=("source_object", "source_line"),
    columns=(
        *BRONZE_ENVELOPE,
        *pick(
            "event_timestamp",
            "feed",
            "segment_id",
            "zone_id",
            "latitude",
            "longitude",
            "speed_kmh",
            "free_flow_kmh",
            "sample_count",
            "reading_status",
        ),
    ),
    required=(
        "landed_at",
        "content_digest",
        "event_timestamp",
        "feed",
        "segment_id",
        "zone_id",
        "latitude",
        "longitude",
    ),
    order=("zone_id", "event_timestamp"),
    retention_months=24,
    is_restricted=True,
)
