"""Naive oracle, part 4: offers, assignments and jobs as values, and the events they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import Any

import h3

from support.oracle_records import Landed, parse_time

ANSWER_DUE = timedelta(minutes=15)
BACKDATED = timedelta(minutes=15)
LONGEST_WAIT = timedelta(hours=24)


@dataclass(frozen=True)
class Event:
    """One dispatch event; position is its place in the order of its job."""

    position: int
    at: datetime
    type: str
    landed: Landed

    def get(self, name: str) -> Any:
        """A field of the record; None if absent."""
        return self.landed.data.get(name)

    def moment(self, name: str) -> datetime | None:
        """A field of the record that is a time."""
        text = self.get(name)
        return None if text is None else parse_time(text)


@dataclass
class Offer:
    """One question to one provider at one moment, as known; the job's facts as stated by then.

    seq is its place among the job's offers, from 1.
    """

    offer_id: str
    job_id: str
    provider_id: str | None
    offered_at: datetime
    position: int
    given_channel: str | None
    expires_at: datetime | None = None
    selection_rank: int | None = None
    selection_score: float | None = None
    selection_propensity: float | None = None
    seq: int = 0
    service_type: str | None = None
    area_id: str | None = None
    program_id: str | None = None
    is_immediate_roadside: bool = True
    outcome: str = "open"
    responded_at: datetime | None = None
    accepted_at: datetime | None = None
    is_answered_in_time: bool = False

    @property
    def dispatch_channel(self) -> str:
        """As given; else phone when nobody answered within 15 minutes, else digital."""
        return self.given_channel or ("digital" if self.is_answered_in_time else "phone")

    @property
    def response_seconds(self) -> int | None:
        """Whole seconds from offer to answer, where the provider itself answered."""
        if self.responded_at is None or self.outcome not in ("accepted", "declined", "eta_rejected"):
            return None
        return (self.responded_at - self.offered_at) // timedelta(seconds=1)


@dataclass
class Assignment:
    """An accepted offer until arrival, give-back or cancel, as known; the job's facts as of acceptance."""

    assignment_id: str
    offer_id: str | None
    job_id: str
    provider_id: str | None
    accepted_at: datetime
    accepted_landed_at: datetime
    position: int
    service_type: str | None = None
    area_id: str | None = None
    program_id: str | None = None
    driver_id: str | None = None
    first_promised_arrival_at: datetime | None = None
    promised_arrival_at: datetime | None = None
    promise_extension_count: int = 0
    en_route_at: datetime | None = None
    on_scene_at: datetime | None = None
    gone_on_arrival_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    end_reason: str = "open"
    ended_at: datetime | None = None

    @property
    def arrived_at(self) -> datetime | None:
        """On scene, else gone on arrival."""
        return self.on_scene_at or self.gone_on_arrival_at

    @property
    def is_backdated(self) -> bool:
        """The acceptance landed more than 15 minutes after its own time."""
        return self.accepted_landed_at - self.accepted_at > BACKDATED


@dataclass
class Job:
    """One request for service, as known; fact tells what was stated by a moment.

    waits: from when until when it was without a provider; the last one may go on (None).
    """

    job_id: str
    events: list[Event]
    requested_at: datetime | None = None
    requested_service_type: str | None = None
    zone_id: str | None = None
    area_id: str | None = None
    waits: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    first_accepted_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_actor: str | None = None

    def fact(self, name: str, at: datetime | None = None) -> Any:
        """What `requested` and `job_updated` events (up to a moment) last stated; None if nothing."""
        stated = None
        for event in self.events:
            if event.type in ("requested", "job_updated") and (at is None or event.at <= at):
                value = event.get(name)
                stated = stated if value is None else value
        return stated

    def place(self, at: datetime | None = None) -> tuple[float, float] | None:
        """Coordinates as last stated up to a moment."""
        latitude, longitude = self.fact("latitude", at), self.fact("longitude", at)
        return None if latitude is None or longitude is None else (latitude, longitude)

    def is_immediate_at(self, at: datetime | None = None) -> bool:
        """A request is known, and no appointment was stated (up to a moment)."""
        return self.requested_at is not None and self.fact("scheduled_for", at) is None

    def is_immediate_roadside_at(self, at: datetime | None = None) -> bool:
        """Demand now: no appointment, and roadside (or nothing said)."""
        return self.is_immediate_at(at) and self.fact("job_kind", at) in (None, "roadside")

    @cached_property
    def is_immediate_roadside(self) -> bool:
        """The same, by all that was stated."""
        return self.is_immediate_roadside_at()

    def waiting_since(self, tick: datetime) -> datetime | None:
        """Since when the job waits at the tick, if it does and began to in the 24 hours before it."""
        for started_at, ended_at in self.waits:
            goes_on = ended_at is None or ended_at >= tick
            if goes_on and tick - LONGEST_WAIT <= started_at < tick:
                return started_at
        return None


@dataclass
class Lifecycle:
    """Everything the dispatch events known so far say, by key."""

    offers: dict[str, Offer]
    assignments: dict[str, Assignment]
    jobs: dict[str, Job]

    def add(self, other: Lifecycle) -> None:
        """Take in what another one says of other jobs."""
        self.offers.update(other.offers)
        self.assignments.update(other.assignments)
        self.jobs.update(other.jobs)


def zone_of(place: tuple[float, float] | None) -> str | None:
    """H3 r7 cell of coordinates."""
    return None if place is None else h3.latlng_to_cell(place[0], place[1], 7)


def area_of(zone_id: str | None) -> str | None:
    """H3 r6 parent of a zone."""
    return None if zone_id is None else h3.cell_to_parent(zone_id, 6)


@cache
def market_of(cell: str | None) -> str | None:
    """H3 r4 parent of a zone or an area."""
    return None if cell is None else h3.cell_to_parent(cell, 4)
