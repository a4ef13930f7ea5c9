"""Which known time must be made again for what changed, and how long that takes by what runs took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.ops import Ops
from lakehouse.run_history import (
    Measured,
    codes_by_table,
    made_by_other_code,
    made_by_table,
    measured,
    merged,
)
from lakehouse.settings import Settings
from roadside.expired import kept_as_it_is
from roadside.graph import STEPS, Step, downstream
from roadside.runner import step_version
from roadside.standing import has_ops
from validation.clocks import Interval, tick_start


@dataclass(frozen=True)
class Recomputed:
    """A table to be made again.

    Attributes:
        intervals: known time that other code made, or that is made of such; merged, in order.
        reads_from: how far back its inputs are read for the first of them; None of what is ingested.
        measured: None where no run of it was measured.
    """

    table: str
    step: str
    intervals: tuple[Interval, ...]
    reads_from: datetime | None
    measured: Measured | None

    @property
    def known_hours(self) -> float:
        """How much known time that is."""
        return sum((each.end - each.start) / timedelta(hours=1) for each in self.intervals)

    @property
    def predicted_seconds(self) -> float | None:
        """How long it takes by itself, as long as what was measured."""
        return self.known_hours * self.measured.seconds_an_hour if self.measured else None


@dataclass(frozen=True)
class Recomputing:
    """What a home has to make again.

    Attributes:
        tables: those that changes touch, in the order of the road.
        beside: tables that other code made too, and that no change of a declaration touches.
    """

    tables: tuple[Recomputed, ...]
    beside: tuple[str, ...]

    @property
    def predicted_seconds(self) -> float:
        """All that was measured, one after the other; steps that run side by side take less."""
        return sum(each.predicted_seconds or 0.0 for each in self.tables)


def recomputing(settings: Settings, touched: Iterable[str]) -> Recomputing | None:
    """What the touched tables need made again here; None without a ledger of runs."""
    if not has_ops(settings):
        return None
    ops, names = Ops(settings.ops_url), set(touched)
    steps = [(step, name) for step in STEPS for name in step.writes]
    kept, of_table = kept_as_it_is(ops, STEPS), made_by_table(ops)
    stale = {
        name: kept.wanted(step, name, made_by_other_code(ops, name, step_version(step, settings)))
        for step, name in steps
        if name in names
    }
    made = {
        name: kept.wanted(step, name, of_table[name].intervals)
        for step, name in steps
        if name in names and name in of_table
    }
    wanted = widened(stale, made)
    codes = codes_by_table(ops)
    return Recomputing(
        tuple(_recomputed(ops, step, name, wanted[name]) for step, name in steps if wanted.get(name)),
        tuple(
            sorted(
                name
                for step, name in steps
                if name not in names and codes.get(name, set()) - {step_version(step, settings)}
            )
        ),
    )


def widened(
    stale: Mapping[str, Sequence[Interval]], made: Mapping[str, Sequence[Interval]]
) -> dict[str, list[Interval]]:
    """The stale known time, and what was made of it: as far on as the look-back of each later step reaches.

    Both by table; only tables among `stale` are looked at, and only known time that was made.
    """
    wanted = {name: list(intervals) for name, intervals in stale.items()}
    for step in STEPS:
        mine = [each for name in step.writes for each in stale.get(name, ())]
        for later, reach in downstream(step):
            for name in later.writes:
                if name in wanted:
                    wanted[name] += [
                        part
                        for each in mine
                        for part in _within(made.get(name, ()), each.start, each.end + reach)
                    ]
    return {name: merged(intervals) for name, intervals in wanted.items()}


def _within(intervals: Sequence[Interval], start: datetime, end: datetime) -> list[Interval]:
    return [
        Interval(max(each.start, start), min(each.end, _tick_after(end)))
        for each in intervals
        if each.start < end and each.end > start
    ]


def _tick_after(moment: datetime) -> datetime:
    start = tick_start(moment)
    return start if start == moment else start + timedelta(minutes=15)


def _recomputed(ops: Ops, step: Step, name: str, intervals: Sequence[Interval]) -> Recomputed:
    back = max(step.reads.values(), default=None)
    first = None if back is None else intervals[0].widened(back).start
    return Recomputed(name, step.name, tuple(intervals), first, measured(ops, name))
