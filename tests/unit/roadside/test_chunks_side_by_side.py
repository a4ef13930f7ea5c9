"""Chunks made side by side, one step of which fails over one of them; no row is read or written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from lakehouse.settings import Settings
from roadside.backfill import Limits, carry_out
from roadside.backfill_plan import planned
from roadside.durations import Spread
from roadside.graph import Step, step_named
from roadside.prices import prices
from roadside.runner import Runner, StepResult
from roadside.unmade import Unmade, Why
from roadside.volumes import Volume
from validation.clocks import Interval

DAY = datetime(2026, 3, 10, tzinfo=UTC)
STEPS = DEMAND, DRIVERS = [step_named(f"features.{name}_15m") for name in ("zone_demand", "driver_state")]
Out = list[tuple[Interval, list[str]]]


def days(start: int, end: int) -> Interval:
    return Interval(DAY + timedelta(days=start), DAY + timedelta(days=end))


class Road(Runner):
    """Without Spark. Demand breaks over the second day, before drivers have ended over the first."""

    def __init__(self, settings: Settings, told: Any = lambda _result: None) -> None:
        self.settings, self._progress = settings, self._heard
        self.lakehouse = self.releases = self.runs = self._completeness = None  # type: ignore[assignment]
        self.told, self.broke = told, Event()

    def prepare(self) -> None: ...

    def _heard(self, result: StepResult) -> None:
        if result.is_broken:
            self.broke.set()
        self.told(result)

    def _run_step(self, step: Step, chunk: Interval, **_how: bool) -> StepResult:
        if step is DRIVERS:
            assert self.broke.wait(timeout=20)
        is_bad = step is DEMAND and chunk == days(1, 2)
        return StepResult(step.name, chunk, "failed" if is_bad else "published")


@pytest.fixture
def out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Out:
    """What was released, chunk by chunk."""
    found: Out = []

    def release(*given: Any) -> None:
        found.append((given[-2], [step.name for step in given[-1]]))

    monkeypatch.setattr("roadside.runner.release_features", release)
    return found


def carry(road: Road) -> Any:
    """Three days, two at once."""
    plan = planned(
        days(0, 3),
        [Unmade(step, {Why.NEVER: (days(0, 3),)}) for step in STEPS],
        lambda _name, _interval: Volume(100, 0),
        {},
        Spread(1, 1, 9),
        cores=1,
        at_once=3,
        parallel=2,
        prices=prices(["vcpu_hour=1", "memory_gb_hour=0"]),
        chunk_days=1,
    )
    return carry_out(plan, road, STEPS, lambda: 10.0, Limits(), lambda _done: None)


def test_a_view_that_broke_over_a_later_chunk_comes_out_with_the_one_it_is_whole_in(
    settings: Settings, out: Out
) -> None:
    carry(Road(settings))
    assert out == [(days(0, 1), [DEMAND.name, DRIVERS.name]), (days(1, 2), [DRIVERS.name])]


def test_no_chunk_begins_behind_a_step_that_failed_though_its_chunk_goes_on(
    settings: Settings, out: Out
) -> None:
    """The first day ends, and leaves a place, while drivers are still to be made over the second."""
    carried = carry(Road(settings))
    assert [(each.step, each.interval, each.status) for each in carried.results] == [
        (DEMAND.name, days(0, 1), "published"),
        (DRIVERS.name, days(0, 1), "published"),
        (DEMAND.name, days(1, 2), "failed"),
        (DRIVERS.name, days(1, 2), "published"),
    ]
    assert (carried.done, carried.of, carried.stopped) == (1, 3, "")


def test_a_chunk_that_is_made_comes_out_whatever_the_telling_raises(settings: Settings, out: Out) -> None:
    def told(result: StepResult) -> None:
        if result.step == DRIVERS.name:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        carry(Road(settings, told))
    assert [chunk for chunk, _ in out] == [days(0, 1)]
