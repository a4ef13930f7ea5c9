"""Jobs: who calls for help, when, where, and with what."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from simulation.draws import Draws, generator
from simulation.geography import City, Place, beside, coordinates
from simulation.moments import DAY_SECONDS, moment, world_day_start
from simulation.people import Member, member, note_about
from simulation.providers import DIRECT, LIGHT_SERVICES, RELAY
from simulation.rates import rate

# Share of a day's calls per hour after 09:00Z (03:00 on the city's clocks).
HOURLY_DEMAND = (2, 2, 2, 3, 5, 6, 6, 6, 5, 5, 6, 6, 6, 7, 7, 6, 5, 4, 4, 3, 3, 2, 2, 2)
SERVICES = (
    ("tow", 0.45),
    ("jump_start", 0.18),
    ("flat_tire", 0.14),
    ("lockout", 0.1),
    ("fuel_delivery", 0.06),
    ("winch_out", 0.07),
)
MEMBERS_PER_DAILY_JOB = 20


@dataclass
class Job:
    """One call for help, as its caller states it, and what the city knows besides."""

    job_id: str
    requested_at: int
    service_type: str
    job_kind: str
    place: Place
    destination: Place | None
    person: Member
    program_id: str
    scheduled_for: int | None
    platform: str
    note: str | None
    patience_minutes: float | None
    draws: Draws

    @property
    def is_immediate(self) -> bool:
        """Wanted now, not at a time agreed."""
        return self.scheduled_for is None

    def request(self) -> dict[str, Any]:
        """The facts that the requested event carries."""
        latitude, longitude = coordinates(self.place)
        facts: dict[str, Any] = {
            "service_type": self.service_type,
            "latitude": latitude,
            "longitude": longitude,
            "vehicle": self.person.vehicle,
            "member": self.person.record(),
            "program_id": self.program_id,
            "job_kind": self.job_kind,
        }
        if self.destination is not None:
            facts["destination"] = dict(
                zip(("latitude", "longitude"), coordinates(self.destination), strict=True)
            )
        if self.scheduled_for is not None:
            facts["scheduled_for"] = moment(self.scheduled_for)
        if self.note is not None:
            facts["notes"] = self.note
        return facts


def request_times(seed: int, day: date, jobs_per_day: int) -> list[int]:
    """When the calls of a world day come in: a Poisson number, spread as HOURLY_DEMAND."""
    chance = generator(seed, "requests", day.toordinal())
    weights = np.array(HOURLY_DEMAND) / sum(HOURLY_DEMAND)
    counts = chance.multinomial(chance.poisson(jobs_per_day), weights)
    hours = np.repeat(np.arange(24), counts)
    seconds = (hours + chance.random(hours.size)) * (DAY_SECONDS / 24)
    return (world_day_start(day) + np.sort(seconds.astype(np.int64))).tolist()


def job(seed: int, day: date, number: int, requested_at: int, city: City, member_count: int) -> Job:
    """The job of this number on a world day; the same one, whatever else was drawn before."""
    draws = Draws(seed, "job", day.toordinal(), number)
    person = member(seed, draws.index(member_count))
    kind = _kind(draws)
    service = "tow" if kind == "second_tow" else _service(draws)
    place = city.place(draws)
    is_scheduled = kind == "roadside" and draws.chance(rate("scheduled_job"))
    ahead = requested_at + draws.seconds(12 * 3600, 36 * 3600)
    return Job(
        job_id=f"J{day:%y%m%d}-{number:06d}",
        requested_at=requested_at,
        service_type=service,
        job_kind=kind,
        place=place,
        destination=beside(place, draws.uniform(3, 25), draws) if service == "tow" else None,
        person=person,
        program_id="G2" if draws.chance(rate("program_g2")) else "G1",
        scheduled_for=ahead - ahead % 900 if is_scheduled else None,
        platform=RELAY if draws.chance(rate("relay_job")) else DIRECT,
        note=note_about(person, draws) if draws.chance(rate("identity_in_notes")) else None,
        patience_minutes=None if is_scheduled else patience_minutes(draws.exponential(1.0)),
        draws=draws,
    )


def patience_minutes(exposure: float) -> float:
    """Minutes until the hazard of giving up, a + b t per minute, has added up to the exposure.

    >>> round(patience_minutes(waiting_exposure(30.0)), 6)
    30.0
    """
    a, b = rate("cancel_hazard"), rate("cancel_hazard_growth")
    return (math.sqrt(a * a + 2 * b * exposure) - a) / b


def waiting_exposure(minutes: float) -> float:
    """The hazard of giving up, added up over so many minutes of waiting."""
    return rate("cancel_hazard") * minutes + rate("cancel_hazard_growth") * minutes * minutes / 2


def other_light_service(service_type: str, draws: Draws) -> str:
    """A light service other than this one."""
    return draws.pick([service for service in LIGHT_SERVICES if service != service_type])


def _kind(draws: Draws) -> str:
    share = draws.uniform()
    if share < rate("accident_job"):
        return "accident"
    return "second_tow" if share < rate("accident_job") + rate("second_tow_job") else "roadside"


def _service(draws: Draws) -> str:
    share = draws.uniform()
    for service, weight in SERVICES:
        if share < weight:
            return service
        share -= weight
    return SERVICES[0][0]
