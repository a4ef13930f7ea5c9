"""Naive oracle, part 14: every feature of provider_performance_1d, of any provider at any cut."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from support.oracle_arrivals import (
    arrival_minus_promise_minutes,
    arrival_minutes,
    gone_on_arrival,
    is_finished,
    on_time_ratio,
)
from support.oracle_fixes import Fix, metres_between
from support.oracle_records import Landed, known, parse_time
from support.oracle_silver import Silver
from support.oracle_states import Assignment, Lifecycle
from support.oracle_ticks import Features, accept_ratio, response_p50
from support.oracle_windows import (
    ARRIVAL_MINUTES,
    PROMISE_MINUTES,
    Window,
    bucket_quantile,
    business_days,
    ratio,
    within,
)

INACCURATE_ABOVE_METRES = 200
EVIDENCE_METRES = 300
EVIDENCE_TIME = timedelta(minutes=10)


def provider_performance_1d(
    silver: Silver, provider_id: str, cut: datetime, corrected: bool = False
) -> Features | None:
    """Every feature of the provider at the business-day cut; None when it is not live."""
    state = silver.before(cut, corrected)
    offers = [each for each in state.offers.values() if each.provider_id == provider_id]
    assignments = [each for each in state.assignments.values() if each.provider_id == provider_id]
    week, month = business_days(7, cut), business_days(28, cut)
    if not any(month.holds(each.offered_at) for each in offers):
        return None
    accepted = [each for each in assignments if month.holds(each.accepted_at)]
    lost = [each for each in accepted if ended(each, month) in ("provider_gave_back", "agent_reassigned")]
    kept = [each for each in accepted if ended(each, month) != "member_cancelled"]
    finished = [each for each in kept if is_finished(each, month)]
    arrived = [each for each in assignments if month.holds(each.arrived_at)]
    gone = gone_on_arrival(arrived, month)
    evidenced = [each for each in arrived if ping_near_arrival(silver, state, each, cut, corrected)]
    to_arrival, past_promise = arrival_minutes(arrived), arrival_minus_promise_minutes(arrived)
    return {
        "offers_7d_count": sum(week.holds(each.offered_at) for each in offers),
        "offers_28d_count": sum(month.holds(each.offered_at) for each in offers),
        "offer_accept_ratio_7d": accept_ratio(offers, week),
        "offer_accept_ratio_28d": accept_ratio(offers, month),
        "response_seconds_p50_28d": response_p50(offers, month),
        "accepted_28d_count": len(accepted),
        "reassign_ratio_28d": ratio(len(lost), len(accepted)),
        "completion_ratio_28d": ratio(len(finished), len(kept)),
        "arrivals_28d_count": len(arrived),
        "arrival_minutes_p50_28d": bucket_quantile(to_arrival, 50, ARRIVAL_MINUTES),
        "arrival_minutes_p90_28d": bucket_quantile(to_arrival, 90, ARRIVAL_MINUTES),
        "arrival_minus_promise_minutes_p50_28d": bucket_quantile(past_promise, 50, PROMISE_MINUTES),
        "arrival_minus_promise_minutes_p90_28d": bucket_quantile(past_promise, 90, PROMISE_MINUTES),
        "on_time_ratio_28d": on_time_ratio(arrived),
        "goa_ratio_28d": ratio(len(gone), len(arrived)),
        "gps_evidenced_arrival_ratio_28d": ratio(len(evidenced), len(arrived)),
        **claims_features(silver, state, provider_id, cut, corrected),
    }


def ended(assignment: Assignment, window: Window) -> str:
    """How the assignment had ended before the window's end."""
    return assignment.end_reason if window.has_ended_by(assignment.ended_at) else "open"


def ping_near_arrival(
    silver: Silver, state: Lifecycle, assignment: Assignment, by: datetime, corrected: bool = False
) -> bool:
    """Whether a good ping known by then is within 300 m of the job, 10 minutes of the arrival."""
    return bool(pings_near_arrival(silver, state, assignment, by, corrected))


def pings_near_arrival(
    silver: Silver, state: Lifecycle, assignment: Assignment, by: datetime, corrected: bool = False
) -> list[Fix]:
    """The good pings known by then within 300 m of the job and 10 minutes of the arrival, in their order."""
    around = pings_around_arrival(silver, state, assignment, by, corrected)
    return [fix for fix, metres in around if metres <= EVIDENCE_METRES]


def pings_around_arrival(
    silver: Silver, state: Lifecycle, assignment: Assignment, by: datetime, corrected: bool = False
) -> list[tuple[Fix, float]]:
    """The good pings known by then within 10 minutes of the arrival, in their order, and metres from the job.

    Good is a plausible one, no more than 200 m inaccurate, of the driver that the assignment names, if any.
    """
    if assignment.arrived_at is None:
        return []
    place = state.jobs[assignment.job_id].place(assignment.arrived_at)
    if place is None:
        return []
    earliest, latest = assignment.arrived_at - EVIDENCE_TIME, assignment.arrived_at + EVIDENCE_TIME
    fixes = silver.fixes_of_provider.get(assignment.provider_id or "", [])
    around = within(fixes, Window(earliest, latest + timedelta.resolution))
    return [
        (fix, metres_between(place, fix.place))
        for fix in known(around, by, corrected)
        if (fix.accuracy_m or 0) <= INACCURATE_ABOVE_METRES and assignment.driver_id in (None, fix.driver_id)
    ]


def claims_features(
    silver: Silver, state: Lifecycle, provider_id: str, cut: datetime, corrected: bool
) -> Features:
    """The features over claims submitted in the last 90 business days, in their current versions."""
    window = business_days(90, cut)
    current = current_claims(silver, cut, corrected)
    claims = [each for each in current if window.holds(parse_time(each["submitted_at"]))]
    own = [each for each in claims if each["provider_id"] == provider_id]
    scores = [each["nps"] for each in own if each.get("nps") is not None]
    bills = [cents(each) for each in own if each.get("billed_usd") is not None]
    return {
        "nps_mean_90d": ratio(sum(scores), len(scores)),
        "nps_90d_count": len(scores),
        "billed_usd_mean_90d": ratio(sum(bills), 100 * len(bills)),
        "billed_90d_count": len(bills),
        "billed_vs_area_ratio_90d": billed_vs_area(state, claims, provider_id),
    }


def current_claims(silver: Silver, tick: datetime, corrected: bool) -> list[dict]:
    """Of each claim, the version with the greatest source time among those known and past.

    As corrected: among all that ever came, as the claim was stated in the end.
    """
    current: dict[str, Landed] = {}
    past = known(known(silver.service_outcomes, tick), tick, corrected=True)
    versions = silver.service_outcomes if corrected else past
    for version in sorted(versions, key=lambda each: each.event_timestamp):
        current[version.data["claim_id"]] = version
    return [version.data for version in current.values()]


def cents(claim: dict) -> int:
    """The billed amount in whole cents, halves up."""
    return int((Decimal(str(claim["billed_usd"])) * 100).quantize(Decimal(1), ROUND_HALF_UP))


def billed_vs_area(state: Lifecycle, claims: list[dict], provider_id: str) -> float | None:
    """What the provider billed, over what its claims would cost at their areas' mean."""
    bills_of_area: dict[str, list[int]] = {}
    own: list[tuple[str, int]] = []
    for claim in claims:
        job = state.jobs.get(claim["job_id"])
        if claim.get("billed_usd") is None or job is None or job.area_id is None:
            continue
        bills_of_area.setdefault(job.area_id, []).append(cents(claim))
        if claim["provider_id"] == provider_id:
            own.append((job.area_id, cents(claim)))
    expected = 0  # in 1/10000 cent
    for area_id, _ in own:
        expected += sum(bills_of_area[area_id]) * 10_000 // len(bills_of_area[area_id])
    return ratio(10_000 * sum(bill for _, bill in own), expected)
