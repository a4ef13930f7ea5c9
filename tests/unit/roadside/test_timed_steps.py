"""What a runner publishes is timed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.ops import Ops
from lakehouse.settings import Settings
from lakehouse.step_timings import START, StepTiming, StepTimings
from roadside.runner import StepResult
from roadside.timed_steps import timed, timed_start
from validation.clocks import Interval

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TICK = Interval(NOON, NOON + timedelta(minutes=15))


def test_a_step_that_published_is_timed_and_one_that_did_not_is_only_told(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    timings, told = StepTimings(Ops(settings.ops_url)), []
    heard = timed(timings, 2, lambda: NOON, told.append)
    results = [
        StepResult("silver.jobs", TICK, status, seconds=7.5)
        for status in ("published", "skipped", "failed", "blocked", "not due")
    ]
    for each in results:
        heard(each)
    assert told == results
    assert timings.recent("silver.jobs") == [StepTiming("silver.jobs", TICK, 7.5, 2, NOON, is_first=True)]


def test_the_first_run_of_a_step_is_told_from_the_later_ones(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    timings, moments = StepTimings(Ops(settings.ops_url)), iter(NOON + timedelta(seconds=n) for n in range(9))
    for _process in range(2):
        heard = timed(timings, 2, lambda: next(moments), lambda _result: None)
        for step in ("silver.jobs", "silver.offers", "silver.jobs"):
            heard(StepResult(step, TICK, "published", seconds=7.5))
    assert [each.is_first for each in timings.recent("silver.jobs")] == [False, True, False, True]
    assert [each.is_first for each in timings.recent("silver.offers")] == [True, True]


def test_the_start_of_a_backfill_is_timed(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    timings = StepTimings(Ops(settings.ops_url))
    timed_start(timings, 2, lambda: NOON, TICK)(12.5)
    assert timings.recent(START) == [StepTiming(START, TICK, 12.5, 2, NOON)]


def test_a_time_that_cannot_be_kept_stops_nothing(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder is where the ledger should be."""
    (settings.home / "not_a_ledger.db").mkdir(parents=True)
    away = Ops(f"sqlite:///{settings.home}/not_a_ledger.db")
    told: list[StepResult] = []
    result = StepResult("silver.jobs", TICK, "published", seconds=7.5)
    timed(StepTimings(away), 2, lambda: NOON, told.append)(result)
    assert told == [result]
    assert "note: how long silver.jobs took is not kept" in capsys.readouterr().err
