"""Naive oracle, part 24: the rows of matching_acceptance_v1, one per offer, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from support.oracle_dataset import Dataset, joined, spine_columns
from support.oracle_hours import hour_of
from support.oracle_records import business_date, business_day_start
from support.oracle_requests import TimezoneOf, no_timezone, request_fields
from support.oracle_rows import Row
from support.oracle_silver import Silver
from support.oracle_states import Assignment, Job, Lifecycle, Offer
from support.oracle_windows import DAY

YES = ("accepted", "eta_rejected")
NEVER_RESOLVED = timedelta(minutes=15)
OFFER_STANDS = {"digital": timedelta(seconds=90)}
OFFER_STANDS_OTHERWISE = timedelta(minutes=15)


def matching_acceptance_v1(
    silver: Silver,
    day: date,
    service_features: Mapping[str, Sequence[str]] | None = None,
    timezone_of: TimezoneOf = no_timezone,
) -> Dataset:
    """The partition of a business day, with what was known at its close, 03:00 ET on the day after.

    Rows hold offer_id and job_id (to find them again), the keys, meta_* (without row_id and group),
    job_*, view__feature for service_features, and label_*.
    """
    close = business_day_start(day + DAY)
    state = silver.at(close)
    offers = [each for each in state.offers.values() if business_date(each.offered_at) == day]
    waterfall = {"offers": len(offers), "scheduled": 0, "unresolved": 0, "rows": 0}
    rows = []
    for offer in sorted(offers, key=lambda each: (each.offered_at, each.offer_id)):
        refused = left_out(offer, state.jobs[offer.job_id])
        waterfall[refused or "rows"] += 1
        if refused is None:
            spine = spine_row(state, offer, timezone_of)
            features = joined(silver, spine, service_features or {})
            rows.append({**spine, **features, **labels(state, offer)})
    return Dataset(rows, waterfall)


def left_out(offer: Offer, job: Job) -> str | None:
    """The first filter that takes the offer out; None if it stays."""
    if not job.is_immediate_at(offer.offered_at):
        return "scheduled"
    if offer.outcome == "open" or offer.responded_at is None:
        return "unresolved"
    return "unresolved" if offer.responded_at > expires_at(offer) + NEVER_RESOLVED else None


def expires_at(offer: Offer) -> datetime:
    """As the offer says; else by its channel."""
    stands = OFFER_STANDS.get(offer.dispatch_channel, OFFER_STANDS_OTHERWISE)
    return offer.expires_at or offer.offered_at + stands


def spine_row(state: Lifecycle, offer: Offer, timezone_of: TimezoneOf) -> Row:
    """Keys, meta and request of an offer, the job as stated by it."""
    job, decision_at = state.jobs[offer.job_id], offer.offered_at
    return {
        "offer_id": offer.offer_id,
        "job_id": offer.job_id,
        **spine_columns(job, decision_at, offer.provider_id, offer),
        "local_hour_of_week": hour_of(decision_at),
        **request_fields(state, job, offer.provider_id, decision_at, offer, timezone_of),
    }


def labels(state: Lifecycle, offer: Offer) -> Row:
    """label_* of an offer; null where a label has no meaning."""
    is_withdrawn, said_yes = offer.outcome == "withdrawn", offer.outcome in YES
    return {
        "label_outcome": offer.outcome,
        "label_is_accepted": None if is_withdrawn else said_yes,
        "label_status": "censored" if is_withdrawn else "observed",
        "label_is_censored": is_withdrawn,
        "label_response_seconds": offer.response_seconds,
        "label_was_given_back": was_given_back(state, offer) if said_yes else None,
    }


def was_given_back(state: Lifecycle, offer: Offer) -> bool | None:
    """Whether the assignment that the offer led to was given back; None before its end."""
    made = assignment_of(state, offer)
    return None if made is None or made.end_reason == "open" else made.end_reason == "provider_gave_back"


def assignment_of(state: Lifecycle, offer: Offer) -> Assignment | None:
    """The assignment that the offer led to: that of its first acceptance; None without one."""
    made = [each for each in state.assignments.values() if each.offer_id == offer.offer_id]
    return min(made, key=lambda each: each.position, default=None)
