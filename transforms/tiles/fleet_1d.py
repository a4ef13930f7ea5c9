"""tiles.fleet_1d: where a provider's trucks were last seen and stood available, by business day."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.grid import BUSINESS_DAYS, TICKS
from transforms.known_time import known_within
from transforms.tiles.available_hours import available_hours
from transforms.tiles.dispatch_1d import DAY_OF_TICKS
from transforms.tiles.partials import tile_rows
from validation.clocks import Interval
from validation.contracts.tiles.fleet_1d import FLEET_1D

LOOK_BACK = DAY_OF_TICKS

FIX, AVAILABLE, TOW_AVAILABLE = "fix", "available_ticks", "tow_available_ticks"


def fleet_1d(driver_fixes_15m: DataFrame, driver_states_15m: DataFrame, interval: Interval) -> DataFrame:
    """One row per provider, zone and measure, and cut of the interval: what the business day knew.

    `fix` is 1 with the last fix as its moment, `available_ticks` at how many ticks each driver stood
    available there, `tow_available_ticks` those of trucks that tow. `known_at` is the cut. The interval
    must hold one.
    """
    first, last = BUSINESS_DAYS.bounds(interval)
    days = Interval(BUSINESS_DAYS.moment(first), BUSINESS_DAYS.moment(last))
    return tile_rows([last_fixes(driver_fixes_15m, days), available_ticks(driver_states_15m, days)], FLEET_1D)


def last_fixes(driver_fixes_15m: DataFrame, days: Interval) -> DataFrame:
    """The last fix each business day knew of, by provider and zone.

    Fixes stamped after their cut stand apart, tile by tile, so that none hides an earlier one.
    """
    cut = BUSINESS_DAYS.instant(BUSINESS_DAYS.known(F.col("known_at")))
    return (
        driver_fixes_15m.where(known_within(days))
        .withColumn("cut", cut)
        .withColumn("ahead_tile", F.when(F.col("tile_at") > F.col("cut"), F.col("tile_at")))
        .groupBy("provider_id", F.col("last_zone_id").alias("zone_id"), "cut", "ahead_tile")
        .agg(F.max("last_fix_at").alias("moment_at"))
        .withColumn("tile_at", TICKS.instant(TICKS.after(F.col("moment_at"))))
        .select(
            "provider_id",
            "zone_id",
            F.lit(FIX).alias("measure"),
            F.lit(0).alias("bucket"),
            "tile_at",
            F.col("tile_at").alias("counts_at"),
            "moment_at",
            F.col("cut").alias("known_at"),
            F.lit(1).cast("bigint").alias("amount"),
        )
    )


def available_ticks(driver_states_15m: DataFrame, days: Interval) -> DataFrame:
    """At how many ticks of the business days each driver was known as available; also of those that tow."""
    is_tow = F.col("is_tow_capable") & (F.col("measure") == TOW_AVAILABLE)
    return (
        available_hours(driver_states_15m, days)
        .withColumn("measure", F.explode(F.array(F.lit(AVAILABLE), F.lit(TOW_AVAILABLE))))
        .where((F.col("measure") == AVAILABLE) | is_tow)
        .select(
            "provider_id",
            "zone_id",
            "measure",
            F.lit(0).alias("bucket"),
            *(F.col("cut").alias(name) for name in ("tile_at", "counts_at", "moment_at", "known_at")),
            F.col("ticks").cast("bigint").alias("amount"),
        )
    )
