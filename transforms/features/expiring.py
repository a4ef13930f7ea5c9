"""Exact windows that expire: facts that hold over spans of a grid, summed, and where sums change.

A fact known of a key counts from one instant of the grid until another: from when it happened
and was known, until its window has passed, something newer is known of it, or it ended. Spark
finds those spans; `transforms.features.sums` adds them up key by key. Integers throughout, so any
order of rows and tasks gives the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.features.grid import Grid
from transforms.features.sums import Measures, Summing
from validation.contract import Table
from validation.contracts.features.feature_table import feature_columns
from validation.spark_schema import struct_of

_FOREVER = 1 << 40


@dataclass(frozen=True)
class Fact:
    """Something that counts at an instant T while it holds.

    Attributes:
        measure: name of the running sum it adds to.
        happened: moments that must all lie before T.
        window: instants after `happened[0]` for which it counts.
        when: condition on the row.
        ended: moment that must not lie before T, if there is one.
        amount: integer it adds; 1 unless said.
        bucket: for a histogram, the number of the bucket it adds to.
    """

    measure: str
    happened: tuple[Column, ...]
    window: int
    when: Column
    ended: Column | None = None
    amount: Column | None = None
    bucket: Column | None = None


def latest_versions(changelog: DataFrame, key: str, columns: Sequence[str]) -> DataFrame:
    """The changelog with `known_until`: when the next version that differs in `columns` was known.

    Rows that repeat the version before them in `columns` are left out.
    """
    by_key = Window.partitionBy(key).orderBy("known_at")
    content = F.struct(*columns)
    return (
        changelog.select(key, "known_at", *(name for name in columns if name != key))
        .withColumn("before", F.lag(content).over(by_key))
        .where(F.col("before").isNull() | ~content.eqNullSafe(F.col("before")))
        .drop("before")
        .withColumn("known_until", F.lead("known_at").over(by_key))
    )


def bucket_of(value: Column, edges: Sequence[int]) -> Column:
    """Number of the bucket (lower, upper] that holds the value; the last has no upper bound."""
    listed = F.array(*(F.lit(edge) for edge in edges[:-1]))
    return F.size(F.filter(listed, lambda edge: value > edge))


def spans(
    versions: DataFrame,
    key: Sequence[str],
    facts: Sequence[Fact],
    measures: Measures,
    grid: Grid,
    bounds: tuple[int, int],
) -> DataFrame:
    """One row per version and fact that holds at an instant in [a, b] of the bounds.

    Columns: the key, measure (its number), amount, moment (`happened[0]`), enter and leave: the
    fact counts at instants enter <= T < leave.
    """
    known_from = grid.known(F.col("known_at"))
    known_until = F.coalesce(grid.known(F.col("known_until")), F.lit(_FOREVER))
    listed = F.array(*(_span(fact, measures, known_from, known_until, grid) for fact in facts))
    first, last = bounds
    return (
        versions.select(*key, F.explode(F.array_compact(listed)).alias("span"))
        .select(*key, "span.*")
        .where((F.col("enter") < F.col("leave")) & (F.col("enter") <= last) & (F.col("leave") > first))
    )


def feature_values(
    held: DataFrame, table: Table, key: str, summing: Summing, bounds: tuple[int, int]
) -> DataFrame:
    """The features where a row is due: key, instant `number`, and what `summing` makes of the spans.

    Due are the instants of (a, b] at which a value differs from the instant before, the key's daily
    beat while it is live, and the instant at which it dies (every feature null).
    """
    names = [feature.name for feature in summing.features]
    schema = struct_of(table)
    by_name = {field.name: field.dataType.simpleString() for field in schema.fields}
    returned = ", ".join([f"`{key}` string", "number bigint", *(f"{n} {by_name[n]}" for n in names)])
    columns = (F.col(key), "measure", "amount", F.unix_micros("moment").alias("moment"), "enter", "leave")
    return held.select(*columns).repartition(F.col(key)).mapInArrow(summing.rows(key, bounds), returned)


def with_clocks(values: DataFrame, table: Table, grid: Grid, is_live: Column) -> DataFrame:
    """The values as rows of the feature table: instants become times; revision 0."""
    instant = grid.instant(F.col("number"))
    rows = (
        values.withColumn("event_timestamp", instant)
        .withColumn("available_at", grid.available(F.col("number")))
        .withColumn("revision", F.lit(0))
        .withColumn("revised_at", F.col("available_at"))
        .withColumn("known_date", F.to_date(instant - F.expr("INTERVAL 15 MINUTES")))
    )
    if any(column.name == "tick_at" for column in feature_columns(table)):
        rows = rows.withColumn("tick_at", F.when(is_live, instant))
    return rows.select(*table.column_names)


def _span(fact: Fact, measures: Measures, known_from: Column, known_until: Column, grid: Grid) -> Column:
    number = F.lit(measures.number(fact.measure))
    ended = () if fact.ended is None else (grid.after(fact.ended),)
    happened = fact.when
    for moment in fact.happened:
        happened = happened & moment.isNotNull()
    return F.when(
        happened,
        F.struct(
            (number if fact.bucket is None else number + fact.bucket).cast("int").alias("measure"),
            (F.lit(1) if fact.amount is None else fact.amount).cast("bigint").alias("amount"),
            fact.happened[0].alias("moment"),
            F.greatest(known_from, *(grid.after(moment) for moment in fact.happened)).alias("enter"),
            F.least(known_until, grid.after(fact.happened[0]) + fact.window, *ended).alias("leave"),
        ),
    )
