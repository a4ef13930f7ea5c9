"""Local clocks on the days they jump."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from simulation.recorded.local_times import epoch_seconds, latest_reading, parse_local
from validation.errors import UserError

PACIFIC = "America/Los_Angeles"
CANBERRA = ZoneInfo("Australia/Canberra")


@pytest.mark.parametrize(
    ("text", "clock_format", "utc"),
    [
        ("12/31/2016 11:57:56 PM", "%m/%d/%Y %I:%M:%S %p", "2017-01-01T07:57:56"),
        ("01/01/2017 12:01:47 AM", "%m/%d/%Y %I:%M:%S %p", "2017-01-01T08:01:47"),
        ("1/1/18 23:50", "%m/%d/%y %H:%M", "2018-01-02T07:50:00"),
        ("6/1/18 0:02", "%m/%d/%y %H:%M", "2018-06-01T07:02:00"),
        ("3/11/18 1:59", "%m/%d/%y %H:%M", "2018-03-11T09:59:00"),
        ("3/11/18 2:30", "%m/%d/%y %H:%M", "2018-03-11T10:30:00"),
        ("3/11/18 3:00", "%m/%d/%y %H:%M", "2018-03-11T10:00:00"),
        ("11/4/18 1:30", "%m/%d/%y %H:%M", "2018-11-04T08:30:00"),
    ],
)
def test_both_published_formats_become_utc_across_daylight_saving(text, clock_format, utc):
    moments = parse_local(pd.Series([text], name="On Scene DtTm"), clock_format, PACIFIC)
    assert moments.dt.strftime("%Y-%m-%dT%H:%M:%S").tolist() == [utc]


def test_an_empty_time_is_missing_and_another_format_is_refused():
    times = pd.Series(["", "1/1/18 23:50"], name="On Scene DtTm")
    assert epoch_seconds(parse_local(times, "%m/%d/%y %H:%M", PACIFIC)).tolist() == [-1, 1514879400]
    with pytest.raises(UserError, match="On Scene DtTm: 1 of 2"):
        parse_local(times, "%m/%d/%Y %I:%M:%S %p", PACIFIC)


@pytest.mark.parametrize(
    ("seen_at", "utc_hour"),
    [(datetime(2024, 4, 6, 15, 45, tzinfo=UTC), 15), (datetime(2024, 4, 6, 16, 45, tzinfo=UTC), 16)],
)
def test_of_a_repeated_hour_the_later_reading_that_had_passed_is_taken(seen_at, utc_hour):
    local = datetime(2024, 4, 7, 2, 17)  # noqa: DTZ001 (as published: local, without an offset)
    assert latest_reading(local, CANBERRA, seen_at) == datetime(2024, 4, 6, utc_hour, 17, tzinfo=UTC)
