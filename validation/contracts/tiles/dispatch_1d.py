"""tiles.dispatch_1d: offers, assignments, requests and claims by business day."""

from validation.contracts.tiles.tile_table import tile_table

DISPATCH_1D = tile_table(
    "dispatch_1d",
    grain="One row per provider, area, service, measure, tile and tick that changed what is known of it.",
    dimensions=("provider_id", "area_id", "service_type"),
)
