"""Naive oracle, part 16: the daily views by service and area: how a provider does, how an area does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from support.oracle_arrivals import (
    arrival_minus_promise_minutes,
    arrival_minutes,
    arrivals,
    gone_on_arrival,
    is_finished,
    on_scene_minutes,
)
from support.oracle_silver import Silver
from support.oracle_states import Assignment
from support.oracle_ticks import accept_ratio, is_demand, requests
from support.oracle_windows import (
    ARRIVAL_MINUTES,
    ON_SCENE_MINUTES,
    PROMISE_MINUTES,
    Window,
    bucket_quantile,
    business_days,
    minutes,
    ratio,
)


def provider_service_1d(
    silver: Silver, key: tuple[str, str], cut: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of (provider, service) at the cut; None when it is not live."""
    state, quarter = silver.before(cut, corrected), business_days(90, cut)
    offers = [each for each in state.offers.values() if (each.provider_id, each.service_type) == key]
    own = [each for each in state.assignments.values() if (each.provider_id, each.service_type) == key]
    offered = [each for each in offers if quarter.holds(each.offered_at)]
    if not offered:
        return None
    accepted = [each for each in own if quarter.holds(each.accepted_at)]
    return {
        "offers_90d_count": len(offered),
        "offer_accept_ratio_90d": accept_ratio(offers, quarter),
        "completed_90d_count": sum(is_finished(each, quarter) for each in accepted),
        "arrival_minutes_p50_90d": arrival_quantile(own, quarter, 50),
        "on_scene_minutes_p50_90d": on_scene_p50(own, quarter),
    }


def provider_area_1d(
    silver: Silver, key: tuple[str, str], cut: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of (provider, area) at the cut; None when it is not live."""
    state, quarter = silver.before(cut, corrected), business_days(90, cut)
    offers = [each for each in state.offers.values() if (each.provider_id, each.area_id) == key]
    own = [each for each in state.assignments.values() if (each.provider_id, each.area_id) == key]
    offered = [each.offered_at for each in offers if quarter.holds(each.offered_at)]
    if not offered:
        return None
    return {
        "offers_90d_count": len(offered),
        "accepts_90d_count": sum(quarter.holds(each.accepted_at) for each in offers),
        "offer_accept_ratio_90d": accept_ratio(offers, quarter),
        "arrival_minutes_p50_90d": arrival_quantile(own, quarter, 50),
        "last_offered_at": max(offered),
    }


def area_service_1d(
    silver: Silver, key: tuple[str, str], cut: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of (area, service) at the cut; None when it is not live."""
    state, month = silver.before(cut, corrected), business_days(28, cut)
    jobs = [
        each
        for each in state.jobs.values()
        if (each.area_id, each.requested_service_type) == key and is_demand(each)
    ]
    requested = requests(jobs, month)
    if not requested:
        return None
    offers = [
        each
        for each in state.offers.values()
        if (each.area_id, each.service_type) == key and each.is_immediate_roadside
    ]
    own = [each for each in state.assignments.values() if (each.area_id, each.service_type) == key]
    arrived = arrivals(own, month)
    to_accept = [
        minutes(each.first_accepted_at - each.requested_at)
        for each in jobs
        if month.holds(each.first_accepted_at)
    ]
    cancelled = [
        each
        for each in jobs
        if month.holds(each.requested_at)
        and month.has_ended_by(each.cancelled_at)
        and each.cancel_actor == "member"
    ]
    past_promise = arrival_minus_promise_minutes(arrived)
    return {
        "requests_28d_count": requested,
        "request_to_accept_minutes_p50_28d": bucket_quantile(to_accept, 50, ARRIVAL_MINUTES),
        "offers_per_job_28d": ratio(sum(month.holds(each.offered_at) for each in offers), requested),
        "arrivals_28d_count": len(arrived),
        "arrival_minutes_p50_28d": arrival_quantile(own, month, 50),
        "arrival_minutes_p90_28d": arrival_quantile(own, month, 90),
        "arrival_minus_promise_minutes_p50_28d": bucket_quantile(past_promise, 50, PROMISE_MINUTES),
        "on_scene_minutes_p50_28d": on_scene_p50(own, month),
        "member_cancel_ratio_28d": ratio(len(cancelled), requested),
        "goa_ratio_28d": ratio(len(gone_on_arrival(arrived, month)), len(arrived)),
    }


def arrival_quantile(assignments: Iterable[Assignment], window: Window, percent: int) -> int | None:
    """A quantile of the minutes from acceptance to arrival, of arrivals in the window."""
    return bucket_quantile(arrival_minutes(arrivals(assignments, window)), percent, ARRIVAL_MINUTES)


def on_scene_p50(assignments: Iterable[Assignment], window: Window) -> int | None:
    """Median of the minutes from arrival to completion, of completions in the window."""
    return bucket_quantile(on_scene_minutes(assignments, window), 50, ON_SCENE_MINUTES)
