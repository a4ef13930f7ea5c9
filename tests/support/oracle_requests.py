"""Naive oracle, part 23: what a caller states about the job at a decision, as the datasets keep it."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime

from support.oracle_dataset import as_minutes
from support.oracle_rows import Row
from support.oracle_states import Job, Lifecycle, Offer, zone_of

EARTH_KM = 6371.0088
NEVER_KEPT = ("job_latitude", "job_longitude")
"""Given to the on-demand views, and left out of every dataset."""

Place = tuple[float, float]
TimezoneOf = Callable[[str], str | None]
"""From a zone to the IANA name of the time zone of its centre."""


def no_timezone(zone_id: str) -> str | None:
    """Of a caller that does not ask for time zones."""
    return None


def request_fields(
    state: Lifecycle,
    job: Job,
    provider_id: str | None,
    decision_at: datetime,
    offer: Offer | None,
    timezone_of: TimezoneOf = no_timezone,
) -> Row:
    """job_* of asking the provider at the decision; the offer's event says by which channel."""
    latitude, longitude = job.place(decision_at) or (None, None)
    zone_id = zone_of(job.place(decision_at))
    service_type = job.fact("service_type", decision_at)
    offers = [each for each in state.offers.values() if each.job_id == job.job_id]
    declines = declines_before(decision_at, offers)
    declined_at = [moment for by, moment in declines if by == provider_id]
    return {
        "job_latitude": latitude,
        "job_longitude": longitude,
        "job_timezone": None if zone_id is None else timezone_of(zone_id),
        "job_service_type": service_type,
        "job_vehicle_class": None,
        "job_needs_tow": None if service_type is None else service_type == "tow",
        "job_is_highway": None,
        "job_tow_leg_km": tow_leg_km(job, decision_at),
        "job_channel": offer.given_channel if offer else None,
        "job_requested_at": requested_at(job, decision_at),
        "job_decision_at": decision_at,
        "job_offers_so_far_count": sum(each.offered_at < decision_at for each in offers),
        "job_declines_so_far_count": len(declines),
        "job_minutes_since_this_provider_declined": (
            as_minutes(decision_at - max(declined_at)) if declined_at else None
        ),
    }


def declines_before(decision_at: datetime, offers: list[Offer]) -> list[tuple[str | None, datetime]]:
    """Who declined, and when, of the declines before the decision."""
    return [
        (each.provider_id, each.responded_at)
        for each in offers
        if each.outcome == "declined" and each.responded_at is not None and each.responded_at < decision_at
    ]


def requested_at(job: Job, decision_at: datetime) -> datetime | None:
    """When the member asked, if it was not after the decision."""
    is_past = job.requested_at is not None and job.requested_at <= decision_at
    return job.requested_at if is_past else None


def tow_leg_km(job: Job, decision_at: datetime) -> float | None:
    """From the last place stated by the decision to the last destination; null without either."""
    place, drop = job.place(decision_at), destination(job, decision_at)
    return None if place is None or drop is None else km_between(place, drop)


def destination(job: Job, at: datetime) -> Place | None:
    """Coordinates of the last drop that a request or an update stated whole up to a moment."""
    stated = None
    for event in job.events:
        if event.type in ("requested", "job_updated") and event.at <= at:
            drop = event.get("destination") or {}
            if drop.get("latitude") is not None and drop.get("longitude") is not None:
                stated = (drop["latitude"], drop["longitude"])
    return stated


def km_between(one: Place, other: Place) -> float:
    """Great circle (haversine).

    >>> round(km_between((0.0, 0.0), (0.0, 90.0)), 3)  # a quarter of the equator
    10007.557
    """
    north1, east1, north2, east2 = (math.radians(degrees) for degrees in (*one, *other))
    half = (
        math.sin((north2 - north1) / 2) ** 2
        + math.cos(north1) * math.cos(north2) * math.sin((east2 - east1) / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(math.sqrt(half))
