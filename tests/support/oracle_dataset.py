"""Naive oracle, part 22: what all datasets share, and eta_v1: one row per assignment, what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from support.oracle_days import ping_near_arrival
from support.oracle_gps import arrived_by_gps
from support.oracle_records import business_date, business_day_start
from support.oracle_rows import Row, served_row
from support.oracle_silver import Silver
from support.oracle_states import Assignment, Job, Lifecycle, Offer, area_of, zone_of
from support.oracle_views import VIEWS
from support.oracle_windows import DAY

LONGEST_ARRIVAL = timedelta(minutes=360)
GRACE = timedelta(minutes=15)
CENSORINGS = ("member_cancelled", "agent_reassigned", "provider_gave_back", "eta_rejected")
ROLES = {  # name of a view in the service: the view, and the spine columns that are its key
    "driver_state_15m": ("driver_state_15m", ("driver_id",)),
    "job_state_15m": ("job_state_15m", ("job_id",)),
    "provider_fleet_15m": ("provider_fleet_15m", ("provider_id",)),
    "provider_activity_15m": ("provider_activity_15m", ("provider_id",)),
    "incident_zone_demand_15m": ("zone_demand_15m", ("incident_zone_id",)),
    "incident_zone_supply_15m": ("zone_supply_15m", ("incident_zone_id",)),
    "incident_zone_traffic_15m": ("zone_traffic_15m", ("incident_zone_id",)),
    "incident_area_dispatch_15m": ("area_dispatch_15m", ("incident_area_id",)),
    "provider_performance_1d": ("provider_performance_1d", ("provider_id",)),
    "provider_profile_1d": ("provider_profile_1d", ("provider_id",)),
    "provider_service_1d": ("provider_service_1d", ("provider_id", "service_type")),
    "provider_area_1d": ("provider_area_1d", ("provider_id", "incident_area_id")),
    "incident_area_service_1d": ("area_service_1d", ("incident_area_id", "service_type")),
    "incident_area_hour_1d": ("area_hour_1d", ("incident_area_id", "local_hour_of_week")),
}
LABELS = (
    "label_arrival_minutes",
    "label_observed_minutes",
    "label_lower_bound_minutes",
    "label_upper_bound_minutes",
    "label_censor_reason",
    "label_wait_minutes",
    "label_ata_minutes",
    "label_promised_minutes",
    "label_is_on_time",
    "label_is_on_time_grace15",
    "label_is_goa",
    "label_arrival_evidence",
)


@dataclass(frozen=True)
class Dataset:
    """The rows of a business day, in order of decision, and how many each filter left out."""

    rows: list[Row]
    waterfall: dict[str, int]


def eta_v1(silver: Silver, day: date, service_features: Mapping[str, Sequence[str]] | None = None) -> Dataset:
    """The partition of a business day, with what was known at its close, 03:00 ET two days later.

    Rows hold assignment_id and job_id (to find them again), the keys, meta_* (without row_id and
    group, which are no business of the oracle), label_*, and view__feature for service_features.
    """
    close = business_day_start(day + 2 * DAY)
    state = silver.at(close)
    accepted = accepted_on(state, day)
    waterfall = {"accepted_offers": len(accepted), "scheduled": 0, "second_tow": 0, "backdated": 0, "rows": 0}
    rows = []
    for assignment in accepted:
        refused = left_out(assignment, state.jobs[assignment.job_id])
        waterfall[refused or "rows"] += 1
        if refused is None:
            spine = spine_row(assignment, state)
            features = joined(silver, spine, service_features or {})
            label = labels(silver, state, assignment, close)
            rows.append({**spine, **features, **label, **apart(silver, assignment, label, close)})
    return Dataset(rows, waterfall)


def apart(silver: Silver, assignment: Assignment, label: Row, close: datetime) -> Row:
    """Whether pings tell another arrival; null unless one was observed."""
    is_apart = arrived_by_gps(silver, assignment, close).arrived_at != assignment.arrived_at
    return {"label_is_gps_apart": is_apart if label["label_status"] == "observed" else None}


def accepted_on(state: Lifecycle, day: date) -> list[Assignment]:
    """The assignments accepted on the business day, in order of acceptance."""
    accepted = [each for each in state.assignments.values() if business_date(each.accepted_at) == day]
    return sorted(accepted, key=lambda each: (each.accepted_at, each.assignment_id))


def left_out(assignment: Assignment, job: Job) -> str | None:
    """The first filter that takes the assignment out; None if it stays."""
    if not job.is_immediate_at(assignment.accepted_at):
        return "scheduled"
    if job.fact("job_kind", assignment.accepted_at) not in (None, "roadside", "accident"):
        return "second_tow"
    if assignment.is_backdated:
        return "backdated"
    return None


def spine_row(assignment: Assignment, state: Lifecycle) -> Row:
    """Keys and meta of an assignment, the job as stated by the decision."""
    job = state.jobs[assignment.job_id]
    return {
        "assignment_id": assignment.assignment_id,
        "job_id": assignment.job_id,
        **spine_columns(job, assignment.accepted_at, assignment.provider_id, offer_of(assignment, state)),
    }


def spine_columns(job: Job, decision_at: datetime, provider_id: str | None, offer: Offer | None) -> Row:
    """Keys and meta that the datasets share: the job as stated by the decision, the offer's channel."""
    zone_id = zone_of(job.place(decision_at))
    return {
        "meta_decision_at": decision_at,
        "meta_decision_date_et": business_date(decision_at),
        "meta_weight": 1.0,
        "meta_dispatch_channel": offer.dispatch_channel if offer else None,
        "meta_program_id": job.fact("program_id", decision_at),
        "provider_id": provider_id,
        "incident_zone_id": zone_id,
        "incident_area_id": area_of(zone_id),
        "service_type": job.fact("service_type", decision_at),
    }


def offer_of(assignment: Assignment, state: Lifecycle) -> Offer | None:
    """The offer that was accepted, if it is known."""
    return state.offers.get(assignment.offer_id or "")


def joined(silver: Silver, spine: Row, service_features: Mapping[str, Sequence[str]]) -> Row:
    """view__feature columns, each as a reader at the decision would have had it."""
    columns = {}
    for role, features in service_features.items():
        view_name, keys = ROLES[role]
        entity = spine[keys[0]] if len(keys) == 1 else tuple(spine[key] for key in keys)
        row = served_row(silver, VIEWS[view_name], entity, spine["meta_decision_at"])
        for feature in features:
            columns[f"{role}__{feature}"] = None if row is None else row[feature]
    return columns


def labels(silver: Silver, state: Lifecycle, assignment: Assignment, close: datetime) -> Row:
    """label_* of an assignment, with what was known at the close; null where a label has no meaning."""
    label: dict[str, Any] = dict.fromkeys(LABELS)
    label["label_is_censored"] = False
    if assignment.first_promised_arrival_at is not None:
        promised_in = assignment.first_promised_arrival_at - assignment.accepted_at
        label["label_promised_minutes"] = as_minutes(promised_in)
    if assignment.end_reason == "arrived":
        assert assignment.arrived_at is not None
        took = assignment.arrived_at - assignment.accepted_at
        if not timedelta(0) < took <= LONGEST_ARRIVAL:
            return {**label, "label_status": "invalid_arrival"}
        return {**label, **arrival_labels(silver, state, assignment, close), "label_status": "observed"}
    if assignment.end_reason == "missing_milestone":
        assert assignment.ended_at is not None
        return {
            **label,
            "label_status": "missing_milestone",
            "label_lower_bound_minutes": 0.0,
            "label_upper_bound_minutes": as_minutes(assignment.ended_at - assignment.accepted_at),
        }
    is_open = assignment.end_reason == "open"
    until = close if assignment.ended_at is None else assignment.ended_at
    observed = as_minutes(until - assignment.accepted_at)
    return {
        **label,
        "label_status": "censored",
        "label_is_censored": True,
        "label_censor_reason": "open_at_close" if is_open else assignment.end_reason,
        "label_observed_minutes": observed,
        "label_lower_bound_minutes": observed,
    }


def arrival_labels(silver: Silver, state: Lifecycle, assignment: Assignment, close: datetime) -> Row:
    """The labels of an observed arrival."""
    arrived_at, promise = assignment.arrived_at, assignment.first_promised_arrival_at
    requested_at = state.jobs[assignment.job_id].requested_at
    assert arrived_at is not None
    took = as_minutes(arrived_at - assignment.accepted_at)
    return {
        "label_arrival_minutes": took,
        "label_observed_minutes": took,
        "label_lower_bound_minutes": took,
        "label_upper_bound_minutes": took,
        "label_wait_minutes": None if requested_at is None else as_minutes(arrived_at - requested_at),
        "label_ata_minutes": None if promise is None else took,
        "label_is_on_time": None if promise is None else arrived_at <= promise,
        "label_is_on_time_grace15": None if promise is None else arrived_at <= promise + GRACE,
        "label_is_goa": assignment.gone_on_arrival_at is not None,
        "label_arrival_evidence": evidence(silver, state, assignment, close),
    }


def evidence(silver: Silver, state: Lifecycle, assignment: Assignment, close: datetime) -> str:
    """What bears the arrival out: the driver's word, with or without a ping, or that nobody was there."""
    if assignment.on_scene_at is None:
        return "goa"
    return "status_and_gps" if ping_near_arrival(silver, state, assignment, close) else "status_only"


def as_minutes(duration: timedelta) -> float:
    """Seconds / 60."""
    return duration.total_seconds() / 60.0
