"""silver.arrival_evidence: arrivals that a ping of the provider bears out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.known_time import known_within, span
from transforms.positions import distance_metres
from validation.clocks import TICK, Interval
from validation.contracts.silver.arrival_evidence import ARRIVAL_EVIDENCE
from validation.sources.dispatch_events import DISPATCH_EVENTS as DISPATCH_SOURCE
from validation.sources.gps_pings import GPS_PINGS as GPS_SOURCE

WITHIN_METRES = 300
WITHIN_TIME = timedelta(minutes=10)
LOCATION_HORIZON = timedelta(days=10)
"""A location stated longer than this before the arrival is not looked for (as in job histories)."""

_ARRIVALS = DISPATCH_SOURCE.late + DISPATCH_SOURCE.ahead
LOOK_BACKS = {
    "assignments": _ARRIVALS,
    "dispatch_events_precise": _ARRIVALS + LOCATION_HORIZON,
    "gps_pings": DISPATCH_SOURCE.late + GPS_SOURCE.ahead + TICK,
}
"""By input. An arrival is known at most `late` after itself, and nothing about it before: its state not
earlier than `ahead`, a ping not earlier than WITHIN_TIME (rounded up to a tick) and `ahead`."""
LOOK_BACK = max(LOOK_BACKS.values())

_ARRIVAL = ("job_id", "arrived_at")


def arrival_evidence(
    assignments: DataFrame,
    dispatch_events_precise: DataFrame,
    gps_pings: DataFrame,
    interval: Interval,
    location_of: Callable[[Column], Column],
) -> DataFrame:
    """One row per assignment and arrival time first borne out in the interval.

    At a tick an arrival is borne out when, of what is known by then, the assignment's state has that
    arrived_at, and a good ping of its provider (and driver, if it has one) lies within WITHIN_TIME of it
    and WITHIN_METRES of the job's location: the last one stated at or before the arrival. Late,
    inaccurate and implausible pings and late events do not count, nor do states known later than the
    dispatch horizon after the arrival. `evidence_ping_at` is the earliest such ping known at that tick.

    `location_of` opens a sealed payload: struct<latitude double, longitude double>, null if it has none.
    """
    arrivals = _arrivals(assignments, interval)
    known = F.col("known_at") <= F.lit(interval.end)
    places = _places(arrivals, dispatch_events_precise.where(known), location_of)
    seen = F.greatest("state_known_at", "place_known_at", "ping_known_at")
    is_driver = F.col("assigned_driver_id").isNull() | (F.col("assigned_driver_id") == F.col("driver_id"))
    distance = distance_metres(
        F.col("latitude"), F.col("longitude"), F.col("place.latitude"), F.col("place.longitude")
    )
    return (
        arrivals.join(places, [*_ARRIVAL])
        .withColumn("time_bucket", F.explode(_buckets_around(F.col("arrived_at"))))
        .join(_good_pings(gps_pings.where(known)), ["provider_id", "time_bucket"])
        .where(_apart(F.col("evidence_ping_at"), F.col("arrived_at")) <= _micros(WITHIN_TIME))
        .where(is_driver & (distance <= WITHIN_METRES))
        .withColumn("known_at", seen)
        .where(_is_before(F.col("known_at"), "state_until") & _is_before(F.col("known_at"), "place_until"))
        .groupBy("assignment_id", "arrived_at")
        .agg(F.min(F.struct("known_at", "evidence_ping_at", "provider_id")).alias("first"))
        .select("assignment_id", "arrived_at", "first.*")
        .where(known_within(interval))
        .withColumn("known_date", F.to_date(F.col("known_at") - span(TICK)))
        .select(*ARRIVAL_EVIDENCE.column_names)
    )


def _arrivals(assignments: DataFrame, interval: Interval) -> DataFrame:
    """Assignment states that say arrived, each with the ticks [state_known_at, state_until) it held."""
    changes = Window.partitionBy("assignment_id").orderBy("known_at")
    horizon = span(DISPATCH_SOURCE.late)
    return (
        assignments.withColumn("state_until", F.lead("known_at").over(changes))
        .where("NOT coalesce(is_retracted, false)")
        .where(F.col("arrived_at") > F.lit(interval.start) - horizon)
        .where(F.col("known_at") <= F.least(F.lit(interval.end), F.col("arrived_at") + horizon))
        .select(
            "assignment_id",
            "job_id",
            "provider_id",
            F.col("driver_id").alias("assigned_driver_id"),
            "arrived_at",
            F.col("known_at").alias("state_known_at"),
            "state_until",
        )
    )


def _places(
    arrivals: DataFrame, dispatch_events_precise: DataFrame, location_of: Callable[[Column], Column]
) -> DataFrame:
    """Locations of each arrival's job, each with the ticks [place_known_at, place_until) it was the last.

    A location stays the last stated until one that stands after it in the order of events is known.
    """
    happened, known = F.col("event_timestamp"), F.col("known_at")
    rank = (F.col("event_type") == "job_updated").cast("int")
    stated = (
        dispatch_events_precise.where(F.col("event_type").isin("requested", "job_updated"))
        .where(happened >= known - span(DISPATCH_SOURCE.late))
        .join(arrivals.select("job_id"), "job_id", "left_semi")
        .withColumn("place", location_of(F.col("sealed_payload")))
        .where(F.col("place.latitude").isNotNull() & F.col("place.longitude").isNotNull())
        .select("job_id", "event_timestamp", "event_id", "known_at", "place", rank.alias("rank"))
    )
    stated_after = (
        Window.partitionBy(*_ARRIVAL)
        .orderBy(F.desc("event_timestamp"), F.desc("rank"), F.desc("event_id"))
        .rowsBetween(Window.unboundedPreceding, -1)
    )
    arrived = F.col("arrived_at")
    return (
        arrivals.select(*_ARRIVAL)
        .distinct()
        .join(stated, "job_id")
        .where((happened <= arrived) & (happened >= arrived - span(LOCATION_HORIZON)))
        .withColumn("place_until", F.min("known_at").over(stated_after))
        .select(*_ARRIVAL, "place", known.alias("place_known_at"), "place_until")
    )


def _good_pings(gps_pings: DataFrame) -> DataFrame:
    """Pings that may bear an arrival out, by provider and bucket of their time."""
    is_bad = F.col("is_late") | F.col("is_inaccurate") | F.col("is_implausible_jump")
    return gps_pings.where(~is_bad).select(
        "provider_id",
        "driver_id",
        "latitude",
        "longitude",
        F.col("event_timestamp").alias("evidence_ping_at"),
        F.col("known_at").alias("ping_known_at"),
        _bucket(F.col("event_timestamp")).alias("time_bucket"),
    )


def _bucket(moment: Column) -> Column:
    """Number of the WITHIN_TIME that holds the moment."""
    return F.floor(F.unix_micros(moment) / _micros(WITHIN_TIME))


def _buckets_around(moment: Column) -> Column:
    """Every bucket that holds a moment at most WITHIN_TIME away."""
    return F.sequence(_bucket(moment) - 1, _bucket(moment) + 1)


def _apart(one: Column, other: Column) -> Column:
    return F.abs(F.unix_micros(one) - F.unix_micros(other))


def _micros(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def _is_before(tick: Column, until: str) -> Column:
    return F.col(until).isNull() | (tick < F.col(until))
