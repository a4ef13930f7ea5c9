"""Naive oracle, part 18: what an hour of the week is like in an area: area_hour_1d."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from support.oracle_arrivals import arrival_minutes, arrivals
from support.oracle_drivers import driver_states
from support.oracle_records import EASTERN, TICK, business_date, business_day_start
from support.oracle_silver import Silver, grouped
from support.oracle_states import Assignment, Job, Offer, area_of
from support.oracle_ticks import accept_ratio, is_demand
from support.oracle_windows import ARRIVAL_MINUTES, DAY, HOUR, Window, bucket_quantile, business_days, ratio


def area_hour_1d(
    silver: Silver, key: tuple[str, str], cut: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of (area, local hour of the week) at the cut; None when the area is not live."""
    area_id, _ = key
    weeks = business_days(56, cut)
    if not any(each.area_id == area_id for each in asked_in(silver, cut, corrected)):
        return None
    free = silver.once(("free", cut), lambda: available_ticks(silver, weeks))
    requested, had = usual_requests(silver, key, cut, corrected)
    offers, own = (of_hour.get(key, []) for of_hour in work_of_hours(silver, cut, corrected))
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

    def usual() -> tuple[Counter[Any], Counter[Any]]:
        asked = asked_in(silver, cut, corrected)
        free = silver.once(("free", cut), lambda: available_ticks(silver, business_days(56, cut)))
        days = {business_date(each.requested_at) for each in asked} | {day for day, _, _ in free}
        had = sum((hours_of_day(day) for day in days), Counter())
        return Counter((each.area_id, hour_of(each.requested_at)) for each in asked), had

    requested, had = silver.once(("usual", cut, corrected), usual)
    return requested[key], had[key[1]]


def asked_in(silver: Silver, cut: datetime, corrected: bool) -> list[Job]:
    """The demand of the 8 weeks before the cut, of any area."""

    def asked() -> list[Job]:
        weeks, jobs = business_days(56, cut), silver.before(cut, corrected).jobs.values()
        return [each for each in jobs if is_demand(each) and each.area_id and weeks.holds(each.requested_at)]

    return silver.once(("asked", cut, corrected), asked)


def work_of_hours(
    silver: Silver, cut: datetime, corrected: bool
) -> tuple[dict[Any, list[Offer]], dict[Any, list[Assignment]]]:
    """By area and hour: the offers made in it, and the assignments that arrived in it."""

    def work() -> tuple[dict[Any, list[Offer]], dict[Any, list[Assignment]]]:
        state = silver.before(cut, corrected)
        arrived = [each for each in state.assignments.values() if each.arrived_at]
        return (
            grouped(state.offers.values(), lambda offer: (offer.area_id, hour_of(offer.offered_at))),
            grouped(arrived, lambda each: (each.area_id, hour_of(each.arrived_at))),
        )

    return silver.once(("work of hours", cut, corrected), work)


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
