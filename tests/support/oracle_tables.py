"""What the naive oracle knows, as rows of the lake's tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from support.oracle_days import ping_near_arrival
from support.oracle_silver import Silver
from support.oracle_states import Assignment, Job, area_of, zone_of

_AS_THEY_ARE = {field.name for field in fields(Assignment)} - {"position"}


def assignment_rows(silver: Silver, ticks: Iterable[datetime]) -> list[dict[str, Any]]:
    """Rows of silver.assignments: every assignment's state at each of the ticks, changed or not."""
    return [
        {**_assignment(each, state.jobs[each.job_id], state.offers), "known_at": tick}
        for tick in ticks
        for state in (silver.at(tick),)
        for each in state.assignments.values()
    ]


def evidence_rows(silver: Silver, tick: datetime) -> list[dict[str, Any]]:
    """Rows of silver.arrival_evidence: arrivals that a ping known at the tick bears out."""
    state = silver.at(tick)
    return [
        {"assignment_id": each.assignment_id, "arrived_at": each.arrived_at, "known_at": tick}
        for each in state.assignments.values()
        if ping_near_arrival(silver, state, each, tick)
    ]


def _assignment(assignment: Assignment, job: Job, offers: dict[str, Any]) -> dict[str, Any]:
    at = assignment.accepted_at
    zone_id = zone_of(job.place(at))
    offer = offers.get(assignment.offer_id or "")
    return {name: getattr(assignment, name) for name in _AS_THEY_ARE} | {
        "requested_at": job.requested_at,
        "arrived_at": assignment.arrived_at,
        "is_backdated": assignment.is_backdated,
        "is_gone_on_arrival": assignment.gone_on_arrival_at is not None,
        "dispatch_channel": offer.dispatch_channel if offer else None,
        "is_immediate": job.is_immediate_at(at),
        "job_kind": job.fact("job_kind", at),
        "service_type": job.fact("service_type", at),
        "program_id": job.fact("program_id", at),
        "zone_id": zone_id,
        "area_id": area_of(zone_id),
    }
