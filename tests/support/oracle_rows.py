"""Naive oracle, part 6: which feature rows are written, and which one a reader may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import h3

from support.oracle_days import provider_performance_1d
from support.oracle_records import (
    EASTERN,
    EPOCH,
    TICK,
    business_date,
    business_day_start,
    tick_end,
)
from support.oracle_ticks import DAY, Features, Silver, provider_activity_15m, zone_demand_15m

Row = dict[str, Any]


@dataclass(frozen=True)
class View:
    """A feature view as the oracle needs it: its key, its values, its rhythm."""

    name: str
    key: str
    values: Callable[[Silver, str, datetime], Features | None]
    entities: Callable[[Silver, datetime], set[str]]
    ttl: timedelta
    is_daily: bool

    def instants(self, start: datetime, end: datetime) -> list[datetime]:
        """Ticks (or cuts) T with start < T <= end."""
        instants = []
        if self.is_daily:
            day = business_date(start)
            while business_day_start(day) <= end:
                instants += [business_day_start(day)] if business_day_start(day) > start else []
                day += DAY
        else:
            tick = tick_end(start)
            while tick <= end:
                instants.append(tick)
                tick += TICK
        return instants

    def instant_before(self, instant: datetime) -> datetime:
        """The tick (or cut) before."""
        return business_day_start(business_date(instant) - DAY) if self.is_daily else instant - TICK

    def available_at(self, instant: datetime) -> datetime:
        """When a reader could first have the row: 06:00 ET of the cut's day, or 5 minutes later."""
        if not self.is_daily:
            return instant + timedelta(minutes=5)
        day = instant.astimezone(EASTERN)
        return datetime(day.year, day.month, day.day, 6, tzinfo=EASTERN).astimezone(instant.tzinfo)

    def is_heartbeat(self, key: str, instant: datetime) -> bool:
        """Whether a live entity's row is written even if nothing changed."""
        return self.is_daily or (instant - EPOCH) // TICK % 96 == crc32(key.encode()) % 96


def providers_asked(silver: Silver, instant: datetime) -> set[str]:
    """Every provider with an offer known."""
    return {each.provider_id for each in silver.at(instant).offers.values() if each.provider_id}


def zones_near_requests(silver: Silver, instant: datetime) -> set[str]:
    """Every zone within four rings of a request known."""
    zones: set[str] = set()
    for job in silver.at(instant).jobs.values():
        if job.zone_id is not None:
            zones |= set(h3.grid_disk(job.zone_id, 4))
    return zones


PROVIDER_ACTIVITY = View(
    "provider_activity_15m", "provider_id", provider_activity_15m, providers_asked, 2 * DAY, False
)
ZONE_DEMAND = View("zone_demand_15m", "zone_id", zone_demand_15m, zones_near_requests, 2 * DAY, False)
PROVIDER_PERFORMANCE = View(
    "provider_performance_1d", "provider_id", provider_performance_1d, providers_asked, 8 * DAY, True
)
VIEWS = {view.name: view for view in (PROVIDER_ACTIVITY, ZONE_DEMAND, PROVIDER_PERFORMANCE)}


def rows_written(silver: Silver, view: View, start: datetime, end: datetime) -> list[Row]:
    """The rows of revision 0 of an interval of known time, by key and instant."""
    rows = []
    for instant in view.instants(start, end):
        for key in view.entities(silver, instant):
            row = row_written(silver, view, key, instant)
            rows += [row] if row is not None else []
    return sorted(rows, key=lambda row: (row[view.key], row["event_timestamp"]))


def row_written(silver: Silver, view: View, key: str, instant: datetime) -> Row | None:
    """The row of the entity at the instant: a change, a heartbeat, a closing row, or none."""
    now = view.values(silver, key, instant)
    before = view.values(silver, key, view.instant_before(instant))
    clocks = {
        view.key: key,
        "event_timestamp": instant,
        "available_at": view.available_at(instant),
    }
    if now is None:
        return None if before is None else {**clocks, **dict.fromkeys(before)}
    if _without_tick(now) != _without_tick(before) or view.is_heartbeat(key, instant):
        return {**clocks, **now}
    return None


def point_in_time(rows: Sequence[Row], decision_at: datetime, ttl: timedelta) -> Row | None:
    """Of one entity's rows, the newest available at the decision and within the TTL; None without one."""
    seen = [row for row in rows if decision_at - ttl <= row["available_at"] <= decision_at]
    return max(seen, key=lambda row: row["available_at"], default=None)


def served_row(silver: Silver, view: View, key: str | None, decision_at: datetime) -> Row | None:
    """What point_in_time finds among all rows ever written, looking backwards from the decision."""
    if key is None:
        return None
    for instant in reversed(view.instants(decision_at - view.ttl - 2 * DAY, decision_at)):
        if decision_at - view.ttl <= view.available_at(instant) <= decision_at:
            row = row_written(silver, view, key, instant)
            if row is not None:
                return row
    return None


def _without_tick(features: Features | None) -> Features | None:
    if features is None:
        return None
    return {name: value for name, value in features.items() if name != "tick_at"}
