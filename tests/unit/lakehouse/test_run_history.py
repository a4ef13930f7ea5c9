"""Which known time is made, and which is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lakehouse.ops import Ops
from lakehouse.run_history import (
    Made,
    Measured,
    codes_by_table,
    gaps,
    made_by_other_code,
    made_by_table,
    measured,
    merged,
    reach_by_table,
    shared,
)
from lakehouse.run_ledger import RunLedger
from validation.clocks import Interval


def hours(start: int, end: int) -> Interval:
    return Interval(datetime(2026, 3, 10, start, tzinfo=UTC), datetime(2026, 3, 10, end, tzinfo=UTC))


def test_intervals_that_meet_are_one() -> None:
    assert merged([hours(3, 4), hours(1, 2), hours(2, 3), hours(6, 8), hours(6, 7)]) == [
        hours(1, 4),
        hours(6, 8),
    ]


def test_gaps_are_what_nothing_covers() -> None:
    assert gaps([hours(1, 9)], [hours(0, 2), hours(4, 5), hours(8, 12)]) == [hours(2, 4), hours(5, 8)]
    assert gaps([hours(1, 2), hours(5, 6)], []) == [hours(1, 2), hours(5, 6)]
    assert gaps([hours(1, 2)], [hours(0, 3)]) == []


def test_what_two_share_lies_in_both() -> None:
    assert shared([hours(1, 4), hours(6, 9)], [hours(0, 2), hours(3, 7)]) == [
        hours(1, 2),
        hours(3, 4),
        hours(6, 7),
    ]
    assert shared([hours(1, 2)], [hours(2, 3)]) == []


def test_superseded_and_failed_runs_make_nothing(ops: Ops) -> None:
    wall = datetime(2026, 3, 11, tzinfo=UTC)
    runs = RunLedger(ops, lambda: wall)
    for span in (hours(1, 2), hours(2, 3), hours(4, 5)):
        runs.finish(runs.begin("silver.jobs", span, "code").run_id, snapshot_id=1, rows=0)
    runs.fail(runs.begin("silver.jobs", hours(5, 6), "code").run_id, "Busy")
    runs.supersede({"silver.jobs": hours(4, 5)})
    assert made_by_table(ops) == {"silver.jobs": Made((hours(1, 3),), wall)}
    assert Made().through is None
    first = hours(1, 3)
    assert reach_by_table(ops) == {"silver.jobs": (first.start, first.end)}


def test_began_at_is_of_the_newest_run_that_reaches_the_end(ops: Ops) -> None:
    wall = iter(datetime(2026, 3, 11, hour, tzinfo=UTC) for hour in range(24))
    runs = RunLedger(ops, lambda: next(wall))
    for span in (hours(1, 3), hours(1, 4), hours(2, 4), hours(0, 2)):
        runs.finish(runs.begin("silver.jobs", span, "code").run_id, snapshot_id=1, rows=0)
    assert made_by_table(ops)["silver.jobs"].began_at == datetime(2026, 3, 11, 4, tzinfo=UTC)


class Wall:
    """A clock that a test moves."""

    now = datetime(2026, 3, 11, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def took(runs: RunLedger, wall: Wall, span: Interval, seconds: int, code: str = "code") -> None:
    begun = runs.begin("silver.jobs", span, code)
    wall.now += timedelta(seconds=seconds)
    runs.finish(begun.run_id, snapshot_id=1, rows=0)


def test_other_code_s_known_time_is_what_today_s_code_did_not_make(ops: Ops) -> None:
    wall = Wall()
    runs = RunLedger(ops, wall)
    for span, code in ((hours(1, 2), "old"), (hours(2, 3), "older"), (hours(3, 4), "new")):
        took(runs, wall, span, 1, code)
    assert made_by_other_code(ops, "silver.jobs", "new") == [hours(1, 3)]
    assert codes_by_table(ops) == {"silver.jobs": {"old", "older", "new"}}
    took(runs, wall, hours(1, 4), 1, "new")
    assert made_by_other_code(ops, "silver.jobs", "new") == []
    assert codes_by_table(ops) == {"silver.jobs": {"new"}}


def test_a_replay_is_measured_by_the_median_of_runs_of_a_day_and_else_by_ticks(ops: Ops) -> None:
    wall = Wall()
    runs = RunLedger(ops, wall)
    assert measured(ops, "silver.jobs") is None
    for hour, seconds in ((1, 10), (2, 30), (3, 20)):
        took(runs, wall, hours(hour, hour + 1), seconds)
    assert measured(ops, "silver.jobs") == Measured(20, 3)
    whole_day = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
    took(runs, wall, whole_day, 48)
    assert measured(ops, "silver.jobs") == Measured(2, 1), "48 s of 24 h; it superseded the ticks"


def test_a_failed_run_measures_nothing(ops: Ops) -> None:
    wall = Wall()
    runs = RunLedger(ops, wall)
    runs.fail(runs.begin("silver.jobs", hours(1, 2), "code").run_id, "Busy")
    assert measured(ops, "silver.jobs") is None
