"""Naive oracle, part 25: the rows of eta_v2, one per assignment and decision point, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from support.oracle_dataset import (
    Dataset,
    accepted_on,
    as_minutes,
    evidence,
    joined,
    labels,
    left_out,
    offer_of,
    spine_columns,
)
from support.oracle_gps import arrived_by_gps
from support.oracle_hours import hour_of
from support.oracle_lifecycle import RANK, assignment_of
from support.oracle_records import TICK, business_day_start, tick_end
from support.oracle_requests import TimezoneOf, no_timezone, request_fields
from support.oracle_rows import Row
from support.oracle_silver import Silver
from support.oracle_states import Assignment, Event, Lifecycle
from support.oracle_windows import DAY

PUBLISHED_AFTER = timedelta(minutes=5)
LONGEST_OPEN = timedelta(minutes=360)
MOST_TICKS = 12


@dataclass(frozen=True)
class Point:
    """A moment at which the minutes to go were asked; stale if somebody was there already."""

    stage: str
    decision_at: datetime
    is_stale: bool = False


def eta_v2(
    silver: Silver,
    day: date,
    service_features: Mapping[str, Sequence[str]] | None = None,
    timezone_of: TimezoneOf = no_timezone,
) -> Dataset:
    """The partition of the business day of acceptance, with what was known at 03:00 ET two days later.

    Rows hold assignment_id, job_id and driver_id (the token; keys that no dataset keeps), the keys,
    meta_* (without row_id and group), job_*, view__feature for service_features, and label_*.
    The waterfall counts decision points. Points and labels go by the arrival as corrected to the GPS.
    """
    close = business_day_start(day + 2 * DAY)
    state = silver.at(close)
    steps = ("decision_points", "scheduled", "second_tow", "backdated", "stale_open", "rows")
    waterfall = dict.fromkeys(steps, 0)
    rows = []
    for assignment in accepted_on(state, day):
        arrived = arrived_by_gps(silver, assignment, close)
        points = decision_points(silver, arrived)
        waterfall["decision_points"] += len(points)
        refused = left_out(assignment, state.jobs[assignment.job_id])
        if refused is not None:
            waterfall[refused] += len(points)
            continue
        kept = [point for point in points if not point.is_stale]
        waterfall["stale_open"] += len(points) - len(kept)
        waterfall["rows"] += len(kept)
        seen = labels_by_gps(silver, state, assignment, arrived, close)
        for seq, point in enumerate(kept, start=1):
            spine = {
                **spine_row(silver, state, assignment, point, timezone_of),
                "meta_decision_date_et": day,
                "meta_decision_seq": seq,
                "meta_weight": 1 / len(kept),
            }
            features = joined(silver, spine, service_features or {})
            rows.append({**spine, **features, **labels_from(seen, arrived, point.decision_at, close)})
    in_order = sorted(rows, key=lambda row: (row["meta_decision_at"], row["assignment_id"]))
    return Dataset(in_order, waterfall)


def decision_points(silver: Silver, assignment: Assignment) -> list[Point]:
    """The acceptance, en route, and the ticks at which it was known open; one a moment, in their order."""
    points = [Point("accepted", assignment.accepted_at)]
    en_route_at = assignment.en_route_at
    if en_route_at is not None and assignment.accepted_at < en_route_at and is_open(assignment, en_route_at):
        points.append(Point("en_route", en_route_at))
    taken = {point.decision_at for point in points}
    for tick in ticks_known_open(silver, assignment)[:MOST_TICKS]:
        decision_at = tick + PUBLISHED_AFTER
        if decision_at not in taken:
            points.append(Point("open", decision_at, is_stale=not is_open(assignment, decision_at)))
    return sorted(points, key=lambda point: point.decision_at)


def is_open(assignment: Assignment, moment: datetime) -> bool:
    """Whether, by all that is known of it, the assignment had not ended."""
    return assignment.ended_at is None or moment < assignment.ended_at


def ticks_known_open(silver: Silver, assignment: Assignment) -> list[datetime]:
    """The ticks, read after the acceptance and within six hours of it, that took it for open."""
    return [tick for tick in ticks_read_after(assignment) if is_known_open(silver, assignment, tick)]


def ticks_read_after(assignment: Assignment) -> Iterator[datetime]:
    """The ticks whose rows come out after the acceptance, within six hours of it."""
    tick = tick_end(assignment.accepted_at - PUBLISHED_AFTER)
    while tick + PUBLISHED_AFTER <= assignment.accepted_at + LONGEST_OPEN:
        yield tick
        tick += TICK


def is_known_open(silver: Silver, assignment: Assignment, tick: datetime) -> bool:
    """Whether the platform knew the assignment at the tick, and no end of it."""
    known = silver.at(tick).assignments.get(assignment.assignment_id)
    return known is not None and known.end_reason == "open"


def spine_row(
    silver: Silver, state: Lifecycle, assignment: Assignment, point: Point, timezone_of: TimezoneOf
) -> Row:
    """Keys, meta and request of a decision point, the job as stated by it."""
    job, decision_at, offer = state.jobs[assignment.job_id], point.decision_at, offer_of(assignment, state)
    provider_id = assignment.provider_id
    driver_id = driver_named(state, assignment, decision_at)
    return {
        "assignment_id": assignment.assignment_id,
        "job_id": assignment.job_id,
        "driver_id": silver.token_of(driver_id) if driver_id else None,
        **spine_columns(job, decision_at, provider_id, offer),
        "meta_stage": point.stage,
        "local_hour_of_week": hour_of(decision_at),
        **request_fields(state, job, provider_id, decision_at, offer, timezone_of),
    }


def driver_named(state: Lifecycle, assignment: Assignment, decision_at: datetime) -> str | None:
    """The driver whom the assignment's events up to the decision named last."""
    named = [
        event.get("driver_id")
        for event in events_of(state, assignment)
        if event.at <= decision_at and event.get("driver_id")
    ]
    return named[-1] if named else None


def events_of(state: Lifecycle, assignment: Assignment) -> list[Event]:
    """The acceptance and what follows it, in order."""
    of_job = {
        each.assignment_id: each for each in state.assignments.values() if each.job_id == assignment.job_id
    }
    return [
        event
        for event in state.jobs[assignment.job_id].events
        if event.position == assignment.position
        or (RANK.get(event.type, -1) > RANK["accepted"] and assignment_of(event, of_job) is assignment)
    ]


def labels_by_gps(
    silver: Silver, state: Lifecycle, stated: Assignment, arrived: Assignment, close: datetime
) -> Row:
    """label_* of the assignment as corrected; its evidence is that of the arrival as stated."""
    label = labels(silver, state, arrived, close)
    is_observed = label["label_status"] == "observed"
    return {
        **label,
        "label_arrival_evidence": evidence(silver, state, stated, close) if is_observed else None,
        "label_is_gps_apart": arrived.arrived_at != stated.arrived_at if is_observed else None,
    }


def labels_from(of_assignment: Row, arrived: Assignment, decision_at: datetime, close: datetime) -> Row:
    """label_* of a decision point: the assignment's, its minutes counted from the decision."""
    status = of_assignment["label_status"]
    ended_at = arrived.arrived_at if status == "observed" else arrived.ended_at or close
    assert ended_at is not None
    left = as_minutes(ended_at - decision_at)
    is_observed, is_missing = status == "observed", status == "missing_milestone"
    is_seen = status in ("observed", "censored")
    return {
        "label_status": status,
        "label_remaining_minutes": left if is_observed else None,
        "label_observed_minutes": left if is_seen else None,
        "label_lower_bound_minutes": left if is_seen else 0.0 if is_missing else None,
        "label_upper_bound_minutes": left if is_observed or is_missing else None,
        **{
            name: of_assignment[name]
            for name in (
                "label_is_censored",
                "label_censor_reason",
                "label_wait_minutes",
                "label_ata_minutes",
                "label_promised_minutes",
                "label_is_on_time",
                "label_is_on_time_grace15",
                "label_is_goa",
                "label_arrival_evidence",
                "label_is_gps_apart",
            )
        },
    }
