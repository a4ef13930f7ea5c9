"""Dispatch events written as an ASCII table, as landing objects: the columns a test leaves out are filled."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import h3

from simulation.afternoon import AFTERNOON, LandingObject
from simulation.ascii_tables import read_table
from support.afternoon import zone_ids

LANDING_DELAY = timedelta(minutes=1)
_NAMES = {
    "event": "event_type",
    "offer": "offer_id",
    "assignment": "assignment_id",
    "provider": "provider_id",
    "driver": "driver_id",
    "channel": "dispatch_channel",
    "service": "service_type",
    "program": "program_id",
    "kind": "job_kind",
    "reason": "reason_code",
    "promise": "promised_arrival_at",
}
_TIMES = ("promised_arrival_at", "scheduled_for", "offer_expires_at")
_SELECTION = {"rank": int, "score": float, "propensity": float}


def dispatch_objects(text: str, day: date = AFTERNOON) -> list[LandingObject]:
    """One landing object per row of a table with at least the columns event and t.

    t, landed, promise, scheduled_for and offer_expires_at are clock times of the day (17:03:40) or
    whole ones (2026-03-12T17:00). Left out or blank: job is J1, landed a minute after t, event_id the
    job and the row's number; a request is a tow in zone Z1. zone and destination are Z1 or Z2; rank, score
    and propensity are the selection's. A blank cell means that the record has no such field.
    """
    return [_object(number, row, day) for number, row in enumerate(read_table(text), start=1)]


def _object(number: int, row: dict[str, str], day: date) -> LandingObject:
    record: dict[str, Any] = {_NAMES.get(name, name): value for name, value in row.items() if value}
    job_id = record.pop("job", "J1")
    happened_at = moment(record.pop("t"), day)
    landed_at = moment(record.pop("landed"), day) if "landed" in record else (happened_at + LANDING_DELAY)
    zone = record.pop("zone", "Z1" if record["event_type"] == "requested" else None)
    if zone:
        record |= _place(zone)
    if "destination" in record:
        record["destination"] = _place(record["destination"])
    selection = {name: of(record.pop(name)) for name, of in _SELECTION.items() if name in record}
    if selection:
        record["selection"] = selection
    if record["event_type"] == "requested":
        record.setdefault("service_type", "tow")
    record |= {name: moment(record[name], day) for name in _TIMES if name in record}
    record = {
        "event_id": f"{job_id}-{number:02}",
        "job_id": job_id,
        "event_timestamp": happened_at,
        **record,
    }
    whole_second = landed_at.replace(microsecond=0)
    return LandingObject("dispatch_events", whole_second, f"row-{number:02}", (record,))


def _place(zone: str) -> dict[str, float]:
    latitude, longitude = h3.cell_to_latlng(zone_ids()[zone])
    return {"latitude": latitude, "longitude": longitude}


def moment(text: str, day: date) -> datetime:
    """17:03 or 17:03:40 of the day, or a whole one like 2026-03-12T17:00; UTC."""
    if len(text) > len("17:03:40.123456"):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return datetime.combine(day, time.fromisoformat(text), UTC)
