"""A home whose views are served: the definitions of feature_repo/ over hand-made rows, without Spark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lakehouse import feast_edge
from lakehouse.redis_server import stop_redis
from lakehouse.settings import Settings, load_settings
from roadside.online_state import complete
from support.feature_lake import put
from support.feature_rows import at, feature_row, start_empty_redis, tick_row
from validation.clocks import TICK_DELAY
from validation.contracts import table_named

TICKS = [at(17, 30), at(17, 45), at(18), at(18, 15)]
CHANGING = ("provider_activity_15m", "provider_fleet_15m", "zone_demand_15m")
STANDING = ("zone_supply_15m", "zone_traffic_15m", "area_dispatch_15m")
DAILY = ("provider_performance_1d", "provider_area_1d", "area_service_1d")
VIEWS = (*CHANGING, *STANDING, *DAILY)
NEW = "P4"
"""Asked for the first time in the tick of 18:00."""
STRANGER = "P9"
"""Nobody has heard of."""


def rows_of(view: str) -> list[tuple[Any, ...]]:
    """Providers change in every tick, zone Z1 in every second; the rest says one thing all day."""
    match view:
        case "provider_activity_15m":
            return [
                tick_row(view, provider, tick, offers_60m_count=10 * number + place)
                for number, tick in enumerate(TICKS)
                for place, provider in enumerate(("P1", "P2", "P3", NEW))
                if provider != NEW or tick >= at(18)
            ]
        case "provider_fleet_15m":
            return [
                tick_row(view, provider, tick, drivers_on_duty_count=number)
                for number, tick in enumerate(TICKS)
                for provider in ("P1", "P2", "P3")
            ]
        case "zone_demand_15m":
            changes = [tick_row(view, "Z1", tick, requests_15m_count=tick.minute) for tick in TICKS[::2]]
            return [*changes, tick_row(view, "Z2", TICKS[0], requests_15m_count=9)]
        case "provider_performance_1d":
            return [feature_row(view, "P1", at(7), at(10), arrivals_28d_count=8)]
        case "area_service_1d":
            return [feature_row(view, "A1|tow", at(7), at(10), requests_28d_count=80)]
        case _:
            return [tick_row(view, "A1" if view.startswith("area") else "Z1", TICKS[0], tick_at=TICKS[0])]


@dataclass(frozen=True)
class Platform:
    """Tables, registry and Redis of a served home."""

    settings: Settings
    store: Any

    def release(self, tick: datetime, *views: str) -> None:
        """Write the rows of the tick to Redis."""
        for view in views:
            feast_edge.materialize(self.store, view, tick, tick + TICK_DELAY)
            complete(self.store, view, tick + TICK_DELAY)

    def start_day(self) -> None:
        """An empty Redis gets what stands, and the first tick."""
        start_empty_redis(self.settings)
        for view in (*STANDING, *DAILY):
            feast_edge.materialize(self.store, view, at(0), TICKS[0] + TICK_DELAY)
            complete(self.store, view, TICKS[0] + TICK_DELAY)
        self.release(TICKS[0], *CHANGING)


@contextmanager
def served_home(folder: Path) -> Iterator[Settings]:
    """Settings of a home whose tables hold `rows_of` each view, definitions applied, its Redis running."""
    settings = load_settings({"ROADSIDE_HOME": str(folder)})
    for view in VIEWS:
        table = table_named(f"features.{view}")
        rows = [] if view == "provider_area_1d" else rows_of(view)
        put(settings, table, *(dict(zip(table.column_names, row, strict=True)) for row in rows))
    start_empty_redis(settings)
    try:
        named = load_settings(settings.environment())
        feast_edge.apply(named)
        yield named
    finally:
        stop_redis(settings)
