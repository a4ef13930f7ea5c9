"""San Francisco Fire Department calls as roadside jobs: one unit sent is one job, one offer.

A call sends several units at once; a roadside job has one provider at a time. So the job here is
the *unit's response* to the call (`<call number>-<unit's sequence in the call>`), and demand counts
units sent, not calls. The file's columns become:

| column | event |
|---|---|
| Received | requested, at the incident's place; service_type is the recorded call type |
| Dispatch | offered (constructed: a fire unit is sent, not asked) |
| Response | accepted (constructed, apart from en_route), en_route; status en_route |
| On Scene | on_scene; status on_job |
| Transport | towing (the patient rides, as the car would) |
| Available | the end, below; status available |

The end, at Available:
- the unit arrived: gone_on_arrival, cancelled, unsuccessful (Unable to Locate, No Merit,
  Duplicate) or completed, by the call's final disposition;
- it carried a patient but reported no arrival: completed, an arrival that nobody pressed;
- it neither arrived nor carried: cancelled, by the member if the call was, else by the
  dispatcher, who recalled it. The disposition is the call's, so a unit that reported no arrival is
  not taken to have been there.

Times stay as recorded: minutes where a spreadsheet cut the seconds, On Scene before Response,
Available before On Scene, a unit sent again before it was available, ends that are missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from simulation.landing import LandingWriter
from simulation.recorded.arrival_lags import arrival_lags, lag_keys
from simulation.recorded.local_times import epoch_seconds, parse_local
from simulation.recorded.replay_summary import ReplayCounts
from simulation.recorded.slots import Arrival, Stream, json_line
from validation.errors import UserError

ZONE = "America/Los_Angeles"


@dataclass(frozen=True)
class CallsFile:
    """A published extract, with the clock format it went through."""

    name: str
    clock_format: str
    object_id: str


SECONDS_FILE = CallsFile(
    "sffd-calls/sffd_2016-12-31_2017-01-04_citywide_seconds.csv.gz", "%m/%d/%Y %I:%M:%S %p", "sffd-seconds"
)
MINUTES_FILE = CallsFile(
    "sffd-calls/sffd_2018-01_2018-06_ne-district_minutes.csv.gz", "%m/%d/%y %H:%M", "sffd-minutes"
)
CALLS_FILES = (SECONDS_FILE, MINUTES_FILE)

CLOCKS = {
    "Received DtTm": "received_at",
    "Dispatch DtTm": "dispatched_at",
    "Response DtTm": "responded_at",
    "On Scene DtTm": "on_scene_at",
    "Transport DtTm": "transported_at",
    "Available DtTm": "available_at",
}
COLUMNS = (
    "Call Number",
    "Unit sequence in call dispatch",
    "Unit ID",
    "Call Type",
    "Call Final Disposition",
    "Location",
    *CLOCKS,
)
UNSUCCESSFUL = frozenset({"unable_to_locate", "no_merit", "duplicate"})
PRIVATE_AMBULANCES = frozenset({"AM", "BS", "KM", "PT", "SH", "SJ"})

_UNIT = re.compile(r"([A-Z]*)(\d*)")
_PLACE = re.compile(r"\((-?[\d.]+), (-?[\d.]+)\)")


class UnitResponse(NamedTuple):
    """One unit sent to one call; moments in epoch seconds, -1 where not recorded."""

    job_id: str
    unit: str
    call_type: str
    disposition: str
    latitude: float | None
    longitude: float | None
    received_at: int
    dispatched_at: int
    responded_at: int
    on_scene_at: int
    transported_at: int
    available_at: int


def unit_responses(path: Path, clock_format: str, first: int, last: int) -> list[UnitResponse]:
    """One entry per unit and call received in epoch seconds [first, last), in the file's order.

    Raises:
        UserError: the file lacks a column, or a time is not in its format.
    """
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    if lacking := [column for column in COLUMNS if column not in rows.columns]:
        raise UserError(f"{path.name} has no column {', '.join(lacking)}.", "Use the file as published.")
    moments = {
        name: epoch_seconds(parse_local(rows[column], clock_format, ZONE)) for column, name in CLOCKS.items()
    }
    if undated := int((moments["received_at"] < 0).sum()):
        raise UserError(f"{path.name}: {undated} rows have no Received DtTm.", "Use the file as published.")
    places = [_place(text) for text in rows["Location"]]
    columns = (
        [
            f"{call}-{sequence}"
            for call, sequence in zip(
                rows["Call Number"], rows["Unit sequence in call dispatch"], strict=True
            )
        ],
        rows["Unit ID"],
        [slug(text) for text in rows["Call Type"]],
        [slug(text) for text in rows["Call Final Disposition"]],
        [latitude for latitude, _ in places],
        [longitude for _, longitude in places],
        *(moment.tolist() for moment in moments.values()),
    )
    responses = (UnitResponse(*values) for values in zip(*columns, strict=True))
    return [response for response in responses if first <= response.received_at < last]


def replay_calls(
    calls_file: CallsFile, path: Path, writer: LandingWriter, counts: ReplayCounts, first: int, last: int
) -> None:
    """Write the dispatch_events and provider_status objects of one file."""
    responses = unit_responses(path, calls_file.clock_format, first, last)
    counts.rows_read[calls_file.name] += len(responses)
    for source, records_of in (("dispatch_events", dispatch_records), ("provider_status", status_records)):
        records = (record for response in responses for record in records_of(response))
        stream = Stream(writer, counts, source, calls_file.object_id)
        stream.write_arrivals(_arrivals(records))


def dispatch_records(response: UnitResponse) -> Iterator[dict[str, Any]]:
    """The lifecycle of a unit's response as dispatch_events records, one per recorded moment."""
    company, assignment = company_of(response.unit), f"{response.job_id}-1"
    service = {
        "service_type": response.call_type,
        "latitude": response.latitude,
        "longitude": response.longitude,
    }
    offer = {"offer_id": assignment, "provider_id": company}
    taken = {"assignment_id": assignment, "provider_id": company, "driver_id": driver_of(response.unit)}
    answered = response.responded_at >= 0
    lifecycle = (
        ("requested", response.received_at, service | {"actor": "member"}),
        ("offered", response.dispatched_at, offer),
        ("accepted", response.responded_at, offer | {"assignment_id": assignment}),
        ("en_route", response.responded_at, taken),
        ("on_scene", response.on_scene_at, taken),
        ("towing", response.transported_at, taken),
        (ending(response), response.available_at, _end_facts(response, taken if answered else {})),
    )
    for event_type, event_at, facts in lifecycle:
        if event_at >= 0:
            yield {
                "event_id": f"{response.job_id}-{event_type}",
                "job_id": response.job_id,
                "event_type": event_type,
                "event_timestamp": event_at,
                **facts,
            }


def status_records(response: UnitResponse) -> Iterator[dict[str, Any]]:
    """What the unit's crew was doing, as provider_status records."""
    timeline = (
        ("en_route", response.responded_at),
        ("on_job", response.on_scene_at),
        ("available", response.available_at),
    )
    for status, event_at in timeline:
        if event_at >= 0:
            yield {
                "event_id": f"{response.job_id}-{status}",
                "provider_id": company_of(response.unit),
                "driver_id": driver_of(response.unit),
                "status": status,
                "event_timestamp": event_at,
            }


def ending(response: UnitResponse) -> str:
    """The event type of a response's end; the module's docstring argues it."""
    if response.on_scene_at < 0:
        carried = response.transported_at >= 0
        return "completed" if carried else "cancelled"
    if response.disposition in ("gone_on_arrival", "cancelled"):
        return response.disposition
    return "unsuccessful" if response.disposition in UNSUCCESSFUL else "completed"


def company_of(unit: str) -> str:
    """The constructed company of a unit, read from its name alone.

    The file's Battalion and Station Area are the incident's, not the unit's.

    >>> [company_of(unit) for unit in ("E03", "T03", "79", "AM130", "RC2", "EMS6A")]
    ['sffd-station-03', 'sffd-station-03', 'sffd-ambulance', 'private-am', 'sffd-rc', 'sffd-ems']
    """
    letters, number = _unit_parts(unit)
    if letters in PRIVATE_AMBULANCES:
        return f"private-{letters.lower()}"
    if letters in ("E", "T") and number:
        return f"sffd-station-{int(number):02d}"
    return f"sffd-{letters.lower() or 'ambulance'}"


def driver_of(unit: str) -> str:
    """The constructed driver: the crew of the unit, whoever was on it."""
    return f"sffd-{unit}"


def slug(text: str) -> str:
    """A published label as a vocabulary word.

    >>> slug("Citizen Assist / Service Call")
    'citizen_assist_service_call'
    """
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _unit_parts(unit: str) -> tuple[str, str]:
    parts = _UNIT.match(unit)
    return (parts[1], parts[2]) if parts else ("", "")


def _place(text: str) -> tuple[float | None, float | None]:
    parts = _PLACE.fullmatch(text)
    return (float(parts[1]), float(parts[2])) if parts else (None, None)


def _end_facts(response: UnitResponse, taken: dict[str, str]) -> dict[str, str]:
    facts = taken | {"reason_code": response.disposition}
    if ending(response) != "cancelled":
        return facts
    return facts | {"actor": "member" if response.disposition == "cancelled" else "agent"}


def _arrivals(records: Iterable[dict[str, Any]]) -> list[Arrival]:
    """Each record's line, arriving after a lag of its own; in records event_timestamp is seconds."""
    sent = [
        Arrival(
            record["event_timestamp"],
            record["event_id"],
            json_line(record | {"event_timestamp": datetime.fromtimestamp(record["event_timestamp"], UTC)}),
        )
        for record in records
    ]
    lags = arrival_lags(lag_keys(f"{arrival.event_id}@{arrival.arrived_at}" for arrival in sent)).tolist()
    return [
        arrival._replace(arrived_at=arrival.arrived_at + lag) for arrival, lag in zip(sent, lags, strict=True)
    ]
