"""The afternoon's tables as landing objects: one object per source and landing time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import h3

from simulation.ascii_tables import read_table
from simulation.landing import SOURCES, LandingWriter

AFTERNOON = date(2026, 3, 10)
HISTORY = date(2026, 3, 1)
HEARTBEAT = timedelta(minutes=5)
OFFER_STANDS = {"digital": timedelta(seconds=90), "phone": timedelta(minutes=15)}

_OBJECT_ID = "afternoon"
_HEARTBEAT_ID = "afternoon-heartbeat"


@dataclass(frozen=True)
class LandingObject:
    """One object as it will land; no records: a heartbeat."""

    source: str
    landed_at: datetime
    object_id: str
    records: tuple[dict[str, Any], ...] = ()

    def later(self, delay: timedelta) -> LandingObject:
        """The same records, landed later: a late delivery."""
        return replace(self, landed_at=self.landed_at + delay)


def write_afternoon(root: Path, *, start: datetime, end: datetime, with_history: bool = True) -> list[str]:
    """Write the afternoon and its heartbeats under the root; the keys written, in landing order.

    Every record is written, whatever start and end say; they bound the empty heartbeat objects,
    one per source each 5 minutes of [start, end). Writing twice writes the same bytes.
    """
    writer = LandingWriter(root)
    objects = [*afternoon_objects(with_history=with_history), *heartbeats(start, end)]
    objects.sort(key=lambda each: (each.landed_at, each.source, each.object_id))
    return [writer.write(each.source, each.landed_at, each.object_id, each.records) for each in objects]


def afternoon_objects(*, with_history: bool = True) -> list[LandingObject]:
    """The objects that hold records, in landing order; a test may delay, repeat or drop some."""
    landed = [("provider_status", *each) for each in _statuses()]
    landed += [("dispatch_events", *each) for each in _dispatch_events("events", AFTERNOON)]
    if with_history:
        landed += [("dispatch_events", *each) for each in _dispatch_events("history", HISTORY)]
    by_object: dict[tuple[datetime, str], list[dict[str, Any]]] = {}
    for source, landed_at, record in landed:
        by_object.setdefault((landed_at, source), []).append(record)
    return [
        LandingObject(source, landed_at, _OBJECT_ID, tuple(records))
        for (landed_at, source), records in sorted(by_object.items())
    ]


def heartbeats(start: datetime, end: datetime) -> list[LandingObject]:
    """One empty object per source each 5 minutes of [start, end), the first at start."""
    beats = []
    landed_at = start
    while landed_at < end:
        beats += [LandingObject(source, landed_at, _HEARTBEAT_ID) for source in SOURCES]
        landed_at += HEARTBEAT
    return beats


def planted_identifiers() -> dict[str, tuple[str, ...]]:
    """What a byte search must not find past bronze, by kind: name, phone, vin, coordinate, member_id.

    Phones stand in three formats. Member ids have five digits and coordinates may be printed
    shorter, so a search for them should look for them as quoted or as whole values.
    """
    jobs = _table("jobs")
    return {
        "name": tuple(job["name"] for job in jobs),
        "phone": tuple(form for job in jobs for form in _phone_formats(job["phone"])),
        "vin": tuple(job["vin"] for job in jobs),
        "coordinate": tuple(
            repr(degrees) for zone in _table("zones") for degrees in _centre(zone["zone_id"])
        ),
        "member_id": tuple(job["member_id"] for job in jobs),
    }


def _dispatch_events(table: str, day: date) -> Iterator[tuple[datetime, dict[str, Any]]]:
    jobs = {job["job"]: job for job in _table("jobs")}
    seen: dict[str, int] = {}
    for row in _table(table):
        job_id = row["job"]
        seen[job_id] = seen.get(job_id, 0) + 1
        record = {
            "event_id": f"{job_id}-{seen[job_id]:02}",
            "job_id": job_id,
            "event_type": row["event"],
            "event_timestamp": _moment(day, row["t"]),
            "provider_id": row["provider"],
            "driver_id": row["driver"],
            "actor": row["actor"],
            "reason_code": row["reason"],
            **(_request(jobs[job_id]) if row["event"] == "requested" else {}),
            **(_offer(row, day) if row["offer"] else {}),
        }
        yield _moment(day, row["landed"]), _without_blanks(record)


def _request(job: dict[str, str]) -> dict[str, Any]:
    latitude, longitude = _zone_centre(job["zone"])
    e164, national, dashed = _phone_formats(job["phone"])
    record: dict[str, Any] = {
        "service_type": job["service"],
        "latitude": latitude,
        "longitude": longitude,
        "program_id": job["program"],
        "member": {"member_id": job["member_id"], "name": job["name"], "phone": e164},
        "vehicle": {"year": int(job["year"]), "make": job["make"], "model": job["model"], "vin": job["vin"]},
        "notes": f"{job['name']} asks to be called on {national} or {dashed}; VIN {job['vin']}",
    }
    if job["destination"]:
        record["destination"] = dict(
            zip(("latitude", "longitude"), _zone_centre(job["destination"]), strict=True)
        )
    if job["scheduled_for"]:
        record["scheduled_for"] = datetime.fromisoformat(job["scheduled_for"]).replace(tzinfo=UTC)
    return record


def _offer(row: dict[str, str], day: date) -> dict[str, Any]:
    offer_id = row["job"] + row["offer"]
    if row["event"] == "offered":
        channel = row["channel"] or "digital"
        expires_at = _moment(day, row["t"]) + OFFER_STANDS[channel]
        return {"offer_id": offer_id, "dispatch_channel": channel, "offer_expires_at": expires_at}
    if row["event"] in ("declined", "no_contact", "offer_expired"):
        return {"offer_id": offer_id}
    return {
        "offer_id": offer_id if row["event"] == "accepted" else None,
        "assignment_id": offer_id,
        "promised_arrival_at": _moment(day, row["promise"]) if row["promise"] else None,
    }


def _statuses() -> Iterator[tuple[datetime, dict[str, Any]]]:
    shifts = {row["driver"]: row for row in _table("providers") if row["driver"]}
    seen: dict[str, int] = {}
    for row in _table("status"):
        driver_id = row["driver"]
        seen[driver_id] = seen.get(driver_id, 0) + 1
        record = {
            "event_id": f"{driver_id}-{seen[driver_id]:02}",
            "provider_id": shifts[driver_id]["provider"],
            "driver_id": driver_id,
            "truck_id": shifts[driver_id]["truck"],
            "status": row["status"],
            "equipment": shifts[driver_id]["equipment"].split(", "),
            "event_timestamp": _moment(AFTERNOON, row["t"]),
        }
        yield _moment(AFTERNOON, row["landed"]), record


def _table(name: str) -> list[dict[str, str]]:
    return read_table(files("simulation.afternoon").joinpath(f"{name}.txt").read_text())


def _moment(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), UTC)


def _zone_centre(zone: str) -> tuple[float, float]:
    (zone_id,) = (row["zone_id"] for row in _table("zones") if row["zone"] == zone)
    return _centre(zone_id)


def _centre(zone_id: str) -> tuple[float, float]:
    latitude, longitude = h3.cell_to_latlng(zone_id)
    return latitude, longitude


def _phone_formats(phone: str) -> tuple[str, str, str]:
    area, exchange, line = phone.split("-")
    return f"+1{area}{exchange}{line}", f"({area}) {exchange}-{line}", phone


def _without_blanks(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value not in ("", None)}
