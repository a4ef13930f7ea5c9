"""Hours of the week by the clock of the business day, New York's."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.grid import BUSINESS_DAYS

HOURS_OF_WEEK = 168


def hour_of_week(moment: Column) -> Column:
    """The local hour that holds a moment, as text: "0" is Monday 00:00 to 01:00, "167" Sunday's last."""
    local = F.from_utc_timestamp(moment, "America/New_York")
    return (F.weekday(local) * 24 + F.hour(local)).cast("string")


def with_hours(business_days: DataFrame, number: str) -> DataFrame:
    """The days with the hours each had: local_hour_of_week, and how often (twice when clocks go back).

    `number` names the column with the number of the cut that ends the day.
    """
    start, end = BUSINESS_DAYS.instant(F.col(number) - 1), BUSINESS_DAYS.instant(F.col(number))
    starts = F.sequence(start, end - F.expr("INTERVAL 1 HOUR"), F.expr("INTERVAL 1 HOUR"))
    return (
        business_days.withColumn("hour", F.explode(starts))
        .withColumn("local_hour_of_week", hour_of_week(F.col("hour")))
        .groupBy(*business_days.columns, "local_hour_of_week")
        .agg(F.count(F.lit(1)).alias("hours"))
    )
