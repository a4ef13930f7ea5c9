"""features.zone_demand_15m: who asked for help in and around a zone lately."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

ZONE_DEMAND_15M = feature_table(
    "zone_demand_15m",
    grain="One row per zone and tick at which a value changed, plus one a day and a closing row.",
    entities=("zone_id",),
    features=pick(
        "tick_at",
        "requests_15m_count",
        "requests_60m_count",
        "requests_4h_count",
        "tow_requests_60m_count",
        "member_cancels_60m_count",
        "open_unassigned_count",
        "ring1_requests_60m_count",
        "ring4_requests_60m_count",
        "ring4_open_unassigned_count",
    ),
    notes="Null throughout: no request within four cells in 28 days.",
)
