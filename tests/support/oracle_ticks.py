"""Naive oracle, part 11: offers of a provider, jobs of a zone: provider_activity_15m, zone_demand_15m."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import h3

from support.oracle_silver import Silver, grouped
from support.oracle_states import Assignment, Job, Offer
from support.oracle_windows import (
    DAY,
    HORIZON,
    HOUR,
    RESPONSE_SECONDS,
    Window,
    bucket_quantile,
    last,
    ratio,
)

Features = dict[str, Any]


def provider_activity_15m(
    silver: Silver, provider_id: str, tick: datetime, corrected: bool = False
) -> Features | None:
    """Every feature of the provider at the tick; None when it is not live."""
    state = silver.before(tick, corrected)
    offers = [each for each in state.offers.values() if each.provider_id == provider_id]
    assignments = [each for each in state.assignments.values() if each.provider_id == provider_id]
    hour, four, day, month = (last(span, tick) for span in (HOUR, 4 * HOUR, DAY, 28 * DAY))
    if not any(month.holds(each.offered_at) for each in offers):
        return None

    def answered(outcome: str, window: Window) -> list[datetime]:
        times = [each.responded_at for each in offers if each.outcome == outcome]
        return [moment for moment in times if moment is not None and window.holds(moment)]

    accepted = [each.accepted_at for each in offers if each.accepted_at is not None]
    open_now = [each for each in assignments if is_open(each, tick)]
    return {
        "tick_at": tick,
        "offers_60m_count": sum(hour.holds(each.offered_at) for each in offers),
        "offers_4h_count": sum(four.holds(each.offered_at) for each in offers),
        "offers_24h_count": sum(day.holds(each.offered_at) for each in offers),
        "accepts_60m_count": sum(hour.holds(moment) for moment in accepted),
        "accepts_4h_count": sum(four.holds(moment) for moment in accepted),
        "declines_60m_count": len(answered("declined", hour)),
        "declines_4h_count": len(answered("declined", four)),
        "expired_4h_count": len(answered("expired", four)),
        "no_contact_4h_count": len(answered("no_contact", four)),
        "offer_accept_ratio_4h": accept_ratio(offers, four),
        "offer_accept_ratio_24h": accept_ratio(offers, day),
        "gave_back_24h_count": sum(
            each.end_reason == "provider_gave_back" and day.holds(each.ended_at) for each in assignments
        ),
        "response_seconds_p50_24h": response_p50(offers, day),
        "open_assignment_count": len(open_now),
        "open_tow_count": sum(each.service_type == "tow" for each in open_now),
        "overdue_assignment_count": sum(is_overdue(each, tick) for each in assignments),
        "last_offered_at": max(each.offered_at for each in offers if month.holds(each.offered_at)),
        "last_accepted_at": max((moment for moment in accepted if month.holds(moment)), default=None),
        "last_declined_at": max(answered("declined", month), default=None),
    }


def is_open(assignment: Assignment, tick: datetime) -> bool:
    """Accepted in the last 24 hours and not ended before the tick."""
    is_ended = assignment.ended_at is not None and assignment.ended_at < tick
    return last(HORIZON, tick).holds(assignment.accepted_at) and not is_ended


def is_overdue(assignment: Assignment, tick: datetime) -> bool:
    """Open, and past its first promise."""
    promise = assignment.first_promised_arrival_at
    return is_open(assignment, tick) and promise is not None and promise < tick


def accept_ratio(offers: list[Offer], window: Window) -> float | None:
    """Accepted share of the offers made in the window, withdrawn ones left out of both sides."""
    made = [each for each in offers if window.holds(each.offered_at)]
    withdrawn = [
        each for each in made if each.outcome == "withdrawn" and window.has_ended_by(each.responded_at)
    ]
    accepted = [each for each in made if window.has_ended_by(each.accepted_at)]
    return ratio(len(accepted), len(made) - len(withdrawn))


def response_p50(offers: list[Offer], window: Window) -> int | None:
    """Median answer time of digital offers answered in the window, as a bucket's upper edge."""
    seconds = [
        each.response_seconds
        for each in offers
        if each.dispatch_channel == "digital" and window.holds(each.responded_at)
    ]
    return bucket_quantile([value for value in seconds if value is not None], 50, RESPONSE_SECONDS)


def zone_demand_15m(silver: Silver, zone_id: str, tick: datetime, corrected: bool = False) -> Features | None:
    """Every feature of the zone at the tick; None when it is not live."""
    of_zone = silver.once(("demand", tick, corrected), lambda: demand_of_zone(silver, tick, corrected))
    disks = [h3.grid_disk(zone_id, k) for k in (0, 1, 4)]
    own, ring1, ring4 = ([job for cell in disk for job in of_zone.get(cell, [])] for disk in disks)
    quarter, hour, four, month = (last(span, tick) for span in (HOUR / 4, HOUR, 4 * HOUR, 28 * DAY))
    if not requests(ring4, month):
        return None
    return {
        "tick_at": tick,
        "requests_15m_count": requests(own, quarter),
        "requests_60m_count": requests(own, hour),
        "requests_4h_count": requests(own, four),
        "tow_requests_60m_count": requests(
            [each for each in own if each.requested_service_type == "tow"], hour
        ),
        "member_cancels_60m_count": member_cancels(own, hour),
        "open_unassigned_count": sum(is_waiting(each, tick) for each in own),
        "ring1_requests_60m_count": requests(ring1, hour),
        "ring4_requests_60m_count": requests(ring4, hour),
        "ring4_open_unassigned_count": sum(is_waiting(each, tick) for each in ring4),
    }


def demand_of_zone(silver: Silver, tick: datetime, corrected: bool) -> dict[str, list[Job]]:
    """The jobs that are demand, by zone."""
    jobs = silver.before(tick, corrected).jobs.values()
    return grouped((each for each in jobs if each.zone_id and is_demand(each)), lambda job: job.zone_id)


def is_demand(job: Job) -> bool:
    """Requested, for now, at the roadside."""
    return job.is_immediate_roadside


def requests(jobs: list[Job], window: Window) -> int:
    """How many of the jobs were requested in the window."""
    return sum(window.holds(each.requested_at) for each in jobs)


def member_cancels(jobs: list[Job], window: Window) -> int:
    """How many of the jobs the member cancelled in the window."""
    return sum(each.cancel_actor == "member" and window.holds(each.cancelled_at) for each in jobs)


def is_waiting(job: Job, tick: datetime) -> bool:
    """Requested and without a provider, since at most 24 hours."""
    return job.waiting_since(tick) is not None
