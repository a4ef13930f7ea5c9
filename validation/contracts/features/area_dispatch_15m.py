"""features.area_dispatch_15m: how dispatch goes in an area."""

from validation.columns import pick
from validation.contracts.features.dispatch_family import DISPATCH_COLUMNS, DRIVER_COLUMNS
from validation.contracts.features.feature_table import feature_table

AREA_DISPATCH_15M = feature_table(
    "area_dispatch_15m",
    grain="One row per area and tick at which a value changed, plus one a day and a closing row.",
    entities=("area_id",),
    features=(*DISPATCH_COLUMNS, *DRIVER_COLUMNS, *pick("requests_60m_vs_baseline_ratio")),
    notes="Null throughout: no job and no driver in 28 days.",
)
