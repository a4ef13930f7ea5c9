"""Naive oracle, part 15: where a job stands: job_state_15m."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from support.oracle_lifecycle import ANSWERS, ENDS_JOB, assignment_of
from support.oracle_records import TICK
from support.oracle_silver import Silver
from support.oracle_states import Assignment, Job, Lifecycle
from support.oracle_windows import DAY, last

RETRACTIONS = ("unassigned", "eta_rejected")


def job_state_15m(silver: Silver, job_id: str, tick: datetime, corrected: bool = False) -> dict | None:
    """Every feature of the job by all that was known at the tick; None when it is not live."""
    if corrected:
        raise ValueError("job_state_15m is only as served")
    state = silver.at(tick)
    job = state.jobs.get(job_id)
    if job is None or not last(DAY, tick).holds(job.requested_at):
        return None
    stage, stage_since_at = stage_of(job, state)
    if stage == "closed" and stage_since_at < tick - TICK:
        return None
    active = active_assignment(job, state)
    return {
        "tick_at": tick,
        "stage": stage,
        "stage_since_at": stage_since_at,
        "requested_at": job.requested_at,
        "area_id": job.area_id,
        "zone_id": job.zone_id,
        "service_type": job.fact("service_type"),
        "program_id": job.fact("program_id"),
        "offers_count": sum(event.type == "offered" for event in job.events),
        "declines_count": sum(event.type == "declined" for event in job.events),
        "assigned_provider_id": assigned_provider_id(job, state),
        **promise_features(silver, active),
    }


def stage_of(job: Job, state: Lifecycle) -> tuple[str, datetime | None]:
    """The stage the events moved the job to, and the time of the last event that moved it.

    An offer or an answer moves no job that has an active assignment; a retraction moves the job back
    only if it is of the active one.
    """
    assignments = assignments_of(job, state)
    stage, since, active = "unassigned", None, None
    for event in job.events:
        moved = None
        if event.type == "accepted":
            moved = "assigned"
            made = [each.assignment_id for each in assignments.values() if each.position == event.position]
            active = made[0] if made else active
        elif event.type in RETRACTIONS:
            of = assignment_of(event, assignments)
            if (of.assignment_id if of else None) == active:
                moved, active = "unassigned", None
        elif event.type == "offered":
            moved = None if active else "offered"
        elif event.type == "requested" or event.type in ANSWERS:
            moved = None if active else "unassigned"
        elif event.type in ("en_route", "on_scene", "towing"):
            moved = event.type
        elif event.type in ENDS_JOB:
            moved = "closed"
        if moved is not None:
            stage, since = moved, event.at
    return stage, since


def assigned_provider_id(job: Job, state: Lifecycle) -> str | None:
    """Provider of the last acceptance that was not taken back; null once the job is over."""
    assignments = assignments_of(job, state)
    standing: list[Assignment] = []
    for event in job.events:
        if event.type in ENDS_JOB:
            return None
        if event.type == "accepted":
            standing += [each for each in assignments.values() if each.position == event.position]
        elif event.type in RETRACTIONS:
            standing = [each for each in standing if each is not assignment_of(event, assignments)]
    return standing[-1].provider_id if standing else None


def active_assignment(job: Job, state: Lifecycle) -> Assignment | None:
    """The latest accepted that is open or has arrived."""
    standing = [
        each for each in assignments_of(job, state).values() if each.end_reason in ("open", "arrived")
    ]
    return max(standing, key=lambda each: each.position, default=None)


def assignments_of(job: Job, state: Lifecycle) -> dict[str, Assignment]:
    """The job's own."""
    return {each.assignment_id: each for each in state.assignments.values() if each.job_id == job.job_id}


def promise_features(silver: Silver, active: Assignment | None) -> dict[str, Any]:
    """Who comes, and when; null without an active assignment."""
    driver_id = active.driver_id if active else None
    return {
        "assigned_driver_id": silver.token_of(driver_id) if driver_id else None,
        "first_promised_arrival_at": active.first_promised_arrival_at if active else None,
        "promised_arrival_at": active.promised_arrival_at if active else None,
        "promise_extension_count": active.promise_extension_count if active else None,
    }
