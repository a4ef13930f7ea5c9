"""features.market_dispatch_15m: how dispatch goes in a market."""

from validation.contract import AmountShare
from validation.contracts.features.dispatch_family import DISPATCH_COLUMNS, DRIVER_COLUMNS
from validation.contracts.features.feature_table import feature_table

MARKET_DISPATCH_15M = feature_table(
    "market_dispatch_15m",
    grain="One row per market and tick at which a value changed, plus one a day and a closing row.",
    entities=("market_id",),
    features=(*DISPATCH_COLUMNS, *DRIVER_COLUMNS),
    shares=(AmountShare("drivers_silent_count", "drivers_on_duty_count"),),
    notes="Null throughout: no job and no driver in 28 days.",
)
