"""features.driver_state_15m: where a driver is and what the driver is doing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from transforms.driver_spans import driver_spans
from transforms.features.fleet import counted
from transforms.features.spec import ViewSpec
from transforms.features.sums import Carried, Ratio, Sum
from transforms.features.windows import content_of, feature_rows, feature_values, tile_spans
from transforms.grid import TICKS, Instants
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.driver_state_15m import DRIVER_STATE_15M
from validation.contracts.features.zone_traffic_15m import ZONE_TRAFFIC_15M

RATIO = "zone_speed_ratio_15m"
STATE = (
    "provider_id",
    "truck_id",
    "duty_status",
    "duty_status_since_at",
    "on_duty_since_at",
    "active_job_count",
    "is_tow_capable",
    "last_fix_at",
    "last_fix_latitude",
    "last_fix_longitude",
    "last_zone_id",
    "last_fix_accuracy_m",
    "last_speed_kmh",
)
SPEC = ViewSpec(
    table=DRIVER_STATE_15M,
    keys=("driver_id",),
    grid=TICKS,
    sums=(Sum("live", "live", 0), Sum("state", "state", 0), Sum("ratio", "ratio", 0)),
    features=(Carried("state", "state"), Carried("ratio", "ratio")),
    live="live",
    carried={"state": STATE, "ratio": (RATIO,)},
)
_ZONE_RATIO = ViewSpec(
    table=ZONE_TRAFFIC_15M,
    keys=("zone_id",),
    grid=TICKS,
    sums=(Sum("rated_15m", "rated_speed", 1), Sum("free_15m", "free_flow", 1)),
    features=(Ratio("speed_ratio_15m", "rated_15m", "free_15m"),),
    live="free_15m",
)


def driver_state_15m(
    driver_states_15m: DataFrame,
    traffic_15m: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per driver and tick at which a value changed, plus one a day and a closing row."""
    instants = TICKS.instants(interval, held)
    states = driver_spans(driver_states_15m, instants)
    number = SPEC.measures.number
    live = counted(states, {"driver_id": F.col("driver_id")}, {number("live"): F.lit(1)})
    held_states = _carrying(states, number("state"), STATE)
    ratios = _carrying(
        _in_zones(states, zone_ratios(traffic_15m, instants, timeline)), number("ratio"), (RATIO,)
    )
    return feature_rows(live.unionByName(held_states).unionByName(ratios), SPEC, instants)


def zone_ratios(traffic_15m: DataFrame, instants: Instants, timeline: Timeline) -> DataFrame:
    """Spans (zone_id, enter, leave) and the zone's speed ratio that holds in them, where there is one."""
    before = Instants(tuple(range(instants.first - 1, instants.last + 1)), anew=(1,))
    values = feature_values(tile_spans(traffic_15m, _ZONE_RATIO, before, timeline), _ZONE_RATIO, before)
    until = F.lead("number").over(Window.partitionBy("zone_id").orderBy("number"))
    return values.select(
        "zone_id",
        F.col("speed_ratio_15m").alias(RATIO),
        F.col("number").alias("enter"),
        F.coalesce(until, F.lit(instants.last + 1)).alias("leave"),
    ).where(F.col(RATIO).isNotNull())


def _in_zones(states: DataFrame, ratios: DataFrame) -> DataFrame:
    """The states' spans cut to those of their zone's ratio."""
    zones = ratios.select(
        F.col("zone_id").alias("last_zone_id"),
        RATIO,
        F.col("enter").alias("from"),
        F.col("leave").alias("until"),
    )
    return (
        states.select("driver_id", "last_zone_id", "enter", "leave")
        .join(zones, "last_zone_id")
        .withColumn("enter", F.greatest("enter", "from"))
        .withColumn("leave", F.least("leave", "until"))
        .where(F.col("enter") < F.col("leave"))
    )


def _carrying(spans: DataFrame, number: int, names: tuple[str, ...]) -> DataFrame:
    return spans.select(
        "driver_id",
        F.lit(number).alias("measure"),
        F.lit(1).cast("bigint").alias("amount"),
        F.lit(0).cast("bigint").alias("moment"),
        "enter",
        "leave",
        content_of({name: F.col(name) for name in names}).alias("content"),
    )
