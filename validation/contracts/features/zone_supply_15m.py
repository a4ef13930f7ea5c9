"""features.zone_supply_15m: who could help in and around a zone."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

ZONE_SUPPLY_15M = feature_table(
    "zone_supply_15m",
    grain="One row per zone and tick at which a value changed, plus one a day and a closing row.",
    entities=("zone_id",),
    features=pick(
        "tick_at",
        "available_drivers_count",
        "ring1_available_drivers_count",
        "ring4_available_drivers_count",
        "ring4_tow_available_drivers_count",
        "ring4_on_duty_drivers_count",
        "ring4_silent_drivers_count",
        "ring4_available_providers_count",
    ),
    notes="Null throughout: no tracked driver within four cells in 28 days.",
)
