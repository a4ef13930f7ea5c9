"""Naive oracle, part 20: what a company is: provider_profile_1d."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import h3

from support.oracle_arrivals import is_finished
from support.oracle_drivers import DriverState, driver_states
from support.oracle_records import TICK, business_date
from support.oracle_silver import Silver, grouped
from support.oracle_states import Assignment, Offer
from support.oracle_windows import DAY, Window, business_days, known_of, within


def provider_profile_1d(
    silver: Silver, provider_id: str, cut: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of the provider at the business-day cut; None when it is not live.

    What its trucks did is taken as the ticks and the cut saw it, corrected or not.
    """
    state, quarter = silver.before(cut, corrected), business_days(90, cut)
    offers = [
        each
        for each in state.offers.values()
        if each.provider_id == provider_id and quarter.holds(each.offered_at)
    ]
    own = [each for each in state.assignments.values() if each.provider_id == provider_id]
    stood = drivers_stood_available(silver, cut).get(provider_id, [])
    if not offers and not stood:
        return None
    latitude, longitude = site(stood)
    services = services_finished(own, quarter)
    return {
        "site_latitude": latitude,
        "site_longitude": longitude,
        "service_types": services,
        "is_tow_capable": "tow" in services or any(each.is_tow_capable is True for each in stood),
        "is_digital": any(each.dispatch_channel == "digital" for each in offers),
        "is_location_tracked": is_location_tracked(silver, provider_id, cut),
        "territory_areas_count": len({each.area_id for each in offers if each.area_id}),
        "tenure_days": tenure_days(offers, cut),
    }


def drivers_stood_available(silver: Silver, cut: datetime) -> dict[str, list[DriverState]]:
    """By provider: its available drivers at the ticks of the last 28 business days."""

    def stood() -> dict[str, list[DriverState]]:
        return grouped(available_at_ticks(silver, business_days(28, cut)), lambda driver: driver.provider_id)

    return silver.once(("stood available", cut), stood)


def available_at_ticks(silver: Silver, days: Window) -> list[DriverState]:
    """The available drivers with a last zone, as known at each tick of the days: a driver once a tick."""
    found: list[DriverState] = []
    known = [each.known_at for each in silver.provider_status]
    tick = max(days.start, min(known)) if known else days.end
    while tick < days.end:
        states = driver_states(silver, tick).values()
        found += [each for each in states if each.is_available and each.last_zone_id]
        tick += TICK
    return found


def site(stood: Iterable[DriverState]) -> tuple[float, float] | tuple[None, None]:
    """Centre of the zone in which drivers stood most often; of several, the one whose id is least."""
    times = Counter(each.last_zone_id for each in stood if each.last_zone_id)
    most = [zone_id for zone_id, count in times.items() if count == max(times.values())]
    return h3.cell_to_latlng(min(most)) if most else (None, None)


def services_finished(assignments: Iterable[Assignment], window: Window) -> list[str]:
    """The services of the assignments accepted in the window and finished by its end, in order."""
    return sorted(
        {
            each.service_type
            for each in assignments
            if each.service_type is not None and window.holds(each.accepted_at) and is_finished(each, window)
        }
    )


def is_location_tracked(silver: Silver, provider_id: str, cut: datetime) -> bool:
    """Whether a fix of the last 7 business days that names the provider was known at the cut."""
    fixes = within(silver.fixes_of_provider.get(provider_id, []), business_days(7, cut))
    return bool(known_of(fixes, cut, corrected=False))


def tenure_days(offers: Iterable[Offer], cut: datetime) -> int | None:
    """Business days from that of the oldest offer to the last one before the cut; null without an offer."""
    days = [business_date(each.offered_at) for each in offers]
    return (business_date(cut) - DAY - min(days)).days if days else None
