"""bronze_to_silver: GPS pings from bronze to a published interval of silver.gps_pings.

A tick of pings at the brief's density, and ticks before it to find resends in: at FULL six hours, 46
million pings. Timed is all a run does with them: read, deduplicate, flag, place, write to a branch,
check, publish. The cost of the look-back is linear: some 0.3 s of a core for each further million.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.measured import Timing, own_lake, result, spread
from lakehouse.spark import spark_session
from lakehouse.tables import Lakehouse
from transforms.silver.deduplication import duplicate_counts
from transforms.silver.gps_pings import IDENTITY, LOOK_BACK, gps_pings
from validation.clocks import TICK, TICK_SECONDS, Interval
from validation.contracts.bronze.gps_pings import GPS_PINGS as BRONZE
from validation.contracts.silver.gps_pings import GPS_PINGS as SILVER
from validation.errors import CheckFailed
from validation.spark_schema import conform

BOUND = 18_000
"""Records a second and core (FACTS section 3: what JSON to Iceberg takes by plain means)."""
START = datetime(2026, 3, 10, 18, tzinfo=UTC)
FIXES_PER_TICK = TICK_SECONDS // 30
OBJECTS_PER_TICK = 50
RESEND_SHARE = 100
"""One record in so many of the interval is sent again."""

STRAGGLER_SHARE = 50
"""One record in so many landed up to a day after it happened."""


@dataclass(frozen=True)
class Scale:
    """Sizes of a run: drivers that report every 30 s, ticks before the interval, rounds timed."""

    drivers: int
    look_back_ticks: int
    rounds: int

    @property
    def pings(self) -> int:
        """Pings of a tick, resends apart."""
        return self.drivers * FIXES_PER_TICK

    @property
    def resends(self) -> int:
        """Records of the interval that were known before."""
        return self.pings // RESEND_SHARE


SCALES = {"SMALL": Scale(6_700, 8, 5), "FULL": Scale(64_000, 24, 3)}


def measure(scale_name: str) -> dict[str, Any]:
    """The median rate over the rounds, in records of bronze a second and core.

    Raises:
        CheckFailed: a round published another number of rows, or other rows, than it should.
    """
    scale = SCALES[scale_name]
    interval = Interval(START, START + TICK)
    with own_lake() as settings:
        spark = spark_session(settings)
        lakehouse = Lakehouse(spark)
        set_up = time.perf_counter()
        _land(lakehouse, scale)
        set_up = time.perf_counter() - set_up
        bronze = lakehouse.read_known(BRONZE, interval.widened(LOOK_BACK))
        seconds, digests = [], set()
        for number in range(scale.rounds):
            spark.sql(f"DELETE FROM {lakehouse.identifier(SILVER)}")  # the same rows would not be published
            began = time.perf_counter()
            published = lakehouse.replace(SILVER, interval, gps_pings(bronze, interval), f"round{number}")
            seconds.append(time.perf_counter() - began)
            digests.add(lakehouse.digest(SILVER, interval))
            _require("silver rows", published.rows, scale.pings)
        _require("digests of the rounds", len(digests), 1)
        counting = time.perf_counter()
        counts = duplicate_counts(bronze, interval, IDENTITY).collect()
        counting = time.perf_counter() - counting
        _require("resends", sum(each["resend_count"] for each in counts), scale.resends)
        _require("conflicts", sum(each["conflict_count"] for each in counts), 0)
        spark.stop()
    records = scale.pings + scale.resends
    rates = [records / each / settings.spark_cores for each in seconds]
    value = round(statistics.median(rates))
    return result(
        "bronze_to_silver",
        scale_name,
        value,
        "records/s per core",
        settings,
        bound=BOUND,
        is_within_bound=value >= BOUND,
        spread=spread(rates),
        seconds=Timing(tuple(seconds)).told(),
        seconds_set_up=round(set_up, 1),
        seconds_duplicate_counts=round(counting, 2),
        sizes={
            "records": records,
            "resends": scale.resends,
            "look_back_records": scale.pings * scale.look_back_ticks,
            "silver_rows": scale.pings,
        },
    )


def _land(lakehouse: Lakehouse, scale: Scale) -> None:
    """Bronze pings of the interval and of the ticks before it, appended tick by tick."""
    for table in (BRONZE, SILVER):
        lakehouse.create(table)
    for tick in range(-scale.look_back_ticks, 1):
        pings = _pings(lakehouse.spark, scale, tick, scale.pings)
        if tick == 0:
            pings = pings.unionByName(_resends(lakehouse.spark, scale))
        conform(pings, BRONZE).writeTo(lakehouse.identifier(BRONZE)).option(
            "use-table-distribution-and-ordering", "false"
        ).append()


def _pings(spark: SparkSession, scale: Scale, tick: int, count: int) -> DataFrame:
    """The first fixes of one tick, landed within it; scale.pings of them are every driver's."""
    number = F.lit((tick + scale.look_back_ticks) * scale.pings) + F.col("id")
    driver = F.col("id") % scale.drivers
    fix = F.floor(F.col("id") / scale.drivers)
    second = fix * 30 + driver % 30
    started = START + tick * TICK
    landed = F.timestamp_seconds(F.lit(int(started.timestamp())) + second)
    delay = F.when(number % STRAGGLER_SHARE == 0, number % (24 * 3600)).otherwise(0)
    nothing = F.lit(None)
    return spark.range(0, count, numPartitions=2).select(
        _object_name(tick, F.col("id") % OBJECTS_PER_TICK).alias("source_object"),
        F.floor(F.col("id") / OBJECTS_PER_TICK).alias("source_line"),
        landed.alias("landed_at"),
        F.lit(started + TICK).alias("known_at"),
        F.lit(started.date()).alias("known_date"),
        F.lit(1).alias("contract_version"),
        F.lit(1).alias("schema_version"),
        F.md5(F.concat(F.lit("content"), number)).alias("content_digest"),
        F.lit(False).alias("has_unknown_value"),
        nothing.alias("unknown_fields"),
        (F.unhex(F.sha2(number.cast("string"), 512)) if tick == 0 else nothing).alias("sealed_payload"),
        _uuid(F.md5(number.cast("string"))).alias("event_id"),
        F.timestamp_seconds(F.unix_seconds(landed) - 3 - delay).alias("event_timestamp"),
        F.concat(F.lit("P"), driver % 5000).alias("provider_id"),
        F.md5(F.concat(F.lit("driver"), driver)).alias("driver_id"),
        (32 + driver * 7919 % 10_000 / 1000 + fix * 0.002).alias("latitude"),
        (-120 + driver * 104_729 % 40_000 / 1000 + fix * 0.001).alias("longitude"),
        (number % 900 / 10).alias("speed_kmh"),
        (number % 360).alias("heading"),
        (number % 230).alias("accuracy_m"),
    )


def _resends(spark: SparkSession, scale: Scale) -> DataFrame:
    """The first pings of the tick before the interval, sent once more in it."""
    again = {
        "source_object": _object_name(0, F.lit(OBJECTS_PER_TICK)),
        "landed_at": F.lit(START),
        "known_at": F.lit(START + TICK),
        "known_date": F.lit(START.date()),
    }
    return _pings(spark, scale, -1, scale.resends).withColumns(again)


def _object_name(tick: int, part: Column) -> Column:
    stamp = START + tick * TICK
    folder = f"landing/gps_pings/{stamp:%Y/%m/%d/%H}/gps_pings-{stamp:%Y-%m-%d-%H-%M-%S}-"
    return F.concat(F.lit(folder), part.cast("string"), F.lit(".json.gz"))


def _uuid(digits: Column) -> Column:
    return F.concat_ws(
        "-", *(F.substring(digits, at, n) for at, n in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12)))
    )


def _require(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise CheckFailed(f"bronze_to_silver: {what}: {found:,}, not {expected:,}.")
