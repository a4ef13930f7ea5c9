"""features.provider_fleet_15m: what a provider has on the road."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.driver_spans import driver_spans
from transforms.features.fleet import counted, fix_spans
from transforms.features.spec import ViewSpec
from transforms.features.sums import Carried, Count, Has, Latest, Ratio, Scaled, Sum
from transforms.features.windows import content_of, feature_rows
from transforms.grid import TICKS, Instants
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.provider_fleet_15m import PROVIDER_FLEET_15M

WEEK = 7 * 96
MOST_AVAILABLE = 32
AVAILABLE = ("available_latitude", "available_longitude", "available_fix_at", "available_is_tow")
_COUNTS = (
    "drivers_on_duty",
    "drivers_available",
    "tow_drivers_available",
    "drivers_on_job",
    "drivers_silent",
)
SPEC = ViewSpec(
    table=PROVIDER_FLEET_15M,
    keys=("provider_id",),
    grid=TICKS,
    sums=(
        *(
            Sum(name, name, 0)
            for name in ("drivers", *_COUNTS, "on_duty_seconds", "busy_seconds", "available")
        ),
        Sum("fixes_7d", "fix", WEEK),
    ),
    features=(
        *(Count(f"{name}_count", name) for name in _COUNTS),
        Scaled("on_duty_minutes_60m", "on_duty_seconds", 60),
        Ratio("busy_ratio_60m", "busy_seconds", "on_duty_seconds"),
        Has("is_location_tracked", "fixes_7d"),
        Latest("last_fix_at", "fixes_7d"),
        Carried("available", "available"),
    ),
    live="drivers",
    carried={"available": AVAILABLE},
)


def provider_fleet_15m(
    driver_states_15m: DataFrame,
    fleet_1d: DataFrame,
    driver_fixes_15m: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per provider and tick at which a value changed, plus one a day and a closing row."""
    instants = TICKS.instants(interval, held)
    states = driver_spans(driver_states_15m, instants)
    number = SPEC.measures.number
    spans = (
        _counts(states)
        .unionByName(_available(states, instants))
        .unionByName(
            fix_spans(
                fleet_1d, driver_fixes_15m, ["provider_id"], number("fixes_7d"), WEEK, instants, timeline
            )
        )
    )
    return _without_null_lists(feature_rows(spans, SPEC, instants))


def _without_null_lists(rows: DataFrame) -> DataFrame:
    """A live provider without an available driver has empty lists; a dead one has none."""
    return rows.withColumns(
        {
            name: F.when(
                F.col("tick_at").isNotNull(), F.coalesce(name, F.array().cast(rows.schema[name].dataType))
            )
            for name in AVAILABLE
        }
    )


def _counts(states: DataFrame) -> DataFrame:
    status = F.col("duty_status")
    is_available = (status == "available").cast("int")
    amounts = {
        "drivers": F.lit(1),
        "drivers_on_duty": (status != "offline").cast("int"),
        "drivers_available": is_available,
        "tow_drivers_available": is_available * F.coalesce("is_tow_capable", F.lit(False)).cast("int"),
        "drivers_on_job": (status == "on_job").cast("int"),
        "drivers_silent": F.col("is_silent").cast("int"),
        "on_duty_seconds": F.col("on_duty_seconds_60m"),
        "busy_seconds": F.col("busy_seconds_60m"),
    }
    numbers = {SPEC.measures.number(name): amount for name, amount in amounts.items()}
    return counted(states, {"provider_id": F.col("provider_id")}, numbers)


def _available(states: DataFrame, instants: Instants) -> DataFrame:
    """Tick by tick, the provider's available drivers with a fix, newest fix first, as a content."""
    ticks = F.sequence(
        F.greatest("enter", F.lit(instants.first)), F.least(F.col("leave") - 1, F.lit(instants.last))
    )
    driver = F.struct(
        (-F.unix_micros("last_fix_at")).alias("newest_first"),
        "driver_id",
        F.col("last_fix_latitude").alias(AVAILABLE[0]),
        F.col("last_fix_longitude").alias(AVAILABLE[1]),
        F.col("last_fix_at").alias(AVAILABLE[2]),
        F.coalesce("is_tow_capable", F.lit(False)).alias(AVAILABLE[3]),
    )
    listed = F.slice(F.sort_array(F.collect_list(driver)), 1, MOST_AVAILABLE)
    drivers = F.col("drivers")
    return (
        states.where((F.col("duty_status") == "available") & F.col("last_fix_at").isNotNull())
        .withColumn("enter", F.explode(ticks))
        .groupBy("provider_id", "enter")
        .agg(listed.alias("drivers"))
        .select(
            "provider_id",
            F.lit(SPEC.measures.number("available")).alias("measure"),
            F.lit(1).cast("bigint").alias("amount"),
            F.lit(0).cast("bigint").alias("moment"),
            "enter",
            (F.col("enter") + 1).alias("leave"),
            content_of({name: drivers[name] for name in AVAILABLE}).alias("content"),
        )
    )
