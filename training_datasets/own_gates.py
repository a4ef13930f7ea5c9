"""The gates that a dataset asks beyond those of all (DOMAIN section 4, own checks)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from training_datasets.gates import (
    LEAST_ROWS,
    PASSED,
    Answer,
    Consequence,
    Day,
    Gate,
    listed,
    shares_held,
)

WITHIN = 0.2
"""Of the typical label before."""
FEWEST_CANDIDATES, MOST_CANDIDATES = 3, 50


def _no_promise(day: Day) -> Answer:
    """The promise is the baseline to beat; how other jobs kept theirs is no promise of this one."""
    promises = ("promise", "first_promise")
    return listed([name for name in day.inputs if name.rpartition("__")[2].startswith(promises)])


def _typical_label(day: Day) -> Answer:
    now, before = (labels[~np.isnan(labels)] for labels in (day.label(day.rows), day.label(day.before)))
    if min(len(now), len(before)) < LEAST_ROWS:
        return Answer(not_asked=f"{min(len(now), len(before))} rows with a label are too few")
    typical, usual = float(np.median(now)), float(np.median(before))
    if abs(typical - usual) <= WITHIN * abs(usual):
        return PASSED
    return Answer(f"its median is {typical:.1f} where {usual:.1f} was usual")


def _censored_by(group: str) -> Gate:
    return Gate(
        f"censored_share_by_{group}",
        Consequence.WARN,
        lambda day: shares_held(day.rows, day.before, group, "label_is_censored"),
        "The share of rows that were cut off is another one than before (trap T8).",
    )


def _evidence(day: Day) -> Answer:
    """Among the arrivals that a ping bears out, those that it puts elsewhere in time."""

    def borne_out(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[rows["label_arrival_evidence"] == "status_and_gps"].assign(arrivals="all arrivals")

    return shares_held(borne_out(day.rows), borne_out(day.before), "arrivals", "label_is_gps_apart")


def _weights(day: Day) -> Answer:
    weights = day.rows["meta_weight"].groupby(_assignment(day)).sum()
    off = int((np.abs(weights - 1) > 1e-9).sum())
    return Answer(f"the weights of {off} of {len(weights)} assignments do not sum to 1") if off else PASSED


def _remaining(day: Day) -> Answer:
    """Later on the way there is less to go, by as much as has passed."""
    rows = day.rows.assign(assignment=_assignment(day)).dropna(subset=["label_remaining_minutes"])
    rows = rows.sort_values(["assignment", "meta_decision_at"])
    by_assignment = rows.groupby("assignment")
    left = by_assignment["label_remaining_minutes"].diff()
    passed = by_assignment["meta_decision_at"].diff().dt.total_seconds() / 60
    off = int(((left + passed).abs() > 1e-6).sum())
    return Answer(f"{off} of {len(rows)} rows do not follow from the row before") if off else PASSED


def _assignment(day: Day) -> pd.Series:
    return day.rows["row_key"].map(lambda key: key.rpartition("|")[0])


def _open_at_once(day: Day) -> Answer:
    found = int(day.rows["check_accepted_beside_another"].fillna(False).sum())
    return Answer(f"{found} were accepted while another acceptance of the job stood") if found else PASSED


def _asked_again(day: Day) -> Answer:
    repeated = int(day.rows.duplicated(["meta_group", "provider_id"]).sum())
    return Answer(f"{repeated} offers ask a provider about a job again") if repeated else PASSED


def _candidates(day: Day) -> Answer:
    """Of all rounds: those with fewer than two candidates have no rows, and count."""
    alone = day.waterfall.get("fewer_than_two", 0)
    sizes = [*day.rows.groupby("meta_round").size(), *[1] * alone]
    if not sizes:
        return Answer(not_asked="no rounds")
    typical = float(np.median(sizes))
    if FEWEST_CANDIDATES <= typical <= MOST_CANDIDATES:
        return PASSED
    return Answer(f"{typical:g} candidates a round are typical")


_EVIDENCE = Gate(
    "pings_agree_as_before",
    Consequence.WARN,
    _evidence,
    "Pings contradict the stated arrival, by over 5 minutes, in another share of the arrivals than before.",
)
ETA_V1 = (
    Gate("no_promise_among_inputs", Consequence.FAIL, _no_promise, "The promise is no input (trap T1)."),
    Gate(
        "typical_label_as_before",
        Consequence.WARN,
        _typical_label,
        "The median label is more than 20 % off that of the 28 days before.",
    ),
    _censored_by("provider_id"),
    _censored_by("incident_area_id"),
    _EVIDENCE,
)
ETA_V2 = (
    Gate(
        "weights_sum_to_the_assignments",
        Consequence.FAIL,
        _weights,
        "The rows of an assignment share a weight of 1, or long waits count for more (trap T12).",
    ),
    Gate(
        "remaining_shrinks_with_time",
        Consequence.FAIL,
        _remaining,
        "What remains at a later decision is less by the time that has passed.",
    ),
    _censored_by("provider_id"),
    _censored_by("incident_area_id"),
    _EVIDENCE,
)
MATCHING_ACCEPTANCE_V1 = (
    Gate(
        "one_acceptance_at_a_time",
        Consequence.FAIL,
        _open_at_once,
        "A job is with one provider at a time: look at silver.assignments.",
    ),
    Gate(
        "acceptance_by_channel_as_before",
        Consequence.WARN,
        lambda day: shares_held(day.rows, day.before, "meta_dispatch_channel", "label_is_accepted"),
        "The share of yes in a channel is another one than before.",
    ),
    Gate(
        "asked_again",
        Consequence.REPORT,
        _asked_again,
        "A provider may be asked twice about a job: both offers are rows.",
    ),
)
MATCHING_RANKING_V1 = (
    Gate(
        "candidates_a_round",
        Consequence.WARN,
        _candidates,
        "A round has 3 to 50 candidates as a rule: the candidate rule is too narrow, or too wide.",
    ),
)
