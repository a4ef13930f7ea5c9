"""What was made of an interval, released: features tables and the newest instant that readers get of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lakehouse.completeness import Completeness
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.tables import Lakehouse
from roadside.graph import Step, sources_read
from validation.clocks import TICK, TICK_DELAY, Interval, daily_available_at


def release_features(
    lakehouse: Lakehouse,
    completeness: Completeness,
    releases: Releases,
    interval: Interval,
    steps: Sequence[Step],
) -> None:
    """Release the steps' features tables as they are now.

    For the last tick of the interval (daily views: its last cut) at which no source holds the view: rows of
    earlier ticks come out with it, and at a held one there are none. Views held all along are not released.
    """
    last: dict[tuple[ReleaseKind, tuple[str, ...]], datetime | None] = {}
    out: dict[tuple[ReleaseKind, datetime], dict[str, int]] = {}
    for step in (each for each in steps if each.is_features):
        kind = ReleaseKind.DAILY if step.is_daily else ReleaseKind.TICK
        sources = sources_read(step)
        if (kind, sources) not in last:
            last[kind, sources] = _last_free(completeness, sources, interval, kind)
        at = last[kind, sources]
        heads = {} if at is None else {table.name: lakehouse.head(table) for table in step.tables}
        for name, head in heads.items():
            if at is not None and head is not None:
                out.setdefault((kind, at), {})[name] = head
    for (kind, at), tables in sorted(out.items(), key=lambda each: each[0][1]):
        promised = daily_available_at(at) if kind is ReleaseKind.DAILY else at + TICK_DELAY
        releases.publish(kind, at, promised, tables)


def _last_free(
    completeness: Completeness, sources: Sequence[str], interval: Interval, kind: ReleaseKind
) -> datetime | None:
    """The last instant of the interval that none of the sources holds; None if they hold all of them."""
    if kind is ReleaseKind.DAILY:
        cuts = reversed(interval.cuts())
        return next((cut for cut in cuts if not completeness.held_ticks(sources, _tick(cut))), None)
    if not completeness.held_ticks(sources, _tick(interval.end)):
        return interval.end
    free = completeness.last_complete_tick(sources, interval.end)
    return free if interval.holds(free) else None


def _tick(end: datetime) -> Interval:
    return Interval(end - TICK, end)
