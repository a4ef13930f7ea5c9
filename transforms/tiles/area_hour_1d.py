"""tiles.area_hour_1d: requests, offers, arrivals and available drivers by business day and local hour."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.grid import BUSINESS_DAYS
from transforms.local_hours import hour_of_week
from transforms.tiles.available_hours import available_hours
from transforms.tiles.dispatch_1d import DAY_OF_TICKS, HORIZON
from transforms.tiles.measures import OFFER_COHORT, REQUESTS, TIME_TO_ARRIVAL
from transforms.tiles.partials import partials, tile_rows, versions
from transforms.zones import with_area
from validation.clocks import Interval
from validation.contracts.tiles.area_hour_1d import AREA_HOUR_1D

LOOK_BACK = HORIZON + DAY_OF_TICKS
BY_HOUR: dict[str, str | None] = {"area_id": "area_id", "local_hour_of_week": "local_hour_of_week"}


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
            BY_HOUR,
            BUSINESS_DAYS,
            days,
        )
        for changelog, key, moment, facts in of
    ]
    return tile_rows([*parts, available_ticks(driver_states_15m, days)], AREA_HOUR_1D)


def available_ticks(driver_states_15m: DataFrame, days: Interval) -> DataFrame:
    """Of every hour of the business days: at how many of its ticks each driver was known as available."""
    return with_area(available_hours(driver_states_15m, days)).select(
        "area_id",
        hour_of_week(F.col("hour_at")).alias("local_hour_of_week"),
        F.lit("available_ticks").alias("measure"),
        F.lit(0).alias("bucket"),
        *(F.col("cut").alias(name) for name in ("tile_at", "counts_at", "moment_at", "known_at")),
        F.col("ticks").alias("amount"),
    )
