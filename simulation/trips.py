"""Trips: from a yes to the truck standing there, or to whatever ended the wait.

An accepted job waits until the driver's last one is done; a tow holds the truck to the drop.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulation.dispatch import BACKDATED_SECONDS, Answer, capable_duties
from simulation.geography import DETOUR, Place, coordinates, distance_km
from simulation.jobs import other_light_service
from simulation.moments import moment
from simulation.providers import LIGHT_SERVICES
from simulation.rates import rate
from simulation.shifts import Duty, Trip

if TYPE_CHECKING:
    from simulation.lifecycle import JobRun

PROMISE_SECONDS = 300
PREPARE_SECONDS = (180, 1200)
EXTENSION_DUE_SECONDS = 300
REASSIGNMENT_DUE_SECONDS = 900
ON_SCENE_LATE_SECONDS = 600
WORK_MINUTES = {
    "tow": 14,
    "winch_out": 30,
    "jump_start": 12,
    "flat_tire": 22,
    "lockout": 14,
    "fuel_delivery": 9,
}
UNLOAD_SECONDS = 600
PHONE_KEYED_SECONDS = (30, 600)


@dataclass
class Assignment:
    """One acceptance: the plan nobody else knows, and what came of it."""

    answer: Answer
    accepted_at: int
    service_type: str
    arrive_at: int
    leave_scene_at: int
    done_at: int
    drop: Place | None
    duty: Duty | None
    trip: Trip | None
    first_promise_at: int
    promise_at: int
    truth: dict[str, Any]

    @property
    def assignment_id(self) -> str:
        """The id of the accepted offer."""
        return self.answer.offer_id

    @property
    def is_tracked(self) -> bool:
        """Whether the provider sends statuses and names drivers."""
        return self.answer.provider.is_tracked

    @property
    def has_driver(self) -> bool:
        """Whether a tracked driver of the day carries it out."""
        return self.is_tracked and self.duty is not None

    def end(self, run: JobRun, reason: str) -> None:
        """The wait is over, for this reason; before an arrival the truck is free again."""
        if reason != "arrived" and self.duty is not None and self.trip is not None:
            was_under_way = self.trip.is_under_way
            self.duty.release(self.trip, run.now)
            if was_under_way:
                run.world.send_status(self.duty, "available")
        self.truth.update(end_reason=reason, ended_at=run.now)
        if reason != "arrived":
            self.note(run)

    def note(self, run: JobRun) -> None:
        """Put the assignment into the truth; nothing more happens to it."""
        driver = self.duty.driver.driver_id if self.duty is not None and self.is_tracked else None
        run.assignment = None
        run.world.truth.add(
            "assignments",
            assignment_id=self.assignment_id,
            job_id=run.job.job_id,
            provider_id=self.answer.provider.provider_id,
            driver_id=driver,
            is_tracked=self.is_tracked,
            has_driver=self.has_driver,
            is_immediate=run.job.is_immediate,
            service_type=self.service_type,
            accepted_at=self.accepted_at,
            first_promised_arrival_at=self.first_promise_at,
            promised_arrival_at=self.promise_at,
            planned_departure_at=self.trip.depart_at if self.trip else None,
            planned_arrival_at=self.arrive_at,
            **self.truth,
        )


def serve(run: JobRun, answer: Answer) -> Generator[int, None, str]:
    """From acceptance to the end of the assignment; returns why it ended."""
    assignment = _accept(run, answer)
    for at, event in _timeline(run, assignment):
        yield at
        if event is _arrive:
            break
        reason = event(run, assignment)
        if reason:
            assignment.end(run, reason)
            return reason
    return (yield from _on_scene(run, assignment))


def _accept(run: JobRun, answer: Answer) -> Assignment:
    job, draws, now = run.job, run.draws, run.now
    work = max(240, round(draws.lognormal(WORK_MINUTES[job.service_type], 0.35) * 60))
    haul = 0
    if job.destination is not None:
        drive = distance_km(job.place, job.destination) * DETOUR / run.world.speed_kmh(now) * 3600
        haul = round(drive) + UNLOAD_SECONDS
    prepare, noise = draws.seconds(*PREPARE_SECONDS), draws.lognormal(1.0, 0.2)
    duty, trip = None, None
    end_place = job.destination or job.place
    duties = capable_duties(run, answer.provider) if job.is_immediate else []
    if duties:
        kmh = run.world.speed_kmh(now) / noise
        plans = [(duty.plan(now, job.place, end_place, prepare, kmh, work, haul), duty) for duty in duties]
        trip, duty = min(plans, key=lambda plan: (plan[0].arrive_at, plan[1].driver.number))
        duty.book(trip)
        arrive = trip.arrive_at
    elif job.is_immediate:  # the last driver went off duty while the phone rang: the owner comes
        far = distance_km(answer.provider.site, job.place) * DETOUR
        arrive = now + prepare + 900 + round(far / run.world.speed_kmh(now) * noise * 3600)
    else:
        arrive = max(now + 600, job.scheduled_for + round(draws.normal(300, 600)))  # type: ignore[operator]
    promise = job.scheduled_for or _promise(now, (arrive - now) * answer.provider.optimism)
    assignment = Assignment(
        answer=answer,
        accepted_at=now,
        service_type=job.service_type,
        arrive_at=arrive,
        leave_scene_at=arrive + work,
        done_at=arrive + work + haul,
        drop=job.destination,
        duty=duty,
        trip=trip,
        first_promise_at=promise,
        promise_at=promise,
        truth={"promise_extension_count": 0},
    )
    run.assignment = assignment
    lag = (draws.seconds(*BACKDATED_SECONDS), "backdated") if answer.is_backdated else None
    run.emit(
        "accepted",
        "provider",
        keyed=(10, 120) if answer.channel == "phone" else None,
        lag=lag,
        offer_id=answer.offer_id,
        assignment_id=answer.offer_id,
        provider_id=answer.provider.provider_id,
        promised_arrival_at=moment(promise),
    )
    return assignment


def _promise(now: int, seconds: float) -> int:
    """A moment on the 5 minutes, a quarter of an hour away at least."""
    at = now + max(900, round(seconds))
    return -(-at // PROMISE_SECONDS) * PROMISE_SECONDS


def _timeline(run: JobRun, assignment: Assignment) -> list[tuple[int, Any]]:
    """What is going to happen until the arrival, in order."""
    draws, truth = run.draws, assignment.truth
    start, arrive = assignment.accepted_at, assignment.arrive_at
    steps = [(arrive, _arrive)]
    if assignment.trip is not None:
        steps.append((assignment.trip.depart_at, _depart))
    if assignment.has_driver and assignment.trip is not None:
        truth["is_driver_named"] = draws.chance(rate("driver_named"))
        truth["is_en_route_early"] = draws.chance(rate("en_route_early"))
        if truth["is_driver_named"]:
            steps.append((start + draws.seconds(20, 55), _name_driver))
        pressed = start + draws.seconds(25, 58) if truth["is_en_route_early"] else assignment.trip.depart_at
        steps.append((pressed, _press_en_route))
    if run.job.is_immediate:
        steps += _troubles(run, assignment)
    return sorted(
        (step for step in steps if step[0] < arrive or step[1] is _arrive),
        key=lambda step: (step[0], _ORDER[step[1]]),
    )


def _troubles(run: JobRun, assignment: Assignment) -> list[tuple[int, Any]]:
    draws, truth = run.draws, assignment.truth
    start, arrive = assignment.accepted_at, assignment.arrive_at
    truth["is_eta_rejection_drawn"] = draws.chance(rate("eta_rejected"))
    if truth["is_eta_rejection_drawn"]:
        return [(start + draws.seconds(10, 19), _reject_eta)]
    steps: list[tuple[int, Any]] = []
    truth["is_give_back_drawn"] = draws.chance(rate("gave_back"))
    if truth["is_give_back_drawn"]:
        return [(start + 60 + draws.index(max(1, arrive - start - 61)), _give_back)]
    last_promise = assignment.promise_at
    truth["is_extension_due"] = arrive >= last_promise + EXTENSION_DUE_SECONDS
    if truth["is_extension_due"]:
        truth["is_extension_drawn"] = draws.chance(rate("eta_extended"))
        if truth["is_extension_drawn"]:
            at = max(start + 60, last_promise - draws.seconds(60, 900))
            later = _promise(at, (arrive - at) * draws.uniform(0.85, 1.1))
            last_promise = max(later, last_promise + PROMISE_SECONDS)
            truth["extended_to"] = last_promise
            steps.append((at, _extend))
    truth["is_reassignment_due"] = arrive >= last_promise + REASSIGNMENT_DUE_SECONDS
    if truth["is_reassignment_due"]:
        truth["is_reassignment_drawn"] = draws.chance(rate("agent_reassigned"))
        if truth["is_reassignment_drawn"]:
            steps.append((last_promise + REASSIGNMENT_DUE_SECONDS - 1, _reassign))
    return steps


def _tell(
    run: JobRun, assignment: Assignment, event_type: str, actor: str = "provider", **facts: Any
) -> None:
    duty = assignment.duty if assignment.has_driver else None
    run.emit(
        event_type,
        actor,
        keyed=None if assignment.is_tracked else PHONE_KEYED_SECONDS,
        provider_id=assignment.answer.provider.provider_id,
        assignment_id=assignment.assignment_id,
        driver_id=duty.driver.driver_id if duty else None,
        **facts,
    )


def _name_driver(run: JobRun, assignment: Assignment) -> None:
    _tell(run, assignment, "driver_assigned")


def _press_en_route(run: JobRun, assignment: Assignment) -> None:
    _tell(run, assignment, "en_route")


def _depart(run: JobRun, assignment: Assignment) -> None:
    assert assignment.trip is not None
    assert assignment.duty is not None
    assignment.trip.is_under_way = True
    assignment.duty.drive(run.now, assignment.arrive_at, run.job.place)
    run.world.send_status(assignment.duty, "en_route")


def _extend(run: JobRun, assignment: Assignment) -> None:
    assignment.promise_at = assignment.truth.pop("extended_to")
    assignment.truth["promise_extension_count"] = 1
    _tell(run, assignment, "eta_updated", promised_arrival_at=moment(assignment.promise_at))


def _reject_eta(run: JobRun, assignment: Assignment) -> str:
    run.emit(
        "eta_rejected",
        "agent",
        offer_id=assignment.answer.offer_id,
        assignment_id=assignment.assignment_id,
        provider_id=assignment.answer.provider.provider_id,
        reason_code="eta_too_long",
    )
    return "eta_rejected"


def _give_back(run: JobRun, assignment: Assignment) -> str:
    _tell(run, assignment, "unassigned", reason_code="gave_back")
    return "provider_gave_back"


def _reassign(run: JobRun, assignment: Assignment) -> str:
    _tell(run, assignment, "unassigned", "agent", reason_code="late_no_update")
    return "agent_reassigned"


def _arrive(run: JobRun, assignment: Assignment) -> None:
    raise AssertionError("the arrival ends the timeline")


_ORDER = {
    step: n
    for n, step in enumerate(
        (_reject_eta, _give_back, _name_driver, _press_en_route, _depart, _extend, _reassign, _arrive)
    )
}


def _on_scene(run: JobRun, assignment: Assignment) -> Generator[int, None, str]:
    draws, truth, arrived_at = run.draws, assignment.truth, run.now
    run.patience_at = None
    truth["arrived_at"] = arrived_at
    assignment.end(run, "arrived")
    if assignment.duty is not None:
        assignment.duty.stay(arrived_at)
        run.world.send_status(assignment.duty, "on_job")
    truth["is_gone_on_arrival"] = draws.chance(rate("gone_on_arrival"))
    truth["is_unsuccessful"] = not truth["is_gone_on_arrival"] and draws.chance(rate("unsuccessful"))
    is_short = truth["is_gone_on_arrival"] or truth["is_unsuccessful"]
    leave_at = arrived_at + draws.seconds(240, 900) if is_short else assignment.leave_scene_at
    yield from _report_on_scene(run, assignment, leave_at)
    yield leave_at
    if truth["is_gone_on_arrival"]:
        end = "gone_on_arrival"
        _tell(run, assignment, "gone_on_arrival", reason_code="member_gone")
    elif truth["is_unsuccessful"]:
        end = "unsuccessful"
        _tell(run, assignment, "unsuccessful", reason_code="not_repairable")
    else:
        end = "completed"
        yield from _work(run, assignment)
        truth["completed_at"] = run.now
        _tell(run, assignment, "completed")
    _free(run, assignment)
    truth["is_then_cancelled"] = truth["is_gone_on_arrival"] and draws.chance(rate("gone_then_cancelled"))
    if truth["is_then_cancelled"]:
        yield run.now + draws.seconds(300, 1800)
        run.emit("cancelled", "agent", reason_code="gone_on_arrival")
    run.finish(end, arrived_at)
    assignment.note(run)
    return end


def _report_on_scene(run: JobRun, assignment: Assignment, leave_at: int) -> Iterator[int]:
    """Press on scene: at once, ten minutes late, or never."""
    draws, truth = run.draws, assignment.truth
    is_forgotten = draws.chance(
        rate("on_scene_forgotten") if assignment.is_tracked else rate("phone_on_scene_missing")
    )
    if is_forgotten:
        return
    if assignment.is_tracked and draws.chance(rate("on_scene_late")):
        yield min(run.now + ON_SCENE_LATE_SECONDS, leave_at - 60)
    truth["on_scene_reported_at"] = run.now
    _tell(run, assignment, "on_scene")


def _work(run: JobRun, assignment: Assignment) -> Iterator[int]:
    """The rest of the job once the scene is left: a haul, or a change of service noted."""
    job, draws = run.job, run.draws
    is_light = assignment.service_type in LIGHT_SERVICES
    assignment.truth["is_service_changed"] = is_light and draws.chance(rate("service_changed"))
    if assignment.truth["is_service_changed"]:
        run.emit("job_updated", "agent", service_type=other_light_service(job.service_type, draws))
    if assignment.drop is None:
        return
    if assignment.is_tracked:
        latitude, longitude = coordinates(assignment.drop)
        _tell(run, assignment, "towing", destination={"latitude": latitude, "longitude": longitude})
    if assignment.duty is not None:
        assignment.duty.drive(run.now, assignment.done_at - UNLOAD_SECONDS, assignment.drop)
    yield assignment.done_at


def _free(run: JobRun, assignment: Assignment) -> None:
    duty, trip = assignment.duty, assignment.trip
    if duty is None or trip is None:
        return
    duty.release(trip, run.now)
    run.world.send_status(duty, "available")
