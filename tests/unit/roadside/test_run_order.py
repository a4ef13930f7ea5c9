"""Which run may begin, by hand-made roads and by random ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadside.run_order import ChunkRun, RunOrder, carried, placed
from validation.clocks import Interval

DAY = datetime(2026, 3, 10, tzinfo=UTC)
READS = {"silver": ["bronze"], "features": ["silver", "tiles"], "tiles": ["silver"]}
ROAD = ("bronze", "silver", "tiles", "features")
SECONDS = {"bronze": 4.0, "silver": 2.0, "tiles": 1.0, "features": 5.0}


def day(number: int) -> Interval:
    return Interval(DAY + timedelta(days=number), DAY + timedelta(days=number + 1))


def reads(step: str) -> list[str]:
    return READS.get(step, [])


def order_of(
    days: Sequence[int], parallel: int | None = None, may_begin: Callable[[int], bool] = lambda _chunk: True
) -> RunOrder:
    runs = [ChunkRun(number, step) for number, step in product(range(len(days)), ROAD)]
    return RunOrder([day(each) for each in days], runs, reads, parallel, may_begin)


def begins(order: RunOrder, at_once: int) -> dict[str, float]:
    """`bronze 0` -> the second it begins."""
    return {
        f"{r.step} {r.chunk}": begin for r, begin, _, _ in placed(order, lambda r: SECONDS[r.step], at_once)
    }


def test_a_chunk_s_bronze_goes_while_the_features_of_the_one_before_do() -> None:
    found = begins(order_of([0, 1], parallel=2), at_once=2)
    assert found == {
        "bronze 0": 0,
        "bronze 1": 4,
        "silver 0": 4,
        "tiles 0": 6,
        "features 0": 7,
        "silver 1": 8,
        "tiles 1": 10,
        "features 1": 12,
    }


def test_one_chunk_at_a_time_is_one_after_the_other() -> None:
    found = begins(order_of([0, 1], parallel=1), at_once=2)
    assert (found["features 0"], found["bronze 1"], found["features 1"]) == (7, 12, 19)


def test_the_earlier_chunk_goes_first_where_places_are_few() -> None:
    assert list(begins(order_of([0, 1]), at_once=1)) == [f"{step} {n}" for n in (0, 1) for step in ROAD]


def test_no_run_reads_a_gap_in_whatever_order_chunks_are_given() -> None:
    """The last day first: its silver waits for the bronze of those before."""
    found = begins(order_of([2, 0, 1]), at_once=9)
    assert found["silver 0"] == found["bronze 2"] + SECONDS["bronze"] == 12


def test_what_may_not_begin_is_asked_again_and_nothing_behind_it_begins() -> None:
    asked: list[int] = []
    order = order_of([0, 1, 2], 9, lambda chunk: asked.append(chunk) or (chunk == 0 or len(asked) > 4))  # type: ignore[func-returns-value]
    found = begins(order, at_once=4)
    assert asked[:5] == [0, 1, 1, 1, 1], "with every run of the first day that ended"
    assert found["bronze 1"] == 12


@given(
    days=st.permutations(range(5)),
    takes=st.lists(st.integers(0, 3), min_size=20, max_size=20),
    at_once=st.integers(1, 4),
    parallel=st.sampled_from([None, 1, 2, 3]),
)
def test_every_run_goes_once_behind_all_it_reads(
    days: list[int], takes: list[int], at_once: int, parallel: int | None
) -> None:
    days = sorted(days) if parallel else days
    lasting = dict(zip(product(range(5), ROAD), takes, strict=True))
    found = placed(order_of(days, parallel), lambda run: lasting[run], at_once)
    ended = {(days[r.chunk], r.step): end for r, _, end, _ in found}
    assert len(ended) == len(found) == 20
    for run, begin, _, _ in found:
        behind = [(d, name) for name in reads(run.step) for d in range(days[run.chunk] + 1)]
        behind += [(days[n], run.step) for n in range(run.chunk)]
        assert all(ended[each] <= begin for each in behind)
        assert sum(b <= begin < e for _, b, e, _ in found) <= at_once
        open_chunks = {r.chunk for r, b, _, _ in found if b <= begin}
        open_chunks -= {n for n in range(5) if all(ended[days[n], step] <= begin for step in ROAD)}
        assert len(open_chunks) <= (parallel or 5)


def test_runs_are_carried_out_by_threads_and_told_here() -> None:
    here, made, told = threading.get_ident(), [], []

    def begin(run: ChunkRun) -> Callable[[], int]:
        return lambda: made.append(run) or threading.get_ident()  # type: ignore[func-returns-value]

    def ended(run: ChunkRun, thread: int) -> None:
        assert threading.get_ident() == here != thread
        told.append(run)

    carried(order_of([0, 1, 2], 2), begin, 3, ended)
    assert sorted(made) == sorted(told) == sorted(ChunkRun(n, step) for n in range(3) for step in ROAD)


def test_what_raises_ends_it_and_begins_nothing_more() -> None:
    made = []

    def begin(run: ChunkRun) -> Callable[[], None]:
        return lambda: made.append(run) if run.step == "bronze" else 1 / 0  # type: ignore[return-value]

    with pytest.raises(ZeroDivisionError):
        carried(order_of([0, 1, 2], 1), begin, 3, lambda _run, _result: None)
    assert made == [ChunkRun(0, "bronze")]
