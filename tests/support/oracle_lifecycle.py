"""Naive oracle, part 5: the fold of a job's events into offers, assignments and the job."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from support.oracle_records import Landed
from support.oracle_states import ANSWER_DUE, Assignment, Event, Job, Lifecycle, Offer, area_of, zone_of

ORDER = (
    "requested",
    "job_updated",
    "offered",
    "no_contact",
    "declined",
    "offer_expired",
    "offer_withdrawn",
    "accepted",
    "eta_rejected",
    "driver_assigned",
    "en_route",
    "eta_updated",
    "on_scene",
    "towing",
    "gone_on_arrival",
    "unsuccessful",
    "unassigned",
    "completed",
    "cancelled",
)
RANK = {name: rank for rank, name in enumerate(ORDER)}
ANSWERS = {
    "declined": "declined",
    "offer_expired": "expired",
    "no_contact": "no_contact",
    "offer_withdrawn": "withdrawn",
    "accepted": "accepted",
}
ENDS_JOB = ("completed", "cancelled", "unsuccessful", "gone_on_arrival")


def lifecycle(records: Iterable[Landed]) -> Lifecycle:
    """Fold counted dispatch records (already cut to what was known) into states."""
    of_job: dict[str, list[Landed]] = {}
    for record in records:
        of_job.setdefault(record.data["job_id"], []).append(record)
    result = Lifecycle({}, {}, {})
    for job_id, landed in of_job.items():
        result.add(job_lifecycle(job_id, landed))
    return result


def job_lifecycle(job_id: str, landed: Iterable[Landed]) -> Lifecycle:
    """The same of one job."""
    events = _in_order(landed)
    offers = _offers(job_id, events)
    assignments = _assignments(job_id, events, offers)
    _reject_etas(events, offers, assignments)
    job = _job(job_id, events, assignments)
    _state_facts(job, offers, assignments)
    return Lifecycle(offers, assignments, {job_id: job})


def _in_order(landed: Iterable[Landed]) -> list[Event]:
    ordered = sorted(
        landed,
        key=lambda each: (
            each.event_timestamp,
            RANK.get(each.data["event_type"], len(RANK)),
            each.data["event_id"],
        ),
    )
    return [
        Event(position, each.event_timestamp, each.data["event_type"], each)
        for position, each in enumerate(ordered)
    ]


def _offers(job_id: str, events: list[Event]) -> dict[str, Offer]:
    offers: dict[str, Offer] = {}
    for event in events:
        if event.type == "offered":
            offer_id = event.get("offer_id") or f"{job_id}:{event.get('event_id')}"
            selection = event.get("selection") or {}
            offers.setdefault(
                offer_id,
                Offer(
                    offer_id,
                    job_id,
                    event.get("provider_id"),
                    event.at,
                    event.position,
                    event.get("dispatch_channel"),
                    event.moment("offer_expires_at"),
                    selection.get("rank"),
                    selection.get("score"),
                    selection.get("propensity"),
                ),
            )
    for offer in offers.values():
        _answer(offer, events, offers)
    return offers


def _answer(offer: Offer, events: list[Event], offers: dict[str, Offer]) -> None:
    """The first answer in order decides; so does a cancel of the job that finds the offer open."""
    for event in events:
        is_cancel = event.type == "cancelled" and event.position > offer.position
        is_answer = event.type in ANSWERS and offer_of(event, offers) is offer
        if is_answer or is_cancel:
            offer.outcome = ANSWERS.get(event.type, "withdrawn")
            offer.responded_at = event.at
            offer.accepted_at = event.at if event.type == "accepted" else None
            offer.is_answered_in_time = is_answer and event.at - offer.offered_at <= ANSWER_DUE
            return


def offer_of(event: Event, offers: dict[str, Offer]) -> Offer | None:
    """The offer an answer belongs to: by its id, else the provider's latest before it."""
    if event.get("offer_id"):
        return offers.get(event.get("offer_id"))
    asked = [each for each in offers.values() if each.position <= event.position]
    if event.get("provider_id"):
        asked = [each for each in asked if each.provider_id == event.get("provider_id")]
    return max(asked, key=lambda each: each.position, default=None)


def _assignments(job_id: str, events: list[Event], offers: dict[str, Offer]) -> dict[str, Assignment]:
    assignments: dict[str, Assignment] = {}
    for event in events:
        if event.type == "accepted":
            offer = offer_of(event, offers)
            offer_id = event.get("offer_id") or (offer.offer_id if offer else None)
            assignment_id = event.get("assignment_id") or offer_id
            if assignment_id is None or assignment_id in assignments:
                continue
            assignments[assignment_id] = Assignment(
                assignment_id,
                offer_id,
                job_id,
                event.get("provider_id") or (offer.provider_id if offer else None),
                event.at,
                event.landed.landed_at,
                event.position,
                driver_id=event.get("driver_id"),
                first_promised_arrival_at=event.moment("promised_arrival_at"),
            )
    accepted = {each.position: each for each in assignments.values()}
    for event in events:
        if event.position in accepted:
            _promise(accepted[event.position], event)
        elif RANK.get(event.type, -1) > RANK["accepted"]:
            assignment = assignment_of(event, assignments)
            if assignment is not None:
                _follow(assignment, event)
    return assignments


def assignment_of(event: Event, assignments: dict[str, Assignment]) -> Assignment | None:
    """The assignment a later event belongs to: by its id, else the (provider's) latest before it."""
    if event.get("assignment_id"):
        return assignments.get(event.get("assignment_id"))
    if event.type == "eta_rejected" and event.get("offer_id"):
        return next((each for each in assignments.values() if each.offer_id == event.get("offer_id")), None)
    open_to = [each for each in assignments.values() if each.position <= event.position]
    if event.get("provider_id"):
        open_to = [each for each in open_to if each.provider_id == event.get("provider_id")]
    return max(open_to, key=lambda each: each.position, default=None)


def _promise(assignment: Assignment, event: Event) -> None:
    """A promise made, or made anew; in the order of the events."""
    promise = event.moment("promised_arrival_at")
    if promise is not None:
        before = assignment.promised_arrival_at
        if event.type == "eta_updated" and before is not None and promise > before:
            assignment.promise_extension_count += 1
        assignment.first_promised_arrival_at = assignment.first_promised_arrival_at or promise
        assignment.promised_arrival_at = promise


def _follow(assignment: Assignment, event: Event) -> None:
    assignment.driver_id = event.get("driver_id") or assignment.driver_id
    _promise(assignment, event)
    if event.type == "en_route":
        assignment.en_route_at = assignment.en_route_at or event.at
    elif event.type == "on_scene":
        assignment.on_scene_at = assignment.on_scene_at or event.at
    elif event.type == "gone_on_arrival":
        assignment.gone_on_arrival_at = assignment.gone_on_arrival_at or event.at
    elif event.type == "completed":
        assignment.completed_at = assignment.completed_at or event.at
    elif event.type == "cancelled":
        assignment.cancelled_at = assignment.cancelled_at or event.at
    end_reason = _end_reason(event)
    if end_reason and assignment.end_reason == "open":
        assignment.end_reason = end_reason
        assignment.ended_at = event.at


def _end_reason(event: Event) -> str | None:
    by_provider = event.get("actor") == "provider"
    return {
        "on_scene": "arrived",
        "gone_on_arrival": "arrived",
        "unassigned": "provider_gave_back" if by_provider else "agent_reassigned",
        "eta_rejected": "eta_rejected",
        "cancelled": "provider_gave_back" if by_provider else "member_cancelled",
        "completed": "missing_milestone",
        "unsuccessful": "missing_milestone",
    }.get(event.type)


def _reject_etas(events: list[Event], offers: dict[str, Offer], assignments: dict[str, Assignment]) -> None:
    for event in events:
        if event.type != "eta_rejected":
            continue
        assignment = assignment_of(event, assignments)
        offer = offers.get(assignment.offer_id or "") if assignment else None
        if offer and assignment and offer.outcome == "accepted" and event.position > assignment.position:
            offer.outcome = "eta_rejected"


def _state_facts(job: Job, offers: dict[str, Offer], assignments: dict[str, Assignment]) -> None:
    """What had been stated of the job when it was offered, and when it was accepted."""
    in_order = sorted(offers.values(), key=lambda each: each.position)
    for seq, offer in enumerate(in_order, start=1):
        offer.seq = seq
        offer.service_type = job.fact("service_type", offer.offered_at)
        offer.area_id = area_of(zone_of(job.place(offer.offered_at)))
        offer.program_id = job.fact("program_id", offer.offered_at)
        offer.is_immediate_roadside = job.is_immediate_roadside_at(offer.offered_at)
    for assignment in assignments.values():
        assignment.service_type = job.fact("service_type", assignment.accepted_at)
        assignment.area_id = area_of(zone_of(job.place(assignment.accepted_at)))
        assignment.program_id = job.fact("program_id", assignment.accepted_at)


def _job(job_id: str, events: list[Event], assignments: dict[str, Assignment]) -> Job:
    job = Job(job_id, events)
    for event in events:
        if event.type == "requested" and job.requested_at is None:
            job.requested_at = event.at
            job.requested_service_type = event.get("service_type")
            if event.get("latitude") is not None and event.get("longitude") is not None:
                job.zone_id = zone_of((event.get("latitude"), event.get("longitude")))
                job.area_id = area_of(job.zone_id)
        elif event.type == "accepted" and job.first_accepted_at is None:
            job.first_accepted_at = event.at
        elif event.type == "cancelled" and job.cancelled_at is None:
            job.cancelled_at = event.at
            job.cancel_actor = event.get("actor")
    job.waits = _waits(events, assignments)
    return job


def _waits(events: list[Event], assignments: dict[str, Assignment]) -> list[tuple[datetime, datetime | None]]:
    """From the request, or the retraction of the last acceptance that stands, until accepted or over."""
    waits: list[tuple[datetime, datetime | None]] = []
    standing: set[str] = set()
    is_requested = is_over = False
    waiting_since = None
    for event in events:
        if event.type == "requested":
            is_requested = True
        elif event.type == "accepted":
            standing |= {
                each.assignment_id for each in assignments.values() if each.position == event.position
            }
        elif event.type in ("unassigned", "eta_rejected"):
            taken_back = assignment_of(event, assignments)
            standing -= {taken_back.assignment_id} if taken_back else set()
        elif event.type in ENDS_JOB:
            is_over = True
        is_waiting = is_requested and not is_over and not standing
        if is_waiting and waiting_since is None:
            waiting_since = event.at
        elif not is_waiting and waiting_since is not None:
            waits.append((waiting_since, event.at))
            waiting_since = None
    return waits if waiting_since is None else [*waits, (waiting_since, None)]
