"""Which decisions fell where a release was late, one line a decision."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from training_datasets.late_releases import late_rows


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}:00").replace(tzinfo=UTC)


TICKS = [  # promised five minutes after the tick
    (at("10T17:45"), at("10T17:50")),
    (at("10T18:00"), at("10T18:05")),
    (at("10T18:15"), at("10T18:40")),  # late
    (at("10T18:30"), at("10T18:41")),  # late
    (at("10T19:00"), at("10T19:04")),  # 18:45 came with it
]
CUTS = [  # 03:00 ET, promised at 06:00 ET; clocks went forward on the 8th
    (at("07T08:00"), at("07T10:30")),
    (at("08T07:00"), at("08T09:59")),
    (at("09T07:00"), at("09T12:00")),  # two hours late
]


@pytest.mark.parametrize(
    ("decided", "is_late"),
    [
        ("10T17:50", False),
        ("10T18:04", False),
        ("10T18:19", False),  # 18:00 is the newest promised
        ("10T18:20", True),
        ("10T18:34", True),
        ("10T18:35", True),  # 18:30 is due now
        ("10T18:40", True),  # 18:15 is out, 18:30 is not
        ("10T18:41", False),
        ("10T18:49", False),
        ("10T18:50", True),
        ("10T19:04", False),
        ("10T19:20", True),  # 19:15 never came out
    ],
)
def test_a_tick_is_late_from_its_promise_until_it_came_out(decided: str, is_late: bool) -> None:
    found = late_rows(pd.Series([at(decided)]), {"features.zone_demand_15m": TICKS})
    assert found.tolist() == [is_late]


@pytest.mark.parametrize(
    ("decided", "is_late"),
    [
        ("07T11:00", False),
        ("08T09:59", False),  # 06:00 EDT is 10:00 UTC: the 7th's is the newest promised
        ("08T10:00", False),
        ("09T09:59", False),
        ("09T10:00", True),
        ("09T11:59", True),
        ("09T12:00", False),
    ],
)
def test_a_cut_is_late_from_six_in_the_morning_until_it_came_out(decided: str, is_late: bool) -> None:
    found = late_rows(pd.Series([at(decided)]), {"features.area_service_1d": CUTS})
    assert found.tolist() == [is_late]


def test_one_late_table_is_enough_and_no_rows_are_none() -> None:
    in_time = [(at("10T18:15"), at("10T18:16"))]
    decided = pd.Series([at("10T18:20")])
    both = {"features.a_15m": in_time, "features.b_15m": TICKS}
    assert late_rows(decided, both).tolist() == [True]
    assert late_rows(decided, {"features.a_15m": in_time}).tolist() == [False]
    assert late_rows(pd.Series([], dtype="datetime64[us, UTC]"), {"features.a_1d": CUTS}).tolist() == []
