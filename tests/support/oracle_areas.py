"""Naive oracle, part 13: how dispatch goes: area_, market_, program_dispatch_15m."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import h3

from support.oracle_arrivals import (
    arrival_minus_promise_minutes,
    arrival_minutes,
    arrivals,
    gone_on_arrival,
    on_time_ratio,
)
from support.oracle_drivers import driver_states
from support.oracle_fixes import Fix
from support.oracle_fleet import available, has_fix, on_duty, silent
from support.oracle_hours import hour_of, usual_requests
from support.oracle_records import business_date, business_day_start
from support.oracle_silver import Silver
from support.oracle_states import Assignment, Job, Offer, area_of, market_of
from support.oracle_ticks import accept_ratio, is_demand, is_open, is_overdue, member_cancels, requests
from support.oracle_windows import (
    AGE_MINUTES,
    ARRIVAL_MINUTES,
    DAY,
    HOUR,
    MINUTE,
    PROMISE_MINUTES,
    bucket_quantile,
    last,
    minutes,
    ratio,
)


def area_dispatch_15m(
    silver: Silver, area_id: str, tick: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of the area at the tick; None when it is not live."""
    seen = silver.fixes_of_area.get(area_id, [])
    found = place_features(silver, lambda cell: area_of_cell(cell) == area_id, seen, tick, corrected)
    if found is None:
        return None
    hour = str(hour_of(tick - HOUR / 2))
    usual, times = usual_requests(silver, (area_id, hour), business_day_start(business_date(tick)), corrected)
    return found | {"requests_60m_vs_baseline_ratio": ratio(found["requests_60m_count"] * times, usual)}


def market_dispatch_15m(
    silver: Silver, market_id: str, tick: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of the market at the tick; None when it is not live."""
    seen = silver.fixes_of_market.get(market_id, [])
    return place_features(silver, lambda cell: market_of(cell) == market_id, seen, tick, corrected)


def program_dispatch_15m(
    silver: Silver, program_id: str, tick: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of the program at the tick; None when it is not live."""
    state = silver.before(tick, corrected)
    jobs = [each for each in state.jobs.values() if each.fact("program_id") == program_id]
    if not requests(jobs, last(28 * DAY, tick)):
        return None
    offers = [each for each in state.offers.values() if each.program_id == program_id]
    assignments = [each for each in state.assignments.values() if each.program_id == program_id]
    return dispatch_features(jobs, offers, assignments, tick)


def place_features(
    silver: Silver, holds: Callable[[str | None], bool], seen: list[Fix], tick: datetime, corrected: bool
) -> dict[str, Any] | None:
    """Every feature of the place that holds a zone or an area; None when it is not live."""
    state = silver.before(tick, corrected)
    jobs = [each for each in state.jobs.values() if holds(each.area_id)]
    if not has_fix(seen, tick, corrected) and not requests(jobs, last(28 * DAY, tick)):
        return None
    offers = [each for each in state.offers.values() if holds(each.area_id)]
    assignments = [each for each in state.assignments.values() if holds(each.area_id)]
    states = driver_states(silver, tick, corrected).values()
    drivers = [each for each in states if holds(each.last_zone_id)]
    return {
        **dispatch_features(jobs, offers, assignments, tick),
        "drivers_on_duty_count": on_duty(drivers),
        "drivers_available_count": available(drivers),
        "drivers_silent_count": silent(drivers),
    }


@cache
def area_of_cell(cell: str | None) -> str | None:
    """The area of a zone; an area itself."""
    return cell if cell is None or h3.get_resolution(cell) == 6 else area_of(cell)


def dispatch_features(
    jobs: list[Job], offers: list[Offer], assignments: list[Assignment], tick: datetime
) -> dict[str, Any]:
    """How dispatch goes with these."""
    demand = [each for each in jobs if is_demand(each)]
    return {
        "tick_at": tick,
        "requests_60m_count": requests(demand, last(HOUR, tick)),
        **offer_features(offers, tick),
        **waiting_features(demand, tick),
        **assignment_features(assignments, tick),
        "member_cancels_60m_count": member_cancels(demand, last(HOUR, tick)),
        **ending_features(assignments, tick),
    }


def offer_features(offers: list[Offer], tick: datetime) -> dict[str, Any]:
    """Offers made in the hour, and how many it took for a yes."""
    hour = last(HOUR, tick)
    made = sum(hour.holds(each.offered_at) for each in offers)
    accepted = sum(hour.holds(each.accepted_at) for each in offers)
    first = [each for each in offers if each.seq == 1]
    return {
        "offers_60m_count": made,
        "first_offers_60m_count": sum(hour.holds(each.offered_at) for each in first),
        "first_offer_accept_ratio_60m": accept_ratio(first, hour),
        "offers_per_accept_60m": None if accepted == 0 else ratio(made, accepted),
    }


def waiting_features(demand: list[Job], tick: datetime) -> dict[str, Any]:
    """Jobs without a provider, and since when."""
    since = [moment for moment in (each.waiting_since(tick) for each in demand) if moment is not None]
    over = {
        f"unassigned_over_{limit}m_count": sum(moment + limit * MINUTE < tick for moment in since)
        for limit in (10, 20, 30)
    }
    ages = [minutes(tick - moment) for moment in since]
    return {
        "open_unassigned_count": len(since),
        **over,
        "unassigned_age_minutes_p90": bucket_quantile(ages, 90, AGE_MINUTES),
    }


def assignment_features(assignments: list[Assignment], tick: datetime) -> dict[str, Any]:
    """Assignments that are open, and those that arrived."""
    in_hour, in_four = (arrivals(assignments, last(span, tick)) for span in (HOUR, 4 * HOUR))
    taken = arrival_minutes(in_four)
    return {
        "open_assignment_count": sum(is_open(each, tick) for each in assignments),
        "overdue_assignment_count": sum(is_overdue(each, tick) for each in assignments),
        "arrivals_60m_count": len(in_hour),
        "arrivals_4h_count": len(in_four),
        "on_time_ratio_60m": on_time_ratio(in_hour),
        "on_time_ratio_4h": on_time_ratio(in_four),
        "arrival_minutes_p50_4h": bucket_quantile(taken, 50, ARRIVAL_MINUTES),
        "arrival_minutes_p90_4h": bucket_quantile(taken, 90, ARRIVAL_MINUTES),
        "arrival_minus_promise_minutes_p50_4h": bucket_quantile(
            arrival_minus_promise_minutes(in_four), 50, PROMISE_MINUTES
        ),
    }


def ending_features(assignments: list[Assignment], tick: datetime) -> dict[str, Any]:
    """Assignments of the hour that found nobody or were given back."""
    hour = last(HOUR, tick)
    gave_back = [each for each in assignments if each.end_reason == "provider_gave_back"]
    return {
        "goa_60m_count": len(gone_on_arrival(arrivals(assignments, hour), hour)),
        "gave_back_60m_count": sum(hour.holds(each.ended_at) for each in gave_back),
    }
