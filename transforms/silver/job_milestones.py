"""silver.job_milestones: each event's place in the automaton."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.silver.histories import ANSWERS, ARRIVALS, CLOSINGS, RETRACTIONS, Event, History, Row

NEVER_OFFERED = "accepted by a provider that was never offered the job"
BEFORE_ACCEPTANCE = "on scene before any acceptance"
ALREADY_UNASSIGNED = "arrival for an assignment that was taken back before"


def job_milestones(history: History) -> Iterator[Row]:
    """One row per lifecycle event: the stage it leaves the job in, and whether it may stand there."""
    for event, (stage, _since, illegal) in zip(history.events, staged(history), strict=True):
        yield {
            "event_id": event.event_id,
            "event_timestamp": event.event_timestamp,
            "job_id": history.job_id,
            "event_type": event.event_type,
            "provider_id": event.provider_id,
            "offer_id": event.offer_key,
            "assignment_id": event.assignment_key,
            "stage": stage,
            "is_illegal": illegal is not None,
            "illegal_reason": illegal,
        }


def staged(history: History) -> Iterator[tuple[str, int | None, str | None]]:
    """Per event, in order: the stage after it, since when, and why it is illegal (None if it is not).

    Stages: unassigned, offered, assigned, en_route, on_scene, towing, closed. An answer to an
    offer, or a give-back of an assignment that was already replaced, moves no active job back.
    Incomplete is not illegal (DOMAIN 2.3).
    """
    stage, since, active = "unassigned", None, None
    for position, event in enumerate(history.events):
        moved, active = _move(event, active)
        if moved is not None:
            stage, since = moved, event.event_timestamp
        yield stage, since, _illegal(event, history.events[:position])


def _move(event: Event, active: str | None) -> tuple[str | None, str | None]:
    """The stage the event moves the job to, and the assignment that is active after it."""
    kind = event.event_type
    if kind == "accepted":
        return "assigned", event.assignment_key or active
    if kind in RETRACTIONS:
        return ("unassigned", None) if event.assignment_key == active else (None, active)
    if kind == "offered":
        return (None if active else "offered"), active
    if kind == "requested" or kind in ANSWERS:
        return (None if active else "unassigned"), active
    if kind in ("en_route", "on_scene", "towing"):
        return kind, active
    return ("closed" if kind in CLOSINGS else None), active


def _illegal(event: Event, before: tuple[Event, ...]) -> str | None:
    if event.event_type == "accepted" and not any(
        earlier.event_type == "offered"
        and (earlier.provider_id == event.provider_id or earlier.offer_key == event.offer_key)
        for earlier in before
    ):
        return NEVER_OFFERED
    if event.event_type == "on_scene" and not any(e.event_type == "accepted" for e in before):
        return BEFORE_ACCEPTANCE
    if event.event_type in ARRIVALS and any(
        earlier.event_type == "unassigned" and earlier.assignment_key == event.assignment_key is not None
        for earlier in before
    ):
        return ALREADY_UNASSIGNED
    return None
