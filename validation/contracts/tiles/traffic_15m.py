"""tiles.traffic_15m: traffic readings and own trucks' speeds by 15 minutes."""

from validation.contracts.tiles.tile_table import tile_table

TRAFFIC_15M = tile_table(
    "traffic_15m",
    grain="One row per zone, measure, tile and tick that changed what is known of it.",
    dimensions=("zone_id",),
)
