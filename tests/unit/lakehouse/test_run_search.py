"""Runs found again, in a ledger made by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from lakehouse.ops import Ops
from lakehouse.run_ledger import Run, RunLedger, RunStatus
from lakehouse.run_search import (
    Wanted,
    has_run,
    ids_near,
    last_runs,
    left_by,
    newest_runs,
    replaced_by,
    run_named,
)
from validation.clocks import Interval

WALL = datetime(2026, 11, 1, tzinfo=UTC)


def hours(start: int, end: int) -> Interval:
    return Interval(datetime(2026, 3, 10, start, tzinfo=UTC), datetime(2026, 3, 10, end, tzinfo=UTC))


class Ledger:
    """A ledger whose clock is set by hand, in minutes after WALL."""

    def __init__(self, ops: Ops) -> None:
        self.ops = ops
        self.minute = 0
        self.runs = RunLedger(ops, lambda: WALL + timedelta(minutes=self.minute))

    def begin(self, table: str, interval: Interval, at: int) -> Run:
        self.minute = at
        return self.runs.begin(table, interval, "code")

    def publish(self, table: str, interval: Interval, began: int, ended: int, snapshot: int = 1) -> Run:
        run = self.begin(table, interval, began)
        self.minute = ended
        return self.runs.finish(run.run_id, snapshot_id=snapshot, rows=1)

    def fail(self, table: str, interval: Interval, at: int) -> Run:
        return self.runs.fail(self.begin(table, interval, at).run_id, "CheckFailed")


@pytest.fixture
def ledger(ops: Ops) -> Ledger:
    return Ledger(ops)


def test_the_newest_runs_come_first_and_no_more_than_asked(ledger: Ledger) -> None:
    made = [ledger.publish("silver.jobs", hours(n, n + 1), began=n, ended=n) for n in range(5)]
    found = newest_runs(ledger.ops, Wanted(), 3)
    assert [run.run_id for run in found] == [made[4].run_id, made[3].run_id, made[2].run_id]
    assert found[0] == made[4]


def test_runs_of_several_tables_and_statuses_are_merged_by_when_they_began(ledger: Ledger) -> None:
    jobs = ledger.publish("silver.jobs", hours(0, 1), began=1, ended=9)
    ledger.publish("silver.offers", hours(0, 1), began=2, ended=3)
    failed = ledger.fail("silver.jobs", hours(1, 2), at=4)
    waits = ledger.publish("silver.job_waits", hours(0, 1), began=5, ended=6)
    two = ("silver.job_waits", "silver.jobs")

    def found(tables: tuple[str, ...], *statuses: RunStatus, limit: int = 9) -> list[str]:
        return [run.run_id for run in newest_runs(ledger.ops, Wanted(tables, statuses), limit)]

    assert found(two) == [waits.run_id, failed.run_id, jobs.run_id]
    assert found(two, limit=2) == [waits.run_id, failed.run_id]
    assert found(two, RunStatus.PUBLISHED) == [waits.run_id, jobs.run_id]
    assert found((), RunStatus.FAILED) == [failed.run_id]
    assert found(("silver.jobs",), RunStatus.FAILED, RunStatus.PUBLISHED) == [failed.run_id, jobs.run_id]


def test_runs_over_known_time_are_those_whose_interval_overlaps_it(ledger: Ledger) -> None:
    for n, span in enumerate((hours(0, 2), hours(2, 4), hours(4, 6), hours(0, 6))):
        ledger.publish(f"silver.t{n}", span, began=n, ended=n)
    found = newest_runs(ledger.ops, Wanted(interval=hours(2, 4)), 9)
    assert [run.table for run in found] == ["silver.t3", "silver.t1"]


def test_since_is_about_the_wall_and_holds_its_own_moment(ledger: Ledger) -> None:
    for n in range(3):
        ledger.publish(f"silver.t{n}", hours(n, n + 1), began=n, ended=n)
    found = newest_runs(ledger.ops, Wanted(since=WALL + timedelta(minutes=1)), 9)
    assert [run.table for run in found] == ["silver.t2", "silver.t1"]


def test_a_run_is_found_by_its_id_and_near_ids_by_a_mistyped_one(ledger: Ledger) -> None:
    run = ledger.publish("silver.jobs", hours(0, 1), began=0, ended=1)
    assert run_named(ledger.ops, run.run_id) == run
    assert run_named(ledger.ops, run.run_id[:-1]) is None
    assert run.run_id in ids_near(ledger.ops, run.run_id[:5])
    assert has_run(ledger.ops, "silver.jobs")
    assert not has_run(ledger.ops, "silver.job")


def test_a_snapshot_is_left_by_the_run_that_named_it_first(ledger: Ledger) -> None:
    made = ledger.publish("silver.jobs", hours(0, 6), began=0, ended=20, snapshot=11)
    ledger.publish("silver.jobs", hours(0, 6), began=21, ended=22, snapshot=11)
    ledger.publish("silver.offers", hours(0, 6), began=1, ended=2, snapshot=11)
    found = left_by(ledger.ops, "silver.jobs", 11)
    assert found is not None
    assert (found.run_id, found.status) == (made.run_id, RunStatus.SUPERSEDED)
    assert left_by(ledger.ops, "silver.jobs", 12) is None


def test_a_run_is_replaced_by_the_first_that_published_over_it_later(ledger: Ledger) -> None:
    first = ledger.publish("silver.jobs", hours(0, 2), began=0, ended=1)
    ledger.publish("silver.jobs", hours(2, 4), began=2, ended=3)
    ledger.fail("silver.jobs", hours(0, 2), at=4)
    second = ledger.publish("silver.jobs", hours(1, 3), began=5, ended=6)
    ledger.publish("silver.jobs", hours(0, 9), began=7, ended=8)
    assert replaced_by(ledger.ops, first) == run_named(ledger.ops, second.run_id)
    last = newest_runs(ledger.ops, Wanted(), 1)[0]
    assert replaced_by(ledger.ops, last) is None
    assert replaced_by(ledger.ops, ledger.begin("silver.jobs", hours(0, 1), at=9)) is None


QUESTIONS: dict[str, Callable[[Ops, Run], object]] = {
    "all": lambda ops, _: newest_runs(ops, Wanted(), 5),
    "table": lambda ops, run: newest_runs(ops, Wanted(tables=(run.table,)), 5),
    "status": lambda ops, _: newest_runs(ops, Wanted(statuses=(RunStatus.FAILED,)), 5),
    "known time": lambda ops, run: newest_runs(ops, Wanted(interval=run.interval), 5),
    "since": lambda ops, run: newest_runs(ops, Wanted(since=run.started_at), 5),
    "id": lambda ops, run: run_named(ops, run.run_id),
    "near ids": lambda ops, run: ids_near(ops, run.run_id),
    "table's name": lambda ops, run: has_run(ops, run.table),
    "left by": lambda ops, run: left_by(ops, run.table, 7),
    "replaced by": replaced_by,
    "last of each": lambda ops, run: last_runs(ops, [run.table, "silver.offers"]),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_walks_an_index(tmp_path: Path, name: str) -> None:
    ledger = Ledger(Ops(f"sqlite:///{tmp_path}/ops.db"))  # which plans by its indexes, however few rows
    run = ledger.publish("silver.jobs", hours(0, 2), began=0, ended=1)
    asked: list[tuple[str, Any]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        QUESTIONS[name](ledger.ops, run)
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
    with ledger.ops.read() as connection:
        plans = [
            row.detail
            for statement, parameters in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    walked = [plan for plan in plans if "runs" in plan]
    assert walked
    assert all("INDEX" in plan for plan in walked), plans


def test_the_last_run_of_each_table_is_the_one_that_began_last(ledger: Ledger) -> None:
    ledger.publish("silver.jobs", hours(0, 1), began=1, ended=2)
    failed = ledger.fail("silver.jobs", hours(0, 1), at=3)
    offers = ledger.publish("silver.offers", hours(0, 1), began=2, ended=9)
    ledger.publish("silver.job_waits", hours(0, 1), began=4, ended=5)
    names = ["silver.offers", "silver.jobs", "silver.assignments"]
    assert [run.run_id for run in last_runs(ledger.ops, names)] == [failed.run_id, offers.run_id]
