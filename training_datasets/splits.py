"""Which rows train, validate and test: by business day, groups kept whole, an embargo between. Pure.

    train                       | embargo | validation      | embargo | test
    ----------------------------+---------+-----------------+---------+---------------
    the days before             |  7 days, the first hours   |  the last 14 days,
                                |  of them unused           |  the first hours unused

Why: DOMAIN section 4 and trap T13. What a row's features tell of the hours before a boundary is what
rows on its other side have as labels; the embargo keeps the two apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from validation.clocks import business_day_start

TRAIN, VALIDATION, TEST, EMBARGO = "train", "validation", "test", "embargo"
SPLITS = (TRAIN, VALIDATION, TEST, EMBARGO)
TEST_DAYS, VALIDATION_DAYS = 14, 7
EMBARGO_OF: Mapping[str, timedelta] = {
    "eta_v1": timedelta(hours=24),
    "eta_v2": timedelta(hours=24),
    "matching_acceptance_v1": timedelta(hours=3),
    "matching_ranking_v1": timedelta(hours=24),
}
LONGEST_EMBARGO = timedelta(hours=24)
"""Of a dataset that is not in the table."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class SplitPlan:
    """The days of each split, in order; `embargo` is unused after the start of validation and of test.

    Attributes:
        is_shortened: there were fewer days than 14, 7 and one to train on.
    """

    train: tuple[date, ...]
    validation: tuple[date, ...]
    test: tuple[date, ...]
    embargo: timedelta
    is_shortened: bool = False

    @property
    def starts(self) -> tuple[tuple[str, datetime], ...]:
        """Validation and test, where there are any, with the instant each begins: 03:00 ET of its day."""
        parts = ((VALIDATION, self.validation), (TEST, self.test))
        return tuple((name, business_day_start(days[0])) for name, days in parts if days)

    def days_of(self, split: str) -> tuple[date, ...]:
        """The days of train, validation or test; the embargo has none of its own."""
        return {TRAIN: self.train, VALIDATION: self.validation, TEST: self.test}.get(split, ())


def embargo_of(dataset: str) -> timedelta:
    """How long after a boundary the dataset's rows are not used."""
    return EMBARGO_OF.get(dataset, LONGEST_EMBARGO)


def split_days(days: Iterable[date], embargo: timedelta) -> SplitPlan:
    """Test is the last 14 of the days, validation the 7 before, train the rest.

    Of fewer than 22 days test takes a third and validation a sixth, each at least one day more than
    the embargo fills; where that leaves nothing to train on validation goes first, then test.

    >>> first = date(2026, 3, 1)
    >>> for count in (30, 22, 21, 6, 4, 2):
    ...     plan = split_days([first + n * _DAY for n in range(count)], timedelta(hours=24))
    ...     print(count, len(plan.train), len(plan.validation), len(plan.test))
    30 9 7 14
    22 1 7 14
    21 11 3 7
    6 2 2 2
    4 2 0 2
    2 2 0 0
    """
    ordered = tuple(sorted(set(days)))
    test, validation = _sizes(len(ordered), embargo)
    train = len(ordered) - validation - test
    return SplitPlan(
        ordered[:train],
        ordered[train : train + validation],
        ordered[train + validation :],
        embargo,
        is_shortened=len(ordered) <= TEST_DAYS + VALIDATION_DAYS,
    )


def split_of_rows(plan: SplitPlan, decided_at: pd.Series, groups: pd.Series) -> pd.Series:
    """The split of each row: train, validation, test or embargo, by row label.

    All rows of a group are in the split of the group's first decision. A row is `embargo`, not to be
    used, if it or its group's first was decided within the embargo after a boundary, or if it was
    decided on the other side of a boundary than its group's first. So no group is in two splits, no
    train row is decided after validation begins, none of validation after test begins, and each of
    the two begins an embargo late. A row without a group is a group of its own.

    Args:
        decided_at: instants with a time zone, none missing.
    """
    first = decided_at.groupby(groups).transform("min").fillna(decided_at)
    own, of_group = _period(plan, decided_at), _period(plan, first)
    return pd.Series(np.where(own == of_group, own, EMBARGO), index=decided_at.index, dtype=object)


def _sizes(days: int, embargo: timedelta) -> tuple[int, int]:
    """Days of test and of validation."""
    if days > TEST_DAYS + VALIDATION_DAYS:
        return TEST_DAYS, VALIDATION_DAYS
    least = 1 + embargo // _DAY
    test, validation = max(least, days // 3), max(least, days // 6)
    if test + validation < days:
        return test, validation
    return (test, 0) if test < days else (0, 0)


def _period(plan: SplitPlan, moments: pd.Series) -> np.ndarray:
    """The split whose time holds each moment, or embargo."""
    at = _instants(moments)
    period = np.full(len(at), TRAIN, dtype=object)
    for name, start in plan.starts:
        begins = pd.Timestamp(start)
        period[at >= begins.value] = EMBARGO
        period[at >= (begins + plan.embargo).value] = name
    return period


def _instants(moments: pd.Series) -> np.ndarray:
    return np.asarray(pd.DatetimeIndex(moments).tz_convert("UTC").as_unit("ns").asi8)
