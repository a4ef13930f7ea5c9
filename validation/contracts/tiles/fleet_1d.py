"""tiles.fleet_1d: where a provider's trucks were last seen and stood available, by business day."""

from validation.contracts.tiles.tile_table import tile_table

FLEET_1D = tile_table(
    "fleet_1d",
    grain="One row per provider, zone, measure, tile and cut that changed what is known of it.",
    dimensions=("provider_id", "zone_id"),
)
