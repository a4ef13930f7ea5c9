"""Naive oracle, part 26: the arrival as pings tell it, where they contradict the driver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from support.oracle_days import EVIDENCE_METRES, ping_near_arrival, pings_around_arrival
from support.oracle_fixes import Fix
from support.oracle_records import TICK, tick_end
from support.oracle_silver import Silver
from support.oracle_states import Assignment

MOST_APART = timedelta(minutes=5)


def arrived_by_gps(silver: Silver, assignment: Assignment, close: datetime) -> Assignment:
    """The assignment, its arrival and end moved to the ping that bears the arrival out.

    It is moved where the driver stated the arrival more than 5 minutes after that ping, or was elsewhere
    more than 5 minutes after he stated it; and the ping is after the acceptance. An assignment that did not
    end by an arrival, or found nobody, stays as it is.
    """
    if assignment.end_reason != "arrived" or assignment.on_scene_at is None:
        return assignment
    evidence = evidence_of(silver, assignment, close)
    if evidence is None or evidence.pinged_at <= assignment.accepted_at:
        return assignment
    stated_at = assignment.on_scene_at
    is_late = stated_at - evidence.pinged_at > MOST_APART
    is_early = evidence.elsewhere_at is not None and evidence.elsewhere_at - stated_at > MOST_APART
    if not is_late and not is_early:
        return assignment
    return replace(assignment, on_scene_at=evidence.pinged_at, ended_at=evidence.pinged_at)


@dataclass(frozen=True)
class Evidence:
    """When a ping was at the job, and the last of its driver's elsewhere since the stated arrival."""

    pinged_at: datetime
    elsewhere_at: datetime | None


def evidence_of(silver: Silver, assignment: Assignment, close: datetime) -> Evidence | None:
    """Of the pings known when this arrival was first borne out; None if it is not, by the close.

    What becomes known later replaces nothing, be it earlier; another stated arrival is another question.
    """
    if not ping_near_arrival(silver, silver.at(close), assignment, close):
        return None
    for tick in ticks_after_arrival(assignment, close):
        known = silver.at(tick)
        stated = known.assignments.get(assignment.assignment_id)
        if stated is not None and stated.arrived_at == assignment.arrived_at:
            around = pings_around_arrival(silver, known, stated, tick)
            there = [fix for fix, metres in around if metres <= EVIDENCE_METRES]
            if there:
                first = min(there, key=lambda fix: (fix.event_timestamp, fix.driver_id))
                return Evidence(first.event_timestamp, last_elsewhere(around, stated, first))
    raise AssertionError("the close is a tick")


def last_elsewhere(around: list[tuple[Fix, float]], stated: Assignment, first: Fix) -> datetime | None:
    """The last of the driver's pings beyond the fence since the stated arrival, before the first at it."""
    last = None
    for fix, metres in around:
        if fix.driver_id != first.driver_id or metres <= EVIDENCE_METRES:
            continue
        if stated.arrived_at <= fix.event_timestamp < first.event_timestamp:
            last = max(last or fix.event_timestamp, fix.event_timestamp)
    return last


def ticks_after_arrival(assignment: Assignment, close: datetime) -> Iterator[datetime]:
    """The ticks at which the stated arrival can have been known, the close included."""
    assert assignment.arrived_at is not None
    tick = tick_end(assignment.arrived_at)
    while tick <= close:
        yield tick
        tick += TICK
