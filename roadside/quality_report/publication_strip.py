"""Views by instants: when each was published against its promise, which were held, which are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.ops import Ops
from lakehouse.releases import Releases
from lakehouse.settings import Settings
from roadside.holds import held_teller
from roadside.quality_report.scope import Scope
from roadside.standing import is_daily
from validation.clocks import TICK, TICK_DELAY, Interval, daily_available_at
from validation.contract import Table
from validation.contracts import table_named

CELLS = 96
"""Instants of a strip: the last of the range; a day of ticks."""
A_LITTLE, MUCH = timedelta(minutes=5), timedelta(minutes=15)
"""Lateness from which the board says amber, and red."""
AFTER_THE_FACT = timedelta(days=1)
"""History that is made anew comes out so late, or later."""


@dataclass(frozen=True)
class Cell:
    """One instant of a view.

    Attributes:
        state: in_time | late | later | latest | after_the_fact | held | missing.
        delay: of publication behind the promise; None of what is held or missing.
    """

    at: datetime
    state: str
    delay: timedelta | None = None


@dataclass(frozen=True)
class Strip:
    """One view, and how long after an instant it promises its values (a daily one, at 06:00 ET)."""

    view: str
    is_daily: bool
    cells: tuple[Cell, ...]

    def count(self, *states: str) -> int:
        """The cells in one of these states."""
        return sum(each.state in states for each in self.cells)

    @property
    def worst(self) -> timedelta | None:
        """The longest delay, if any was late."""
        delays = [each.delay for each in self.cells if each.delay is not None and each.delay > timedelta(0)]
        return max(delays, default=None)


def strips(settings: Settings, ops: Ops, scope: Scope) -> tuple[Strip, ...]:
    """Each of the scope's views."""
    end = scope.interval.end
    shown = Interval(max(scope.interval.start, end - CELLS * TICK), end)
    published = Releases(ops, _no_clock).by_table(after=scope.interval.start)
    held = held_teller(settings, ops)
    told = []
    for view in scope.views:
        table = table_named(f"features.{view}")
        span = scope.interval if is_daily(table) else shown
        out = held(table.name, span)
        cells = [_cell(table, at, published.get(table.name, []), at in out) for at in instants(table, span)]
        told.append(Strip(view, is_daily(table), tuple(cells[-CELLS:])))
    return tuple(told)


def instants(table: Table, interval: Interval) -> list[datetime]:
    """The interval's ticks, or its business-day cuts."""
    return interval.cuts() if is_daily(table) else list(interval.ticks())


def promised_at(table: Table, at: datetime) -> datetime:
    """When the instant's values are promised."""
    return daily_available_at(at) if is_daily(table) else at + TICK_DELAY


def state_of(delay: timedelta) -> str:
    """What a delay behind the promise is called.

    >>> [state_of(timedelta(minutes=each)) for each in (-3, 0, 5, 6, 16, 2000)]
    ['in_time', 'in_time', 'late', 'later', 'latest', 'after_the_fact']
    """
    if delay <= timedelta(0):
        return "in_time"
    if delay > AFTER_THE_FACT:
        return "after_the_fact"
    return "late" if delay <= A_LITTLE else "later" if delay <= MUCH else "latest"


def _cell(table: Table, at: datetime, releases: Sequence[tuple[datetime, datetime]], is_held: bool) -> Cell:
    """A release holds the instants up to its own, so the first that came out of a later one holds it too."""
    if is_held:
        return Cell(at, "held")
    first = min((out for tick, out in releases if tick >= at), default=None)
    if first is None:
        return Cell(at, "missing")
    delay = first - promised_at(table, at)
    return Cell(at, state_of(delay), delay)


def _no_clock() -> datetime:
    raise AssertionError("Reading the ledger asks for no time.")
