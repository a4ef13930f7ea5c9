"""Naive oracle, part 19: which feature rows are written, and which one a reader may see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from support.oracle_silver import Silver
from support.oracle_ticks import Features
from support.oracle_views import Key, View, parts_of
from support.oracle_windows import DAY

Row = dict[str, Any]
Held = Collection[datetime]


def rows_written(
    silver: Silver, view: View, start: datetime, end: datetime, held: Held = frozenset()
) -> list[Row]:
    """The rows of revision 0 of an interval of known time, by key and instant."""
    rows = []
    for instant in view.instants(start, end):
        for entity in sorted(view.entities(silver, instant), key=parts_of):
            row = row_written(silver, view, entity, instant, held)
            rows += [row] if row is not None else []
    return sorted(rows, key=lambda row: (*(row[name] for name in view.keys), row["event_timestamp"]))


def row_written(
    silver: Silver, view: View, entity: Key, instant: datetime, held: Held = frozenset()
) -> Row | None:
    """The row of the entity at the instant: a change, a heartbeat, a closing row, or none.

    An instant that is held has no row, and is not what the next one is compared with.
    """
    if instant in held:
        return None
    now = view.values(silver, entity, instant)
    skipped, earlier = since_last_served(view, instant, held)
    before = None if earlier is None else view.values(silver, entity, earlier)
    clocks = {
        **view.key_columns(entity),
        "event_timestamp": instant,
        "available_at": view.available_at(instant),
    }
    if now is None:
        return None if before is None else {**clocks, **dict.fromkeys(before), **view.dead}
    is_beat = any(view.is_heartbeat(entity, each) for each in (instant, *skipped))
    if without_tick(now) != without_tick(before) or is_beat:
        return {**clocks, **now}
    return None


def since_last_served(view: View, instant: datetime, held: Held) -> tuple[list[datetime], datetime | None]:
    """The held instants right before this one, and the one before them, which was served.

    None for the latter where it lies further back than a row is read: two days of ticks, eight cuts.
    """
    skipped: list[datetime] = []
    earlier = view.instant_before(instant)
    while earlier in held:
        skipped.append(earlier)
        earlier = view.instant_before(earlier)
        if len(skipped) >= view.instants_in(view.ttl // DAY):
            return skipped, None
    return skipped, earlier


def point_in_time(rows: Sequence[Row], decision_at: datetime, ttl: timedelta) -> Row | None:
    """Of one entity's rows, the newest available at the decision and within the TTL; None without one."""
    seen = [row for row in rows if decision_at - ttl <= row["available_at"] <= decision_at]
    return max(seen, key=lambda row: row["available_at"], default=None)


def served_row(
    silver: Silver, view: View, entity: Key | None, decision_at: datetime, held: Held = frozenset()
) -> Row | None:
    """What point_in_time finds among all rows ever written, looking backwards from the decision."""
    if entity is None or None in parts_of(entity):
        return None
    for instant in reversed(view.instants(decision_at - view.ttl - 2 * DAY, decision_at)):
        if decision_at - view.ttl <= view.available_at(instant) <= decision_at:
            row = row_written(silver, view, entity, instant, held)
            if row is not None:
                return row
    return None


def without_tick(features: Features | None) -> Features | None:
    """The values whose change is worth a row."""
    if features is None:
        return None
    return {name: value for name, value in features.items() if name != "tick_at"}
