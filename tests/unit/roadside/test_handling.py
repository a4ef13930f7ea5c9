"""Publications, compactions and retentions in the ledger of runs: kept however they end, and told again."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lakehouse.ops import Ops
from lakehouse.run_ledger import Run, RunLedger, RunStatus
from lakehouse.settings import Settings
from roadside.handling import (
    again,
    failures,
    handled,
    handling_names,
    handling_version,
    known_before,
    known_time,
    undone,
)
from support.failed_runs import failed_run
from validation.clocks import Interval
from validation.errors import Busy, Unreachable

WALL = datetime(2026, 11, 1, 9, 5, tzinfo=UTC)
DAY = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
JOBS = "retention.silver.jobs"


@pytest.fixture
def ops(settings: Settings) -> Ops:
    return Ops(settings.ops_url)


@pytest.fixture
def runs(ops: Ops) -> RunLedger:
    passed = iter(range(1_000))
    return RunLedger(ops, lambda: WALL + timedelta(seconds=next(passed)))


def last(runs: RunLedger, name: str) -> Run:
    found = runs.last_run(name)
    assert found is not None
    return found


def fail(runs: RunLedger, name: str, error: str = "Unreachable") -> str:
    return failed_run(runs, name, DAY, error)


def test_work_is_a_run_with_what_it_read_and_left(runs: RunLedger) -> None:
    with handled(runs, JOBS, DAY) as work:
        assert last(runs, JOBS).status is RunStatus.RUNNING
        work.read({"silver.jobs": 3})
        work.leaves(snapshot_id=4, counts={"rows_dropped": 12})
    run = last(runs, JOBS)
    assert (run.status, run.interval, run.code_version) == (RunStatus.PUBLISHED, DAY, handling_version())
    assert (run.inputs, run.snapshot_id, run.rows) == ({"silver.jobs": 3}, 4, None)
    assert (dict(run.counts), dict(run.warnings), run.makes_rows) == ({"rows_dropped": 12}, {}, False)


@pytest.mark.parametrize("error", [Unreachable("Gone.", "Wait."), KeyboardInterrupt()])
def test_work_that_breaks_is_a_failed_run_and_the_error_goes_on(
    runs: RunLedger, error: BaseException
) -> None:
    def work() -> None:
        with handled(runs, JOBS, DAY) as told:
            told.leaves(counts={"rows_dropped": 12})
            raise error

    with pytest.raises(type(error)):
        work()
    run = last(runs, JOBS)
    assert (run.status, run.error_kind, dict(run.counts)) == (RunStatus.FAILED, type(error).__name__, {})
    assert undone(runs, JOBS) == DAY


def test_where_nothing_is_to_be_done_no_run_is_kept(runs: RunLedger) -> None:
    with handled(runs, JOBS, None) as work:
        work.read({"silver.jobs": 3})
        work.leaves(snapshot_id=4)
    assert runs.last_run(JOBS) is None


KILLED = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from roadside.handling import handled
from validation.clocks import Interval
day = datetime(2026, 3, 10, tzinfo=UTC)
runs = RunLedger(Ops(sys.argv[1]), lambda: datetime(2026, 11, 1, tzinfo=UTC))
with handled(runs, sys.argv[2], Interval(day, day + timedelta(days=1))):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_work_that_was_killed_is_told_dead_when_any_run_begins(
    settings: Settings, ops: Ops, runs: RunLedger
) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, settings.ops_url, JOBS], check=False).returncode < 0
    assert last(runs, JOBS).is_running
    assert [run.table for run in failures(settings, ops)["retention"]] == [JOBS], "before anybody marked it"
    assert undone(runs, JOBS) == DAY
    runs.begin("silver.offers", DAY, "code")
    assert (last(runs, JOBS).status, last(runs, JOBS).error_kind) == (RunStatus.FAILED, "ProcessDied")


def test_what_came_to_its_end_is_not_undone(runs: RunLedger) -> None:
    assert undone(runs, JOBS) is None
    fail(runs, JOBS)
    with handled(runs, JOBS, undone(runs, JOBS)):
        pass
    assert undone(runs, JOBS) is None


def test_the_last_run_of_a_name_decides_whether_it_failed(
    settings: Settings, ops: Ops, runs: RunLedger
) -> None:
    fail(runs, JOBS)
    first = fail(runs, "compaction.silver.jobs", "Defect")
    second = fail(runs, "compaction.silver.offers", "Defect")
    with handled(runs, JOBS, DAY):
        pass
    found = failures(settings, ops)
    assert {layer: [run.run_id for run in failed] for layer, failed in found.items()} == {
        "compaction": [second, first]
    }


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("compaction.silver.jobs", "Moved"),
        (JOBS, Busy.__name__),
        ("snowflake.training.eta_v1", "Unreachable"),  # the settings name no Snowflake
        ("compaction.silver.declared_no_more", "Defect"),
    ],
)
def test_what_the_next_one_takes_or_nobody_asks_for_any_more_did_not_fail(
    settings: Settings, ops: Ops, runs: RunLedger, name: str, error: str
) -> None:
    fail(runs, name, error)
    assert failures(settings, ops) == {}


def test_a_publication_to_what_the_settings_name_failed(
    settings: Settings, ops: Ops, runs: RunLedger
) -> None:
    fail(runs, "s3.training.eta_v1")
    assert list(failures(replace(settings, publish_uri="s3://shelf"), ops)) == ["s3"]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("s3.training.eta_v1", "roadside publish eta_v1 --to s3"),
        (
            "snowflake.features.zone_demand_15m",
            "roadside publish features.zone_demand_15m --to snowflake",
        ),
        ("compaction.silver.jobs", "roadside compact --table silver.jobs --before 2026-03-11"),
        ("retention.landing.gps_pings", "roadside retention --table landing.gps_pings --execute"),
        ("retention.ledgers", "roadside retention --table ledgers --execute"),
    ],
)
def test_the_command_that_does_it_again(runs: RunLedger, name: str, command: str) -> None:
    assert name in handling_names()
    assert again(runs.begin(name, DAY, "code")) == command


def test_known_time_is_what_the_ledger_has_of_the_table(ops: Ops, runs: RunLedger) -> None:
    now = Interval(datetime(2026, 11, 1, 9, tzinfo=UTC), datetime(2026, 11, 1, 9, 15, tzinfo=UTC))
    assert known_time(ops, "silver.jobs", WALL) == now
    runs.finish(runs.begin("silver.jobs", DAY, "code").run_id, snapshot_id=1, rows=1)
    assert known_time(ops, "silver.jobs", WALL) == DAY
    before = datetime(2026, 3, 13, tzinfo=UTC)
    assert known_before(ops, date(2026, 3, 13), "silver.jobs") == Interval(DAY.start, before)
    assert known_before(ops, date(2026, 3, 13)) == Interval(DAY.start, before)
    assert known_before(ops, date(2026, 3, 13), "silver.offers") == Interval(
        before - timedelta(days=1), before
    )
