"""Jobs that follow their course from request to claim, at moments made to hit edges.

Records drawn one by one seldom add up to a job that is offered, accepted and finished, so by themselves
they leave most of the daily views empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import h3

from support.oracle_records import TICK

Record = tuple[str, datetime, dict[str, Any]]
"""Source, landing, content."""

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
BEFORE = (timedelta(0), HOUR, 4 * HOUR, 24 * HOUR, 26 * HOUR)
"""How long before the first tick a job may have been requested."""
STEPS = (timedelta(0), SECOND, 4 * TICK // 3, TICK, HOUR)
LAGS = (*[timedelta(0)] * 3, SECOND, TICK, HOUR, 4 * HOUR)
ANSWERS = ("declined", "offer_expired", "no_contact", "offer_withdrawn")
COURSES = (
    ("en_route", "on_scene", "completed"),
    ("on_scene", "completed"),
    ("en_route", "gone_on_arrival"),
    ("eta_updated", "on_scene", "towing", "completed"),
    ("unassigned",),
    ("eta_rejected",),
    ("cancelled",),
    ("en_route", "cancelled"),
    ("completed",),
    (),
)
"""What may follow an acceptance."""


class Stories:
    """Draws jobs whose records land in [start, start + ticks)."""

    def __init__(self, seed: int, start: datetime, ticks: int, zones: Sequence[str]) -> None:
        self.random, self.places = Random(f"stories {seed}"), [h3.cell_to_latlng(zone) for zone in zones]
        elsewhere = min(h3.grid_ring(h3.latlng_to_cell(*self.places[0], 7), 9))
        self.places.append(h3.cell_to_latlng(elsewhere))
        self.start, self.end = start, start + ticks * TICK

    def records(self, count: int) -> Iterator[Record]:
        """The records of so many jobs; now and then one lands twice."""
        for number in range(count):
            for source, event_at, data in self._job(f"L{number}"):
                landed_at = self._landing(event_at)
                yield source, landed_at, data
                if self.random.randrange(6) == 0:
                    yield source, self._landing(landed_at), data

    def _landing(self, moment: datetime) -> datetime:
        landed_at = max(moment, self.start) + self.random.choice(LAGS)
        return min(landed_at, self.end - SECOND)

    def _job(self, job_id: str) -> Iterator[Record]:
        """Request, offers, an answer to each, what follows a yes, and its claim."""
        pick = self.random.choice
        at = self.start - pick(BEFORE) + self.random.randrange(24) * TICK // 3
        latitude, longitude = pick(self.places)
        number = 0

        def event(event_type: str, **fields: Any) -> Record:
            nonlocal at, number
            at, number = at + pick(STEPS), number + 1
            data = {
                "event_id": f"{job_id}-{number}",
                "job_id": job_id,
                "event_type": event_type,
                "event_timestamp": at.isoformat(),
            }
            return "dispatch_events", at, data | {k: v for k, v in fields.items() if v is not None}

        yield event(
            "requested",
            service_type=pick(["tow", "tow", "lockout", "jump_start"]),
            program_id=pick(["G1", "G2", None]),
            latitude=latitude,
            longitude=longitude,
        )
        for offer in range(1, 4):
            provider = {"provider_id": pick(["P1", "P2", "P3"]), "offer_id": f"{job_id}#{offer}"}
            yield event("offered", dispatch_channel=pick(["digital", "phone"]), **provider)
            if self.random.randrange(3) == 0:
                yield event(pick(ANSWERS), **provider)
                continue
            held = provider | {"assignment_id": provider["offer_id"]}
            yield event("accepted", promised_arrival_at=(at + pick([TICK, HOUR])).isoformat(), **held)
            course = pick(COURSES)
            for each in course:
                by = {"actor": "member"} if each == "cancelled" else {}
                yield event(each, **held, **by)
            if course and course[-1] in ("completed", "gone_on_arrival"):
                yield self._claim(job_id, provider["provider_id"], at)
            if course not in (("unassigned",), ("eta_rejected",)):
                return

    def _claim(self, job_id: str, provider_id: str, at: datetime) -> Record:
        """Submitted a while after the job."""
        submitted = at + self.random.choice(STEPS)
        data = {
            "claim_id": f"C-{job_id}",
            "job_id": job_id,
            "provider_id": provider_id,
            "submitted_at": submitted.isoformat(),
            "source_updated_at": submitted.isoformat(),
            "billed_usd": self.random.choice([80.5, 120.25]),
            "nps": self.random.choice([None, 0, 9]),
        }
        return "service_outcomes", submitted, {k: v for k, v in data.items() if v is not None}
