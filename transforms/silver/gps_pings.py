"""silver.gps_pings: GPS fixes, once each, flagged and placed in a zone."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.known_time import is_late, known_within, span
from transforms.positions import distance_metres, zone_of
from transforms.silver.deduplication import first_copies, identity_of
from validation.clocks import TICK, Interval
from validation.contracts.silver.gps_pings import GPS_PINGS
from validation.sources.gps_pings import GPS_PINGS as SOURCE

STALE_AFTER = timedelta(minutes=15)
INACCURATE_ABOVE_M = 200
FASTEST_KMH = 200
JUMP_MEMORY = 2 * TICK
"""A fix known longer than this before another tells nothing about how the driver got there."""

IDENTITY = identity_of(SOURCE, "event_id", "event_timestamp")
LOOK_BACK = IDENTITY.horizon + JUMP_MEMORY
"""A fix is compared with one known JUMP_MEMORY earlier, which must itself be a first copy."""

_ORDER = ("known_at", "event_timestamp", "event_id")
"""Fixes of a driver, as they became known."""
_FIX = (*_ORDER, "latitude", "longitude")


def gps_pings(bronze_gps_pings: DataFrame, interval: Interval) -> DataFrame:
    """One row per fix first known in the interval.

    Late, stale, inaccurate and implausible fixes are kept and flagged.
    """
    remembered = Interval(interval.start - JUMP_MEMORY, interval.end)
    fixes = first_copies(bronze_gps_pings, remembered, IDENTITY)
    as_known = Window.partitionBy("driver_id").orderBy(*_ORDER)
    return (
        fixes.where(known_within(interval))
        .unionByName(_last_before(fixes, interval), allowMissingColumns=True)
        .withColumn("before", F.lag(F.struct(*_FIX)).over(as_known))
        .withColumn("is_implausible_jump", _is_implausible_jump(F.col("before")))
        .where(known_within(interval))
        .withColumns(
            {
                "zone_id": zone_of(F.col("latitude"), F.col("longitude")),
                "is_late": is_late(SOURCE),
                "is_stale": F.col("landed_at") - F.col("event_timestamp") > span(STALE_AFTER),
                "is_inaccurate": F.coalesce(F.col("accuracy_m") > INACCURATE_ABOVE_M, F.lit(False)),
            }
        )
        .select(*GPS_PINGS.column_names)
    )


def _last_before(fixes: DataFrame, interval: Interval) -> DataFrame:
    """Each driver's last fix remembered from before the interval."""
    last = F.max(F.struct(*_FIX)).alias("fix")
    before = Interval(interval.start - JUMP_MEMORY, interval.start)
    return fixes.where(known_within(before)).groupBy("driver_id").agg(last).select("driver_id", "fix.*")


def _is_implausible_jump(before: Column) -> Column:
    """Whether the driver came from the fix before only faster than FASTEST_KMH.

    Fixes less than a second apart, either way round, count as a second apart.
    """
    metres = distance_metres(before["latitude"], before["longitude"], F.col("latitude"), F.col("longitude"))
    microseconds = F.abs(F.unix_micros("event_timestamp") - F.unix_micros(before["event_timestamp"]))
    seconds = F.greatest(microseconds, F.lit(1_000_000)) / 1_000_000
    is_remembered = before["known_at"] >= F.col("known_at") - span(JUMP_MEMORY)
    return F.coalesce(is_remembered & (metres * 3.6 > seconds * FASTEST_KMH), F.lit(False))
