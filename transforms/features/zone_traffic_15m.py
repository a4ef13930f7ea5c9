"""features.zone_traffic_15m: how fast traffic and own trucks move in and around a zone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame

from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Latest, Quantile, Ratio, Sum
from transforms.features.windows import view_rows
from transforms.grid import TICKS
from transforms.tiles.measures import SPEED_KMH
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.zone_traffic_15m import ZONE_TRAFFIC_15M

SPEC = ViewSpec(
    table=ZONE_TRAFFIC_15M,
    keys=("zone_id",),
    grid=TICKS,
    sums=(
        Sum("rated_15m", "rated_speed", 1),
        Sum("free_15m", "free_flow", 1),
        Sum("rated_30m", "rated_speed", 2),
        Sum("free_30m", "free_flow", 2),
        Sum("readings_30m", "readings", 2),
        Sum("last_reading", "last_reading", 96),
        Sum("fleet_speed_30m", "fleet_speed_kmh", 2, SPEED_KMH),
        Sum("fleet_pings_30m", "fleet_pings", 2),
        Sum("seen_24h", "seen", 96),
    ),
    rings={"ring1_rated_30m": ("rated_30m", 1), "ring1_free_30m": ("free_30m", 1)},
    features=(
        Ratio("speed_ratio_15m", "rated_15m", "free_15m"),
        Ratio("ring1_speed_ratio_30m", "ring1_rated_30m", "ring1_free_30m"),
        Count("readings_30m_count", "readings_30m"),
        Latest("last_reading_at", "last_reading"),
        Quantile("fleet_speed_kmh_p50_30m", "fleet_speed_30m", 50),
        Count("fleet_pings_30m_count", "fleet_pings_30m"),
    ),
    live="seen_24h",
)


def zone_traffic_15m(
    traffic_15m: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per zone and tick at which a value changed, plus one a day and a closing row."""
    return view_rows(traffic_15m, SPEC, interval, held, timeline)
