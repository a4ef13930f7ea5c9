"""silver.traffic_speeds: traffic per zone and 15 minutes, sentinels left out."""

from validation.columns import pick
from validation.contract import Table

TRAFFIC_SPEEDS = Table(
    name="silver.traffic_speeds",
    grain="One row per feed, zone, 15-minute event tile and tick that added readings to it.",
    key=("feed", "zone_id", "tile_start_at", "known_at"),
    columns=pick(
        "feed",
        "zone_id",
        "tile_start_at",
        "known_at",
        "known_date",
        "reading_count",
        "sentinel_count",
        "sample_count_sum",
        "speed_metres_per_hour_sum",
        "rated_speed_metres_per_hour_sum",
        "free_flow_metres_per_hour_sum",
        "is_late",
    ),
    required=("reading_count", "sentinel_count", "sample_count_sum", "is_late"),
    order=("zone_id", "tile_start_at"),
)
