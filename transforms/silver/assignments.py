"""silver.assignments: from acceptance to arrival, give-back or cancel."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.silver.histories import ARRIVALS, SECOND, Event, History, Row
from transforms.silver.offers import channel_of
from transforms.zones import area_of

BACKDATED = 15 * 60 * SECOND
"""An acceptance that lands later than this was keyed after the fact (DOMAIN 2.4, T17)."""

_FIRSTS = {
    "en_route_at": "en_route",
    "on_scene_at": "on_scene",
    "gone_on_arrival_at": "gone_on_arrival",
    "completed_at": "completed",
    "cancelled_at": "cancelled",
}


def assignments(history: History) -> Iterator[Row]:
    """One row per assignment; the first ending in order is its end."""
    followed: dict[str, list[Event]] = {}
    for event in history.events:
        if event.assignment_key is not None:
            followed.setdefault(event.assignment_key, []).append(event)
    for assignment_id, events in followed.items():
        accepted = next((event for event in events if event.event_type == "accepted"), None)
        if accepted is not None:
            yield {"assignment_id": assignment_id, **_assignment(history, accepted, events)}


def end_reason(event: Event) -> str | None:
    """How the event ends its assignment; None if it does not."""
    by_provider = event.actor == "provider"
    if event.event_type in ARRIVALS:
        return "arrived"
    return {
        "unassigned": "provider_gave_back" if by_provider else "agent_reassigned",
        "eta_rejected": "eta_rejected",
        "cancelled": "provider_gave_back" if by_provider else "member_cancelled",
        "completed": "missing_milestone",
        "unsuccessful": "missing_milestone",
    }.get(event.event_type)


def _assignment(history: History, accepted: Event, events: list[Event]) -> Row:
    firsts: dict[str, int | None] = dict.fromkeys(_FIRSTS)
    for name, event_type in _FIRSTS.items():
        firsts[name] = next((e.event_timestamp for e in events if e.event_type == event_type), None)
    arrived_at = firsts["on_scene_at"]
    if arrived_at is None:
        arrived_at = firsts["gone_on_arrival_at"]
    end = next((event for event in events if end_reason(event)), None)
    requested = history.first("requested")
    offered = history.offered(accepted)
    zone_id = history.stated("zone_id", accepted)
    return {
        "job_id": history.job_id,
        "offer_id": accepted.offer_key,
        "provider_id": history.provider_of(accepted),
        "driver_id": next((e.driver_id for e in reversed(events) if e.driver_id), None),
        "requested_at": requested.event_timestamp if requested else None,
        "accepted_at": accepted.event_timestamp,
        "accepted_landed_at": accepted.landed_at,
        "is_backdated": accepted.landed_at - accepted.event_timestamp > BACKDATED,
        **_promises(accepted, events),
        **firsts,
        "arrived_at": arrived_at,
        "is_gone_on_arrival": firsts["gone_on_arrival_at"] is not None,
        "ended_at": end.event_timestamp if end else None,
        "end_reason": (end_reason(end) if end else None) or "open",
        "dispatch_channel": channel_of(history, offered) if offered else None,
        "is_immediate": history.is_immediate(accepted),
        "job_kind": history.stated("job_kind", accepted),
        "service_type": history.stated("service_type", accepted),
        "program_id": history.stated("program_id", accepted),
        "zone_id": zone_id,
        "area_id": area_of(zone_id),
    }


def _promises(accepted: Event, events: list[Event]) -> Row:
    """First and latest promise, and how often it was moved later."""
    first, latest, extensions = accepted.promised_arrival_at, None, 0
    for event in events:
        promise = event.promised_arrival_at
        if promise is None:
            continue
        if event.event_type == "eta_updated" and latest is not None and promise > latest:
            extensions += 1
        first, latest = promise if first is None else first, promise
    return {
        "first_promised_arrival_at": first,
        "promised_arrival_at": latest,
        "promise_extension_count": extensions,
    }
