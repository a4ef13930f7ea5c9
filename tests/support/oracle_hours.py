"""Naive oracle, part 18: what an hour of the week is like in an area: area_hour_1d."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from support.oracle_arrivals import arrival_minutes, arrivals
from support.oracle_drivers import driver_states
from support.oracle_records import EASTERN, TICK, business_date, business_day_start
from support.oracle_silver import Silver
from support.oracle_states import area_of
from support.oracle_ticks import accept_ratio, is_demand
from support.oracle_windows import ARRIVAL_MINUTES, DAY, HOUR, Window, bucket_quantile, business_days, ratio


def area_hour_1d(
    silver: Silver, key: tuple[str, str], cut: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of (area, local hour of the week) at the cut; None when the area is not live."""
    area_id, _ = key
    state, weeks = silver.before(cut, corrected), business_days(56, cut)
    demand = [each for each in state.jobs.values() if is_demand(each) and each.area_id]
    asked = [each for each in demand if weeks.holds(each.requested_at)]
    if not any(each.area_id == area_id for each in asked):
        return None
    free = silver.once(("free", cut), lambda: available_ticks(silver, weeks))
    requested, had = usual_requests(silver, key, cut, corrected)
    offers = [each for each in state.offers.values() if (each.area_id, hour_of(each.offered_at)) == key]
    own = [
        each
        for each in state.assignments.values()
        if each.arrived_at and (each.area_id, hour_of(each.arrived_at)) == key
    ]
    ticks = sum(count for (_, *place), count in free.items() if tuple(place) == key)
    return {
        "weeks_8w_count": had,
        "requests_per_hour_mean_8w": ratio(requested, had),
        "drivers_available_mean_8w": ratio(ticks, 4 * had),
        "offer_accept_ratio_8w": accept_ratio(offers, weeks),
        "arrival_minutes_p50_8w": bucket_quantile(arrival_minutes(arrivals(own, weeks)), 50, ARRIVAL_MINUTES),
    }


def usual_requests(
    silver: Silver, key: tuple[str, str], cut: datetime, corrected: bool = False
) -> tuple[int, int]:
    """Of 8 weeks: requests in the area in the hour, and how often the hour came."""
    weeks = business_days(56, cut)
    asked = [
        each
        for each in silver.before(cut, corrected).jobs.values()
        if is_demand(each) and each.area_id and weeks.holds(each.requested_at)
    ]
    free = silver.once(("free", cut), lambda: available_ticks(silver, weeks))
    days = {business_date(each.requested_at) for each in asked} | {day for day, _, _ in free}
    requested = sum((each.area_id, hour_of(each.requested_at)) == key for each in asked)
    return requested, sum(hours_of_day(day)[key[1]] for day in days)


def hour_of(moment: datetime | None) -> str | None:
    """The hour of the week in New York."""
    if moment is None:
        return None
    local = moment.astimezone(EASTERN)
    return str(local.weekday() * 24 + local.hour)


def hours_of_day(day: Any) -> Counter[str | None]:
    """The hours that a business day had."""
    hours: Counter[str | None] = Counter()
    moment = business_day_start(day)
    while moment < business_day_start(day + DAY):
        hours[hour_of(moment)] += 1
        moment += HOUR
    return hours


def available_ticks(silver: Silver, weeks: Window) -> Counter[tuple[Any, ...]]:
    """By business day, area and hour: available drivers as known at each tick of the window, added up."""
    found: Counter[tuple[Any, ...]] = Counter()
    known = [each.known_at for each in silver.provider_status]
    tick = max(weeks.start, min(known)) if known else weeks.end
    while tick < weeks.end:
        for driver in driver_states(silver, tick).values():
            if driver.duty_status == "available" and driver.last_zone_id:
                found[business_date(tick), area_of(driver.last_zone_id), hour_of(tick)] += 1
        tick += TICK
    return found
