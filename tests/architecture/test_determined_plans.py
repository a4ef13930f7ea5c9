"""No transform's plan adds doubles, reads a clock or leaves anything to chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from pyspark.sql import DataFrame, SparkSession, Window, WindowSpec
from pyspark.sql import functions as F

from lakehouse.settings import Settings
from lakehouse.vault import handle_of
from roadside.graph import STEPS, Edge, Step
from roadside.locations import location_opener
from support.undetermined_plans import undetermined
from validation.clocks import Interval
from validation.contracts import table_named
from validation.spark_schema import struct_of

DAY = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
BUILT = [step for step in STEPS if step.build is not None]


@pytest.fixture(autouse=True)
def plans_shown_whole(spark: SparkSession) -> Iterator[None]:
    spark.conf.set("spark.sql.debug.maxToStringFields", "10000")
    yield
    spark.conf.unset("spark.sql.debug.maxToStringFields")


@pytest.mark.parametrize("step", BUILT, ids=lambda step: step.name)
def test_a_transform_s_plan_is_determined(spark: SparkSession, spark_settings: Settings, step: Step) -> None:
    assert step.build is not None
    inputs = {name: spark.createDataFrame([], struct_of(table_named(name))) for name in step.reads}
    frames: dict[str, DataFrame] = {}
    if step.share is not None:
        frames["shared"] = inputs["shared"] = step.share(inputs, DAY)
    frames |= step.build(inputs, DAY, Edge(location_opener(handle_of(spark_settings))))
    found = {name: undetermined(frame) for name, frame in frames.items()}
    assert {name: faults for name, faults in found.items() if faults} == {}


def by_key() -> WindowSpec:
    return Window.partitionBy("k").orderBy("k")


PLANTED: dict[str, tuple[str, Callable[[DataFrame], DataFrame]]] = {
    "a sum": ("Sum of double", lambda df: df.groupBy("k").agg(F.sum("d"))),
    "a sum of a sum": ("Sum of double", lambda df: df.groupBy("k").agg((F.sum("d") / F.count("d")) + 1)),
    "a sum of floats": ("Sum of float", lambda df: df.groupBy("k").agg(F.sum("f"))),
    "a running sum": ("Sum of double", lambda df: df.select(F.sum(F.col("n").cast("double")).over(by_key()))),
    "a sum in SQL": ("Sum of double", lambda df: df.selectExpr("sum(d) OVER (PARTITION BY k ORDER BY n)")),
    "a sum that may fail": ("Sum of double", lambda df: df.groupBy("k").agg(F.try_sum("d"))),
    "a sum by name": ("Sum of double", lambda df: df.groupBy("k").agg({"d": "sum"})),
    "a sum below": ("Sum of double", lambda df: df.join(df.groupBy("k").sum("d"), "k").select("k")),
    "a mean of integers": ("Average", lambda df: df.groupBy("k").avg("n")),
    "a spread": ("StddevSamp", lambda df: df.groupBy("k").agg(F.stddev("n"))),
    "a product": ("Product of double", lambda df: df.groupBy("k").agg(F.product("d"))),
    "one among many": (
        "Sum of double",
        lambda df: df.groupBy("k").agg(F.struct(*[F.max("n").alias(f"n{i}") for i in range(40)], F.sum("d"))),
    ),
    "a clock in a text": ("CurrentTimestamp", lambda df: df.where("t < " + "current_" + "timestamp()")),
    "chance by another name": ("Rand", lambda df: df.select(getattr(F, "ra" + "nd")())),
}


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([], "k string, n bigint, d double, f float, t timestamp")


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_in_a_plan_is_found(rows: DataFrame, name: str) -> None:
    expected, planted = PLANTED[name]
    assert undetermined(planted(rows)) == [expected]


def test_sums_of_integers_and_of_decimals_are_exact(rows: DataFrame) -> None:
    exact = rows.groupBy("k").agg(F.sum("n"), F.sum(F.col("d").cast("decimal(12,2)")), F.max("d"))
    assert undetermined(exact.withColumn("all", F.sum("sum(n)").over(by_key()))) == []
