"""How much an interval of a table holds, by day: as its manifests say, or as its neighbour days make likely.

What is not made yet is estimated: the median of the nearest whole days that are, times how much landed on
the day to how much landed on those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING

from validation.clocks import Interval

if TYPE_CHECKING:
    from roadside.graph import Step

NEIGHBOURS = 7
"""Days that an estimate is made of: each weekday once."""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Volume:
    """Rows and bytes; how many of the rows are estimated; whether some could not be."""

    rows: float = 0.0
    bytes: float = 0.0
    estimated_rows: float = 0.0
    is_known: bool = True

    def __add__(self, other: Volume) -> Volume:
        """Both together."""
        return Volume(
            self.rows + other.rows,
            self.bytes + other.bytes,
            self.estimated_rows + other.estimated_rows,
            self.is_known and other.is_known,
        )

    def times(self, share: float) -> Volume:
        """That share of it."""
        return Volume(self.rows * share, self.bytes * share, self.estimated_rows * share, self.is_known)


def total(volumes: Iterable[Volume]) -> Volume:
    """All together."""
    found = Volume()
    for each in volumes:
        found += each
    return found


@dataclass(frozen=True)
class DailyVolumes:
    """A table by day of known time.

    Attributes:
        there: what the partitions hold.
        lacking: known time that was never made; merged, in order.
        landed: bytes by day that landed of the sources it comes from; None of what landed itself.
    """

    there: Mapping[date, Volume]
    lacking: Sequence[Interval] = ()
    landed: Mapping[date, float] | None = None

    def of(self, interval: Interval) -> Volume:
        """What the interval holds or will hold; of a day in part, the same part of its rows."""
        rows = size = estimated = 0.0
        is_known = True
        for day in interval.known_dates():  # summed bare: a plan asks for hundreds of thousands of days
            held, share = self._day(day), _share(day, interval)
            rows += held.rows * share
            size += held.bytes * share
            estimated += held.estimated_rows * share
            is_known = is_known and held.is_known
        return Volume(rows, size, estimated, is_known)

    def _day(self, day: date) -> Volume:
        if day not in self._days:
            there = self.there.get(day, Volume())
            share = self._lacking_share.get(day, 0.0)
            self._days[day] = there if share == 0 else there + self._likely(day).times(share)
        return self._days[day]

    def _likely(self, day: date) -> Volume:
        if self.landed is not None and not self.landed.get(day):
            return Volume()  # nothing landed, and nothing comes of it
        whole = [
            each
            for each in self.there
            if each not in self._lacking_share and (self.landed is None or each in self.landed)
        ]
        near = sorted(whole, key=lambda each: (abs(each - day), each))[:NEIGHBOURS]
        if not near:
            return Volume(is_known=False)
        rows, size = (
            median(self.there[each].rows for each in near),
            median(self.there[each].bytes for each in near),
        )
        scale = 1.0
        if self.landed is not None and (usual := median(self.landed[each] for each in near)):
            scale = self.landed[day] / usual
        return Volume(rows * scale, size * scale, rows * scale)

    @cached_property
    def _days(self) -> dict[date, Volume]:
        return {}

    @cached_property
    def _lacking_share(self) -> dict[date, float]:
        shares: dict[date, float] = {}
        for each in self.lacking:
            for day in each.known_dates():
                shares[day] = shares.get(day, 0.0) + _share(day, each)
        return shares


def _share(day: date, interval: Interval) -> float:
    """How much of the day lies in the interval."""
    start = datetime.combine(day, time(0), UTC)
    inside = min(start + _DAY, interval.end) - max(start, interval.start)
    return max(inside / _DAY, 0.0)


VolumeOf = Callable[[str, Interval], Volume]
"""Rows and bytes of an interval of a table, or of what landed of a source: `landing.<source>`."""

LANDING = "landing."


def inputs_of(step: Step) -> Mapping[str, timedelta]:
    """What the step reads and how far back; of a source's step, what landed of the source."""
    return step.reads if step.build is not None else {LANDING + step.name.partition(".")[2]: timedelta(0)}
