"""Exact windows that expire: signed contributions, running sums, rows where a value changed.

A fact known of a key counts from one instant of the grid until another: from when it happened
and was known, until its window has passed, something newer is known of it, or it ended. Each
such span adds +1 where it starts and -1 where it ends; the running sum is the value at every
instant between. Integers throughout, so any order of rows and tasks gives the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.features.grid import Grid
from validation.contract import Table
from validation.contracts.features.feature_table import feature_columns

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
        amount: integer it adds.
    """

    measure: str
    happened: tuple[Column, ...]
    window: int
    when: Column
    ended: Column | None = None
    amount: Column | None = None


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


def spans(versions: DataFrame, key: Sequence[str], facts: Sequence[Fact], grid: Grid) -> DataFrame:
    """One row per version and fact that holds for at least one instant.

    Columns: the key, measure, amount, moment (`happened[0]`), enter and leave: the fact counts at
    instants enter <= T < leave.
    """
    known_from = grid.known(F.col("known_at"))
    known_until = F.coalesce(grid.known(F.col("known_until")), F.lit(_FOREVER))
    listed = F.array(
        *(
            F.when(
                fact.when,
                F.struct(
                    F.lit(fact.measure).alias("measure"),
                    (F.lit(1) if fact.amount is None else fact.amount).cast("bigint").alias("amount"),
                    fact.happened[0].alias("moment"),
                    F.greatest(known_from, *(grid.after(moment) for moment in fact.happened)).alias("enter"),
                    F.least(
                        known_until,
                        grid.after(fact.happened[0]) + fact.window,
                        *(() if fact.ended is None else (grid.after(fact.ended),)),
                    ).alias("leave"),
                    F.array(*(moment.isNotNull() for moment in fact.happened)).alias("happened"),
                ),
            )
            for fact in facts
        )
    )
    return (
        versions.select(*key, F.explode(F.array_compact(listed)).alias("span"))
        .select(*key, "span.*")
        .where((F.col("enter") < F.col("leave")) & ~F.array_contains("happened", F.lit(False)))
        .drop("happened")
    )


def deltas(held: DataFrame, key: Sequence[str]) -> DataFrame:
    """One row per key, instant `number` and measure: by how much the running sum moves there."""
    steps = F.array(
        F.struct(F.col("enter").alias("number"), F.col("amount").alias("delta")),
        F.struct(F.col("leave").alias("number"), (-F.col("amount")).alias("delta")),
    )
    return (
        held.select(*key, "measure", F.explode(steps).alias("step"))
        .groupBy(*key, "measure", F.col("step.number").alias("number"))
        .agg(F.sum("step.delta").alias("delta"))
    )


def running(
    moves: DataFrame, key: Sequence[str], measures: Sequence[str], bounds: tuple[int, int], beat: int
) -> DataFrame:
    """The running sums where they may change, and at each key's daily beat.

    One row per key and instant `number` in (a, b] at which a sum moves or the key's beat falls
    (`is_beat`), and the last such row before, to compare with (`is_before`). `beat` is the period
    of the beat in instants; its phase is a hash of the key.
    """
    first, last = bounds
    phase = F.pmod(F.crc32(F.concat_ws("|", *key).cast("binary")), F.lit(beat)).cast("bigint")
    known_keys = moves.select(*key).distinct()
    beats = (
        known_keys.withColumn("phase", phase)
        .withColumn("start", F.lit(first) + 1 + F.pmod(F.col("phase") - (first + 1), F.lit(beat)))
        .where(F.col("start") <= last)
        .select(*key, F.explode(F.expr(f"sequence(start, bigint({last}), bigint({beat}))")).alias("number"))
        .withColumn("is_beat", F.lit(True))
    )
    moved = (
        moves.where(F.col("number") <= last)
        .groupBy(*key, "number")
        .agg(*(F.sum(F.when(F.col("measure") == name, F.col("delta"))).alias(name) for name in measures))
        .withColumn("is_beat", F.lit(False))
    )
    ordered = Window.partitionBy(*key).orderBy("number")
    so_far = ordered.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return (
        moved.unionByName(beats, allowMissingColumns=True)
        .groupBy(*key, "number")
        .agg(F.max("is_beat").alias("is_beat"), *(F.sum(name).alias(name) for name in measures))
        .select(
            *key,
            "number",
            "is_beat",
            *(F.coalesce(F.sum(name).over(so_far), F.lit(0)).alias(name) for name in measures),
            F.lead("number").over(ordered).alias("next_number"),
        )
        .withColumn("is_before", F.col("number") <= first)
        .where(~F.col("is_before") | (F.col("next_number") > first))
        .drop("next_number")
    )


def latest_moments(rows: DataFrame, held: DataFrame, key: Sequence[str], names: dict[str, str]) -> DataFrame:
    """The rows with, per measure, the latest moment among the facts that hold at the instant.

    `names` maps a measure to the column that holds its latest moment.
    """
    facts = held.where(F.col("measure").isin(*names)).select(
        *key, "measure", "moment", "enter", "leave"
    )
    latest = (
        rows.select(*key, "number")
        .join(facts, list(key))
        .where((F.col("enter") <= F.col("number")) & (F.col("number") < F.col("leave")))
        .groupBy(*key, "number")
        .agg(
            *(F.max(F.when(F.col("measure") == m, F.col("moment"))).alias(name) for m, name in names.items())
        )
    )
    return rows.join(latest, [*key, "number"], "left")


def feature_rows(
    values: DataFrame, table: Table, key: Sequence[str], is_live: Column, grid: Grid
) -> DataFrame:
    """The rows to write: changed values, the beats of live keys, and closing rows.

    A key that is not live has every feature null.
    """
    names = [column.name for column in feature_columns(table)]
    compared = [name for name in names if name != "tick_at"]
    shown = values.withColumn("is_live", is_live)
    for name in compared:
        shown = shown.withColumn(name, F.when(F.col("is_live"), F.col(name)))
    if "tick_at" in names:
        shown = shown.withColumn("tick_at", F.when(F.col("is_live"), grid.instant(F.col("number"))))
    content = F.struct("is_live", *compared)
    before = F.lag(content).over(Window.partitionBy(*key).orderBy("number"))
    was_live = F.coalesce(F.col("before.is_live"), F.lit(False))
    changed = ~content.eqNullSafe(F.col("before")) & (F.col("is_live") | was_live)
    instant = grid.instant(F.col("number"))
    return (
        shown.withColumn("before", before)
        .where(~F.col("is_before") & (changed | (F.col("is_beat") & F.col("is_live"))))
        .withColumn("event_timestamp", instant)
        .withColumn("available_at", grid.available(F.col("number")))
        .withColumn("revision", F.lit(0))
        .withColumn("revised_at", F.col("available_at"))
        .withColumn("known_date", F.to_date(instant - F.expr("INTERVAL 15 MINUTES")))
        .select(*table.column_names)
    )


def bucket_measures(name: str, edges: Sequence[int]) -> list[str]:
    """Names of a histogram's running sums, one a bucket."""
    return [f"{name}_{n}" for n in range(len(edges))]


def bucket_facts(name: str, edges: Sequence[int], value: Column, fact: Fact) -> list[Fact]:
    """One fact per bucket (lower, upper]; the last bucket has no upper bound."""
    number = sum(((value > edge).cast("int") for edge in edges[:-1]), F.lit(0))
    return [
        Fact(measure, fact.happened, fact.window, fact.when & (number == n), fact.ended, fact.amount)
        for n, measure in enumerate(bucket_measures(name, edges))
    ]


def quantile(name: str, edges: Sequence[int], percent: int) -> Column:
    """Upper edge of the bucket that holds rank ceil(percent/100 * n); null without support."""
    counts = [F.col(measure) for measure in bucket_measures(name, edges)]
    support = sum(counts[1:], counts[0])
    rank = F.floor((support * percent + 99) / 100)
    value = F.lit(None).cast("bigint")
    reached = support
    for edge, count in reversed(list(zip(edges, counts, strict=True))):
        value = F.when(reached >= rank, F.lit(edge).cast("bigint")).otherwise(value)
        reached = reached - count
    return F.when(support > 0, value)


def ratio(part: Column, whole: Column) -> Column:
    """part / whole as a double; null without support."""
    return F.when(whole > 0, part.cast("double") / whole.cast("double"))

