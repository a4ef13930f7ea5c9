"""features.zone_traffic_15m: how fast traffic and own trucks move in and around a zone."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

ZONE_TRAFFIC_15M = feature_table(
    "zone_traffic_15m",
    grain="One row per zone and tick at which a value changed, plus one a day and a closing row.",
    entities=("zone_id",),
    features=pick(
        "tick_at",
        "speed_ratio_15m",
        "ring1_speed_ratio_30m",
        "readings_30m_count",
        "last_reading_at",
        "fleet_speed_kmh_p50_30m",
        "fleet_pings_30m_count",
    ),
    notes="Null throughout: no reading and no fleet ping in 24 h.",
)
