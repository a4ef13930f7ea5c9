"""silver.offers: what became of each question to a provider."""

from __future__ import annotations

from collections.abc import Iterator

from transforms.silver.histories import ANSWERS, SECOND, Event, History, Row
from transforms.zones import area_of

OUTCOMES = {
    "no_contact": "no_contact",
    "declined": "declined",
    "offer_expired": "expired",
    "offer_withdrawn": "withdrawn",
    "cancelled": "withdrawn",
    "accepted": "accepted",
}
"""A cancelled job withdraws the offers it finds open."""

ANSWER_DUE = 15 * 60 * SECOND
"""An offer of unknown channel that nobody answered by then was made by phone (DOMAIN 2.2)."""


def offers(history: History) -> Iterator[Row]:
    """One row per offer known to have been made, with its first answer in order."""
    made: dict[str, Event] = {}
    for event in history.events:
        if event.event_type == "offered" and event.offer_key is not None:
            made.setdefault(event.offer_key, event)
    for seq, (offer_id, offered) in enumerate(made.items(), start=1):
        yield {"offer_id": offer_id, "offer_seq": seq, **_offer(history, offered)}


def _offer(history: History, offered: Event) -> Row:
    answer, rejected = _answer(history, offered)
    outcome = OUTCOMES[answer.event_type] if answer else "open"
    if outcome == "accepted" and rejected:
        outcome = "eta_rejected"
    said_yes = outcome in ("accepted", "eta_rejected")
    seconds = None
    if answer and (said_yes or outcome == "declined"):
        seconds = (answer.event_timestamp - offered.event_timestamp) // SECOND
    zone_id = history.stated("zone_id", offered)
    return {
        "job_id": history.job_id,
        "provider_id": offered.provider_id,
        "offered_at": offered.event_timestamp,
        "offer_expires_at": offered.offer_expires_at,
        "dispatch_channel": channel_of(history, offered),
        "is_channel_derived": offered.dispatch_channel is None,
        "is_offer_id_derived": offered.offer_id is None,
        "offer_outcome": outcome,
        "responded_at": answer.event_timestamp if answer else None,
        "response_seconds": seconds,
        "accepted_at": answer.event_timestamp if answer and said_yes else None,
        "reason_code": answer.reason_code if answer and answer.event_type in ANSWERS else None,
        "is_immediate": history.is_immediate(offered),
        "job_kind": history.stated("job_kind", offered),
        "service_type": history.stated("service_type", offered),
        "program_id": history.stated("program_id", offered),
        "zone_id": zone_id,
        "area_id": area_of(zone_id),
        "selection_policy_version": offered.selection_policy_version,
        "selection_rank": offered.selection_rank,
        "selection_score": offered.selection_score,
        "selection_propensity": offered.selection_propensity,
    }


def channel_of(history: History, offered: Event) -> str:
    """As stated; else phone where nobody answered within 15 minutes, else digital."""
    answer, _ = _answer(history, offered)
    is_prompt = (
        answer is not None
        and answer.event_type in ANSWERS
        and answer.event_timestamp <= offered.event_timestamp + ANSWER_DUE
    )
    return offered.dispatch_channel or ("digital" if is_prompt else "phone")


def _answer(history: History, offered: Event) -> tuple[Event | None, bool]:
    """The first answer (or cancel after the offer), and whether the ETA was rejected."""
    mine = history.of_offer(offered.offer_key)
    answers = [event for event in mine if event.event_type in ANSWERS]
    closings = (answers[0] if answers else None, history.next("cancelled", offered))
    answer = min((event for event in closings if event is not None), key=history.place, default=None)
    rejected = answer is not None and any(
        event.event_type == "eta_rejected" and history.place(event) > history.place(answer) for event in mine
    )
    return answer, rejected
