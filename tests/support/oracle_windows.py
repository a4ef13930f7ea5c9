"""Naive oracle, part 3: windows of event time, and the arithmetic over what lies in them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from operator import attrgetter
from typing import Any, TypeVar

from support.oracle_records import business_date, business_day_start

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HORIZON = 24 * HOUR
ARRIVAL_MINUTES = (*range(5, 185, 5), 240, 300, 360, 720)
PROMISE_MINUTES = (-60, -45, -30, -20, -15, -10, -5, 0, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 360)
ON_SCENE_MINUTES = (*range(5, 65, 5), 75, 90, 120, 180, 240, 480)
AGE_MINUTES = (5, 10, 15, 20, 25, 30, 40, 50, 60, 90, 120, 180, 240, 360, 720, 1440)
RESPONSE_SECONDS = (5, 10, 15, 20, 30, 45, 60, 75, 90, 120, 180, 300, 600, 900, 1800, 3600, 7200)
SPEED_KMH = (*range(5, 65, 5), *range(70, 140, 10), 200)

Dated = TypeVar("Dated")


@dataclass(frozen=True)
class Window:
    """[start, end) of event time."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime | None) -> bool:
        """Whether the moment lies inside; None lies nowhere."""
        return moment is not None and self.start <= moment < self.end

    def has_ended_by(self, moment: datetime | None) -> bool:
        """Whether it happened before the window ends; what lies ahead does not count yet."""
        return moment is not None and moment < self.end


def last(span: timedelta, tick: datetime) -> Window:
    """The window of that length that ends at the tick."""
    return Window(tick - span, tick)


def business_days(count: int, cut: datetime) -> Window:
    """The last business days before a cut at 03:00 ET, 23- and 25-hour days included."""
    return Window(business_day_start(business_date(cut) - count * DAY), cut)


def within(ordered: Sequence[Dated], window: Window) -> Sequence[Dated]:
    """Those whose event_timestamp the window holds, of some that are in its order."""
    by = attrgetter("event_timestamp")
    return ordered[bisect_left(ordered, window.start, key=by) : bisect_left(ordered, window.end, key=by)]


def known_of(records: Iterable[Any], tick: datetime, corrected: bool) -> list[Any]:
    """Of records that had happened before the tick, the known ones; corrected: all of them."""
    return [each for each in records if corrected or each.known_at <= tick]


def ratio(part: int, whole: int) -> float | None:
    """part / whole; null without support."""
    return None if whole == 0 else part / whole


def minutes(duration: timedelta) -> Fraction:
    """A duration in minutes, exactly."""
    return Fraction(duration // timedelta(microseconds=1), 60_000_000)


def bucket_quantile(
    values: Sequence[int | float | Fraction], percent: int, upper_edges: Sequence[int]
) -> int | None:
    """Upper edge of the bucket (lower, upper] that holds rank ceil(percent/100 * n).

    The last bucket is open and reported as its edge.
    """
    if not values:
        return None
    rank = -(-percent * len(values) // 100)
    for edge in upper_edges:
        if sum(value <= edge for value in values) >= rank:
            return edge
    return upper_edges[-1]
