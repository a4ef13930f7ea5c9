"""The search of feast_plugins.search on the executors: spine and views meet by bucket of their keys.

All views of the same keys come in one shuffle. A bucket holds all rows of its keys, of the spine and of
every view, so it is joined by itself, in Arrow and numpy, where it lies. Nothing is collected, and no range
is joined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructField, StructType

from feast_plugins.moments import schema_in_utc
from feast_plugins.ranking import ranked
from feast_plugins.search import CREATED_AT, HOLDS_AT, KEY, TRUE_AT, Questions

AT, BUCKET, VIEW = "roadside_at", "roadside_bucket", "roadside_view"
_ASKED, _HELD, _SLOT = "roadside_asked_", "roadside_held_", "roadside_slot_"
_BUCKETS_A_PARTITION = 16
_LEAST_BUCKETS = 64
_ROWS_AT_ONCE = 500_000
"""Rows of a view that are held against all questions at once, where they are read."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of one view's rows.

    Attributes:
        values: columns of the rows -> the answer's.
        deciding: columns of the rows that decide, in order, between those of equal clocks.
        ttl: microseconds that a row holds; None for ever.
    """

    values: tuple[tuple[str, str], ...]
    deciding: tuple[str, ...]
    ttl: int | None


@dataclass(frozen=True)
class Held:
    """One view: its rows, and what is asked of them.

    Attributes:
        rows: the keys first, none null; TRUE_AT, CREATED_AT, HOLDS_AT where rows hold later; the values.
    """

    rows: DataFrame
    wanted: Wanted


def joined(spine: DataFrame, at: Column, keys: Sequence[Column], views: Sequence[Held]) -> DataFrame:
    """The spine with the answers of the views, in their order.

    Args:
        at: the spine's moment in microseconds.
        keys: the spine's keys, of the types of the first columns of every view's rows.
    """
    partitions = int(str(spine.sparkSession.conf.get("spark.sql.shuffle.partitions")))
    buckets = max(_LEAST_BUCKETS, _BUCKETS_A_PARTITION * partitions)
    asked = spine.select(
        "*",
        at.alias(AT),
        _bucket(keys, buckets),
        *(key.alias(f"{_ASKED}{n}") for n, key in enumerate(keys)),
    )
    slots = [_slots(view.rows, len(keys)) for view in views]
    types = {slot: kind for taken in slots for slot, kind in taken.values()}
    is_later = any(HOLDS_AT in view.rows.columns for view in views)
    held = reduce(
        DataFrame.unionAll,
        [
            _in_slots(number, view.rows, len(keys), taken, types, is_later=is_later)
            for number, (view, taken) in enumerate(zip(views, slots, strict=True))
        ],
    ).select("*", _bucket([F.col(f"{_HELD}{n}") for n in range(len(keys))], buckets))
    answered = StructType(
        [
            *spine.schema.fields,
            *(
                StructField(told, view.rows.schema[name].dataType)
                for view in views
                for name, told in view.wanted.values
            ),
        ]
    )
    searches = tuple(
        _Search(view.wanted, {name: slot for name, (slot, _) in taken.items()}, HOLDS_AT in view.rows.columns)
        for view, taken in zip(views, slots, strict=True)
    )
    sides = asked.groupBy(BUCKET).cogroup(held.groupBy(BUCKET))
    return sides.applyInArrow(_of_bucket(len(keys), searches), answered)


def pruned(rows: DataFrame, keys: int, wanted: Wanted, asked: pa.Table) -> DataFrame:
    """The rows without most that answer nobody: where they are read, before any is moved.

    Args:
        asked: the spine's keys, in the order of the rows' first columns, and AT, its moments.
    """

    def of_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for read in _gathered(batches):
            yield from _answering(read, keys, wanted, asked).to_batches()

    return rows.mapInArrow(of_batches, rows.schema)


def _answering(rows: pa.Table, keys: int, wanted: Wanted, asked: pa.Table) -> pa.Table:
    pairs = [(asked.column(n), rows.column(n)) for n in range(keys)]
    numbers, held = _numbered(pairs, asked.num_rows, rows.num_rows)
    questions = Questions(numbers, asked[AT].to_numpy())
    history = rows.append_column(KEY, pa.array(held))
    kept = questions.answering(history, partial(ranked, values=wanted.deciding), wanted.ttl)
    return rows.take(pa.array(kept))


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The batches, so many together that a look at all questions is worth it."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= _ROWS_AT_ONCE:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting, rows = [], 0
    if rows:
        yield pa.Table.from_batches(waiting).combine_chunks()


def _slots(rows: DataFrame, keys: int) -> dict[str, tuple[str, DataType]]:
    """By value of the view the column it travels in: views share columns of a type, so that none is empty."""
    counts: dict[str, int] = {}
    slots = {}
    for field in rows.schema.fields[keys:]:
        if field.name not in (TRUE_AT, CREATED_AT, HOLDS_AT):
            kind = field.dataType.simpleString()
            slots[field.name] = (f"{_SLOT}{kind}_{counts.setdefault(kind, 0)}", field.dataType)
            counts[kind] += 1
    return slots


def _in_slots(
    number: int,
    rows: DataFrame,
    keys: int,
    slots: dict[str, tuple[str, DataType]],
    types: dict[str, DataType],
    *,
    is_later: bool,
) -> DataFrame:
    """The view's rows with the columns that all views' rows have."""
    holds = HOLDS_AT if HOLDS_AT in rows.columns else TRUE_AT
    of_slot = {slot: name for name, (slot, _) in slots.items()}
    return rows.select(
        F.lit(number).alias(VIEW),
        *(F.col(name).alias(f"{_HELD}{n}") for n, name in enumerate(rows.columns[:keys])),
        TRUE_AT,
        CREATED_AT,
        *([F.col(holds).alias(HOLDS_AT)] if is_later else []),
        *(
            (F.col(of_slot[slot]) if slot in of_slot else F.lit(None).cast(kind)).alias(slot)
            for slot, kind in types.items()
        ),
    )


def _bucket(keys: Sequence[Column], buckets: int) -> Column:
    return (F.pmod(F.xxhash64(*keys), F.lit(buckets)) if keys else F.lit(0).cast("long")).alias(BUCKET)


@dataclass(frozen=True)
class _Search:
    """What is asked of a view, and the columns its values travel in."""

    wanted: Wanted
    slots: dict[str, str]
    holds_later: bool

    def answered(self, questions: Questions, rows: pa.Table) -> list[pa.ChunkedArray]:
        clocks = (KEY, TRUE_AT, CREATED_AT, *((HOLDS_AT,) if self.holds_later else ()))
        history = rows.select([*clocks, *self.slots.values()]).combine_chunks()
        deciding = [self.slots[name] for name in self.wanted.deciding]
        found = questions.answered(history.to_reader(), partial(ranked, values=deciding), self.wanted.ttl)
        return [found[self.slots[name]] for name, _ in self.wanted.values]


def _of_bucket(keys: int, searches: Sequence[_Search]) -> Callable[[pa.Table, pa.Table], pa.Table]:
    """(spine's rows, views' rows) -> the spine's rows with the answers."""

    def joined(spine: pa.Table, rows: pa.Table) -> pa.Table:
        if not spine.num_rows:  # a bucket of keys that nobody asks about
            rows = rows.slice(0, 0)
        asked, held = _numbered(
            [(spine[f"{_ASKED}{n}"], rows[f"{_HELD}{n}"]) for n in range(keys)],
            spine.num_rows,
            rows.num_rows,
        )
        questions = Questions(asked, spine[AT].to_numpy())
        rows = rows.append_column(KEY, pa.array(held))
        answer = spine.drop_columns([AT, BUCKET, *(f"{_ASKED}{n}" for n in range(keys))])
        for number, search in enumerate(searches):
            of_view = rows.filter(pc.equal(rows[VIEW], number)) if len(searches) > 1 else rows
            for (_, told), found in zip(
                search.wanted.values, search.answered(questions, of_view), strict=True
            ):
                answer = answer.append_column(told, found)
        return answer.cast(schema_in_utc(answer.schema))

    return joined


def _numbered(
    pairs: Sequence[tuple[pa.ChunkedArray, pa.ChunkedArray]], asked: int, held: int
) -> tuple[np.ndarray, np.ndarray]:
    """A number per row of each side, the same for the same keys; -1 where one is null."""
    numbers: np.ndarray | None = None
    is_null = np.zeros(asked + held, dtype=bool)
    for of_spine, of_rows in pairs:
        both = pa.chunked_array([*of_spine.chunks, *of_rows.chunks], of_rows.type).combine_chunks()
        codes = both.dictionary_encode().indices
        is_null |= codes.is_null().to_numpy(zero_copy_only=False)
        own = codes.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        if numbers is None:
            numbers = own
        else:
            pairwise = numbers * (int(own.max(initial=0)) + 1) + own
            numbers = np.unique(pairwise, return_inverse=True)[1].astype(np.int64)
    if numbers is None:  # no key: one entity
        numbers = np.zeros(asked + held, dtype=np.int64)
    numbers[is_null] = -1
    return numbers[:asked], numbers[asked:]
