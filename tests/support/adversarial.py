"""Landed records of every source that hit edges: ties, ticks, resends, conflicts, lateness, future clocks."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import h3

from simulation.landing import LandingWriter
from support.afternoon import zone_ids
from support.oracle_records import LATE, TICK
from support.stories import Record, Stories
from validation.sources.dispatch_events import LIFECYCLE_ORDER

HOUR = timedelta(hours=1)
LAGS = (*[timedelta(0)] * 2, timedelta(seconds=1), TICK, HOUR, timedelta(hours=4), timedelta(hours=26))
"""From event to landing; many events fall on a tick, so many leave a window on one."""

_PROVIDERS, _JOBS, _DRIVERS = ("P1", "P2", "P3"), 9, ("D1", "D2", "D3", "D4")
_STORIES = 12
_STATUSES = ("available", "en_route", "on_job", "offline", "available", "off_duty_by_mistake")


class Adversary:
    """Draws records that land in [start, start + ticks)."""

    def __init__(self, seed: int, start: datetime, ticks: int) -> None:
        self.random, self.of_programs = Random(seed), Random(seed)
        self.start, self.ticks = start, ticks
        self.zones = sorted(zone_ids().values())
        self.stories = Stories(seed, start, ticks, self.zones)
        self._number = 0

    def records(self) -> list[Record]:
        """Records of all sources, resends and conflicts among them, and jobs that follow their course."""
        made = [self._dispatch(f"J{n}") for n in range(_JOBS) for _ in range(self.random.randint(1, 14))]
        made += [self._status() for _ in range(30)]
        made += [self._ping() for _ in range(60)]
        made += [self._claim() for _ in range(10)]
        made += [self._reading() for _ in range(20)]
        made += [self._again(self.random.choice(made)) for _ in range(25)]
        return [*made, *self.stories.records(_STORIES)]

    def _landing(self) -> datetime:
        """Whole minutes, a third of them on a tick, and now and then the second before one."""
        minute = self.start + self.random.randrange(self.ticks * 15) * timedelta(minutes=1)
        kind = self.random.randrange(6)
        if kind < 2:
            return minute - (minute - self.start) % TICK
        return minute + timedelta(seconds=59) if kind == 2 else minute

    def _times(self, source: str) -> tuple[datetime, str]:
        landed_at = self._landing()
        lag = self.random.choice((*LAGS, LATE[source] + TICK, -HOUR, -2 * HOUR, -TICK))
        event = landed_at - lag
        if self.random.randrange(3) == 0:
            event -= (event - self.start) % TICK
        if self.random.randrange(8) == 0:
            event -= timedelta(microseconds=1)
        return landed_at, event.isoformat()

    def _dispatch(self, job_id: str) -> Record:
        pick = self.random.choice
        landed_at, event_timestamp = self._times("dispatch_events")
        event_type = pick([*LIFECYCLE_ORDER, "requested", "offered", "accepted"])
        given_id = pick([f"{job_id}-A", f"{job_id}-B", None])
        data: dict[str, Any] = {
            "event_id": self._id(),
            "job_id": job_id,
            "event_type": event_type,
            "event_timestamp": event_timestamp,
            "provider_id": pick([*_PROVIDERS, None]),
            "actor": pick(["member", "provider", "agent", None]),
        }
        if event_type in ("requested", "job_updated"):  # what a job is, these say
            data["service_type"] = pick(["tow", "lockout", None])
            data["job_kind"] = pick(["roadside", "roadside", "accident", None])
            data["program_id"] = self.of_programs.choice(["G1", "G2", None])
            data |= self._place() if self.random.randrange(4) else {}
        if event_type == "requested":
            data["scheduled_for"] = pick([None, None, self._moment(24)])
        if event_type in ("offered", "accepted", "declined", "offer_expired", "eta_rejected"):
            data["offer_id"] = given_id
        else:
            data["assignment_id"] = given_id
        if event_type == "offered":
            data["dispatch_channel"] = pick(["digital", "phone", None])
        if event_type in ("accepted", "eta_updated"):
            data["promised_arrival_at"] = pick([None, self._moment(3)])
        return "dispatch_events", landed_at, {k: v for k, v in data.items() if v is not None}

    def _status(self) -> Record:
        pick = self.random.choice
        landed_at, event_timestamp = self._times("provider_status")
        data: dict[str, Any] = {
            "event_id": self._id(),
            "provider_id": pick(_PROVIDERS),
            "driver_id": pick(_DRIVERS),
            "status": pick(_STATUSES),
            "active_job_count": pick([0, 1, None]),
            "equipment": pick([["flatbed"], ["lockout_kit"], None]),
            "event_timestamp": event_timestamp,
        }
        return "provider_status", landed_at, {k: v for k, v in data.items() if v is not None}

    def _ping(self) -> Record:
        pick = self.random.choice
        landed_at, event_timestamp = self._times("gps_pings")
        data: dict[str, Any] = {
            "event_id": self._id(),
            "provider_id": pick(_PROVIDERS),
            "driver_id": pick(_DRIVERS),
            **self._place(),
            "speed_kmh": pick([0.0, 4.9, 5.0, 31.5, 130.0, None]),
            "accuracy_m": pick([5.0, 80.0, None]),
            "event_timestamp": event_timestamp,
        }
        return "gps_pings", landed_at, {k: v for k, v in data.items() if v is not None}

    def _claim(self) -> Record:
        pick = self.random.choice
        landed_at, updated = self._times("service_outcomes")
        data: dict[str, Any] = {
            "claim_id": f"C{self.random.randrange(4)}",
            "job_id": f"J{self.random.randrange(_JOBS)}",
            "provider_id": pick(_PROVIDERS),
            "submitted_at": (landed_at - pick([HOUR, timedelta(days=2)])).isoformat(),
            "source_updated_at": updated,
            "billed_usd": pick([None, 80.5, 120.25]),
            "nps": pick([None, 0, 9]),
        }
        return "service_outcomes", landed_at, {k: v for k, v in data.items() if v is not None}

    def _reading(self) -> Record:
        pick = self.random.choice
        landed_at, measured_at = self._times("traffic_speeds")
        data: dict[str, Any] = {
            "feed": "city",
            "segment_id": f"S{self.random.randrange(3)}",
            **self._place(),
            "speed_kmh": pick([12.5, 60.0]),
            "free_flow_kmh": pick([60.0, None]),
            "sample_count": pick([1, 5]),
            "status": "0",
            "measured_at": measured_at,
        }
        return "traffic_speeds", landed_at, {k: v for k, v in data.items() if v is not None}

    def _again(self, record: Record) -> Record:
        """The record again, as it was or with other content under the same identity."""
        source, landed_at, data = record
        later = landed_at + self.random.choice([timedelta(0), timedelta(minutes=1), HOUR])
        if self.random.randrange(2):
            data = data | {"provider_id": "P3"} if source != "traffic_speeds" else data | {"speed_kmh": 99.0}
        return source, min(later, self.start + self.ticks * TICK - timedelta(seconds=1)), data

    def _place(self) -> dict[str, float]:
        latitude, longitude = h3.cell_to_latlng(self.random.choice(self.zones))
        return {"latitude": latitude, "longitude": longitude}

    def _moment(self, hours: int) -> str:
        return (self.start + self.random.randrange(hours * 60) * timedelta(minutes=1)).isoformat()

    def _id(self) -> str:
        self._number += 1
        return f"e{self._number}"


def land(root: Path, records: Sequence[Record]) -> None:
    """The records as landing objects, those of one source and second in one object, in their order."""
    objects: dict[tuple[str, datetime], list[dict[str, Any]]] = defaultdict(list)
    for source, landed_at, data in records:
        objects[source, landed_at].append(json.loads(json.dumps(data)))
    writer = LandingWriter(root)
    for (source, landed_at), listed in objects.items():
        writer.write(source, landed_at, "adversary", listed)
