"""Naive oracle, part 26: the arrival as pings tell it, where they contradict the driver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from support.oracle_days import ping_near_arrival, pings_near_arrival
from support.oracle_records import TICK, tick_end
from support.oracle_silver import Silver
from support.oracle_states import Assignment

MOST_APART = timedelta(minutes=5)


def arrived_by_gps(silver: Silver, assignment: Assignment, close: datetime) -> Assignment:
    """The assignment, its arrival and end moved to the ping that bears the arrival out.

    It is moved where the ping is more than 5 minutes from the stated arrival and after the acceptance;
    an assignment that did not end by an arrival, or found nobody, stays as it is.
    """
    if assignment.end_reason != "arrived" or assignment.on_scene_at is None:
        return assignment
    pinged_at = evidence_ping_at(silver, assignment, close)
    if pinged_at is None or pinged_at <= assignment.accepted_at:
        return assignment
    if abs(pinged_at - assignment.on_scene_at) <= MOST_APART:
        return assignment
    return replace(assignment, on_scene_at=pinged_at, ended_at=pinged_at)


def evidence_ping_at(silver: Silver, assignment: Assignment, close: datetime) -> datetime | None:
    """The earliest of the pings known when this arrival was first borne out; None if it is not, by the close.

    What becomes known later replaces nothing, be it earlier; another stated arrival is another question.
    """
    if not ping_near_arrival(silver, silver.at(close), assignment, close):
        return None
    for tick in ticks_after_arrival(assignment, close):
        known = silver.at(tick)
        stated = known.assignments.get(assignment.assignment_id)
        if stated is not None and stated.arrived_at == assignment.arrived_at:
            pings = pings_near_arrival(silver, known, stated, tick)
            if pings:
                return min(ping.event_timestamp for ping in pings)
    raise AssertionError("the close is a tick")


def ticks_after_arrival(assignment: Assignment, close: datetime) -> Iterator[datetime]:
    """The ticks at which the stated arrival can have been known, the close included."""
    assert assignment.arrived_at is not None
    tick = tick_end(assignment.arrived_at)
    while tick <= close:
        yield tick
        tick += TICK
