"""pit_spark: labels joined to four views on Spark, ours beside stock Feast's Spark store.

The sides take turns in one session over the same files; every answer has the same rows and values. In
its turn stock has the SQL settings that Spark comes with, ours those of the platform; both have 8 GiB. Each
is run once before it is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.labels_and_views import SCALES, VIEWS, digest, joined, store_of, written
from benchmarks.measured import in_turn, own_lake, result
from roadside.spark_runner import open_spark

BOUND, AIM = 10.0, 20.0
"""Times faster than stock (DESIGN section 12)."""
ROUNDS = {"SMALL": 1, "FULL": 3}
SETTINGS_OF_SPARK = {
    "spark.sql.constraintPropagation.enabled": "true",
    "spark.sql.execution.arrow.localRelationThreshold": "48MB",
    "spark.sql.shuffle.partitions": "200",
    "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "200",
}
"""What a session of the platform has otherwise, and a query's plan depends on."""


def measure(scale: str) -> dict[str, Any]:
    """How many times faster than stock.

    Raises:
        CheckFailed: the sides answer differently.
    """
    sizes = SCALES[scale]
    with own_lake(ROADSIDE_SPARK_MEMORY="8g") as settings:
        spark = open_spark(settings)
        data = written(settings.home / "pit", sizes)
        ours = store_of(
            data, "roadside", {"type": "feast_plugins.offline.RoadsideOfflineStore", "engine": "spark"}
        )
        stock = store_of(data, "stock", {"type": "spark"})
        timings = in_turn(
            {
                "roadside": lambda: joined(ours, data),
                "stock": lambda: with_settings(spark, lambda: joined(stock, data)),
            },
            ROUNDS[scale],
            digest=digest,
        )
        spark.conf.unset("spark.sql.parser.quotedRegexColumnNames")
        faster = round(timings["stock"].median / timings["roadside"].median, 2)
        return result(
            "pit_spark",
            scale,
            faster,
            "times faster than stock Feast",
            settings,
            ratio=faster,
            bound=BOUND,
            aim=AIM,
            sides={side: timing.told() for side, timing in timings.items()},
            sizes={"labels": sizes.labels, "views": VIEWS, "rows_of_a_view": sizes.rows},
        )


def with_settings(spark: SparkSession, work: Callable[[], Any]) -> Any:
    """What the work returns, done with the SQL settings that Spark comes with."""
    kept = {name: str(spark.conf.get(name)) for name in SETTINGS_OF_SPARK}
    for name, value in SETTINGS_OF_SPARK.items():
        spark.conf.set(name, value)
    try:
        return work()
    finally:
        for name, value in kept.items():
            spark.conf.set(name, value)
