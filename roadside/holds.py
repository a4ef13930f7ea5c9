"""Which instants of a feature view are held, by which source, and through when its readers are served.

A view's instant (a tick, or a business-day cut) is held if a source it reads is incomplete there.
It has no row; readers keep the values of the last instant that is not held, and see their age.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.completeness import Completeness
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from roadside.graph import Step, sources_read, step_named
from validation.clocks import TICK, Interval

_FIRST_LOOK = timedelta(days=2)  # holds an instant of every view


@dataclass(frozen=True)
class Hold:
    """A source that holds a view's newest instant.

    Attributes:
        at: the newest instant; since: the first of the instants held without a break until it.
        last_object_at: the newest stamp of the source known at the instant.
        expected_objects, found_objects: heartbeats of the instant's last 15 minutes.
        expected_records: the median of the same tick on the 7 days before; None without history.
    """

    source: str
    at: datetime
    since: datetime
    last_object_at: datetime | None
    expected_objects: int
    found_objects: int
    expected_records: int | None


def completeness_of(settings: Settings, ops: Ops) -> Completeness:
    """The verdicts under these settings."""
    return Completeness(ops, settings.heartbeats)


def view_holds(completeness: Completeness, view: str, through: datetime) -> tuple[Hold, ...]:
    """The sources that hold the view's newest instant, `through` or the last before it, by name."""
    step = step_named(f"features.{view}")
    newest = _instants(step, Interval(through - _FIRST_LOOK, through))[-1]
    holds = []
    for source in sources_read(step):
        for lack in completeness.incomplete(source, Interval(newest - TICK, newest)):
            holds.append(
                Hold(
                    source,
                    newest,
                    _held_at_end(completeness, step, [source], through)[0],
                    lack.last_object_at,
                    lack.expected_objects,
                    lack.found_objects,
                    completeness.expected_records(source, newest),
                )
            )
    return tuple(holds)


def held_teller(settings: Settings, ops: Ops) -> Callable[[str, Interval], list[datetime]]:
    """A function from a features table and an interval to the view's instants there that are held."""
    completeness = completeness_of(settings, ops)

    def held(table: str, interval: Interval) -> list[datetime]:
        step = step_named(table)
        ticks = completeness.held_ticks(sources_read(step), interval)
        return [instant for instant in _instants(step, interval) if instant in ticks]

    return held


def served_through(completeness: Completeness, view: str, through: datetime) -> datetime:
    """The last tick, at most `through`, at which readers have what the view says.

    That is `through` itself, or the tick before the instants that are held until then.
    """
    step = step_named(f"features.{view}")
    held = _held_at_end(completeness, step, sources_read(step), through)
    return held[0] - TICK if held else through


def _held_at_end(
    completeness: Completeness, step: Step, sources: Sequence[str], through: datetime
) -> list[datetime]:
    """The instants held without a break until the newest, in order; none if that is not held."""
    look = _FIRST_LOOK
    while True:  # ends: before its first object a source holds nothing
        looked_at = Interval(through - look, through)
        held = completeness.held_ticks(sources, looked_at)
        instants = _instants(step, looked_at)
        free = [number for number, instant in enumerate(instants, start=1) if instant not in held]
        if free:
            return instants[free[-1] :]
        look *= 4


def _instants(step: Step, interval: Interval) -> list[datetime]:
    return interval.cuts() if step.is_daily else list(interval.ticks())
