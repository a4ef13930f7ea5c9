"""What landed over a range, by source and hour or day: lines = bronze + quarantined, and what waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse.landed_counts import LandedTick, landed_by_tick
from lakehouse.ops import Ops
from validation.clocks import TICK, Interval

BY_HOUR = timedelta(days=3)
"""Longer ranges are told by day."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class LandedBar:
    """What became known in one hour or day, named by its start."""

    start: datetime
    lines: int = 0
    bronze: int = 0
    quarantined: int = 0
    unread: int = 0


@dataclass(frozen=True)
class Landed:
    """One source over the range.

    Attributes:
        bars: one an hour or day of the range, empty ones too.
        unread: objects that no run has read to the end: they wait.
        unbalanced: objects with a line neither in bronze nor in quarantine.
    """

    source: str
    objects: int
    lines: int
    bronze: int
    quarantined: int
    unread: int
    unbalanced: int
    bars: tuple[LandedBar, ...]

    @property
    def is_balanced(self) -> bool:
        """Whether every line that was read is in bronze or in quarantine."""
        return not self.unbalanced


def landed(ops: Ops, sources: Sequence[str], interval: Interval) -> tuple[Landed, ...]:
    """Each of the sources, in their order."""
    ticks: dict[str, list[LandedTick]] = {source: [] for source in sources}
    for tick in landed_by_tick(ops, sources, interval):
        ticks[tick.source].append(tick)
    return tuple(_of_source(source, ticks[source], interval) for source in sources)


def width_of(interval: Interval) -> timedelta:
    """An hour, or a day where the range is longer than three."""
    return HOUR if interval.end - interval.start <= BY_HOUR else DAY


def _of_source(source: str, ticks: Sequence[LandedTick], interval: Interval) -> Landed:
    return Landed(
        source,
        sum(tick.objects for tick in ticks),
        sum(tick.lines for tick in ticks),
        sum(tick.bronze_rows for tick in ticks),
        sum(tick.quarantined_rows for tick in ticks),
        sum(tick.unread for tick in ticks),
        sum(tick.unbalanced for tick in ticks),
        tuple(_bars(ticks, interval)),
    )


def _bars(ticks: Sequence[LandedTick], interval: Interval) -> Iterable[LandedBar]:
    """A tick belongs to the hour or day that it began in."""
    width = width_of(interval)
    found: defaultdict[datetime, list[LandedTick]] = defaultdict(list)
    for tick in ticks:
        found[_floor(tick.known_at - TICK, width)].append(tick)
    start = _floor(interval.start, width)
    while start < interval.end:
        of_bar = found[start]
        yield LandedBar(
            start,
            sum(tick.lines for tick in of_bar),
            sum(tick.bronze_rows for tick in of_bar),
            sum(tick.quarantined_rows for tick in of_bar),
            sum(tick.unread for tick in of_bar),
        )
        start += width


def _floor(moment: datetime, width: timedelta) -> datetime:
    hour = 0 if width == DAY else moment.hour
    return moment.replace(hour=hour, minute=0, second=0, microsecond=0)
