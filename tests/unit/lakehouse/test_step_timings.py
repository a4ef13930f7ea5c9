"""How long steps took, by what was timed and by the run ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.step_timings import StepTiming, StepTimings, timings_of_runs
from validation.clocks import Interval

DAY = datetime(2026, 3, 10, tzinfo=UTC)


def days(start: int, end: int) -> Interval:
    return Interval(DAY + timedelta(days=start), DAY + timedelta(days=end))


def at(second: float) -> datetime:
    return DAY + timedelta(days=30, seconds=second)


def test_the_newest_timings_of_a_step_are_given_first(ops: Ops) -> None:
    timings = StepTimings(ops)
    told = [
        StepTiming("silver.jobs", days(n, n + 1), 10.5 + n, 2, at(n), is_first)
        for n, is_first in enumerate((None, True, False))
    ]
    for each in [*told, StepTiming("silver.offers", days(0, 1), 1, 2, at(9))]:
        timings.record(each)
    assert timings.recent("silver.jobs", limit=2) == [told[2], told[1]]
    assert timings.recent("silver.jobs") == told[::-1]


def run(ops: Ops, table: str, interval: Interval, began: float, ended: float) -> None:
    moments = iter([at(began), at(ended)])
    runs = RunLedger(ops, lambda: next(moments))
    runs.finish(runs.begin(table, interval, "code").run_id, snapshot_id=1, rows=0)


def test_a_step_s_run_lasts_from_its_first_table_begun_to_its_last_ended(ops: Ops) -> None:
    run(ops, "a", days(0, 1), 0, 7)
    run(ops, "b", days(0, 1), 7, 12)
    run(ops, "a", days(0, 1), 100, 103)  # made again
    run(ops, "b", days(0, 1), 103, 104)
    run(ops, "a", days(1, 2), 200, 209)  # b was not reached
    assert timings_of_runs(ops, "s", ("a", "b"), cores=2) == [
        StepTiming("s", days(0, 1), 4, 2, at(104)),
        StepTiming("s", days(0, 1), 12, 2, at(12)),
    ]


def test_long_runs_are_asked_for_apart_from_short_ones(ops: Ops) -> None:
    """A tick over midnight, noon to noon, a night, two days, and two days less twelve hours."""
    timings, tick = StepTimings(ops), timedelta(minutes=15)
    noon, midnight = DAY + timedelta(hours=12), DAY + timedelta(days=1)
    spans = [
        Interval(midnight - tick, midnight),
        Interval(noon, noon + timedelta(days=1)),
        Interval(noon, midnight + timedelta(hours=8)),
        days(0, 2),
        Interval(noon, midnight + timedelta(days=1)),
    ]
    for n, span in enumerate(spans):
        timings.record(StepTiming("silver.jobs", span, 1, 2, at(n)))
        run(ops, "silver.jobs", span, n, n + 1)
    long = [spans[4], spans[3], spans[1]]
    for found in (timings.recent, partial(timings_of_runs, ops, tables=["silver.jobs"], cores=2)):
        assert [each.interval for each in found("silver.jobs", only_long=True)] == long
        assert [each.interval for each in found("silver.jobs", limit=2, only_long=True)] == long[:2]
        assert [each.interval for each in found("silver.jobs", limit=3)] == spans[:1:-1]
