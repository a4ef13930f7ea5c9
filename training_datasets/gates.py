"""What a computed day is asked before it is published, beyond its contract: gates that stop it, and gates
that only warn. pandera asks them of the day's frame; the day before them stays what readers have.

What a day is compared with is what was built before it, so the answers are evidence of a build and
enter no digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
LEAST_OF_GROUP = 30.0
"""Weight of a group's rows, a side."""
LEAST_FOR_TRIPWIRE = 50
"""Rows with a label."""
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
        waterfall: how its decisions became rows.
    """

    table: Table
    day: date
    rows: pd.DataFrame
    before: pd.DataFrame
    waterfall: Mapping[str, int] = field(default_factory=dict)

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
    broken_off: list[Exception] = []

    def check(gate: Gate) -> pa.Check:
        def holds(_: pd.DataFrame) -> bool:
            try:
                answers[gate.name] = gate.asks(day)
            except Exception as error:  # pandera would take it for a finding
                broken_off.append(error)
                raise
            return not answers[gate.name].found

        return pa.Check(holds, name=gate.name, error=gate.name)

    found: set[str] = set()
    try:
        pa.DataFrameSchema(checks=[check(gate) for gate in gates]).validate(day.rows, lazy=True)
    except pandera.errors.SchemaErrors as broken:
        found = {str(name) for name in broken.failure_cases["check"]}
    unanswered = [gate.name for gate in gates if gate.name not in answers]
    if unanswered:
        raise Defect(f"{day.table.name}: {', '.join(unanswered)} could not be asked of {day.day}.") from (
            broken_off[0]
        )
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
    if known.sum() < LEAST_FOR_TRIPWIRE:
        return Answer(not_asked=f"{int(known.sum())} rows with a label are too few")
    if not np.ptp(label[known]):
        return Answer(not_asked="all labels are the same")
    told = {
        name: told_alone(day.values(day.rows, name).where(known), label[known], is_answer=is_answer)
        for name in day.inputs
        if name not in day.profile.may_tell
    }
    if all(share is None for share in told.values()):
        return Answer(
            not_asked="one of the two answers was given fewer than 10 times, or no input has a value"
        )
    bound = too_much(is_answer=is_answer)
    return listed([name for name, share in told.items() if share is not None and share > bound])


def _some_input(day: Day) -> Answer:
    features = [name for name in day.inputs if "__" in name]
    if day.rows.empty:
        return Answer(not_asked="no rows")
    return PASSED if day.rows[features].notna().any(axis=None) else Answer("none has a value in any row")


def _null_shares(day: Day) -> Answer:
    if day.rows.empty:
        return Answer(not_asked="no rows")
    is_alike = [_is_weekend(each) == _is_weekend(day.day) for each in day.before["meta_decision_date_et"]]
    by_day = day.before[np.array(is_alike, dtype=bool)].groupby("meta_decision_date_et")
    if by_day.ngroups < LEAST_DAYS:
        kind = "weekend" if _is_weekend(day.day) else "working"
        return Answer(not_asked=f"{by_day.ngroups} {kind} days before it are too few")
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
    both = pd.concat([earlier, recent], ignore_index=True)  # text is told apart by levels: number them once
    is_earlier = np.arange(len(both)) < len(earlier)
    values = {name: day.values(both, name) for name in day.inputs}
    stability = {
        name: population_stability_index(each.where(is_earlier), each.where(~is_earlier))
        for name, each in values.items()
    }
    return listed([name for name, psi in stability.items() if psi is not None and psi > DRIFTED])


def _is_weekend(day: date) -> bool:
    return day.weekday() >= 5


COMMON = (
    Gate(
        "some_input_is_known",
        Consequence.FAIL,
        _some_input,
        "Every feature is missing in every row: look whether the views were published.",
    ),
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
        "An input is missing far more often than on such days before, weekends apart (robust z above 6).",
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


def robust_z(share: float, before: np.ndarray, rows: float) -> float:
    """How far a share lies above those before, in robust deviations; of so many rows, chance counts too.

    The deviation is 1.4826 times the median distance from the median, at least that of a share of so
    many rows by chance.

    >>> round(robust_z(0.5, np.zeros(7), 99), 1)
    50.0
    >>> robust_z(0.02, np.full(7, 0.02), 50)
    0.0
    """
    typical = float(np.median(before))
    spread = 1.4826 * float(np.median(np.abs(before - typical)))
    return (share - typical) / max(spread, _by_chance(typical, rows))


def _by_chance(share: float, rows: float) -> float:
    """The standard deviation of a share among so many rows; no share counts as sure."""
    held = min(max(share, 1 / (rows + 1)), rows / (rows + 1))
    return float(np.sqrt(held * (1 - held) / rows))


def shares_held(now: pd.DataFrame, before: pd.DataFrame, group: str, is_one: str) -> Answer:
    """Whether the share of rows that are one is as before, in every group with rows enough on both sides.

    A share is held against that of all days before, by how far single days were from it, or would be by
    chance. Rows count by their weight: those of one assignment are no more than one.

    Args:
        now, before: frames with both columns, `meta_weight` and `meta_decision_date_et`.
        group: column to group by.
        is_one: column of yes or no; rows without an answer do not count.
    """
    shares, earlier = (_shares(frame, [group], is_one) for frame in (now, before))
    by_day = _shares(before, [group, "meta_decision_date_et"], is_one)
    both = [
        name
        for name in shares.index.intersection(earlier.index)
        if min(shares["rows"][name], earlier["rows"][name]) >= LEAST_OF_GROUP
    ]
    if not both:
        return Answer(not_asked=f"no {group} has {LEAST_OF_GROUP:.0f} rows before and now")
    moved = []
    for name in both:
        typical = earlier["share"][name]
        daily = by_day.loc[[name], "share"].to_numpy()
        spread = 1.4826 * float(np.median(np.abs(daily - typical)))
        off = abs(shares["share"][name] - typical)
        moved.append(off / max(spread, _by_chance(typical, shares["rows"][name])) > TOO_FAR)
    return Answer(f"{sum(moved)} of {len(both)} {group}") if any(moved) else PASSED


def _shares(frame: pd.DataFrame, keys: list[str], is_one: str) -> pd.DataFrame:
    """By the keys, `rows` by weight and the `share` of them that are one."""
    known = frame[frame[is_one].notna()]
    ones = known[is_one].astype(float) * known["meta_weight"]
    weighed = known[keys].astype(str).assign(rows=known["meta_weight"], ones=ones)
    found = weighed.groupby(keys)[["rows", "ones"]].sum()
    found = found[found["rows"] > 0]
    return found.assign(share=found["ones"] / found["rows"])
