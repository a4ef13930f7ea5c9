"""Naive oracle, part 10: drivers counted by company and by place: provider_fleet_15m, zone_supply_15m."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import h3

from support.oracle_drivers import DriverState, driver_states
from support.oracle_fixes import Fix
from support.oracle_silver import Silver
from support.oracle_windows import DAY, known_of, last, ratio, within

MOST_LISTED = 32


def provider_fleet_15m(
    silver: Silver, provider_id: str, tick: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of the provider at the tick; None when no driver's state is of it."""
    states = driver_states(silver, tick, corrected).values()
    drivers = [each for each in states if each.provider_id == provider_id]
    if not drivers:
        return None
    fixes = known_of(
        within(silver.fixes_of_provider.get(provider_id, []), last(7 * DAY, tick)), tick, corrected
    )
    on_duty_seconds = sum(each.on_duty_seconds for each in drivers)
    listed = available_newest_first(drivers)
    return {
        "tick_at": tick,
        "drivers_on_duty_count": on_duty(drivers),
        "drivers_available_count": available(drivers),
        "tow_drivers_available_count": tow_available(drivers),
        "drivers_on_job_count": sum(each.duty_status == "on_job" for each in drivers),
        "drivers_silent_count": silent(drivers),
        "on_duty_minutes_60m": on_duty_seconds / 60,
        "busy_ratio_60m": ratio(sum(each.busy_seconds for each in drivers), on_duty_seconds),
        "is_location_tracked": bool(fixes),
        "last_fix_at": fixes[-1].event_timestamp if fixes else None,
        "available_latitude": [fix.shown_place[0] for _, fix in listed],
        "available_longitude": [fix.shown_place[1] for _, fix in listed],
        "available_fix_at": [fix.event_timestamp for _, fix in listed],
        "available_is_tow": [driver.is_tow_capable is True for driver, _ in listed],
    }


def available_newest_first(drivers: Iterable[DriverState]) -> list[tuple[DriverState, Fix]]:
    """The available drivers with a last fix, newest fix first, then by token; the first 32."""
    located = [(each, each.last_fix) for each in drivers if each.is_available and each.last_fix is not None]
    by_token = sorted(located, key=lambda each: each[0].driver_id)
    return sorted(by_token, key=lambda each: each[1].event_timestamp, reverse=True)[:MOST_LISTED]


def zone_supply_15m(
    silver: Silver, zone_id: str, tick: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of the zone at the tick; None when no fix is near in 28 days."""
    own, ring1, ring4 = (set(h3.grid_disk(zone_id, k)) for k in (0, 1, 4))
    if not any(has_fix(silver.fixes_of_zone.get(cell, []), tick, corrected) for cell in ring4):
        return None
    states = driver_states(silver, tick, corrected).values()
    near = [each for each in states if each.last_zone_id in ring4]
    return {
        "tick_at": tick,
        "available_drivers_count": available(each for each in near if each.last_zone_id in own),
        "ring1_available_drivers_count": available(each for each in near if each.last_zone_id in ring1),
        "ring4_available_drivers_count": available(near),
        "ring4_tow_available_drivers_count": tow_available(near),
        "ring4_on_duty_drivers_count": on_duty(near),
        "ring4_silent_drivers_count": silent(near),
        "ring4_available_providers_count": len({each.provider_id for each in near if each.is_available}),
    }


def has_fix(fixes: list[Fix], tick: datetime, corrected: bool) -> bool:
    """Whether one of the fixes of a place lies in the last 28 days."""
    return any(corrected or each.known_at <= tick for each in within(fixes, last(28 * DAY, tick)))


def on_duty(drivers: Iterable[DriverState]) -> int:
    """How many are not offline."""
    return sum(each.is_on_duty for each in drivers)


def available(drivers: Iterable[DriverState]) -> int:
    """How many are available."""
    return sum(each.is_available for each in drivers)


def tow_available(drivers: Iterable[DriverState]) -> int:
    """How many are available with a truck that tows."""
    return sum(each.is_available and each.is_tow_capable is True for each in drivers)


def silent(drivers: Iterable[DriverState]) -> int:
    """How many are on duty without a recent fix."""
    return sum(each.is_silent for each in drivers)
