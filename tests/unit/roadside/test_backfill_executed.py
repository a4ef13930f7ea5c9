"""`roadside backfill --execute`, with a runner that writes the ledger of runs alone: no Spark, no rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from lakehouse.step_timings import START, StepTiming, StepTimings
from roadside.expired import lacking
from roadside.graph import Step, step_named
from roadside.installation import settings_here
from roadside.runner import StepResult, Watch, step_version
from roadside.time_ranges import require_ended
from roadside.unmade import unmade, upstream
from validation.clocks import TICK, Interval, tick_start
from validation.errors import UserError

DAY = datetime(2026, 3, 10, tzinfo=UTC)
VIEW, SIBLING = "features.zone_demand_15m", "features.provider_activity_15m"
STEPS = upstream([VIEW])
EXECUTED = ("backfill", "--from", "2026-03-10", "--to", "2026-03-14", "--view", VIEW, "--execute")


def days(start: float, end: float) -> Interval:
    return Interval(DAY + timedelta(days=start), DAY + timedelta(days=end))


def ledger(settings: Settings) -> RunLedger:
    return RunLedger(Ops(settings.ops_url), lambda: DAY)


def made(settings: Settings, steps: Sequence[Step], interval: Interval, version: str = "") -> None:
    for step in steps:
        for name in step.writes:
            begun = ledger(settings).begin(name, interval, version or step_version(step, settings))
            ledger(settings).finish(begun.run_id, snapshot_id=1, rows=0)


@dataclass
class Making:
    """Makes what chunks lack; the last one outdates the view's run over its first hours, so often."""

    settings: Settings
    outdating: int = 1
    chunks: list[Interval] = field(default_factory=list)

    def backfill(self, chunks: Sequence[Interval], steps: Sequence[Step], **how: Any) -> list[StepResult]:
        watch: Watch = how["watch"]
        results = []
        for chunk in chunks:
            assert watch.may_begin(chunk)
            self.chunks.append(chunk)
            for step in steps:
                parts = lacking(Ops(self.settings.ops_url), step, step_version(step, self.settings), chunk)
                for part in parts:
                    made(self.settings, [step], part)
                results.append(StepResult(step.name, chunk, "published" if parts else "skipped"))
            if self.outdating and chunk == chunks[-1]:
                self.outdating -= 1
                ledger(self.settings).supersede({VIEW: Interval(chunk.start, chunk.start + TICK)})
            watch.ended(chunk, results[-len(steps) :])
        return results


@pytest.fixture
def making(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Making:
    """Of four days other code made the first; two runs of this code the others, and those of a sibling."""
    settings.home.mkdir(parents=True)
    made(settings, STEPS, days(0, 1), "older")
    for steps in (STEPS, [step_named(SIBLING)]):
        made(settings, steps, days(1, 2))
        made(settings, steps, days(2, 4))
    found = Making(settings)
    monkeypatch.setattr("roadside.spark_runner.open_runner", lambda *_given: found)
    return found


def test_a_backfill_ends_well_when_nothing_of_its_range_is_lacking(making: Making, run: Callable) -> None:
    answer = run(*EXECUTED, "--chunk-days", "1", "--keep-bronze")
    assert answer.code == 0, answer.err
    assert unmade(making.settings, STEPS[1:], days(0, 4)) == ()
    assert making.chunks == [days(n, n + 1) for n in (0, 1, 2, 3, 2, 3)], "a run of two days fell whole"
    assert "there is something to make again, because rows changed: 2 chunks more." in answer.err


def test_what_is_still_lacking_ends_no_backfill_well(making: Making, run: Callable) -> None:
    making.outdating = 99
    answer = run(*EXECUTED, "--chunk-days", "1", "--keep-bronze")
    assert answer.code == 1
    assert f"something is lacking all the same of {VIEW}" in answer.err


def test_what_a_plan_warns_of_is_told_before_it_is_carried_out(making: Making, run: Callable) -> None:
    making.outdating = 0
    made(making.settings, STEPS, days(-9, -5), "older")
    plan = ("backfill", "--from", "2026-03-10", "--to", "2026-03-11", "--view", VIEW)
    for words in (plan, (*plan, "--execute", "--json")):
        answer = run(*words)
        assert answer.code == 0, answer.err
        assert "tiles.dispatch_15m was never made over [2026-03-05T00:00Z, 2026-03-10T00:00Z)" in answer.err
        assert "made by other code before 2026-03-10T00:00Z" in answer.err
        assert "are to be made again behind 2026-03-11T00:00Z" in answer.err
        assert f"where rows change, {SIBLING} falls too, as far as 2026-03-1" in answer.err
    assert "Takes about 10 s" in answer.err
    assert [each["status"] for each in json.loads(answer.out)] == ["published"] * len(STEPS)


def test_a_plan_beyond_its_deadline_is_not_begun(making: Making, run: Callable) -> None:
    """The start alone takes two minutes, and no run of the road more than none."""
    start = StepTiming(START, days(0, 1), 120, 2, DAY)
    StepTimings(Ops(making.settings.ops_url)).record(start)
    answer = run(*EXECUTED, "--deadline", "1m")
    assert (answer.code, making.chunks) == (1, [])
    assert "The plan does not fit 60 s; nothing was made." in answer.err
    assert run(*EXECUTED, "--deadline", "4m").code == 0


def test_the_clocks_of_two_machines_may_differ(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler's tick ends a moment before a worker's clock says so."""
    monkeypatch.setenv("ROADSIDE_ONLINE_CLOCK", "wall")
    here, end = settings_here(), tick_start(datetime.now(UTC)) + TICK
    monkeypatch.setattr("roadside.time_ranges.CLOCKS_DIFFER", TICK)
    require_ended(here, end, "--until")
    monkeypatch.setattr("roadside.time_ranges.CLOCKS_DIFFER", -TICK)
    with pytest.raises(UserError, match="lies in the future"):
        require_ended(here, end, "--until")


def soon(hours: int = 1) -> str:
    return f"{tick_start(datetime.now(UTC)) + timedelta(hours=hours):%Y-%m-%dT%H:%MZ}"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--to", ("backfill", "--from", "2026-03-10", "--execute")),
        ("--until", ("tick",)),
        ("--end", ("run", "--start", "2026-03-10")),
    ],
)
def test_no_tick_is_closed_before_it_ends_where_time_is_the_wall_clock_s(
    making: Making, run: Callable, monkeypatch: pytest.MonkeyPatch, option: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ROADSIDE_ONLINE_CLOCK", "wall")
    monkeypatch.setattr("roadside.time_ranges.CLOCKS_DIFFER", timedelta(0))
    end, before = soon(), tick_start(datetime.now(UTC))
    answer = run(*words, option, end)
    assert (answer.code, making.chunks) == (2, [])
    assert f"{option} {end} lies in the future" in answer.err
    told = [f"The last tick that ended: {option} {each:%Y-%m-%dT%H:%MZ}." for each in (before, before + TICK)]
    assert any(each in answer.err for each in told), "a quarter of an hour may end meanwhile"


def test_where_time_is_the_data_s_that_is_only_said(making: Making, run: Callable) -> None:
    answer = run("backfill", "--from", soon(1), "--to", soon(2), "--view", VIEW, "--execute")
    assert "lies in the future. Its ticks are closed now" in answer.err
    assert making.chunks
