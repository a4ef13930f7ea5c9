"""The next tick, after an ordinary quarter of an hour, an outage and a failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.graph import STEPS
from roadside.runner import StepResult
from roadside.ticks import run_ticks, ticks_due
from validation.clocks import TICK, Interval
from validation.errors import CheckFailed, NotReady

START, NOON = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC)
TABLES = [name for step in STEPS for name in step.writes]


def tick_at(moment: datetime) -> Interval:
    return Interval(moment - TICK, moment)


def made(settings: Settings, *names: str, interval: Interval) -> Ops:
    ops = Ops(settings.ops_url)
    runs = RunLedger(ops, lambda: NOON)
    for name in names:
        runs.finish(runs.begin(name, interval, "code").run_id, snapshot_id=None, rows=0)
    return ops


def test_without_history_there_is_no_next_tick(settings: Settings) -> None:
    with pytest.raises(NotReady, match="Nothing has been ingested yet"):
        ticks_due(Ops(settings.ops_url), NOON)


def test_the_ticks_of_an_outage_come_one_by_one(settings: Settings) -> None:
    ops = made(settings, *TABLES, interval=Interval(START, NOON))
    ends = [tick.end for tick in ticks_due(ops, NOON + 3 * TICK)]
    assert ends == [NOON + TICK, NOON + 2 * TICK, NOON + 3 * TICK]


def test_nothing_is_due_twice(settings: Settings) -> None:
    ops = made(settings, *TABLES, interval=Interval(START, NOON))
    assert ticks_due(ops, NOON) == []


def test_a_tick_that_one_table_lacks_is_made_up_for(settings: Settings) -> None:
    made(settings, *TABLES, interval=Interval(START, NOON))
    made(settings, *(name for name in TABLES if name != "silver.offers"), interval=tick_at(NOON + TICK))
    ops = made(settings, *TABLES, interval=tick_at(NOON + 2 * TICK))
    assert ticks_due(ops, NOON + 2 * TICK) == [tick_at(NOON + TICK), tick_at(NOON + 2 * TICK)]


def test_an_old_hole_is_left_to_a_run(settings: Settings) -> None:
    made(settings, *TABLES, interval=Interval(START, NOON))
    hole = Interval(START + timedelta(days=1), START + timedelta(days=2))
    made(settings, "silver.offers", interval=Interval(hole.end, NOON))
    assert ticks_due(Ops(settings.ops_url), NOON) == []


class Road:
    """A runner whose one step fails once."""

    def __init__(self, failing: str, at: datetime) -> None:
        self.failing, self.at = failing, at

    def run(self, tick: Interval, steps: tuple) -> list[StepResult]:
        broken: set[str] = set()
        results = []
        for step in steps:
            fails = step.name == self.failing and tick.end == self.at
            blocked = any(name in broken for name in step.reads)
            if fails or blocked:
                broken |= set(step.writes)
            status = "failed" if fails else "blocked" if blocked else "published"
            results.append(StepResult(step.name, tick, status, error=CheckFailed("no") if fails else None))
        return results


def test_what_is_whole_reaches_redis_although_a_step_failed(
    settings: Settings, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    (settings.home / "landing").mkdir(parents=True)
    made(settings, *TABLES, interval=tick_at(NOON))
    failing = Road("silver.gps_pings", NOON + TICK)
    monkeypatch.setattr("roadside.spark_runner.open_runner", lambda _settings, look_back: failing)
    monkeypatch.setattr(
        "roadside.commands.online.write_views", lambda _settings, until: written.append(until)
    )
    answer = run("tick", "--until", f"{NOON + TICK:%Y-%m-%dT%H:%MZ}", "--json")
    assert (answer.code, written) == (CheckFailed("no").exit_code, [NOON + TICK])
    assert "failed" in {each["status"] for each in json.loads(answer.out)}


def test_no_tick_that_is_due_is_no_result(settings: Settings, run: Callable) -> None:
    (settings.home / "landing").mkdir(parents=True)
    made(settings, *TABLES, interval=tick_at(NOON))
    answer = run("tick", "--until", f"{NOON:%Y-%m-%dT%H:%MZ}", "--no-online", "--json")
    assert (answer.code, json.loads(answer.out)) == (0, [])
    assert "made already" in answer.err


def test_a_table_gets_no_tick_while_it_lacks_the_one_before() -> None:
    ticks = [tick_at(NOON + TICK), tick_at(NOON + 2 * TICK)]
    results = run_ticks(Road("silver.gps_pings", ticks[0].end), ticks, lambda _tick, _done: None)  # type: ignore[arg-type]
    second = {each.step for each in results if each.interval == ticks[1]}
    assert not {"silver.gps_pings", "silver.arrival_evidence", "features.provider_performance_1d"} & second
    assert {"bronze.gps_pings", "silver.lifecycle", "features.zone_demand_15m"} <= second
