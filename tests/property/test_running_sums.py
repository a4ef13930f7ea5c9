"""The engine's running sums against plain loops: any spans, chunks of 1, 7 and 96 instants in any order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from zlib import crc32

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.features.sums import Count, Latest, Measures, Quantile, Ratio, Sum, Summing
from transforms.grid import TICKS, Instants
from validation.clocks import Interval

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST, BEAT = 1_000, 1_096, 96
EDGES = (5, 10, 20)
MEASURES = Measures(
    (Sum("live", "live", 1), Sum("part", "part", 1), Sum("spread", "spread", 1, EDGES), Sum("moment", "m", 1))
)
SUMMING = Summing(
    MEASURES,
    (
        Count("part_count", "part"),
        Ratio("part_ratio", "part", "live"),
        Quantile("p50", "spread", 50),
        Quantile("p90", "spread", 90),
        Latest("last_at", "moment"),
    ),
    live="live",
    beat=BEAT,
)
LIVE, PART, SPREAD, MOMENT = (MEASURES.number(name) for name in ("live", "part", "spread", "moment"))
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Span:
    """An amount that counts at enter <= T < leave."""

    entity: str
    measure: int
    amount: int
    moment: int
    enter: int
    leave: int

    def counts(self, entity: str, measure: int, instant: int) -> bool:
        return (self.entity, self.measure) == (entity, measure) and self.enter <= instant < self.leave


@st.composite
def spans(draw: st.DrawFn) -> Span:
    measure = draw(st.sampled_from([LIVE, LIVE, PART, SPREAD, SPREAD + 1, SPREAD + 2, MOMENT]))
    enter = draw(st.integers(FIRST - 20, LAST + 5))
    length = draw(st.integers(1, 120))
    amount = draw(st.integers(-3, 3)) if measure == PART else 1
    return Span(draw(st.sampled_from("ABC")), measure, amount, draw(st.integers(0, 9)), enter, enter + length)


def values(found: Sequence[Span], entity: str, instant: int) -> Row | None:
    """The features by loops; None for an entity that is dead."""

    def total(measure: int) -> int:
        return sum(each.amount for each in found if each.counts(entity, measure, instant))

    live, part = total(LIVE), total(PART)
    if live <= 0:
        return None
    listed = sorted(edge for n, edge in enumerate(EDGES) for _ in range(total(SPREAD + n)))
    moments = [each.moment for each in found if each.counts(entity, MOMENT, instant)]
    quantiles = [listed[-(-len(listed) * percent // 100) - 1] if listed else None for percent in (50, 90)]
    latest = EPOCH + timedelta(microseconds=max(moments)) if moments else None
    return (part, part / live, *quantiles, latest)


def wanted(
    found: Sequence[Span], held: Collection[int] = (), memory: int = 192, beat: int = BEAT
) -> list[Row]:
    """Where a value changed, where the entity's beat falls while it lives, and where it died.

    Compared with the last instant that was not held. One that lies more than `memory` back is forgotten:
    whoever lives has a row, and nobody dies.
    """
    rows = []
    for entity in "ABC":
        for instant in range(FIRST + 1, LAST + 1):
            if instant in held:
                continue
            earlier = next(n for n in range(instant - 1, 0, -1) if n not in held)
            now, before = values(found, entity, instant), values(found, entity, earlier)
            passed = range(earlier + 1, instant + 1)
            is_beat = now is not None and any(n % beat == crc32(entity.encode()) % beat for n in passed)
            is_due = now != before or is_beat if instant - earlier <= memory else now is not None
            if is_due:
                rows.append((entity, instant, now is None, *(now or (None,) * 5)))
    return sorted(rows, key=repr)


def made(
    found: Sequence[Span],
    chunks: Sequence[tuple[int, int]],
    batches: int,
    held: Collection[int] = (),
    memory: int = 192,
    beat: int = BEAT,
) -> list[Row]:
    """By the engine: each chunk (first, last] given just the spans that reach it, in so many batches."""
    rows: list[Row] = []
    grid, moments = replace(TICKS, memory=memory), {TICKS.moment(n) for n in held}
    summing = replace(SUMMING, beat=beat)
    for first, last in chunks:
        instants = grid.instants(Interval(TICKS.moment(first), TICKS.moment(last)), moments)
        given_spans = [each for each in found if each.enter <= last and each.leave > instants.first]
        parts = [given_spans[n::batches] for n in range(batches)]
        tables = [batch_of(part) for part in parts if part]
        if not instants.is_empty:
            for batch in summing.rows(["entity"], instants)(iter(tables)):
                rows += [tuple(row.values()) for row in batch.to_pylist()]
    return sorted(rows, key=repr)


def batch_of(found: Sequence[Span]) -> pa.RecordBatch:
    names = ("entity", "measure", "amount", "moment", "enter", "leave")
    columns = dict(zip(names, zip(*(astuple(each) for each in found), strict=True), strict=True))
    content = pa.array([None] * len(found), pa.string())
    return pa.RecordBatch.from_pydict(
        {name: list(column) for name, column in columns.items()} | {"content": content}
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(spans(), min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_rows_equal_plain_loops_in_any_chunks(found: list[Span], random: Random) -> None:
    expected = wanted(found)
    for size in (1, 7, 96):
        edges = [*range(FIRST, LAST, size), LAST]
        chunks = list(pairwise(edges))
        random.shuffle(chunks)
        shuffled = random.sample(found, len(found))
        assert made(shuffled, chunks, random.randint(1, 4)) == expected, size


@settings(max_examples=60, deadline=None)
@given(
    st.lists(spans(), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(FIRST - 9, LAST), st.integers(1, 14)), max_size=6),
    st.integers(2, 9),
    st.randoms(use_true_random=False),
)
def test_rows_equal_plain_loops_in_any_chunks_whatever_is_held(
    found: list[Span], holds: list[tuple[int, int]], memory: int, random: Random
) -> None:
    held = {first + n for first, length in holds for n in range(length)}
    expected = wanted(found, held, memory, beat=11)
    for size in (1, 5, 96):
        chunks = list(pairwise([*range(FIRST, LAST, size), LAST]))
        random.shuffle(chunks)
        assert made(found, chunks, 1, held, memory, beat=11) == expected, size


def test_a_beat_that_was_held_falls_on_the_next_instant() -> None:
    found = [Span("A", LIVE, 1, 0, FIRST - 5, LAST + 9)]
    beat = next(n for n in range(FIRST + 1, LAST) if n % 11 == crc32(b"A") % 11)
    rows = made(found, [(FIRST, LAST)], 1, {beat, beat + 1}, memory=5, beat=11)
    assert [row[1] for row in rows] == [beat + 2, *range(beat + 11, LAST + 1, 11)]
    assert rows == wanted(found, {beat, beat + 1}, memory=5, beat=11)


def test_a_held_instant_is_compared_with_nothing_and_has_no_row() -> None:
    """The row that follows a hold tells the difference to the last instant before it."""
    found = [Span("A", LIVE, 1, 0, FIRST - 5, LAST + 9), Span("A", PART, 2, 0, FIRST + 3, FIRST + 6)]
    instants = Instants(tuple(n for n in range(FIRST, LAST + 1) if not FIRST + 3 <= n < FIRST + 6))
    (batch,) = SUMMING.rows(["entity"], instants)(iter([batch_of(found)]))
    beat = next(n for n in range(FIRST + 1, LAST + 1) if n % BEAT == crc32(b"A") % BEAT)
    assert batch.column("number").to_pylist() == [beat]
