"""A plan carried out chunk by chunk, stopped and gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile
from typing import Any

import pytest

from roadside.backfill import MOST_PLANS, Carried, ChunkDone, Limits, carry_out, carry_through
from roadside.backfill_plan import BackfillPlan, planned
from roadside.durations import Law, Rows, Spread
from roadside.graph import Step, step_named
from roadside.prices import prices
from roadside.runner import StepResult, Watch
from roadside.unmade import Unmade, Why
from roadside.volumes import Volume
from validation.clocks import Interval
from validation.errors import CheckFailed

DAY = datetime(2026, 3, 10, tzinfo=UTC)
PINGS = step_named("silver.gps_pings")


def days(start: float, end: float) -> Interval:
    return Interval(DAY + timedelta(days=start), DAY + timedelta(days=end))


A_DAY = Law(0.0, 1.0, Rows.WITHIN, 9, is_fitted=True)


def four_days(law: Law | None) -> BackfillPlan:
    """Four chunks of a day; 100 s each on one core, and 10 s of start; a core hour costs a dollar."""
    return left(days(0, 4), law=law)


def left(*lacking: Interval, law: Law | None = A_DAY) -> BackfillPlan:
    """Of those four days only that is lacking."""
    return planned(
        days(0, 4),
        [Unmade(PINGS, {Why.NEVER: lacking})] if lacking else [],
        lambda _name, _interval: Volume(100, 0),
        {PINGS.name: law},
        Spread(1, 1, 9),
        cores=1,
        at_once=1,
        prices=prices(["vcpu_hour=1", "memory_gb_hour=0"]),
        chunk_days=1,
    )


@dataclass
class Making:
    """Chunks that take so many seconds each, one by one on a clock of its own; one of them fails."""

    seconds: float
    failing: int = -1
    now: float = 10.0
    law: Law | None = A_DAY
    made: list[Interval] = field(default_factory=list)
    told: list[ChunkDone] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)

    def backfill(
        self,
        chunks: Sequence[Interval],
        steps: Sequence[Step],
        *,
        only_lacking: bool,
        parallel: int,
        watch: Watch,
    ) -> list[StepResult]:
        assert (list(steps), only_lacking, parallel) == ([PINGS], True, 1)
        results = []
        for chunk in chunks:
            if not watch.may_begin(chunk):
                break
            self.now += self.seconds
            self.made.append(chunk)
            failed = CheckFailed("No.") if len(self.made) == self.failing else None
            status = "failed" if failed else "published"
            results.append(StepResult(PINGS.name, chunk, status, {PINGS.name: 5}, error=failed))
            if failed:
                watch.broke(chunk)
            watch.ended(chunk, results[-1:])
        return results

    def carry_through(self, *later: BackfillPlan, limits: Limits | None = None) -> Carried:
        """With the plans that are made after the first one."""
        plans, limits, elapsed = iter(later), limits or Limits(), lambda: self.now
        told, begun = self.told.append, self.begun.append
        again = partial(next, plans)
        return carry_through(four_days(self.law), again, self, [PINGS], elapsed, limits, told, begun)

    def carry(self, limits: Limits | None = None) -> Carried:
        limits = limits or Limits()
        plan, elapsed = four_days(self.law), lambda: self.now
        return carry_out(plan, self, [PINGS], elapsed, limits, self.told.append, self.begun.append)


def test_every_chunk_is_made_in_order_of_time() -> None:
    making = Making(100)
    carried = making.carry()
    assert making.made == [days(0, 1), days(1, 2), days(2, 3), days(3, 4)]
    assert (carried.is_whole, carried.stopped, carried.seconds, carried.predicted) == (True, "", 410, 410)
    assert making.begun == [10], "the start is told once"


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


def test_where_nothing_is_predicted_the_next_chunk_takes_what_the_longest_took() -> None:
    """After 110 s of 150 the second would end after 210; nothing says what the first would take."""
    making = Making(100, law=None)
    carried = making.carry(Limits(after=timedelta(seconds=150)))
    assert (carried.done, carried.seconds) == (1, 110)
    assert carried.stopped == "the next chunk would end after 3.5 min, and --stop-after is 2.5 min"
    assert Making(100, law=None).carry(Limits(dollars=250 / 3600)).done == 2
    assert Making(100, law=None).carry(Limits(after=timedelta(seconds=5))).done == 0


def test_where_nothing_is_predicted_what_is_left_is_told_by_what_was_made() -> None:
    making = Making(100, law=None)
    making.carry()
    assert [each.left_seconds for each in making.told] == [300, 200, 100, 0]


def test_behind_a_step_that_failed_no_chunk_begins() -> None:
    making = Making(100, failing=2)
    carried = making.carry()
    assert (carried.done, len(making.made), carried.stopped) == (1, 2, "")
    assert not carried.is_whole


@dataclass
class TwoAtOnce(Making):
    """Two chunks are made in the time of one, where two may begin; or end so many seconds apart."""

    apart: float = 0.0

    def backfill(self, chunks: Sequence[Interval], _steps: Sequence[Step], **how: Any) -> list[StepResult]:
        watch: Watch = how["watch"]
        while len(self.made) < len(chunks):
            left = chunks[len(self.made) :][:2]
            begun = list(takewhile(watch.may_begin, left))
            if not begun:
                break
            self.now += self.seconds
            self.made += begun
            for number, each in enumerate(begun):
                self.now += self.apart if number else 0.0
                watch.ended(each, [StepResult(PINGS.name, each, "published")])
        return []


def test_chunks_side_by_side_are_counted_as_they_end() -> None:
    """The plan has them end 100 s apart; here two end every 100 s: twice as fast as predicted."""
    making = TwoAtOnce(100)
    carried = making.carry()
    assert (carried.is_whole, carried.seconds) == (True, 210)
    assert [each.seconds for each in making.told] == [100, 0, 100, 0]
    assert making.told[1].left_seconds == pytest.approx(200 * 110 / 210)


def test_side_by_side_a_chunk_takes_what_one_took_from_its_own_begin() -> None:
    """Two begin after 10 s, and end after 60 and 110."""
    making = TwoAtOnce(50, law=None, apart=50)
    assert making.carry(Limits(after=timedelta(seconds=209))).done == 2
    assert [each.left_seconds for each in making.told] == [150, 100]
    assert TwoAtOnce(50, law=None, apart=50).carry(Limits(after=timedelta(seconds=210))).done == 4


def test_a_limit_bounds_the_size_of_chunks() -> None:
    """What is left of it behind the start; the dollars are those of one core."""
    one = prices(["vcpu_hour=1", "memory_gb_hour=0"])
    assert Limits().longest_chunk(one, 1, 10.0) is None
    assert Limits(after=timedelta(seconds=250)).longest_chunk(one, 1, 10.0) == timedelta(seconds=240)
    both = Limits(after=timedelta(seconds=250), dollars=100 / 3600)
    assert both.longest_chunk(one, 1, 10.0) == timedelta(seconds=90)
    assert Limits(dollars=1.0).longest_chunk(prices(["vcpu_hour=0", "memory_gb_hour=0"]), 1, 10.0) is None
    assert Limits(after=timedelta(seconds=5)).longest_chunk(one, 1, 10.0) == timedelta(0)


def test_the_limit_is_asked_again_when_a_chunk_has_ended() -> None:
    """The second chunk was to end after 210 s; the first was so quick that there is time for all."""
    making = TwoAtOnce(50)
    carried = making.carry(Limits(after=timedelta(seconds=205)))
    assert [each.seconds for each in making.told] == [50, 50, 0, 50], "the second began behind the first"
    assert (carried.done, carried.stopped) == (4, "")


def test_what_a_backfill_outdated_inside_its_span_is_made_too() -> None:
    """Two days behind the first lack something, then one of them, then nothing."""
    making = Making(100)
    carried = making.carry_through(left(days(1, 3)), left(days(2, 3)), left())
    assert making.made[4:] == [days(1, 2), days(2, 3), days(2, 3)]
    assert (carried.is_whole, carried.done, carried.of, carried.left) == (True, 7, 7, ())
    assert (carried.seconds, carried.predicted, len(carried.results)) == (710, 710, 7)
    assert making.begun == [10], "Spark starts once"


def test_where_all_was_made_and_the_same_is_lacking_it_is_told() -> None:
    making = Making(100)
    carried = making.carry_through(left(days(1, 3)), left(days(1, 3)))
    assert len(making.made) == 4 + 2
    assert carried.left == (PINGS.name,)


def test_what_is_outdated_again_and_again_is_not_made_for_ever() -> None:
    plans = [left(days(n % 2, n % 2 + 1)) for n in range(MOST_PLANS)]
    making = Making(100)
    assert making.carry_through(*plans).left == (PINGS.name,)
    assert len(making.made) == 4 + MOST_PLANS - 1


def test_the_limits_hold_for_what_a_backfill_outdated_too() -> None:
    """After 410 s a chunk of the second plan ends after 510, the next would after 610."""
    making = Making(100)
    carried = making.carry_through(left(days(1, 3)), limits=Limits(after=timedelta(seconds=600)))
    assert (carried.done, carried.of, carried.left) == (5, 6, ())
    assert carried.stopped == "the next chunk would end after 10.2 min, and --stop-after is 10.0 min"


def test_behind_what_failed_nothing_is_planned_anew() -> None:
    making = Making(100, failing=4)
    assert (making.carry_through().done, len(making.made)) == (3, 4)


def test_a_limit_is_less_by_what_passed() -> None:
    assert Limits(timedelta(seconds=100), 2.0).left(30, 0.5) == Limits(timedelta(seconds=70), 1.5)
    assert Limits(timedelta(seconds=100), 2.0).left(130, 2.5) == Limits(timedelta(0), 0.0)
    assert Limits().left(130, 2.5) == Limits()
