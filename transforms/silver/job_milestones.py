"""silver.job_milestones: each event's place in the automaton."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

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
    before = _Before()
    for event in history.events:
        moved, active = _move(event, active)
        if moved is not None:
            stage, since = moved, event.event_timestamp
        yield stage, since, _illegal(event, before)
        before.add(event)


@dataclass
class _Before:
    """What had happened before an event, as far as it makes one illegal."""

    asked: set[str | None] = field(default_factory=set)
    offers: set[str | None] = field(default_factory=set)
    is_accepted: bool = False
    taken_back: set[str | None] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Take in the next event."""
        if event.event_type == "offered":
            self.asked.add(event.provider_id)
            self.offers.add(event.offer_key)
        elif event.event_type == "accepted":
            self.is_accepted = True
        elif event.event_type == "unassigned" and event.assignment_key is not None:
            self.taken_back.add(event.assignment_key)


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


def _illegal(event: Event, before: _Before) -> str | None:
    is_asked = event.provider_id in before.asked or event.offer_key in before.offers
    if event.event_type == "accepted" and not is_asked:
        return NEVER_OFFERED
    if event.event_type == "on_scene" and not before.is_accepted:
        return BEFORE_ACCEPTANCE
    if event.event_type in ARRIVALS and event.assignment_key in before.taken_back:
        return ALREADY_UNASSIGNED
    return None
