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
_HOLDS = ("state_known_at", "state_until", "place_known_at", "place_until")
"""The ticks that an arrival's state and its job's place hold."""


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
    dispatch horizon after the arrival. `evidence_ping_at` is the earliest such ping known at that tick;
    `elsewhere_ping_at` the last good ping of its driver farther away, known at that tick too, between the
    arrival and that ping: null where none says that the driver was not there yet.

    `location_of` opens a sealed payload: struct<latitude double, longitude double>, null if it has none.
    """
    arrivals = _arrivals(assignments, interval)
    known = F.col("known_at") <= F.lit(interval.end)
    places = _places(arrivals, dispatch_events_precise.where(known), location_of)
    is_driver = F.col("assigned_driver_id").isNull() | (F.col("assigned_driver_id") == F.col("driver_id"))
    distance = distance_metres(
        F.col("latitude"), F.col("longitude"), F.col("place.latitude"), F.col("place.longitude")
    )
    seen = F.struct(
        F.col("ping_at").alias("at"),
        F.col("ping_known_at").alias("known_at"),
        "driver_id",
        (distance <= WITHIN_METRES).alias("is_there"),
    )
    return (
        arrivals.join(places, [*_ARRIVAL])
        .withColumn("time_bucket", F.explode(_buckets_around(F.col("arrived_at"))))
        .join(_good_pings(gps_pings.where(known)), ["provider_id", "time_bucket"])
        .where(_apart(F.col("ping_at"), F.col("arrived_at")) <= _micros(WITHIN_TIME))
        .where(is_driver)
        .groupBy("assignment_id", "arrived_at", "provider_id", *_HOLDS)
        .agg(F.sort_array(F.collect_list(seen)).alias("pings"))
        .withColumn("first", F.array_min(F.transform(F.filter("pings", _bears_out), _known_with)))
        .where(F.col("first").isNotNull())
        .withColumn("elsewhere_ping_at", F.array_max(F.transform(F.filter("pings", _elsewhere), _at)))
        .groupBy("assignment_id", "arrived_at")
        .agg(F.min(F.struct("first", "elsewhere_ping_at", "provider_id")).alias("found"))
        .select(
            "assignment_id", "arrived_at", "found.first.*", "found.elsewhere_ping_at", "found.provider_id"
        )
        .where(known_within(interval))
        .withColumn("known_date", F.to_date(F.col("known_at") - span(TICK)))
        .select(*ARRIVAL_EVIDENCE.column_names)
    )


def _bears_out(ping: Column) -> Column:
    """Whether the ping is at the place, and state and place held once all three were known."""
    known_at = _known_with(ping)["known_at"]
    return ping["is_there"] & _is_before(known_at, "state_until") & _is_before(known_at, "place_until")


def _known_with(ping: Column) -> Column:
    """The tick at which ping, state and place are known, with the ping."""
    return F.struct(
        F.greatest("state_known_at", "place_known_at", ping["known_at"]).alias("known_at"),
        ping["at"].alias("evidence_ping_at"),
        ping["driver_id"].alias("evidence_driver_id"),
    )


def _elsewhere(ping: Column) -> Column:
    """Whether the ping says that the driver, who says he has arrived, is not yet where he is seen first."""
    first = F.col("first")
    is_between = (ping["at"] >= F.col("arrived_at")) & (ping["at"] < first["evidence_ping_at"])
    is_driver = ping["driver_id"].eqNullSafe(first["evidence_driver_id"])
    return ~ping["is_there"] & is_between & is_driver & (ping["known_at"] <= first["known_at"])


def _at(ping: Column) -> Column:
    return ping["at"]


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
        F.col("event_timestamp").alias("ping_at"),
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
