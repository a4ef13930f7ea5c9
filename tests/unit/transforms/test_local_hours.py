"""Hours of the week by New York's clock, on the days when it changes."""

from datetime import date

import pytest
from pyspark.sql import SparkSession

from transforms.grid import BUSINESS_DAYS
from transforms.local_hours import with_hours
from validation.clocks import business_day_start

SUNDAY = 6 * 24


@pytest.mark.parametrize(
    ("ends", "hours", "one", "two"),
    [(date(2026, 3, 8), 23, 1, 0), (date(2026, 11, 1), 25, 2, 1), (date(2026, 6, 7), 24, 1, 1)],
    ids=["clocks go forward", "clocks go back", "any Sunday"],
)
def test_s19_a_business_day_has_the_hours_that_existed(
    spark: SparkSession, ends: date, hours: int, one: int, two: int
) -> None:
    """The day from Saturday 03:00 to Sunday 03:00: how often it had Sunday's hours 01 and 02."""
    number = BUSINESS_DAYS.number(business_day_start(ends))
    had = {
        row.local_hour_of_week: row.hours
        for row in with_hours(spark.createDataFrame([(number,)], "day bigint"), "day").collect()
    }
    assert sum(had.values()) == hours
    assert (had.get(str(SUNDAY + 1), 0), had.get(str(SUNDAY + 2), 0)) == (one, two)
    assert str(SUNDAY - 24 + 2) not in had
    assert had[str(SUNDAY - 24 + 3)] == 1
