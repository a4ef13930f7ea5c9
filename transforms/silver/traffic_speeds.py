"""silver.traffic_speeds: traffic per zone and 15 minutes, sentinels left out."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.known_time import is_late
from transforms.silver.deduplication import first_copies, identity_of
from validation.clocks import TICK_SECONDS, Interval
from validation.contracts.silver.traffic_speeds import TRAFFIC_SPEEDS
from validation.sources.traffic_speeds import TRAFFIC_SPEEDS as SOURCE

NO_READING = "-101"
IDENTITY = identity_of(SOURCE, "feed", "segment_id", "event_timestamp")
LOOK_BACK = IDENTITY.horizon


def traffic_speeds(bronze_traffic_speeds: DataFrame, interval: Interval) -> DataFrame:
    """One row per feed, zone, event tile and tick of the interval that first knew readings of it.

    Sums are integers, so tiles merge exactly; they are null where no reading adds to them. A reading
    without a free-flow speed adds to the first speed sum alone: the other two are over the same
    readings. Ticks and the late horizon lie on one grid, so a tile known at a tick is late as a whole,
    and late readings have rows of their own.
    """
    samples = F.coalesce("sample_count", F.lit(1).cast("bigint"))
    is_reading = F.col("speed_metres_per_hour").isNotNull()
    is_rated = is_reading & F.col("free_flow_metres_per_hour").isNotNull()
    second = F.unix_seconds("event_timestamp")
    return (
        first_copies(bronze_traffic_speeds, interval, IDENTITY)
        .withColumns(
            {
                "tile_start_at": F.timestamp_seconds(second - F.pmod(second, F.lit(TICK_SECONDS))),
                "is_late": is_late(SOURCE),
                "speed_metres_per_hour": F.when(
                    ~F.col("reading_status").eqNullSafe(NO_READING), _metres_per_hour(F.col("speed_kmh"))
                ),
                "free_flow_metres_per_hour": _metres_per_hour(F.col("free_flow_kmh")),
            }
        )
        .groupBy("feed", "zone_id", "tile_start_at", "known_at", "known_date", "is_late")
        .agg(
            F.count_if(is_reading).alias("reading_count"),
            F.count_if(~is_reading).alias("sentinel_count"),
            F.coalesce(F.sum(F.when(is_reading, samples)), F.lit(0)).alias("sample_count_sum"),
            F.sum(F.col("speed_metres_per_hour") * samples).alias("speed_metres_per_hour_sum"),
            F.sum(F.when(is_rated, F.col("speed_metres_per_hour") * samples)).alias(
                "rated_speed_metres_per_hour_sum"
            ),
            F.sum(F.when(is_rated, F.col("free_flow_metres_per_hour") * samples)).alias(
                "free_flow_metres_per_hour_sum"
            ),
        )
        .select(*TRAFFIC_SPEEDS.column_names)
    )


def _metres_per_hour(kmh: Column) -> Column:
    """Whole metres per hour, half up; null for what is no speed: negative, not a number, out of range."""
    metres = F.round(kmh.try_cast("decimal(18,9)") * 1000).cast("bigint")
    return F.when(kmh >= 0, metres)
