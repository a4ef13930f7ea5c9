"""A plan carried out chunk by chunk, stopped and gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.backfill import Carried, ChunkDone, Limits, carry_out, chunk_maker
from roadside.backfill_plan import BackfillPlan, Chunk, planned
from roadside.durations import Law, Rows, Spread
from roadside.graph import Step, step_named
from roadside.prices import prices
from roadside.runner import StepResult, step_version
from roadside.unmade import Unmade, Why, unmade
from roadside.volumes import Volume
from validation.clocks import Interval
from validation.errors import CheckFailed

DAY = datetime(2026, 3, 10, tzinfo=UTC)
PINGS, FIXES = step_named("silver.gps_pings"), step_named("tiles.driver_fixes_15m")


def days(start: float, end: float) -> Interval:
    return Interval(DAY + timedelta(days=start), DAY + timedelta(days=end))


def four_days() -> BackfillPlan:
    """Four chunks of a day; 100 s each on one core, and 10 s of start; a core hour costs a dollar."""
    return planned(
        days(0, 4),
        [Unmade(PINGS, {Why.NEVER: (days(0, 4),)})],
        lambda _name, _interval: Volume(100, 0),
        {PINGS.name: Law(0.0, 1.0, Rows.WITHIN, 9, is_fitted=True)},
        Spread(1, 1, 9),
        cores=1,
        at_once=1,
        prices=prices(["vcpu_hour=1", "memory_gb_hour=0"]),
        chunk_days=1,
    )


@dataclass
class Making:
    """Chunks that each take so many seconds, on a clock of its own; the one of that number fails."""

    seconds: float
    failing: int = -1
    now: float = 10.0
    made: list[Interval] = field(default_factory=list)
    told: list[ChunkDone] = field(default_factory=list)

    def __call__(self, chunk: Chunk) -> list[StepResult]:
        self.now += self.seconds
        self.made.append(chunk.interval)
        if len(self.made) == self.failing:
            return [StepResult(PINGS.name, chunk.interval, "failed", error=CheckFailed("No."))]
        return [StepResult(PINGS.name, chunk.interval, "published", {PINGS.name: 5})]

    def carry(self, limits: Limits | None = None) -> Carried:
        return carry_out(four_days(), self, lambda: self.now, limits or Limits(), self.told.append)


def test_every_chunk_is_made_in_order_of_time() -> None:
    making = Making(100)
    carried = making.carry()
    assert making.made == [days(0, 1), days(1, 2), days(2, 3), days(3, 4)]
    assert (carried.is_whole, carried.stopped, carried.seconds, carried.predicted) == (True, "", 410, 410)


def test_what_is_left_is_told_at_the_pace_so_far() -> None:
    """It goes half as fast as predicted: 210 s behind the first chunk where 110 s were predicted."""
    making = Making(200)
    making.carry()
    first, *_, last = making.told
    assert (first.number, first.of, first.seconds, first.predicted) == (1, 4, 200, 100)
    assert first.left_seconds == pytest.approx(300 * 210 / 110)
    assert first.dollars == pytest.approx(210 / 3600)
    assert last.left_seconds == 0


def test_no_chunk_begins_that_would_end_beyond_the_limit() -> None:
    making = Making(100)
    carried = making.carry(Limits(after=timedelta(seconds=250)))
    assert (carried.done, carried.of, carried.seconds) == (2, 4, 210)
    assert "--stop-after is 4.2 min" in carried.stopped


def test_a_backfill_that_is_slower_than_predicted_stops_sooner() -> None:
    assert Making(150).carry(Limits(after=timedelta(seconds=350))).done == 2
    assert Making(200).carry(Limits(after=timedelta(seconds=350))).done == 1


def test_no_chunk_begins_that_would_cost_more_than_the_limit() -> None:
    carried = Making(100).carry(Limits(dollars=320 / 3600))
    assert carried.done == 3
    assert "--stop-after-dollars is $0.09" in carried.stopped


def test_behind_a_step_that_failed_no_chunk_begins() -> None:
    making = Making(100, failing=2)
    carried = making.carry()
    assert (carried.done, len(making.made), carried.stopped) == (1, 2, "")
    assert not carried.is_whole


@dataclass
class LedgerRunner:
    """Publishes what it is asked for in the ledger, as the runner does; of rows nobody knows."""

    settings: Settings
    asked: list[tuple[Interval, list[str]]] = field(default_factory=list)

    def backfill(self, chunks: Sequence[Interval], steps: Sequence[Step]) -> list[StepResult]:
        runs = RunLedger(Ops(self.settings.ops_url), lambda: DAY)
        self.asked += [(chunk, [step.name for step in steps]) for chunk in chunks]
        for chunk in chunks:
            for step in steps:
                for name in step.writes:
                    begun = runs.begin(name, chunk, step_version(step, self.settings))
                    runs.finish(begun.run_id, snapshot_id=1, rows=1)
        return [StepResult(step.name, chunk, "published") for chunk in chunks for step in steps]


def test_a_chunk_is_made_of_what_the_ledger_lacks_and_not_twice(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    runner = LedgerRunner(settings)
    runner.backfill([days(0, 1)], [PINGS])
    runner.asked.clear()
    make = chunk_maker(settings, runner, [PINGS, FIXES])
    chunk = Chunk(days(0, 2), ())
    make(chunk)
    assert runner.asked == [(days(1, 2), [PINGS.name]), (days(0, 2), [FIXES.name])]
    assert unmade(settings, [PINGS, FIXES], days(0, 2)) == ()
    assert make(chunk) == []
