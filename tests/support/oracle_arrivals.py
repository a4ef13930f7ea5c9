"""Naive oracle, part 12: what the ends of assignments say: minutes, promises kept, nobody there."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from support.oracle_states import Assignment
from support.oracle_windows import Window, minutes, ratio


def arrivals(assignments: Iterable[Assignment], window: Window) -> list[Assignment]:
    """The assignments whose arrival the window holds."""
    return [each for each in assignments if window.holds(each.arrived_at)]


def arrival_minutes(arrived: Iterable[Assignment]) -> list[Fraction]:
    """From acceptance to arrival."""
    return [minutes(each.arrived_at - each.accepted_at) for each in arrived]


def arrival_minus_promise_minutes(arrived: Iterable[Assignment]) -> list[Fraction]:
    """From the first promise to arrival, of those with one; below zero if early."""
    return [
        minutes(each.arrived_at - each.first_promised_arrival_at)
        for each in arrived
        if each.first_promised_arrival_at is not None
    ]


def on_time_ratio(arrived: Iterable[Assignment]) -> float | None:
    """Share that came by the first promise, of those with one."""
    past_promise = arrival_minus_promise_minutes(arrived)
    return ratio(sum(value <= 0 for value in past_promise), len(past_promise))


def gone_on_arrival(arrived: Iterable[Assignment], window: Window) -> list[Assignment]:
    """Those that found nobody, by the end of the window."""
    return [each for each in arrived if window.has_ended_by(each.gone_on_arrival_at)]


def is_finished(assignment: Assignment, window: Window) -> bool:
    """Whether it was completed or gone on arrival by the end of the window."""
    return window.has_ended_by(assignment.completed_at) or window.has_ended_by(assignment.gone_on_arrival_at)


def on_scene_minutes(assignments: Iterable[Assignment], window: Window) -> list[Fraction]:
    """From arrival to completion in the window, of those not gone on arrival."""
    return [
        minutes(each.completed_at - each.arrived_at)
        for each in assignments
        if window.holds(each.completed_at)
        and each.arrived_at is not None
        and not window.has_ended_by(each.gone_on_arrival_at)
    ]
