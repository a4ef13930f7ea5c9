"""Naive oracle, part 17: the views: keys, rhythm, sources, and whom each may speak of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import h3

from support.oracle_areas import area_dispatch_15m, market_dispatch_15m, program_dispatch_15m
from support.oracle_days import provider_performance_1d
from support.oracle_drivers import driver_state_15m
from support.oracle_fleet import provider_fleet_15m, zone_supply_15m
from support.oracle_hours import area_hour_1d
from support.oracle_job_states import job_state_15m
from support.oracle_profile import provider_profile_1d
from support.oracle_records import EASTERN, EPOCH, TICK, business_date, business_day_start, tick_end
from support.oracle_services import area_service_1d, provider_area_1d, provider_service_1d
from support.oracle_silver import Silver
from support.oracle_states import market_of
from support.oracle_ticks import Features, provider_activity_15m, zone_demand_15m
from support.oracle_traffic import fleet_pings_of_zone, readings_of_zone, zone_traffic_15m
from support.oracle_windows import DAY

Key = str | tuple[str, ...]


@dataclass(frozen=True)
class View:
    """A feature view as the oracle needs it: its keys, its values, its rhythm, its sources.

    Attributes:
        keys: the columns of the key. With one, an entity is its value; with several, their tuple.
        values: (silver, entity, instant, corrected) to every feature; None when it is not live.
        entities: (silver, instant) to everybody who lives or may have lived, as served.
        dead: what a dead entity reads, where it is not null.
    """

    name: str
    keys: tuple[str, ...]
    values: Callable[..., Features | None]
    entities: Callable[[Silver, datetime], set[Any]]
    sources: tuple[str, ...]
    is_daily: bool = False
    dead: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ttl(self) -> timedelta:
        """How long a row may be read after it became available."""
        return 8 * DAY if self.is_daily else 2 * DAY

    @property
    def key(self) -> str:
        """The key's only column."""
        (key,) = self.keys
        return key

    def key_columns(self, entity: Key) -> dict[str, str]:
        """The entity as columns."""
        return dict(zip(self.keys, parts_of(entity), strict=True))

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

    def instants_in(self, days: int) -> int:
        """How many ticks (or cuts) that many days hold; a cut is a day, be it of 23 or of 25 hours."""
        return days if self.is_daily else days * (DAY // TICK)

    def available_at(self, instant: datetime) -> datetime:
        """When a reader could first have the row: 06:00 ET of the cut's day, or 5 minutes later."""
        if not self.is_daily:
            return instant + timedelta(minutes=5)
        day = instant.astimezone(EASTERN)
        return datetime(day.year, day.month, day.day, 6, tzinfo=EASTERN).astimezone(instant.tzinfo)

    def is_heartbeat(self, entity: Key, instant: datetime) -> bool:
        """Whether a live entity's row is written even if nothing changed."""
        beat = crc32("|".join(parts_of(entity)).encode()) % 96
        return self.is_daily or (instant - EPOCH) // TICK % 96 == beat


def parts_of(entity: Key) -> tuple[str, ...]:
    """The key columns' values."""
    return (entity,) if isinstance(entity, str) else entity


def providers_asked(silver: Silver, instant: datetime) -> set[str]:
    """Every provider with an offer known."""
    return {each.provider_id for each in silver.at(instant).offers.values() if each.provider_id}


def zones_near_requests(silver: Silver, instant: datetime) -> set[str]:
    """Every zone within four rings of a request known."""
    return near({each.zone_id for each in silver.at(instant).jobs.values() if each.zone_id})


def drivers_reported(silver: Silver, instant: datetime) -> set[str]:
    """Every driver (token) with a status known."""
    return {
        driver_id
        for driver_id, statuses in silver.statuses_of_driver.items()
        if any(each.known_at <= instant for each in statuses)
    }


def providers_with_drivers(silver: Silver, instant: datetime) -> set[str]:
    """Every provider that a known status names."""
    return {each.data["provider_id"] for each in silver.provider_status if each.known_at <= instant}


def providers_asked_or_with_drivers(silver: Silver, instant: datetime) -> set[str]:
    """Every provider with an offer known, or that a known status names."""
    return providers_asked(silver, instant) | providers_with_drivers(silver, instant)


def zones_near_fixes(silver: Silver, instant: datetime) -> set[str]:
    """Every zone within four rings of a plausible fix known."""
    return near(places_known(silver.fixes_of_zone, instant))


def zones_measured(silver: Silver, instant: datetime) -> set[str]:
    """Every zone with a reading or a fleet ping known."""
    readings, pings = readings_of_zone(silver), fleet_pings_of_zone(silver)
    return places_known(readings, instant) | places_known(pings, instant)


def areas_worked(silver: Silver, instant: datetime) -> set[str]:
    """Every area with a request or a plausible fix known."""
    requested = {each.area_id for each in silver.at(instant).jobs.values() if each.area_id}
    return requested | places_known(silver.fixes_of_area, instant)


def markets_worked(silver: Silver, instant: datetime) -> set[str]:
    """Every market with a request or a plausible fix known."""
    return {str(market_of(area_id)) for area_id in areas_worked(silver, instant)}


def programs_asked(silver: Silver, instant: datetime) -> set[str]:
    """Every program of a job known."""
    programs = {each.fact("program_id") for each in silver.at(instant).jobs.values()}
    return programs - {None}


def jobs_known(silver: Silver, instant: datetime) -> set[str]:
    """Every job with an event known."""
    return set(silver.at(instant).jobs)


def provider_services(silver: Silver, instant: datetime) -> set[tuple[str, ...]]:
    """Every provider and service of an offer known."""
    offers = silver.at(instant).offers.values()
    return whole((each.provider_id, each.service_type) for each in offers)


def provider_areas(silver: Silver, instant: datetime) -> set[tuple[str, ...]]:
    """Every provider and area of an offer known."""
    return whole((each.provider_id, each.area_id) for each in silver.at(instant).offers.values())


def area_services(silver: Silver, instant: datetime) -> set[tuple[str, ...]]:
    """Every area and service of a request known."""
    jobs = silver.at(instant).jobs.values()
    return whole((each.area_id, each.requested_service_type) for each in jobs)


def area_hours(silver: Silver, instant: datetime) -> set[tuple[str, ...]]:
    """Every hour of the week in every area of a request known."""
    areas = {each.area_id for each in silver.at(instant).jobs.values() if each.area_id}
    return {(area_id, str(hour)) for area_id in areas for hour in range(7 * 24)}


def near(zones: set[str]) -> set[str]:
    """The zones and all within four rings of them."""
    return {cell for zone_id in zones for cell in h3.grid_disk(zone_id, 4)}


def places_known(of_place: Mapping[str, list[Any]], instant: datetime) -> set[str]:
    """The places where something is known."""
    return {place for place, found in of_place.items() if any(each.known_at <= instant for each in found)}


def whole(keys: Any) -> set[tuple[str, ...]]:
    """The keys that lack no part: rows without a service or area belong to no entity."""
    return {key for key in keys if None not in key}


DISPATCH, STATUS, PINGS, TRAFFIC = "dispatch_events", "provider_status", "gps_pings", "traffic_speeds"

_ALL = (
    View("driver_state_15m", ("driver_id",), driver_state_15m, drivers_reported, (STATUS, PINGS, TRAFFIC)),
    View(
        "provider_fleet_15m",
        ("provider_id",),
        provider_fleet_15m,
        providers_with_drivers,
        (STATUS, PINGS),
        dead={"is_location_tracked": False},
    ),
    View("provider_activity_15m", ("provider_id",), provider_activity_15m, providers_asked, (DISPATCH,)),
    View("zone_demand_15m", ("zone_id",), zone_demand_15m, zones_near_requests, (DISPATCH,)),
    View("zone_supply_15m", ("zone_id",), zone_supply_15m, zones_near_fixes, (STATUS, PINGS)),
    View("zone_traffic_15m", ("zone_id",), zone_traffic_15m, zones_measured, (TRAFFIC, PINGS, STATUS)),
    View("area_dispatch_15m", ("area_id",), area_dispatch_15m, areas_worked, (DISPATCH, STATUS, PINGS)),
    View(
        "market_dispatch_15m", ("market_id",), market_dispatch_15m, markets_worked, (DISPATCH, STATUS, PINGS)
    ),
    View("program_dispatch_15m", ("program_id",), program_dispatch_15m, programs_asked, (DISPATCH,)),
    View("job_state_15m", ("job_id",), job_state_15m, jobs_known, (DISPATCH,)),
    View(
        "provider_performance_1d",
        ("provider_id",),
        provider_performance_1d,
        providers_asked,
        (DISPATCH, PINGS, "service_outcomes"),
        is_daily=True,
    ),
    View(
        "provider_profile_1d",
        ("provider_id",),
        provider_profile_1d,
        providers_asked_or_with_drivers,
        (DISPATCH, STATUS, PINGS),
        is_daily=True,
        dead={"is_location_tracked": False, "is_digital": False, "is_tow_capable": False},
    ),
    View(
        "provider_service_1d",
        ("provider_id", "service_type"),
        provider_service_1d,
        provider_services,
        (DISPATCH,),
        is_daily=True,
    ),
    View(
        "provider_area_1d",
        ("provider_id", "area_id"),
        provider_area_1d,
        provider_areas,
        (DISPATCH,),
        is_daily=True,
    ),
    View(
        "area_service_1d",
        ("area_id", "service_type"),
        area_service_1d,
        area_services,
        (DISPATCH,),
        is_daily=True,
    ),
    View(
        "area_hour_1d",
        ("area_id", "local_hour_of_week"),
        area_hour_1d,
        area_hours,
        (DISPATCH, STATUS, PINGS),
        is_daily=True,
    ),
)
VIEWS = {view.name: view for view in _ALL}
