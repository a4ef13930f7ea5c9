"""Signed partial sums: facts of versions, added when they are learned, taken back when they are not true.

A fact counts from the first instant after everything it needs has happened. What a later version
says otherwise takes the earlier one's amount back, at its own tile and from its own instant, at the
tick that learned it. So sums of partials known at a tick are what was true then, in any order.

Facts are values; they are worked out in numpy, batch by batch, so that a family of sixty measures costs
Spark no more planning than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from transforms.grid import Grid
from transforms.known_time import known_within, span
from validation.clocks import TICK, Interval
from validation.contract import Table
from validation.contracts.tiles.tile_table import TILE_COLUMNS

NOTHING = ""
"""The dimension of an amount that has none."""

MINUTE = 60_000_000
"""In microseconds, as moments are counted here."""

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class At:
    """The moment in a column, or some minutes after it."""

    column: str
    minutes: int = 0

    def micros(self, rows: pa.Table) -> np.ndarray:
        """Microseconds by row; _NEVER where the column is null."""
        moments = rows.column(self.column).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        found = moments.fill_null(_NEVER).to_numpy()
        return np.where(found == _NEVER, _NEVER, found + self.minutes * MINUTE)


@dataclass(frozen=True)
class Earliest:
    """The earliest of some moments, those that are not known left out."""

    moments: tuple[At, ...]

    def micros(self, rows: pa.Table) -> np.ndarray:
        """Microseconds by row; _NEVER where all are null."""
        return reduce(np.minimum, (moment.micros(rows) for moment in self.moments))


Moment = At | Earliest


@dataclass(frozen=True)
class Bucket:
    """The bucket (lower, upper] that holds a column, or the minutes from one moment to another."""

    edges: tuple[int, ...]
    of: str | tuple[str, str]

    def numbers(self, rows: pa.Table) -> np.ndarray:
        """Number of the bucket by row; the last has no upper bound. Compared exactly."""
        if isinstance(self.of, str):
            values, edges = rows.column(self.of).to_numpy(), np.asarray(self.edges[:-1])
        else:
            start, end = (At(name).micros(rows) for name in self.of)
            values, edges = end - start, np.asarray(self.edges[:-1], np.int64) * MINUTE
        found: np.ndarray = np.searchsorted(edges, values, side="left")
        return found


@dataclass(frozen=True)
class Fact:
    """Something of a version that counts at an instant T while it lies in a window.

    Attributes:
        measure: what it adds to.
        happened: moments that must all lie before T; the first is the one windows are about.
        when: condition on the row (null: it does not hold).
        ended: moment that must not lie before T, if there is one.
        amount: column of the integer it adds; 1 unless said.
        bucket: of a histogram: which bucket it adds to; a number, if all rows add to one.
        has_moment: keeps `happened[0]` itself, for a latest.
    """

    measure: str
    happened: tuple[Moment, ...]
    when: pc.Expression | None = None
    ended: Moment | None = None
    amount: str | None = None
    bucket: Bucket | int = 0
    has_moment: bool = False


def versions(
    changelog: DataFrame,
    key: Sequence[str],
    interval: Interval,
    horizon: timedelta,
    touched: DataFrame | None = None,
) -> DataFrame:
    """Versions that the interval learned or replaced, with `known_until`: when the next one was known.

    A version is replaced by the next one of its key if that was known at most `horizon` later; a
    retraction replaces and is no version itself.
    `touched`: keys that the interval learned something of otherwise.
    """
    keys = changelog.where(known_within(interval)).select(*key)
    keys = keys if touched is None else keys.unionByName(touched.select(*key))
    following = F.lead("known_at").over(Window.partitionBy(*key).orderBy("known_at"))
    known = (
        changelog.where(known_within(interval.widened(horizon)))
        .join(keys.distinct(), [*key], "left_semi")
        .withColumn("known_until", F.when(following <= F.col("known_at") + span(horizon), following))
    )
    return known.where(~F.col("is_retracted")) if "is_retracted" in changelog.columns else known


def partials(
    learned: DataFrame,
    facts: Sequence[Fact],
    dimensions: Mapping[str, str | None],
    grid: Grid,
    interval: Interval,
) -> DataFrame:
    """What the interval's ticks learned and unlearned: dimensions, measure, clocks, signed amount.

    `learned` has known_at and known_until (null: still true); `dimensions` maps a dimension to its
    column, None if these facts have none. On a grid of business days the tick becomes the cut that
    first saw it. Not added up yet: see `tile_rows`.
    """
    returned = ", ".join(
        [
            *(f"`{name}` string" for name in dimensions),
            "measure string, bucket int, tile_at timestamp, counts_at timestamp, moment_at timestamp",
            "known_at timestamp, amount bigint",
        ]
    )
    return learned.mapInArrow(_changes(tuple(facts), dict(dimensions), grid, interval), returned)


def tile_rows(parts: Sequence[DataFrame], table: Table) -> DataFrame:
    """The partials added up to the rows of a tile table; sums of zero are left out."""
    return (
        reduce(DataFrame.unionByName, parts)
        .groupBy(*table.key)
        .agg(F.sum("amount").alias("amount"))
        .where(F.col("amount") != 0)
        .withColumn("known_date", F.to_date(F.col("known_at") - span(TICK)))
        .select(*table.column_names)
    )


def dimensions_of(table: Table) -> tuple[str, ...]:
    """The dimensions of a tile table."""
    return tuple(name for name in table.column_names if name not in TILE_COLUMNS)


def _changes(
    facts: Sequence[Fact], dimensions: Mapping[str, str | None], grid: Grid, interval: Interval
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    start, end = (int(moment.timestamp()) * 1_000_000 for moment in (interval.start, interval.end))

    def changed(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = pa.Table.from_batches([batch])
            known, until = At("known_at").micros(rows), At("known_until").micros(rows)
            was_current = known < until
            for ticks, sign in ((known, 1), (until, -1)):
                is_here = was_current & (ticks > start) & (ticks <= end)
                if is_here.any():
                    tick = pa.array(grid.first_from(ticks[is_here]))
                    mine = rows.filter(is_here).append_column("tick", tick)
                    for fact in facts:
                        yield from _amounts(mine, fact, sign, dimensions, grid)

    return changed


def _amounts(
    rows: pa.Table, fact: Fact, sign: int, dimensions: Mapping[str, str | None], grid: Grid
) -> Iterator[pa.RecordBatch]:
    """The fact's amounts, and what takes them back where it has ended."""
    if fact.when is not None:
        rows = rows.filter(fact.when)
    moments = [moment.micros(rows) for moment in fact.happened]
    holds = reduce(np.logical_and, (moment != _NEVER for moment in moments))
    if not holds.any():
        return
    rows, moments = rows.filter(holds), [moment[holds] for moment in moments]
    instants = [grid.first_after(moment) for moment in moments]
    counts = reduce(np.maximum, instants)
    amount = np.full(len(rows), sign) if fact.amount is None else rows.column(fact.amount).to_numpy() * sign
    bucket = fact.bucket.numbers(rows) if isinstance(fact.bucket, Bucket) else fact.bucket
    columns = {
        **{
            name: pa.array([NOTHING] * len(rows))
            if column is None
            else pc.fill_null(rows.column(column), NOTHING)
            for name, column in dimensions.items()
        },
        "measure": pa.array([fact.measure] * len(rows)),
        "bucket": pa.array(np.broadcast_to(bucket, len(rows)).astype(np.int32)),
        "tile_at": _moment(grid.micros(instants[0])),
        "counts_at": _moment(grid.micros(counts)),
        "moment_at": _moment(moments[0] if fact.has_moment else grid.micros(instants[0])),
        "known_at": _moment(grid.micros(rows.column("tick").to_numpy())),
        "amount": pa.array(amount.astype(np.int64)),
    }
    found = pa.table(columns)
    yield from found.to_batches()
    if fact.ended is not None:
        ended = fact.ended.micros(rows)
        is_over = ended != _NEVER
        over = np.maximum(counts, grid.first_after(np.where(is_over, ended, moments[0])))
        taken_back = {"counts_at": _moment(grid.micros(over)), "amount": pa.array(-amount.astype(np.int64))}
        yield from pa.table(columns | taken_back).filter(is_over).to_batches()


def _moment(micros: np.ndarray) -> pa.Array:
    return pa.array(micros).cast(pa.timestamp("us", "UTC"))
