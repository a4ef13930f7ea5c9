"""What a dataset is: its question, rows, decision instant, allowed inputs, filters and labels.

A spec is a value. Everything its rows may show of the world at the decision is listed in
`allowed_inputs`; a spec that asks for more does not load, so a promise moved after the decision,
or how the job ended, cannot slip in as a feature (DOMAIN 2.4, traps T1 to T3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame

from training_datasets.gates import COMMON, Gate
from training_datasets.known import Known
from validation.clocks import Interval, business_day_start, daily_available_at
from validation.contract import Table
from validation.errors import UserError
from validation.sources.dispatch_events import DISPATCH_EVENTS

JOB_IS_FOLLOWED = timedelta(days=10)
"""A request tells of what a job did for so long before the decision (transforms.silver.histories)."""

Decisions = Callable[[Known, Interval], DataFrame]
"""(silver as known at the close, business day) -> one row per decision: keys, decision_at, its inputs."""
Labels = Callable[[Known, DataFrame], DataFrame]
"""(silver as known at the close, decisions) -> one row per decision that has any: row key and label_*."""
Choices = Callable[..., tuple[DataFrame, Any]]
"""training_datasets.choice_sets.choice_sets: one row per choice and candidate, and the rule's recall."""


@dataclass(frozen=True)
class Filter:
    """A named reason to leave a decision out; `keeps` is Spark SQL, and null leaves the row out."""

    name: str
    keeps: str
    meaning: str


@dataclass(frozen=True)
class DatasetSpec:
    """One dataset, released under this name for good: a changed one is the next version.

    Attributes:
        question: what a model trained on it answers.
        table: contract of its rows; its checks are asked before anything is published.
        service: the Feast service that gives its features, joined at the decision.
        sources: tables of silver that rows and labels are made of.
        decided: the pure function of the decisions.
        choices: where a decision is a choice, what makes its candidates; `decided` gives the choices.
        counts: what a decision is, as the waterfall calls it.
        row_key: columns of the decisions that name a row.
        group_key: column of the decisions; rows that share it are never parted by a split.
        allowed_inputs: columns of the decisions that a row may show.
        later_inputs: columns that tell what came later; a filter may read them, a row never shows them.
        hidden_keys: columns that features are joined by and no row shows, each an allowed input.
        spine: column of the dataset -> allowed input.
        filters: applied in this order; a decision counts at the first that leaves it out.
        labels: the pure function of the labels.
        censoring: what the labels do with what nobody saw, as a sentence.
        closes_after_days: the partition of business day d closes at 03:00 ET on d + this.
        decides_for: how long after its day a decision of the day may be taken.
        gates: what a day is asked before it is published, beside what every dataset is asked.
        is_weighted_by: column whose rows share a weight of 1; None weighs every row 1.

    Raises:
        UserError: the spine, the decision or a filter reads what is not an allowed input.
    """

    name: str
    question: str
    table: Table
    service: str
    sources: tuple[Table, ...]
    decided: Decisions
    counts: str
    row_key: tuple[str, ...]
    allowed_inputs: tuple[str, ...]
    spine: Mapping[str, str]
    filters: tuple[Filter, ...]
    labels: Labels
    censoring: str
    group_key: str = "job_id"
    later_inputs: tuple[str, ...] = ()
    hidden_keys: tuple[str, ...] = ()
    closes_after_days: int = 2
    decides_for: timedelta = timedelta(0)
    is_weighted_by: str | None = None
    choices: Choices | None = None
    gates: tuple[Gate, ...] = ()

    def __post_init__(self) -> None:
        self.require_allowed([*self.hidden_keys, *self.spine.values()])
        columns = {column for table in self.sources for column in table.column_names}
        words = {word for each in self.filters for word in re.findall(r"[a-z_0-9]+", each.keeps)}
        self.require_allowed(sorted(words & (columns - set(self.later_inputs))))

    @property
    def all_gates(self) -> tuple[Gate, ...]:
        """What a day is asked before it is published."""
        return (*COMMON, *self.gates)

    def require_allowed(self, inputs: list[str]) -> None:
        """Refuse inputs that the dataset may not read.

        Raises:
            UserError: one or more are not allowed; the message names each.
        """
        refused = [name for name in dict.fromkeys(inputs) if name not in self.allowed_inputs]
        if refused:
            verb = "is not an allowed input" if len(refused) == 1 else "are not allowed inputs"
            raise UserError(
                f"{', '.join(refused)} {verb} of {self.name}.",
                f"Allowed: {', '.join(self.allowed_inputs)}. What came after the decision is a leak.",
            )

    def day(self, day: date) -> Interval:
        """The business day [03:00 ET, 03:00 ET)."""
        return Interval(business_day_start(day), business_day_start(day + timedelta(days=1)))

    def decisions(self, day: date) -> Interval:
        """What holds the instants of the day's decisions."""
        of_day = self.day(day)
        return Interval(of_day.start, of_day.end + self.decides_for)

    def reads_from(self, day: date, *, has_request: bool) -> datetime:
        """From which known time silver is read: further back where a request tells of what the job did.

        Without one, the day's own events; one may land before its time.
        """
        return self.day(day).start - (JOB_IS_FOLLOWED if has_request else DISPATCH_EVENTS.ahead)

    def close(self, day: date) -> datetime:
        """When the day's labels are mature: nothing known later enters them."""
        return business_day_start(day + timedelta(days=self.closes_after_days))

    def promised_at(self, day: date) -> datetime:
        """When the day's partition is due: 06:00 ET of the day it closes."""
        return daily_available_at(self.close(day))
