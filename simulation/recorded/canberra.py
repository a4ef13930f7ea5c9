"""The Canberra replay: a polled emergency feed whose arrival times are true.

`observed_at` is when a poll saw a change, and becomes `landed_at`; a poll is a landing object, a
heartbeat when nothing in it became an event. Gaps between polls (up to 21 hours) stay gaps. Run with
ROADSIDE_HEARTBEAT_MINUTES=dispatch_events=60, three polls: 95.2 % of the ticks are complete, and an
hour unseen is held. The feed's states become events of one job per incident:

| the feed says | events |
|---|---|
| an incident for the first time | requested, at time_of_call |
| Units On Route, after another state | en_route; before it offered and accepted, if nobody is assigned |
| On Scene, after another state | on_scene; before it offered and accepted, if nobody is assigned |
| Resource Allocation Pending, while assigned | unassigned, by the dispatcher; a new round follows |
| Out / Completed or Finished, after another state | completed |
| gone, unless it was completed when last seen | completed, at observed_at, reason `gone` |
| Pending again after it was gone or completed, nobody assigned | job_updated |
| another type or place | job_updated |

Polls are 20 minutes apart, so states are missed: an incident may be first seen On Scene. Somebody
was assigned by then, and no record says when; the acceptance constructed at that instant carries
the reason `not_observed`, and its arrival takes 0 minutes, which is no label.

Event time is `updated`, with its fraction of a second where it has one. It is absent from April to
July 2024 and in some rows since: there observed_at stands in for it, reason
`event_time_not_recorded`, because a change must have a time and its arrival is the only one known.
What the feed repeats without a change of state, type or place leaves no record. Types drift
(`PEDESTRIAN OR PUSHBIKE ...` becomes `PEDESTRIAN-PUSHBIKE-E-SCOOTER ...`) and stay as published.
Data: ACT Emergency Services Agency, CC BY 4.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from simulation.landing import LandingWriter
from simulation.recorded.canberra_transitions import transitions_from_raw
from simulation.recorded.local_times import latest_reading
from simulation.recorded.recording import day_bounds, recorded_files, require_some
from simulation.recorded.replay_summary import Progress, ReplayCounts, ReplaySummary
from simulation.recorded.sffd_calls import slug
from simulation.recorded.slots import json_line
from validation.errors import UserError

__all__ = ["CONSTRUCTED", "FILES", "replay_canberra", "transitions_from_raw"]

REPLAY = "canberra"
HELD = "2024-03-01 to 2025-04-01"
CHANGES_FILE = "esa-act-feed/esa_act_2024-03_2025-03.parquet"
POLLS_FILE = "esa-act-feed/esa_act_2024-03_2025-03_polls.parquet"
FILES = (CHANGES_FILE, POLLS_FILE)
OBJECT_ID = "esa-act"
HEARTBEAT_MINUTES = "dispatch_events=60"
ZONE = ZoneInfo("Australia/Canberra")
CLOCK_FORMATS = ("%d %b %Y %H:%M:%S", "%d %b %Y %H:%M:%S.%f")

CONSTRUCTED = (
    "Job: one incident of the feed; an incident that left the feed and came back is the same job.",
    "Offer and acceptance: made at the instant the feed first shows units on route or on scene; a new "
    "round after each return to Resource Allocation Pending. No expiry, no channel, no promise.",
    "Acceptance of an incident first seen on scene: at that instant too, reason not_observed.",
    "Provider: the agency (ambulance, fire, both); drivers and units are not in the feed.",
    "Service type: the recorded incident type, which is not roadside vocabulary.",
    "Completion of an incident that is gone: at the poll that missed it, reason gone.",
    "Event time where `updated` is absent: the arrival time, reason event_time_not_recorded.",
    "Local times of the hour that autumn repeats are the later of the two that had passed when seen.",
)

NOT_OBSERVED = "not_observed"
NO_EVENT_TIME = "event_time_not_recorded"
PENDING, ON_ROUTE, ON_SCENE, OVER, GONE, OTHER = "pending", "on_route", "on_scene", "over", "gone", "other"
STATES = {
    "Resource Allocation Pending": PENDING,
    "Units On Route": ON_ROUTE,
    "On Scene": ON_SCENE,
    "Out / Completed": OVER,
    "Finished": OVER,
}
COLUMNS = (
    "observed_at",
    "change",
    "id",
    "agency",
    "type",
    "status",
    "time_of_call",
    "updated",
    "latitude",
    "longitude",
)


class Change(NamedTuple):
    """One row of the feed's changes, with its number in the file."""

    row: int
    observed_at: datetime
    change: str
    id: str
    agency: str
    type: str
    status: str
    time_of_call: str
    updated: str | None
    latitude: str
    longitude: str


@dataclass
class Incident:
    """What the feed has shown of an incident so far."""

    state: str = ""
    state_before_gone: str = ""
    is_assigned: bool = False
    round: int = 0
    provider_id: str = ""
    facts: tuple[str, str, str] = ("", "", "")


def replay_canberra(
    data: Path,
    root: Path,
    start: date | None = None,
    end: date | None = None,
    progress: Progress | None = None,
) -> ReplaySummary:
    """Write the feed's dispatch_events objects under root; the same call writes the same bytes.

    Args:
        data: the folder of recorded data (read only).
        root: the folder that will hold `landing/`.
        start, end: half-open UTC days [start, end) of the polls; all by default. Incidents that
            began before start go on from the state they were in, without their request.
        progress: called as (stage, done, total).

    Raises:
        InputMissing: the folder or a file is not there.
        UserError: the days are empty, hold nothing, or a file is not as published.
    """
    paths = recorded_files(Path(data), FILES)
    first, last = day_bounds(start, end)
    writer, counts = LandingWriter(root), ReplayCounts()
    incidents: dict[str, Incident] = {}
    polls = _polls(paths[POLLS_FILE])
    changes = _changes_by_poll(paths[CHANGES_FILE], set(polls))
    for done, poll in enumerate(polls, start=1):
        rows = changes.pop(poll, [])
        records = [list(events_of(row, incidents.setdefault(row.id, Incident()))) for row in rows]
        if first <= poll.timestamp() < last:
            lines = [json_line(record) for events in records for record in events]
            counts.rows_read[CHANGES_FILE] += len(rows)
            counts.rows_read[POLLS_FILE] += 1
            counts.rows_without_record["no change of state, type or place"] += sum(
                not events for events in records
            )
            writer.write_blocks("dispatch_events", poll, OBJECT_ID, (b"".join(lines),))
            counts.landed("dispatch_events", poll, len(lines))
        if progress and (done % 1000 == 0 or done == len(polls)):
            progress(CHANGES_FILE, done, len(polls))
    require_some(counts.is_empty, REPLAY, start, end, HELD)
    return counts.summary(REPLAY, CONSTRUCTED)


def events_of(change: Change, incident: Incident) -> Iterator[dict[str, Any]]:
    """The dispatch_events records of one change; the incident moves on to it."""
    state = GONE if change.change == "gone" else STATES.get(change.status, OTHER)
    event_at, time_reason = _event_time(change, state)
    facts = (change.type, change.latitude, change.longitude)

    def event(event_type: str, **fields: Any) -> dict[str, Any]:
        return {
            "event_id": f"esa-{change.row}-{event_type}",
            "job_id": f"esa-{change.id}",
            "event_type": event_type,
            "event_timestamp": event_at,
            "reason_code": time_reason,
        } | fields

    is_new = not incident.facts[0]
    if is_new:
        called_at = _utc(change.time_of_call, change.observed_at)
        yield event("requested", event_timestamp=called_at, reason_code=None, **_job_facts(facts))
    elif facts != incident.facts or _is_reopened(state, incident):
        yield event("job_updated", **_job_facts(facts))
    incident.facts = facts
    if state in (ON_ROUTE, ON_SCENE) and not incident.is_assigned:
        incident.round += 1
        incident.is_assigned, incident.provider_id = True, f"act-{slug(change.agency)}"
        offer = {"offer_id": f"esa-{change.id}-{incident.round}", "provider_id": incident.provider_id}
        reason = NOT_OBSERVED if state == ON_SCENE else time_reason
        yield event("offered", **offer)
        yield event("accepted", assignment_id=offer["offer_id"], **offer | {"reason_code": reason})
    assigned = _assignment(change, incident)
    if state == ON_ROUTE and incident.state != ON_ROUTE:
        yield event("en_route", **assigned)
    elif state == ON_SCENE and incident.state != ON_SCENE:
        yield event("on_scene", **assigned)
    elif state == PENDING and incident.is_assigned:
        incident.is_assigned = False
        yield event("unassigned", actor="agent", **assigned)
    elif state == OVER and OVER not in (incident.state, incident.state_before_gone):
        yield event("completed", **assigned)
    elif state == GONE and incident.state != OVER:
        yield event("completed", **assigned | {"reason_code": "gone"})
    incident.state_before_gone = incident.state if state == GONE else ""
    incident.state = state


def _is_reopened(state: str, incident: Incident) -> bool:
    return state == PENDING and incident.state in (GONE, OVER) and not incident.is_assigned


def _assignment(change: Change, incident: Incident) -> dict[str, Any]:
    if not incident.is_assigned:
        return {}
    return {"assignment_id": f"esa-{change.id}-{incident.round}", "provider_id": incident.provider_id}


def _job_facts(facts: tuple[str, str, str]) -> dict[str, Any]:
    kind, latitude, longitude = facts
    return {"service_type": slug(kind), "latitude": float(latitude), "longitude": float(longitude)}


def _event_time(change: Change, state: str) -> tuple[datetime, str | None]:
    """(event time, reason): a disappearance happens when it is seen, a change when it was made."""
    if state == GONE:
        return change.observed_at, None
    if not change.updated:
        return change.observed_at, NO_EVENT_TIME
    return _utc(change.updated, change.observed_at), None


def _utc(text: str, seen_at: datetime) -> datetime:
    clock_format = CLOCK_FORMATS["." in text]
    try:
        local = datetime.strptime(text, clock_format)  # noqa: DTZ007 (the zone comes next)
    except ValueError:
        raise UserError(
            f"{CHANGES_FILE}: a time is not in the published format {clock_format}.",
            "Use the file as published.",
        ) from None
    return latest_reading(local, ZONE, seen_at)


def _polls(path: Path) -> list[datetime]:
    return sorted(pq.read_table(path, columns=["observed_at"])["observed_at"].to_pylist())


def _changes_by_poll(path: Path, polls: set[datetime]) -> dict[datetime, list[Change]]:
    """The changes of each poll, in the file's order.

    Raises:
        UserError: the file lacks a column, or a change was seen by no poll of the list.
    """
    names = pq.read_schema(path).names
    if lacking := [column for column in COLUMNS if column not in names]:
        raise UserError(f"{path.name} has no column {', '.join(lacking)}.", "Use the file as published.")
    rows = pq.read_table(path, columns=list(COLUMNS))
    columns = (rows[column].to_pylist() for column in COLUMNS)
    changes = [Change(*values) for values in zip(range(rows.num_rows), *columns, strict=True)]
    by_poll = {poll: list(group) for poll, group in groupby(changes, key=lambda change: change.observed_at)}
    if unseen := sum(poll not in polls for poll in by_poll):
        raise UserError(
            f"{path.name}: {unseen} times are in no row of {POLLS_FILE}.", "Use both as published."
        )
    return by_poll
