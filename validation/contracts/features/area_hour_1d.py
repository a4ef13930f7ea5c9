"""features.area_hour_1d: what an hour of the week is usually like in an area."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

AREA_HOUR_1D = feature_table(
    "area_hour_1d",
    grain="One row per area, local hour of the week and business-day cut while the area is live, "
    "plus a closing row.",
    entities=("area_id", "local_hour_of_week"),
    features=pick(
        "weeks_8w_count",
        "requests_per_hour_mean_8w",
        "drivers_available_mean_8w",
        "offer_accept_ratio_8w",
        "arrival_minutes_p50_8w",
    ),
    notes="Null throughout: no request in the area in 8 weeks. Hours are New York's, the business day's.",
)
