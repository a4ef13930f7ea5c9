"""Materialized intervals, kept few: those that touch or overlap are one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def merged(intervals: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same moments in the fewest intervals, in order.

    >>> from datetime import UTC
    >>> of = lambda hour: datetime(2026, 3, 10, hour, tzinfo=UTC)
    >>> [(a.hour, b.hour) for a, b in merged([(of(5), of(7)), (of(1), of(2)), (of(2), of(3))])]
    [(1, 3), (5, 7)]
    """
    few: list[tuple[datetime, datetime]] = []
    for start, end in sorted(intervals):
        if few and start <= few[-1][1]:
            few[-1] = (few[-1][0], max(few[-1][1], end))
        else:
            few.append((start, end))
    return few
