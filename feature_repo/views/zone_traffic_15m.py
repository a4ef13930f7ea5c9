"""zone_traffic_15m: how fast traffic and own trucks move in and around a zone."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Float64, Int64, String, UnixTimestamp

from feature_repo.entities import zone
from feature_repo.sources import source_of

zone_traffic_15m = FeatureView(
    name="zone_traffic_15m",
    description="How fast traffic and own trucks move in and around a zone.",
    entities=[zone],
    ttl=timedelta(days=2),
    schema=[
        Field(name="zone_id", dtype=String, description="H3 r7 cell of the incident (about 5 km2)."),
        Field(
            name="tick_at",
            dtype=UnixTimestamp,
            description="The tick the values belong to; null on a closing row.",
        ),
        Field(
            name="speed_ratio_15m",
            dtype=Float64,
            description="Measured over free-flow speed in the zone, weighted by samples (15m "
            "window); null without readings.",
        ),
        Field(
            name="ring1_speed_ratio_30m",
            dtype=Float64,
            description="The same with the cells around it (30m window).",
        ),
        Field(
            name="readings_30m_count",
            dtype=Int64,
            description="Readings with a speed in the zone (30m window).",
        ),
        Field(
            name="last_reading_at",
            dtype=UnixTimestamp,
            description="Start of the latest 15 minutes with a reading, in 24 h.",
        ),
        Field(
            name="fleet_speed_kmh_p50_30m",
            dtype=Int64,
            description="Median speed of own trucks en route in the zone, bucket's upper edge (30m window).",
        ),
        Field(
            name="fleet_pings_30m_count",
            dtype=Int64,
            description="Fixes with a speed of own trucks en route in the zone (30m window).",
        ),
    ],
    source=source_of("zone_traffic_15m"),
    tags={"cadence": "every 15 minutes"},
)
