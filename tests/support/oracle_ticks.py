"""Naive oracle, part 4: every feature of the two 15-minute views, of any entity at any tick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import h3

from support.oracle_lifecycle import lifecycle
from support.oracle_records import Landed, counted
from support.oracle_states import Assignment, Job, Lifecycle, Offer

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HORIZON = 24 * HOUR
RESPONSE_SECONDS = (5, 10, 15, 20, 30, 45, 60, 75, 90, 120, 180, 300, 600, 900, 1800, 3600)

Features = dict[str, Any]


class Silver:
    """The records that count, and the states they add up to at a tick.

    corrected=True asks for the other timeline: by event time alone, whenever it landed.
    """

    def __init__(self, records: Iterable[Landed]) -> None:
        landed = list(records)
        self.dispatch_events = counted(landed, "dispatch_events")
        self.provider_status = counted(landed, "provider_status")
        self.pings_of_provider: dict[str, list[Landed]] = {}
        for ping in counted(landed, "gps_pings"):
            self.pings_of_provider.setdefault(ping.data["provider_id"], []).append(ping)
        self.service_outcomes = counted(landed, "service_outcomes")
        self._lifecycles: dict[tuple[datetime, bool], Lifecycle] = {}

    def at(self, tick: datetime, corrected: bool = False) -> Lifecycle:
        """Offers, assignments and jobs as known at the tick."""
        if (tick, corrected) not in self._lifecycles:
            self._lifecycles[tick, corrected] = lifecycle(known(self.dispatch_events, tick, corrected))
        return self._lifecycles[tick, corrected]


def known(records: Iterable[Landed], tick: datetime, corrected: bool = False) -> list[Landed]:
    """The records known at the tick; corrected: the ones that had happened by then."""
    if corrected:
        return [each for each in records if each.event_timestamp < tick]
    return [each for each in records if each.known_at <= tick]


@dataclass(frozen=True)
class Window:
    """[start, end) of event time."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime | None) -> bool:
        """Whether the moment lies inside; None lies nowhere."""
        return moment is not None and self.start <= moment < self.end


def last(span: timedelta, tick: datetime) -> Window:
    """The window of that length that ends at the tick."""
    return Window(tick - span, tick)


# provider_activity_15m


def provider_activity_15m(
    silver: Silver, provider_id: str, tick: datetime, corrected: bool = False
) -> Features | None:
    """Every feature of the provider at the tick; None when it is not live."""
    state = silver.at(tick, corrected)
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
        "open_tow_count": sum(
            state.jobs[each.job_id].fact("service_type", each.accepted_at) == "tow" for each in open_now
        ),
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
    withdrawn = [each for each in made if each.outcome == "withdrawn" and before(each.responded_at, window)]
    accepted = [each for each in made if before(each.accepted_at, window)]
    return ratio(len(accepted), len(made) - len(withdrawn))


def response_p50(offers: list[Offer], window: Window) -> int | None:
    """Median answer time of digital offers answered in the window, as a bucket's upper edge."""
    seconds = [
        each.response_seconds
        for each in offers
        if each.dispatch_channel == "digital" and window.holds(each.responded_at)
    ]
    return bucket_quantile([value for value in seconds if value is not None], 50, RESPONSE_SECONDS, 7200)


# zone_demand_15m


def zone_demand_15m(silver: Silver, zone_id: str, tick: datetime, corrected: bool = False) -> Features | None:
    """Every feature of the zone at the tick; None when it is not live."""
    state = silver.at(tick, corrected)
    demand = [each for each in state.jobs.values() if each.is_immediate_roadside and each.requested_at]
    own, ring1, ring4 = (
        [each for each in demand if each.zone_id in h3.grid_disk(zone_id, k)] for k in (0, 1, 4)
    )
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
        "member_cancels_60m_count": sum(
            each.cancel_actor == "member" and hour.holds(each.cancelled_at) for each in own
        ),
        "open_unassigned_count": sum(is_waiting(each, tick) for each in own),
        "ring1_requests_60m_count": requests(ring1, hour),
        "ring4_requests_60m_count": requests(ring4, hour),
        "ring4_open_unassigned_count": sum(is_waiting(each, tick) for each in ring4),
    }


def requests(jobs: list[Job], window: Window) -> int:
    """How many of the jobs were requested in the window."""
    return sum(window.holds(each.requested_at) for each in jobs)


def is_waiting(job: Job, tick: datetime) -> bool:
    """Requested and without a provider, since at most 24 hours."""
    return last(HORIZON, tick).holds(job.waiting_since)


# Arithmetic


def before(moment: datetime | None, window: Window) -> bool:
    """Whether it happened before the window ends; what lies ahead does not count yet."""
    return moment is not None and moment < window.end


def ratio(part: int, whole: int) -> float | None:
    """part / whole; null without support."""
    return None if whole == 0 else part / whole


def bucket_quantile(
    values: Sequence[int | Fraction], percent: int, upper_edges: Sequence[int], beyond: int
) -> int | None:
    """Upper edge of the bucket (lower, upper] that holds rank ceil(percent/100 * n); at last, beyond."""
    if not values:
        return None
    rank = -(-percent * len(values) // 100)
    for edge in upper_edges:
        if sum(value <= edge for value in values) >= rank:
            return edge
    return beyond
