"""silver.job_waits: the periods in which a job waited without a provider."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.silver.histories import CLOSINGS, RETRACTIONS, Event, History, Row
from transforms.zones import area_of


def job_waits(history: History) -> Iterator[Row]:
    """One row per wait, in order: from the request, or from the retraction of the last acceptance that
    stood, until an acceptance or until the job is over; `wait_ended_at` is null while it waits.
    """
    requested = history.first("requested")
    zone_id = requested.zone_id if requested else None
    for seq, (started_at, ended_at) in enumerate(waits(history), start=1):
        yield {
            "job_id": history.job_id,
            "wait_seq": seq,
            "wait_started_at": started_at,
            "wait_ended_at": ended_at,
            "is_immediate": history.is_immediate(),
            "job_kind": history.stated("job_kind"),
            "program_id": history.stated("program_id"),
            "zone_id": zone_id,
            "area_id": area_of(zone_id),
        }


def waits(history: History) -> Iterator[tuple[int, int | None]]:
    """(from, until) of each wait; until is None for one that goes on."""
    standing: set[str] = set()
    accepted: set[str] = set()
    is_requested = is_over = False
    since: int | None = None
    for event in history.events:
        is_requested = is_requested or event.event_type == "requested"
        is_over = is_over or event.event_type in CLOSINGS
        _follow(event, accepted, standing)
        does_wait = is_requested and not standing and not is_over
        if does_wait and since is None:
            since = event.event_timestamp
        elif since is not None and not does_wait:
            yield since, event.event_timestamp
            since = None
    if since is not None:
        yield since, None


def _follow(event: Event, accepted: set[str], standing: set[str]) -> None:
    """Keep which acceptances stand; one that was taken back does not stand again."""
    key = event.assignment_key
    if key is None:
        return
    if event.event_type == "accepted" and key not in accepted:
        accepted.add(key)
        standing.add(key)
    elif event.event_type in RETRACTIONS:
        standing.discard(key)
