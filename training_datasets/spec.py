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

from pyspark.sql import DataFrame

from validation.clocks import Interval, business_day_start, daily_available_at
from validation.contract import Table
from validation.errors import UserError

Labels = Callable[[DataFrame, DataFrame, datetime], DataFrame]
"""(changelog of the source, evidence, close) -> row key and label_* of what was known by the close."""


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
        source: changelog its rows come from, one row per `row_key`; `group_key` never parts in a split.
        evidence: the table that bears labels out.
        decision_at: the input that is the decision instant.
        allowed_inputs: columns of the source that a row may show or be filtered by.
        spine: column of the dataset -> allowed input.
        filters: applied in this order; a decision counts at the first that leaves it out.
        labels: the pure function of the labels.
        censoring: what the labels do with arrivals nobody saw, as a sentence.
        closes_after_days: the partition of business day d closes at 03:00 ET on d + this.
        weight: weight of a row in the default loss.

    Raises:
        UserError: the spine, the decision or a filter reads what is not an allowed input.
    """

    name: str
    question: str
    table: Table
    service: str
    source: Table
    evidence: Table
    row_key: str
    group_key: str
    decision_at: str
    allowed_inputs: tuple[str, ...]
    spine: Mapping[str, str]
    filters: tuple[Filter, ...]
    labels: Labels
    censoring: str
    closes_after_days: int = 2
    weight: float = 1.0

    def __post_init__(self) -> None:
        columns = set(self.source.column_names)
        words = {word for each in self.filters for word in re.findall(r"[a-z_0-9]+", each.keeps)}
        self.require_allowed([self.decision_at, *self.spine.values(), *sorted(words & columns)])

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

    def decisions(self, day: date) -> Interval:
        """The business day [03:00 ET, 03:00 ET) of the decisions."""
        return Interval(business_day_start(day), business_day_start(day + timedelta(days=1)))

    def close(self, day: date) -> datetime:
        """When the day's labels are mature: nothing known later enters them."""
        return business_day_start(day + timedelta(days=self.closes_after_days))

    def promised_at(self, day: date) -> datetime:
        """When the day's partition is due: 06:00 ET of the day it closes."""
        return daily_available_at(self.close(day))
