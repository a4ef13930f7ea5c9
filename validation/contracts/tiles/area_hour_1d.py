"""tiles.area_hour_1d: requests, offers, arrivals and available drivers by business day and local hour."""

from validation.contracts.tiles.tile_table import tile_table

AREA_HOUR_1D = tile_table(
    "area_hour_1d",
    grain="One row per area, local hour of the week, measure, day and cut that changed what is known of it.",
    dimensions=("area_id", "local_hour_of_week"),
    notes="The hour is that of the fact itself: of the request, the offer, the arrival.",
)
