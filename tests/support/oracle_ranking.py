"""Naive oracle, part 28: the rows of matching_ranking_v1, one per round and provider that could be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from support.oracle_acceptance import assignment_of
from support.oracle_candidates import MOST_CANDIDATES, candidates, question
from support.oracle_dataset import Dataset, joined, spine_columns
from support.oracle_hours import hour_of
from support.oracle_records import business_day_start
from support.oracle_requests import TimezoneOf, no_timezone, request_fields
from support.oracle_rounds import Round, rounds_decided_on
from support.oracle_rows import Row
from support.oracle_silver import Silver
from support.oracle_states import Assignment, Lifecycle, Offer
from support.oracle_windows import DAY, ratio

FEWEST_CANDIDATES = 2
SAID_NO = ("declined", "expired", "no_contact")
LOST = ("provider_gave_back", "agent_reassigned", "eta_rejected")
StatusAndGain = tuple[str, int | None]
CENSORED: StatusAndGain = ("censored", None)
UNOBSERVED: StatusAndGain = ("unobserved", None)


@dataclass(frozen=True)
class RoundRecall:
    """Of the providers offered in a round, how many the rule had found by itself."""

    job_id: str
    round: int
    inside_count: int
    offered_count: int


@dataclass(frozen=True)
class RankingDataset(Dataset):
    """The rows of a business day, what each filter left out, and the recall of the rule by round.

    recalls leaves out the rounds of jobs that are not immediate, and no others.
    """

    recalls: list[RoundRecall]


def matching_ranking_v1(
    silver: Silver,
    day: date,
    service_features: Mapping[str, Sequence[str]] | None = None,
    timezone_of: TimezoneOf = no_timezone,
    most_candidates: int = MOST_CANDIDATES,
) -> RankingDataset:
    """The partition of a business day, with what was known at its close, 03:00 ET two days later.

    Rows hold job_id (to find them again), the keys, meta_* (without row_id and group), job_*,
    view__feature for service_features, and label_*. The waterfall counts candidates.
    """
    state = silver.at(business_day_start(day + 2 * DAY))
    waterfall = dict.fromkeys(("candidates", "scheduled", "fewer_than_two", "rows"), 0)
    rows: list[Row] = []
    recalls = []
    for each in rounds_decided_on(state, day):
        job = state.jobs[each.job_id]
        rule = candidates(question(silver, job, each.decision_at), most_candidates)
        everybody = [*rule, *(provider_id for provider_id in each.providers if provider_id not in rule)]
        is_immediate = job.is_immediate_at(each.decision_at)
        refused = left_out(is_immediate, everybody)
        waterfall["candidates"] += len(everybody)
        waterfall[refused or "rows"] += len(everybody)
        if is_immediate:
            recalls.append(recall(each, rule))
        if refused is None:
            for provider_id in sorted(everybody):
                spine = spine_row(state, each, provider_id, provider_id in rule, timezone_of)
                features = joined(silver, spine, service_features or {})
                rows.append({**spine, **features, **labels(state, each, provider_id)})
    return RankingDataset(rows, waterfall, recalls)


def left_out(is_immediate: bool, everybody: Sequence[str]) -> str | None:
    """The first filter that takes the round out; None if it stays."""
    if not is_immediate:
        return "scheduled"
    return "fewer_than_two" if len(everybody) < FEWEST_CANDIDATES else None


def recall(of: Round, rule: Sequence[str]) -> RoundRecall:
    """What the rule found by itself of those offered."""
    inside = [provider_id for provider_id in of.providers if provider_id in rule]
    return RoundRecall(of.job_id, of.number, len(inside), len(of.providers))


def rule_recall(recalls: Iterable[RoundRecall]) -> float | None:
    """Of all providers offered, round by round, the share that the rule had found; null without any."""
    counted = list(recalls)
    return ratio(sum(each.inside_count for each in counted), sum(each.offered_count for each in counted))


def spine_row(
    state: Lifecycle, of: Round, provider_id: str, is_by_rule: bool, timezone_of: TimezoneOf
) -> Row:
    """Keys, meta and request of a candidate, the job as stated by the round's first offer, by its channel."""
    job, first, decision_at = state.jobs[of.job_id], of.offers[0], of.decision_at
    return {
        "job_id": of.job_id,
        **spine_columns(job, decision_at, provider_id, first),
        "meta_round_seq": of.number,
        "meta_candidate_source": "rule" if is_by_rule else "offered_outside_rule",
        "local_hour_of_week": hour_of(decision_at),
        **request_fields(state, job, provider_id, decision_at, first, timezone_of),
    }


def labels(state: Lifecycle, of: Round, provider_id: str) -> Row:
    """label_* of a candidate: of its last answer in the round, else its last offer; null if never asked."""
    offers = of.offers_to(provider_id)
    answered = [offer for offer in offers if offer.outcome not in ("open", "withdrawn")]
    last = (answered or offers)[-1:]
    status, gain = status_and_gain(state, last[0]) if last else UNOBSERVED
    return {
        "label_status": status,
        "label_gain": gain,
        "label_offer_rank": of.rank_of(provider_id),
        "label_logged_rank": last[0].selection_rank if last else None,
        "label_logged_score": last[0].selection_score if last else None,
        "label_logged_propensity": last[0].selection_propensity if last else None,
    }


def status_and_gain(state: Lifecycle, offer: Offer) -> StatusAndGain:
    """What came of the offer; withdrawn or without an answer, it is censored."""
    if offer.outcome in SAID_NO:
        return "observed", 0
    if offer.outcome == "eta_rejected":
        return "observed", 1
    made = assignment_of(state, offer) if offer.outcome == "accepted" else None
    return CENSORED if made is None else status_and_gain_of(made)


def status_and_gain_of(assignment: Assignment) -> StatusAndGain:
    """What came of the acceptance; open at the close, or cancelled by the member, it is censored."""
    if assignment.end_reason in LOST:
        return "observed", 1
    if assignment.end_reason == "missing_milestone":
        return "missing_milestone", None
    if assignment.end_reason != "arrived":
        return CENSORED
    arrived_at, promise = assignment.arrived_at, assignment.first_promised_arrival_at
    assert arrived_at is not None
    return "observed", 3 if promise is not None and arrived_at <= promise else 2
