"""tiles.area_hour_1d: requests, offers, arrivals and available drivers by business day and local hour."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.driver_spans import driver_spans
from transforms.grid import BUSINESS_DAYS, TICKS
from transforms.local_hours import hour_of_week
from transforms.tiles.dispatch_1d import DAY_OF_TICKS, HORIZON
from transforms.tiles.measures import OFFER_COHORT, REQUESTS, TIME_TO_ARRIVAL
from transforms.tiles.partials import partials, tile_rows, versions
from transforms.zones import with_area
from validation.clocks import Interval
from validation.contracts.tiles.area_hour_1d import AREA_HOUR_1D

LOOK_BACK = HORIZON + DAY_OF_TICKS
STATES_LOOK_BACK = timedelta(days=1) + DAY_OF_TICKS

TICKS_AN_HOUR = 4
_DIMENSIONS: dict[str, str | None] = {"area_id": "area_id", "local_hour_of_week": "local_hour_of_week"}


def area_hour_1d(
    offers: DataFrame,
    assignments: DataFrame,
    jobs: DataFrame,
    driver_states_15m: DataFrame,
    interval: Interval,
) -> DataFrame:
    """One row per area, hour, measure and day, and cut of the interval that changed its sum.

    `known_at` is the cut. The interval must hold one.
    """
    first, last = BUSINESS_DAYS.bounds(interval)
    days = Interval(BUSINESS_DAYS.moment(first), BUSINESS_DAYS.moment(last))
    of = (
        (jobs, "job_id", "requested_at", (REQUESTS,)),
        (offers, "offer_id", "offered_at", OFFER_COHORT),
        (assignments, "assignment_id", "arrived_at", (TIME_TO_ARRIVAL,)),
    )
    parts = [
        partials(
            versions(changelog, [key], days, HORIZON).withColumn(
                "local_hour_of_week", hour_of_week(F.col(moment))
            ),
            facts,
            _DIMENSIONS,
            BUSINESS_DAYS,
            days,
        )
        for changelog, key, moment, facts in of
    ]
    return tile_rows([*parts, available_ticks(driver_states_15m, days)], AREA_HOUR_1D)


def available_ticks(driver_states_15m: DataFrame, days: Interval) -> DataFrame:
    """Of every hour of the business days: at how many of its ticks each driver was known as available."""
    instants = TICKS.instants(days)
    states = driver_spans(driver_states_15m, instants, ["duty_status", "last_zone_id"]).where(
        (F.col("duty_status") == "available") & F.col("last_zone_id").isNotNull()
    )
    since = F.greatest(F.col("enter"), F.lit(instants.first))
    until = F.least(F.col("leave"), F.lit(instants.last))
    hours = F.expr(f"sequence(since DIV {TICKS_AN_HOUR}, (until - 1) DIV {TICKS_AN_HOUR})")
    hour_begin = F.col("hour") * TICKS_AN_HOUR
    known = (
        states.withColumns({"since": since, "until": until})
        .where(F.col("since") < F.col("until"))
        .withColumn("hour", F.explode(hours))
        .withColumn(
            "amount",
            F.least(F.col("until"), hour_begin + TICKS_AN_HOUR) - F.greatest(F.col("since"), hour_begin),
        )
        .withColumn("zone_id", F.col("last_zone_id"))
    )
    hour_at = TICKS.instant(hour_begin)
    cut = BUSINESS_DAYS.instant(BUSINESS_DAYS.after(hour_at))
    return with_area(known).select(
        "area_id",
        hour_of_week(hour_at).alias("local_hour_of_week"),
        F.lit("available_ticks").alias("measure"),
        F.lit(0).alias("bucket"),
        *(cut.alias(name) for name in ("tile_at", "counts_at", "moment_at", "known_at")),
        "amount",
    )
