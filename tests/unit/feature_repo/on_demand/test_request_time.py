"""request_time: local hours over both daylight-saving nights, holidays by rule."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from support.ascii_tables import moment, table, yes_no
from support.on_demand import answers

HOURS = table(
    """
    | decided              | zone                | hour | weekday | weekend | night |
    | 2026-03-10T19:15:00Z | America/New_York    | 15   | 1       | no      | no    |
    | 2026-03-10T19:15:00Z | America/Los_Angeles | 12   | 1       | no      | no    |
    | 2026-03-08T06:59:59Z | America/New_York    | 1    | 6       | yes     | yes   |
    | 2026-03-08T07:00:00Z | America/New_York    | 3    | 6       | yes     | yes   |
    | 2026-11-01T05:30:00Z | America/New_York    | 1    | 6       | yes     | yes   |
    | 2026-11-01T06:30:00Z | America/New_York    | 1    | 6       | yes     | yes   |
    | 2026-03-14T03:30:00Z | America/New_York    | 23   | 4       | no      | yes   |
    | 2026-03-10T10:00:00Z | America/New_York    | 6    | 1       | no      | no    |
    | 2026-03-11T02:00:00Z | America/New_York    | 22   | 1       | no      | yes   |
    |                      | America/New_York    |      |         |         |       |
    | 2026-03-10T19:15:00Z |                     |      |         |         |       |
    | 2026-03-10T19:15:00Z | Nowhere/At_All      |      |         |         |       |
    | 2026-03-10T19:15:00Z | hello world         |      |         |         |       |
    | 2026-03-10T19:15:00Z | ../secrets          |      |         |         |       |
    """,
    {"decided": moment, "hour": int, "weekday": int, "weekend": yes_no, "night": yes_no},
)
OUTPUTS = {
    "hour": "local_hour_of_day",
    "weekday": "local_day_of_week",
    "weekend": "is_weekend",
    "night": "is_night",
}
HOLIDAYS = table(
    """
    | day        | is_holiday |
    | 2026-01-01 | yes        |
    | 2026-01-19 | yes        |
    | 2026-01-26 | no         |
    | 2026-02-16 | yes        |
    | 2026-05-25 | yes        |
    | 2026-05-18 | no         |
    | 2026-06-19 | yes        |
    | 2026-07-03 | yes        |
    | 2026-07-04 | yes        |
    | 2026-07-05 | no         |
    | 2026-09-07 | yes        |
    | 2026-10-12 | yes        |
    | 2026-11-11 | yes        |
    | 2026-11-26 | yes        |
    | 2026-11-27 | no         |
    | 2026-12-25 | yes        |
    | 2021-12-31 | yes        |
    | 2022-12-31 | no         |
    | 2023-01-02 | yes        |
    | 2027-05-31 | yes        |
    """,
    {"day": date.fromisoformat, "is_holiday": yes_no},
)


def asked(moments: list[datetime | None], zone: str | None = "America/New_York") -> list[dict[str, Any]]:
    return [{"job_decision_at": each, "job_timezone": zone} for each in moments]


def test_local_time_follows_the_zone_and_its_daylight_saving() -> None:
    found = answers("request_time", [row for each in HOURS for row in asked([each["decided"]], each["zone"])])
    assert [row.pop("is_holiday") for row in found] == [False] * 9 + [None] * 5
    assert found == [{name: row[short] for short, name in OUTPUTS.items()} for row in HOURS]


@pytest.mark.parametrize("row", HOLIDAYS, ids=lambda row: str(row["day"]))
def test_federal_holidays_by_rule_and_as_observed(row: dict) -> None:
    (found,) = answers("request_time", asked([moment(f"{row['day']}T17:00:00Z")]))
    assert found["is_holiday"] is row["is_holiday"]


def test_every_year_has_eleven_holidays_and_those_observed_on_another_day() -> None:
    for year in range(2021, 2041):
        first = date(year, 1, 1)
        days = [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]
        found = answers("request_time", asked([moment(f"{day}T17:00Z") for day in days]))
        count = sum(row["is_holiday"] for row in found)
        shifted = [date(year, *day) for day in ((1, 1), (6, 19), (7, 4), (11, 11), (12, 25))]
        observed = sum(day.weekday() >= 5 for day in shifted if not (day.month == 1 and day.weekday() == 5))
        assert count == 11 + observed + (date(year + 1, 1, 1).weekday() == 5)
