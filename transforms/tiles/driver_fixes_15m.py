"""tiles.driver_fixes_15m: the last plausible fix of a driver in each zone and 15 minutes."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.grid import TICKS
from transforms.known_time import known_within
from transforms.positions import with_cell_centre
from validation.clocks import Interval
from validation.contracts.tiles.driver_fixes_15m import DRIVER_FIXES_15M

LOOK_BACK = timedelta(0)
RECORD_ORDER = ("event_timestamp", "known_at", "source_object", "source_line")
"""The order of two records of one source (DESIGN section 3)."""


def driver_fixes_15m(gps_pings: DataFrame, interval: Interval) -> DataFrame:
    """One row per driver, provider, zone, tile and tick of the interval: the last fix of these, coarsened.

    Late fixes and implausible jumps are no fixes.
    """
    carried = ("latitude", "longitude", "accuracy_m", "speed_kmh")
    last = F.max(F.struct(*RECORD_ORDER, *carried)).alias("last")
    of_tile = (
        gps_pings.where(known_within(interval) & ~F.col("is_late") & ~F.col("is_implausible_jump"))
        .withColumn("tile", TICKS.after(F.col("event_timestamp")))
        .groupBy("driver_id", "provider_id", "zone_id", "tile", "known_at", "known_date")
        .agg(F.count(F.lit(1)).alias("fix_count"), last)
        .select(
            "driver_id",
            "provider_id",
            F.col("zone_id").alias("last_zone_id"),
            TICKS.instant(F.col("tile")).alias("tile_at"),
            "known_at",
            "known_date",
            "fix_count",
            F.col("last.event_timestamp").alias("last_fix_at"),
            F.col("last.source_object").alias("source_object"),
            F.col("last.source_line").alias("source_line"),
            F.col("last.accuracy_m").alias("last_fix_accuracy_m"),
            F.col("last.speed_kmh").alias("last_speed_kmh"),
            F.col("last.latitude").alias("latitude"),
            F.col("last.longitude").alias("longitude"),
        )
    )
    coarsened = with_cell_centre(of_tile, "last_fix_latitude", "last_fix_longitude")
    return coarsened.select(*DRIVER_FIXES_15M.column_names)
