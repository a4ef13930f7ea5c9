"""silver.jobs: the state of each job."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.silver.histories import CLOSINGS, RETRACTIONS, Event, History, Row
from transforms.silver.job_milestones import staged
from transforms.zones import area_of

_LAST_STATED = (
    "scheduled_for",
    "job_kind",
    "service_type",
    "program_id",
    "destination_zone_id",
    "member_token",
    "vehicle_token",
    "vehicle_year",
    "vehicle_make",
    "vehicle_model",
)


def jobs(history: History) -> Iterator[Row]:
    """One row: the job as known.

    `unassigned_from` is set while the job waits: it was requested, no assignment of it stands
    (accepted, neither unassigned nor its ETA rejected) and it is not over.
    """
    *_, (stage, since, _) = places = list(staged(history))
    requested = history.first("requested")
    cancelled = history.first("cancelled")
    is_over = history.first(*CLOSINGS) is not None
    standing, since_retraction = _standing(history)
    waits = requested is not None and standing is None and not is_over
    zone_id = requested.zone_id if requested else None
    yield {
        "job_id": history.job_id,
        "requested_at": _at(requested),
        "is_immediate": history.is_immediate(),
        "requested_service_type": requested.service_type if requested else None,
        **{name: history.stated(name) for name in _LAST_STATED},
        "zone_id": zone_id,
        "area_id": area_of(zone_id),
        "stage": stage,
        "stage_since_at": since,
        "offer_count": sum(event.event_type == "offered" for event in history.events),
        "decline_count": sum(event.event_type == "declined" for event in history.events),
        "assigned_provider_id": history.provider_of(standing) if standing and not is_over else None,
        "unassigned_from": max(_at(requested) or 0, since_retraction or 0) if waits else None,
        "first_accepted_at": _at(history.first("accepted")),
        "completed_at": _at(history.first("completed")),
        "cancelled_at": _at(cancelled),
        "cancel_actor": cancelled.actor if cancelled else None,
        "illegal_event_count": sum(illegal is not None for _, _, illegal in places),
    }


def _standing(history: History) -> tuple[Event | None, int | None]:
    """The last acceptance that was not taken back, and when the last one was that was."""
    accepted: dict[str, Event] = {}
    standing: dict[str, Event] = {}
    since = None
    for event in history.events:
        key = event.assignment_key
        if key is None:
            continue
        if event.event_type == "accepted" and key not in accepted:
            accepted[key] = standing[key] = event
        elif event.event_type in RETRACTIONS and standing.pop(key, None) is not None:
            since = event.event_timestamp
    return (list(standing.values())[-1] if standing else None), since


def _at(event: Event | None) -> int | None:
    return event.event_timestamp if event else None
