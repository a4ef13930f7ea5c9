"""The budgets of the hops sum to what is promised, on every night of the year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from roadside.hop_budgets import BUDGETS, Budgets, budgets_with
from validation.clocks import TICK_DELAY, daily_available_at
from validation.errors import UnknownName, UserError

SPRING, ORDINARY, AUTUMN = (
    datetime(2026, 3, 8, 7, tzinfo=UTC),
    datetime(2026, 3, 10, 7, tzinfo=UTC),
    datetime(2026, 11, 1, 8, tzinfo=UTC),
)
"""03:00 ET of the nights of 23, 24 and 25 hours."""


def utc(month: int, day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=UTC)


def test_the_hops_of_a_tick_take_what_its_values_are_promised_in() -> None:
    shares = {each.hop: each.share for each in BUDGETS}
    road = ("bronze", "silver", "tiles", "features", "release", "online")
    assert sum((shares[hop] for hop in road), timedelta(0)) == TICK_DELAY
    assert Budgets().deadline("online", is_daily=False) == TICK_DELAY


@pytest.mark.parametrize("cut", [SPRING, ORDINARY, AUTUMN])
def test_a_daily_release_is_due_at_six_and_redis_with_the_tick_of_six(cut: datetime) -> None:
    assert cut + Budgets().deadline("release", is_daily=True) == daily_available_at(cut)
    assert cut + Budgets().deadline("online", is_daily=True) == daily_available_at(cut) + TICK_DELAY


def test_a_tick_is_due_once_its_minutes_are_over() -> None:
    for hop, minute, second in (("bronze", 2, 0), ("silver", 3, 0), ("tiles", 3, 30), ("online", 5, 0)):
        moment = utc(3, 10, 12, minute, second)
        assert Budgets().due(hop, moment, is_daily=False) == utc(3, 10, 12)
        assert Budgets().due(hop, moment - timedelta(seconds=1), is_daily=False) == utc(3, 10, 11, 45)


@pytest.mark.parametrize(
    ("six", "cut", "before"),
    [
        (utc(3, 8, 10), SPRING, utc(3, 7, 8)),
        (utc(3, 10, 10), ORDINARY, utc(3, 9, 7)),
        (utc(11, 1, 11), AUTUMN, utc(10, 31, 7)),
    ],
)
def test_a_cut_is_due_at_six_by_the_clocks_of_that_night(
    six: datetime, cut: datetime, before: datetime
) -> None:
    assert Budgets().due("features", six, is_daily=True) == cut
    assert Budgets().due("features", six - timedelta(seconds=1), is_daily=True) == before


@pytest.mark.parametrize(
    ("through", "hours"), [(utc(3, 7, 8), 23 + 3), (utc(3, 9, 7), 24 + 3), (utc(10, 31, 7), 25 + 3)]
)
def test_a_daily_value_may_grow_as_old_as_the_day_is_long(through: datetime, hours: int) -> None:
    assert Budgets().longest_age("features", through, is_daily=True) == timedelta(hours=hours)


def test_a_budget_asked_for_moves_the_hops_after_it() -> None:
    asked = budgets_with(["silver=10", "online=1.5"])
    told = [asked.deadline(hop, is_daily=False) for hop in ("bronze", "silver", "features", "online")]
    assert told == [timedelta(minutes=each) for each in (2, 12, 13.5, 15)]


def test_a_hop_nobody_knows_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean features"):
        budgets_with(["feature=3"])


@pytest.mark.parametrize("text", ["online", "online=", "online=soon", "online=-1", "online=nan", ""])
def test_what_is_no_number_of_minutes_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"is no HOP=MINUTES"):
        budgets_with([text])
