"""tiles.fleet_1d: where and when a provider's trucks were last seen, by business day."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.grid import BUSINESS_DAYS, TICKS
from transforms.known_time import known_within
from transforms.tiles.dispatch_1d import DAY_OF_TICKS
from validation.clocks import Interval
from validation.contracts.tiles.fleet_1d import FLEET_1D

LOOK_BACK = DAY_OF_TICKS


def fleet_1d(driver_fixes_15m: DataFrame, interval: Interval) -> DataFrame:
    """One row per provider and zone, and cut of the interval: the last fix the business day knew of.

    `known_at` is the cut. Fixes stamped after their cut stand apart, tile by tile, so that none hides
    an earlier one. The interval must hold a cut.
    """
    first, last = BUSINESS_DAYS.bounds(interval)
    days = Interval(BUSINESS_DAYS.moment(first), BUSINESS_DAYS.moment(last))
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
            F.lit("fix").alias("measure"),
            F.lit(0).alias("bucket"),
            "tile_at",
            F.col("tile_at").alias("counts_at"),
            "moment_at",
            F.col("cut").alias("known_at"),
            F.to_date(F.col("cut") - F.expr("INTERVAL 15 MINUTES")).alias("known_date"),
            F.lit(1).cast("bigint").alias("amount"),
        )
        .select(*FLEET_1D.column_names)
    )
