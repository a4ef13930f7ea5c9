"""What a computed day is asked before it is published, beyond its contract: gates that stop it, and gates
that only warn. pandera asks them of the day's frame; the day before them stays what readers have.

What a day is compared with is what was built before it, so the answers are evidence of a build and
enter no digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

import numpy as np
import pandas as pd
import pandera.errors
import pandera.pandas as pa

from training_datasets.card_profiles import LabelKind, Profile, profile_of
from training_datasets.feature_statistics import (
    DRIFTED,
    Values,
    null_share,
    population_stability_index,
    told_alone,
    too_much,
    values_of,
)
from training_datasets.parts import inputs_among
from validation.contract import Table
from validation.errors import CheckFailed, Defect

TRAILING_DAYS = 28
LEAST_DAYS = 7
"""Days before that a robust comparison needs."""
LEAST_ROWS = 200
"""Rows a side: of fewer, the tenths of a distribution, or a median, move by chance alone."""
LEAST_OF_GROUP = 30
TOO_FAR = 6.0
"""Robust z from which a share is another one (DOMAIN section 4)."""
RECENT_DAYS = 7
"""Drift compares whole weeks: of one day, the day of the week alone would differ."""
_NAMED = 5


class Consequence(StrEnum):
    """What follows where a gate finds something."""

    FAIL = "failed"
    WARN = "warned"
    REPORT = "reported"


@dataclass(frozen=True)
class Answer:
    """What a gate found, in words; nothing, or why it could not ask."""

    found: str = ""
    not_asked: str = ""


PASSED = Answer()


@dataclass(frozen=True)
class Day:
    """A day in hand: its rows, and those of the days before that it is compared with.

    Attributes:
        rows: every column of the contract, `row_key`, and what its labels add for a gate (`check_*`).
        before: rows of the last 28 built days before it; no rows where none is.
    """

    table: Table
    day: date
    rows: pd.DataFrame
    before: pd.DataFrame

    @cached_property
    def profile(self) -> Profile:
        """The label in question, and its kind."""
        return profile_of(self.table)

    @cached_property
    def inputs(self) -> list[str]:
        """What a model may be given."""
        return inputs_among(self.table.column_names)

    def label(self, rows: pd.DataFrame) -> np.ndarray:
        """The label in question, NaN where a row has none."""
        found: np.ndarray = rows[self.profile.label].to_numpy(dtype=float, na_value=np.nan)
        return found

    def values(self, rows: pd.DataFrame, name: str) -> Values:
        """An input as numbers."""
        return values_of(rows[name], rows["meta_decision_at"])


@dataclass(frozen=True)
class Gate:
    """A question to a day, asked once its rows are computed."""

    name: str
    consequence: Consequence
    asks: Callable[[Day], Answer]
    meaning: str


def asked(gates: Sequence[Gate], day: Day) -> dict[str, str]:
    """The outcome of each gate, in words, by name.

    Raises:
        CheckFailed: one that stops a day found something; every such finding is told.
    """
    answers: dict[str, Answer] = {}

    def check(gate: Gate) -> pa.Check:
        def holds(_: pd.DataFrame) -> bool:
            answers[gate.name] = gate.asks(day)
            return not answers[gate.name].found

        return pa.Check(holds, name=gate.name, error=gate.name)

    found: set[str] = set()
    try:
        pa.DataFrameSchema(checks=[check(gate) for gate in gates]).validate(day.rows, lazy=True)
    except pandera.errors.SchemaErrors as broken:
        found = {str(name) for name in broken.failure_cases["check"]}
    unanswered = [gate.name for gate in gates if gate.name not in answers]
    if unanswered:
        raise Defect(f"{day.table.name}: {', '.join(unanswered)} could not be asked of {day.day}.")
    failed = [gate for gate in gates if gate.name in found and gate.consequence is Consequence.FAIL]
    if failed:
        told = "; ".join(f"{gate.name}: {answers[gate.name].found}" for gate in failed)
        raise CheckFailed(
            f"{day.table.name}: {day.day} does not pass its gates ({len(day.rows)} rows): {told}.",
            "Nothing of it was published: the days before it stay what readers have. "
            + " ".join(gate.meaning for gate in failed),
        )
    return {gate.name: _outcome(gate, answers[gate.name]) for gate in gates}


def _outcome(gate: Gate, answer: Answer) -> str:
    if answer.not_asked:
        return f"not asked: {answer.not_asked}"
    return f"{gate.consequence}: {answer.found}" if answer.found else "passed"


def _tripwire(day: Day) -> Answer:
    label = day.label(day.rows)
    known = ~np.isnan(label)
    is_answer = day.profile.kind is LabelKind.ANSWER
    told = {
        name: told_alone(day.values(day.rows, name).where(known), label[known], is_answer=is_answer)
        for name in day.inputs
    }
    if all(share is None for share in told.values()):
        return Answer(not_asked=f"{int(known.sum())} rows with a label are too few")
    bound = too_much(is_answer=is_answer)
    return listed([name for name, share in told.items() if share is not None and share > bound])


def _null_shares(day: Day) -> Answer:
    by_day = day.before.groupby("meta_decision_date_et")
    if by_day.ngroups < LEAST_DAYS or day.rows.empty:
        return Answer(not_asked=f"{by_day.ngroups} days before it are too few")
    before = by_day[day.inputs].apply(lambda rows: rows.isna().mean())
    moved = [
        name
        for name in day.inputs
        if robust_z(null_share(day.values(day.rows, name)), before[name].to_numpy(), len(day.rows)) > TOO_FAR
    ]
    return listed(moved)


def _drift(day: Day) -> Answer:
    dates = sorted(day.before["meta_decision_date_et"].unique())
    if len(dates) < RECENT_DAYS + LEAST_DAYS - 1:
        return Answer(not_asked=f"{len(dates)} days before it are too few")
    is_recent = day.before["meta_decision_date_et"].isin(dates[-(RECENT_DAYS - 1) :])
    columns = [*day.inputs, "meta_decision_at"]
    recent = pd.concat([day.before.loc[is_recent, columns], day.rows[columns]], ignore_index=True)
    earlier = day.before.loc[~is_recent, columns]
    if min(len(recent), len(earlier)) < LEAST_ROWS:
        return Answer(not_asked=f"{min(len(recent), len(earlier))} rows a side are too few")
    stability = {
        name: population_stability_index(day.values(earlier, name), day.values(recent, name))
        for name in day.inputs
    }
    return listed([name for name, psi in stability.items() if psi is not None and psi > DRIFTED])


COMMON = (
    Gate(
        "tripwire",
        Consequence.FAIL,
        _tripwire,
        "No single input may tell more of the label than 0.9 of its variance (an AUC of 0.98): look how "
        "the inputs named came to know what was decided later (trap T16).",
    ),
    Gate(
        "null_shares_as_before",
        Consequence.WARN,
        _null_shares,
        "An input is missing far more often than on the 28 days before (robust z above 6).",
    ),
    Gate(
        "no_drift",
        Consequence.WARN,
        _drift,
        "An input's values of the last week are distributed otherwise than before (PSI above 0.25).",
    ),
)
"""Asked of every dataset."""


def listed(names: Sequence[str]) -> Answer:
    """The names as a finding; none is no finding."""
    if not names:
        return PASSED
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Answer(", ".join(names[:_NAMED]) + more)


def robust_z(share: float, before: np.ndarray, rows: int) -> float:
    """How far a share lies above those before, in robust deviations; of so many rows, chance counts too.

    The deviation is 1.4826 times the median distance from the median, at least that of a share of so
    many rows by chance.

    >>> round(robust_z(0.5, np.zeros(7), 99), 1)
    49.3
    >>> robust_z(0.02, np.full(7, 0.02), 50)
    0.0
    """
    typical = float(np.median(before))
    spread = 1.4826 * float(np.median(np.abs(before - typical)))
    return (share - typical) / max(spread, _by_chance(typical, rows))


def share_z(now: tuple[int, int], before: tuple[int, int]) -> float:
    """How far two shares, (of them, rows) each, are apart in deviations by chance.

    >>> round(share_z((30, 100), (100, 1000)), 1)
    6.4
    """
    typical = before[0] / before[1]
    return abs(now[0] / now[1] - typical) / _by_chance(typical, now[1])


def _by_chance(share: float, rows: int) -> float:
    """The standard deviation of a share among so many rows; no share counts as sure."""
    held = min(max(share, 1 / (rows + 1)), rows / (rows + 1))
    return float(np.sqrt(held * (1 - held) / rows))


def shares_held(now: pd.DataFrame, before: pd.DataFrame, group: str, is_one: str) -> Answer:
    """Whether the share of rows that are one is as before, in every group with rows enough on both sides.

    Args:
        now, before: frames with both columns.
        group: column to group by.
        is_one: column of yes or no; a null is a no.
    """
    counts = [_counts(frame, group, is_one) for frame in (now, before)]
    both = sorted(counts[0].keys() & counts[1].keys())
    if not both:
        return Answer(not_asked=f"no {group} has {LEAST_OF_GROUP} rows before and now")
    moved = [name for name in both if share_z(counts[0][name], counts[1][name]) > TOO_FAR]
    return Answer(f"{len(moved)} of {len(both)} {group}") if moved else PASSED


def _counts(frame: pd.DataFrame, group: str, is_one: str) -> Mapping[str, tuple[int, int]]:
    if frame.empty:
        return {}
    ones = frame[is_one].fillna(False).astype(bool)
    found = ones.groupby(frame[group].astype(str)).agg(["sum", "size"])
    return {
        str(name): (int(one), int(rows))
        for name, one, rows in zip(found.index, found["sum"], found["size"], strict=True)
        if rows >= LEAST_OF_GROUP
    }
