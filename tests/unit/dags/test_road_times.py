"""Moments of a run: the tick, the cut, the days of datasets, on the days of daylight saving too."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from road_times import as_if_due, business_date, cut, dataset_days, replayed, tick_end
from validation.clocks import business_day_start


def run(end: str | None, start: str | None = None, after: str = "2026-03-10T18:07:31") -> SimpleNamespace:
    def moment(text: str | None) -> datetime | None:
        return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)

    return SimpleNamespace(
        data_interval_start=moment(start), data_interval_end=moment(end), run_after=moment(after)
    )


def test_a_tick_ends_where_its_interval_does_and_by_hand_where_the_last_one_did() -> None:
    assert tick_end(run("2026-03-10T18:00:00")) == "2026-03-10T18:00Z"
    assert tick_end(run(None)) == "2026-03-10T18:00Z"


@pytest.mark.parametrize(
    ("at", "day", "moment"),
    [
        ("2026-03-07T08:05:00", "2026-03-07", "2026-03-07T08:00Z"),
        ("2026-03-08T07:05:00", "2026-03-08", "2026-03-08T07:00Z"),  # 02:00 to 03:00 did not exist
        ("2026-03-08T06:55:00", "2026-03-07", "2026-03-07T08:00Z"),  # 01:55 EST
        ("2026-11-01T08:05:00", "2026-11-01", "2026-11-01T08:00Z"),  # 01:00 to 02:00 came twice
        ("2026-11-01T06:30:00", "2026-10-31", "2026-10-31T07:00Z"),
    ],
)
def test_the_cut_is_the_last_three_o_clock_in_the_east(at: str, day: str, moment: str) -> None:
    assert (str(business_date(run(at))), cut(run(at))) == (day, moment)


def test_the_cut_is_the_platform_s_own_on_every_day_of_a_year() -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    starts = [business_day_start(day) for day in days]
    assert [cut(run(f"{at + timedelta(minutes=5):%Y-%m-%dT%H:%M}")) for at in starts] == [
        f"{at:%Y-%m-%dT%H:%MZ}" for at in starts
    ]


def test_a_dataset_is_built_through_its_newest_closed_day() -> None:
    at = run("2026-03-10T07:05:00")
    assert dataset_days(at, 2, 1) == ["--start", "2026-03-08", "--end", "2026-03-09"]
    assert dataset_days(at, 1, 3) == ["--start", "2026-03-07", "--end", "2026-03-10"]


def test_a_replay_takes_its_parameters_else_whole_days_of_its_interval() -> None:
    week = run("2026-03-09T12:00:00", "2026-03-02T12:00:00")
    asked = {"from": "2026-01-01", "to": "2026-04-01"}
    assert replayed(week, {"from": None, "to": None}) == ["--from", "2026-03-02", "--to", "2026-03-09"]
    assert replayed(week, asked) == ["--from", "2026-01-01", "--to", "2026-04-01"]
    assert replayed(run(None), {}) == ["--from", "2026-03-03", "--to", "2026-03-10"]


def test_a_promise_is_asked_as_if_due_by_a_run_of_its_time_and_by_no_event_s() -> None:
    """An event's run at 03:20 would miss what the night still builds."""
    kinds = ["scheduled", "asset_triggered", "manual"]
    assert [as_if_due(SimpleNamespace(run_type=kind)) for kind in kinds] == ["--as-if-due", "", ""]
