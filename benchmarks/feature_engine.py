"""feature_engine: tiles from pings, and one measure over six windows, against Spark's own range windows.

Pings come at the brief's density, 6,000 a day and driver. The windows (15 m, 1 h, 4 h, 24 h, 7 d, 28 d) are
computed for the 96 ticks of a day from 28 days of tiles, by the engine and by the plain formulation: a
row per provider and tick, and a RANGE window for each length. Both sides see the same tiles; the plain
one knows no late records, so there are none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from benchmarks.measured import Timing, in_turn, own_lake, result
from lakehouse.settings import Settings
from lakehouse.spark import spark_session
from lakehouse.tables import frame_digest
from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Sum
from transforms.features.windows import feature_values, tile_spans
from transforms.grid import TICKS
from transforms.tiles.driver_fixes_15m import driver_fixes_15m
from validation.clocks import TICK, TICK_SECONDS, Interval
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.contracts.silver.gps_pings import GPS_PINGS
from validation.errors import CheckFailed
from validation.spark_schema import conform

DAY = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
TICKS_A_DAY = 96
WINDOWS = {
    "offers_60m": 4,
    "offers_4h": 16,
    "offers_24h": TICKS_A_DAY,
    "open_assignment": 1,
    "open_tow": 7 * TICKS_A_DAY,
    "overdue_assignment": 28 * TICKS_A_DAY,
}
"""Length in ticks by the column that holds it; the names are those that the contract's types know."""

SECONDS_A_PING = 14.4
MONTH = 28


@dataclass(frozen=True)
class Scale:
    """Sizes: drivers and ticks of pings; providers, and tiles of each in a day; rounds timed."""

    drivers: int
    ping_ticks: int
    providers: int
    tiles_a_day: int
    rounds: int


SCALES = {"SMALL": Scale(2_000, 4, 1_000, 12, 3), "FULL": Scale(30_000, 4, 30_000, 12, 3)}
SPEC = ViewSpec(
    table=PROVIDER_ACTIVITY_15M,
    keys=("provider_id",),
    grid=TICKS,
    sums=tuple(Sum(name, "offers", window) for name, window in WINDOWS.items()),
    features=tuple(Count(f"{name}_count", name) for name in WINDOWS),
    live="overdue_assignment",
)
FEATURES = [f"{name}_count" for name in WINDOWS]


def measure(scale_name: str) -> dict[str, Any]:
    """How many times faster the engine is than the plain formulation; and the other ratios.

    Raises:
        CheckFailed: the sides, or the chunks and the whole, do not agree.
    """
    scale = SCALES[scale_name]
    with own_lake() as settings:
        spark = spark_session(settings)
        pings_at, tiles_at = settings.home / "pings", settings.home / "tiles"
        _pings(spark, scale).write.parquet(str(pings_at))
        _tiles(spark, scale).write.parquet(str(tiles_at))
        pings, tiles = spark.read.parquet(str(pings_at)), spark.read.parquet(str(tiles_at))
        ping_count, tile_count = pings.count(), tiles.count()
        interval = Interval(DAY.start, DAY.start + scale.ping_ticks * TICK)
        fixes = in_turn({"tiles": lambda: _spent(driver_fixes_15m(pings, interval))}, scale.rounds)["tiles"]
        _require_agreement(tiles)
        windows = in_turn(
            {"engine": lambda: _spent(engine(tiles, DAY)), "plain": lambda: _spent(plain(tiles))},
            scale.rounds,
        )
        chunks = in_turn(
            {"one_shot": lambda: _digest(tiles, [DAY]), "chunked": lambda: _digest(tiles, _chunks(24))},
            scale.rounds,
        )
        spark.stop()
        alone = _alone(settings, str(tiles_at), scale.rounds)
    return result(
        "feature_engine",
        scale_name,
        round(windows["plain"].median / windows["engine"].median, 2),
        "times faster than Spark's range windows",
        settings,
        seconds={name: timing.told() for name, timing in windows.items()},
        ping_tiles={
            "records/s per core": round(ping_count / fixes.median / settings.spark_cores),
            **fixes.told(),
        },
        chunked_over_one_shot={
            "value": round(chunks["chunked"].median / chunks["one_shot"].median, 2),
            "chunks": len(_chunks(24)),
            **{name: timing.told() for name, timing in chunks.items()},
        },
        one_core_over_all={
            "value": round(alone.median / windows["engine"].median, 2),
            "one_core": alone.told(),
        },
        sizes={
            "pings": ping_count,
            "tiles": tile_count,
            "providers": scale.providers,
            "ticks": TICKS_A_DAY,
            "windows": len(WINDOWS),
        },
    )


def engine(tiles: DataFrame, interval: Interval) -> DataFrame:
    """The rows that changed, by the platform's own engine."""
    instants = TICKS.instants(interval)
    return feature_values(tile_spans(tiles, SPEC, instants), SPEC, instants)


def plain(tiles: DataFrame) -> DataFrame:
    """The rows that changed, by a dense grid and a RANGE window for each length."""
    first, last = TICKS.bounds(DAY)
    grid = (
        tiles.select("provider_id")
        .distinct()
        .withColumn("number", F.explode(F.sequence(F.lit(first), F.lit(last))))
        .withColumn("amount", F.lit(0).cast("bigint"))
    )
    entered = tiles.select(
        "provider_id", TICKS.known(F.col("tile_at")).alias("number"), F.col("amount")
    ).where(F.col("number") > first - max(WINDOWS.values()))
    by_provider = Window.partitionBy("provider_id").orderBy("number")
    values = {
        f"{name}_count": F.sum("amount").over(by_provider.rangeBetween(1 - window, 0))
        for name, window in WINDOWS.items()
    }
    dense = (
        entered.unionByName(grid)
        .withColumns(values)
        .where(F.col("number") >= first)
        .dropDuplicates(["provider_id", "number"])
    )
    before = F.lag(F.struct(*FEATURES)).over(by_provider)
    return (
        dense.withColumn("is_change", ~before.eqNullSafe(F.struct(*FEATURES)))
        .where(F.col("number") > first)
        .select("provider_id", "number", "is_change", *FEATURES)
    )


def _require_agreement(tiles: DataFrame) -> None:
    """Each row of the engine has the plain values, and each change has a row."""
    made = engine(tiles, DAY).where(~F.col("is_dead")).select("provider_id", "number", *FEATURES)
    dense = plain(tiles)
    both = dense.join(
        made.select("provider_id", "number", F.struct(*FEATURES).alias("made")),
        ["provider_id", "number"],
        "left",
    )
    wrong = both.where(
        (F.col("made").isNotNull() & (F.col("made") != F.struct(*FEATURES)))
        | (F.col("made").isNull() & F.col("is_change"))
    ).count()
    rows = made.count()
    if wrong or not rows:
        raise CheckFailed(f"feature_engine: {wrong} of {rows} rows differ from the plain formulation.")


def _chunks(ticks: int) -> list[Interval]:
    starts = range(0, TICKS_A_DAY, ticks)
    return [Interval(DAY.start + n * TICK, DAY.start + (n + ticks) * TICK) for n in starts]


def _digest(tiles: DataFrame, chunks: list[Interval]) -> str:
    parts = [engine(tiles, chunk) for chunk in reversed(chunks)]
    return frame_digest(reduce(DataFrame.unionByName, parts))


def _alone(settings: Settings, tiles_at: str, rounds: int) -> Timing:
    """Seconds of the engine on one core, in a session of its own."""
    spark = spark_session(replace(settings, spark_cores=1))
    tiles = spark.read.parquet(tiles_at)
    alone = in_turn({"alone": lambda: _spent(engine(tiles, DAY))}, rounds)["alone"]
    spark.stop()
    return alone


def _spent(frame: DataFrame) -> None:
    frame.write.format("noop").mode("overwrite").save()


def _pings(spark: SparkSession, scale: Scale) -> DataFrame:
    """Silver pings of the first ticks of the day: each driver's, every 14.4 s."""
    each = int(scale.ping_ticks * TICK_SECONDS / SECONDS_A_PING)
    driver, fix = F.col("id") % scale.drivers, F.floor(F.col("id") / scale.drivers)
    moment = F.timestamp_seconds(F.lit(int(DAY.start.timestamp())) + fix * SECONDS_A_PING)
    known = TICKS.instant(TICKS.after(moment))
    values = {
        "driver_id": F.md5(F.concat(F.lit("driver"), driver)),
        "provider_id": F.concat(F.lit("P"), driver % 5_000),
        "event_timestamp": moment,
        "known_at": known,
        "known_date": F.to_date(known - F.expr("INTERVAL 15 MINUTES")),
        "source_object": F.concat(F.lit("pings-"), (driver % 50).cast("string")),
        "source_line": fix,
        "latitude": 32 + driver * 7_919 % 10_000 / 1_000 + fix * 0.002,
        "longitude": -120 + driver * 104_729 % 40_000 / 1_000 + fix * 0.001,
        "zone_id": F.concat(F.lit("zone"), (driver % 997 + F.floor(fix / 40)).cast("string")),
        "is_late": F.lit(False),
        "is_implausible_jump": F.lit(False),
    }
    rows = spark.range(0, scale.drivers * each, numPartitions=4).withColumns(values).drop("id")
    missing = {column.name: F.lit(None) for column in GPS_PINGS.columns if column.name not in rows.columns}
    return conform(rows.withColumns(missing), GPS_PINGS)


def _tiles(spark: SparkSession, scale: Scale) -> DataFrame:
    """Offers of 28 days and the day: tiles_a_day of every provider's ticks of a day have one."""
    days = MONTH + 1
    count = scale.providers * scale.tiles_a_day * days
    day = F.floor(F.col("id") / (scale.providers * scale.tiles_a_day))
    provider, nth = F.col("id") % scale.providers, F.floor(F.col("id") / scale.providers) % scale.tiles_a_day
    tick = (nth * (TICKS_A_DAY // scale.tiles_a_day) + provider * 7 % 8 + 1).cast("bigint")
    start = int((DAY.start - timedelta(days=MONTH)).timestamp())
    tile_at = F.timestamp_seconds(F.lit(start) + day * 86_400 + tick * TICK_SECONDS)
    return spark.range(0, count, numPartitions=4).select(
        F.concat(F.lit("P"), provider).alias("provider_id"),
        F.lit("offers").alias("measure"),
        F.lit(0).alias("bucket"),
        tile_at.alias("tile_at"),
        tile_at.alias("counts_at"),
        F.lit(None).cast("timestamp").alias("moment_at"),
        tile_at.alias("known_at"),
        (1 + F.col("id") % 3).alias("amount"),
    )
