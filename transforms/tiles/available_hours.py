"""Hours in which drivers stood available, by where they were last seen: what daily tiles count."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.driver_spans import driver_spans
from transforms.grid import BUSINESS_DAYS, TICKS
from transforms.tiles.dispatch_1d import DAY_OF_TICKS
from validation.clocks import Interval

STATES_LOOK_BACK = timedelta(days=1) + DAY_OF_TICKS
"""A live driver has a state row within a day before any tick of the day."""

TICKS_AN_HOUR = 4


def available_hours(driver_states_15m: DataFrame, days: Interval) -> DataFrame:
    """One row per driver's state and hour of the business days that it stood available in.

    Columns: provider_id, is_tow_capable, zone_id (of the last fix), hour_at, cut (the end of the hour's
    business day), ticks (at how many of the hour's ticks the state was known).
    """
    instants = TICKS.instants(days)
    columns = ["provider_id", "duty_status", "is_tow_capable", "last_zone_id"]
    states = driver_spans(driver_states_15m, instants, columns).where(
        (F.col("duty_status") == "available") & F.col("last_zone_id").isNotNull()
    )
    since = F.greatest(F.col("enter"), F.lit(instants.first))
    until = F.least(F.col("leave"), F.lit(instants.last))
    hour, last = (f"{tick} DIV {TICKS_AN_HOUR}" for tick in ("since", "(until - 1)"))
    hours = F.expr(f"sequence({hour}, {last})")  # deterministic: numbers of hours
    begin = F.col("hour") * TICKS_AN_HOUR
    hour_at = TICKS.instant(begin)
    ticks = F.least(F.col("until"), begin + TICKS_AN_HOUR) - F.greatest(F.col("since"), begin)
    return (
        states.withColumns({"since": since, "until": until})
        .where(F.col("since") < F.col("until"))
        .withColumn("hour", F.explode(hours))
        .select(
            "provider_id",
            "is_tow_capable",
            F.col("last_zone_id").alias("zone_id"),
            hour_at.alias("hour_at"),
            BUSINESS_DAYS.instant(BUSINESS_DAYS.after(hour_at)).alias("cut"),
            ticks.alias("ticks"),
        )
    )
