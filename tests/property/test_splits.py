"""Splits of any rows: each in one, no group in two, nobody within an embargo."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from training_datasets.splits import (
    EMBARGO,
    SPLITS,
    TEST,
    TRAIN,
    VALIDATION,
    SplitPlan,
    split_days,
    split_of_rows,
)
from validation.clocks import business_date_et, business_day_start

DAY = timedelta(days=1)
FIRST = date(2026, 2, 20)  # the 23-hour night of 8 March is among the days

embargoes = st.sampled_from([0, 3, 24, 25, 49]).map(lambda hours: timedelta(hours=hours))
day_sets = st.sets(st.integers(0, 59), min_size=1, max_size=60).map(
    lambda numbers: [FIRST + number * DAY for number in sorted(numbers)]
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[SplitPlan, pd.DataFrame]:
    """A plan of some days, and rows decided on them (a job may go on into days after)."""
    days, embargo = draw(day_sets), draw(embargoes)
    count = draw(st.integers(0, 60))
    on = draw(st.lists(st.sampled_from(days), min_size=count, max_size=count))
    late = st.one_of(st.integers(0, 23 * 60 - 1), st.sampled_from([0, 180, 179, 1379]))
    minutes = draw(st.lists(late, min_size=count, max_size=count))
    groups = draw(st.lists(st.one_of(st.none(), st.integers(0, 20).map(str)), min_size=count, max_size=count))
    decided = [business_day_start(day) + timedelta(minutes=at) for day, at in zip(on, minutes, strict=True)]
    rows: dict[str, Any] = {
        "at": pd.Series(decided, dtype="datetime64[us, UTC]"),
        "group": pd.Series(groups, dtype=object),
    }
    return split_days(days, embargo), pd.DataFrame(rows)


def splits_of(plan: SplitPlan, rows: pd.DataFrame) -> pd.Series:
    return split_of_rows(plan, rows["at"], rows["group"])


@given(cases())
def test_every_row_has_one_split(case: tuple[SplitPlan, pd.DataFrame]) -> None:
    plan, rows = case
    found = splits_of(plan, rows)
    assert found.index.equals(rows.index)
    assert set(found) <= set(SPLITS)


@given(cases())
def test_no_group_is_in_two_splits(case: tuple[SplitPlan, pd.DataFrame]) -> None:
    plan, rows = case
    used = rows.assign(split=splits_of(plan, rows))
    used = used[(used["split"] != EMBARGO) & used["group"].notna()]
    assert (used.groupby("group")["split"].nunique() <= 1).all()


@given(cases())
def test_nobody_is_used_before_its_split_begins_or_after_it_ends(
    case: tuple[SplitPlan, pd.DataFrame],
) -> None:
    plan, rows = case
    used = rows.assign(split=splits_of(plan, rows))
    starts = dict(plan.starts)
    for name, start in starts.items():
        inside = used[used["split"] == name]
        assert (inside["at"] >= start + plan.embargo).all()
        earlier = {VALIDATION: [TRAIN], TEST: [TRAIN, VALIDATION]}[name]
        assert (used[used["split"].isin(earlier)]["at"] < start).all()


@given(cases())
def test_a_row_of_its_own_is_in_the_split_of_its_day_or_in_the_embargo(
    case: tuple[SplitPlan, pd.DataFrame],
) -> None:
    plan, rows = case
    alone = rows.assign(group=None)
    of_day = {day: name for name in (TRAIN, VALIDATION, TEST) for day in plan.days_of(name)}
    for at, split in zip(alone["at"], splits_of(plan, alone), strict=True):
        expected = of_day[business_date_et(at)]
        begins = dict(plan.starts).get(expected)
        if begins is not None and at < begins + plan.embargo:
            assert split == EMBARGO
        else:
            assert split in (expected, EMBARGO)  # an embargo longer than a split reaches into the next
            assert split == expected or plan.embargo > DAY


@given(cases())
def test_a_group_is_where_its_first_decision_is_or_unused(case: tuple[SplitPlan, pd.DataFrame]) -> None:
    plan, rows = case
    first_alone = splits_of(plan, rows.assign(group=None))
    found = splits_of(plan, rows)
    for group, members in rows[rows["group"].notna()].groupby("group"):
        first: datetime = members["at"].min()
        lead = first_alone[members.index[members["at"] == first][0]]
        assert set(found[members.index]) <= {lead, EMBARGO}, group
        assert found[members.index[members["at"] == first]].eq(lead).all()


@given(day_sets, embargoes)
def test_the_days_are_parted_in_order_and_none_is_lost(days: list[date], embargo: timedelta) -> None:
    plan = split_days(days[::-1], embargo)
    assert [*plan.train, *plan.validation, *plan.test] == days
    assert plan.train
    if len(days) > 21:
        assert (len(plan.test), len(plan.validation), plan.is_shortened) == (14, 7, False)
    else:
        assert plan.is_shortened
        assert not plan.validation or plan.test
