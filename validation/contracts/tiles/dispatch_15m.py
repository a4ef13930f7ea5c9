"""tiles.dispatch_15m: offers, assignments and requests by 15 minutes."""

from validation.contracts.tiles.tile_table import tile_table

DISPATCH_15M = tile_table(
    "dispatch_15m",
    grain="One row per provider, zone, program, measure, tile and tick that changed what is known of it.",
    dimensions=("provider_id", "zone_id", "area_id", "program_id"),
)
