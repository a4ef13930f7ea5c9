"""Decisions about an accepted assignment: at acceptance, at en route, after each tick while open. Pure."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from training_datasets.arrival_labels import LONGEST_ARRIVAL, arrivals_by_gps
from training_datasets.known import Known
from training_datasets.requests import STATE_A_JOB, last_stated
from training_datasets.spec import Filter
from transforms.local_hours import hour_of_week
from transforms.zones import with_area
from validation.clocks import TICK, Interval
from validation.sources.dispatch_events import LIFECYCLE_ORDER

AFTER_TICK = timedelta(minutes=5)
"""A tick's features are promised by then, so that is when the platform is asked again."""
TICKS_AT_MOST = 12

ALLOWED_INPUTS = (  # silver.assignments states each of them as of the acceptance
    "decision_at",
    "provider_id",
    "zone_id",
    "area_id",
    "service_type",
    "dispatch_channel",
    "program_id",
    "is_immediate",
    "job_kind",
    "is_backdated",
)
SPINE = {
    "meta_decision_at": "decision_at",
    "meta_dispatch_channel": "dispatch_channel",
    "meta_program_id": "program_id",
    "provider_id": "provider_id",
    "incident_zone_id": "zone_id",
    "incident_area_id": "area_id",
    "service_type": "service_type",
}
FILTERS = (
    Filter(
        "scheduled",
        "is_immediate",
        "The job has an appointment, or no request of it is known: it does not wait.",
    ),
    Filter(
        "second_tow",
        "coalesce(job_kind, 'roadside') IN ('roadside', 'accident')",
        "A tow out of storage: nobody waits at a roadside.",
    ),
    Filter("backdated", "NOT is_backdated", "Keyed in more than 15 minutes late (trap T17)."),
)


def accepted_on(known: Known, day: Interval) -> DataFrame:
    """One row per assignment accepted in [start, end), decided at its acceptance."""
    accepted_at = F.col("accepted_at")
    return (
        known.state("assignments", "assignment_id")
        .where((accepted_at >= F.lit(day.start)) & (accepted_at < F.lit(day.end)))
        .withColumn("decision_at", accepted_at)
    )


def points_of(known: Known, day: Interval) -> DataFrame:
    """One row per assignment accepted in [start, end) and decision point, stale ones included.

    `stage` accepted: at the acceptance; en_route: when the driver set out, before the end; open: five
    minutes after a tick, at the first twelve ticks within six hours at which the platform knew the
    assignment, and knew it open. `is_stale` tells the open ones that were over in truth, as known at the
    close, the arrival taken from the pings where they contradict the driver. `decision_seq` numbers the
    others. The driver is the one named by then (trap T3).
    """
    moved = F.coalesce("gps_arrived_at", "ended_at")
    accepted = (
        accepted_on(known, day)
        .join(arrivals_by_gps(known), "assignment_id", "left")
        .withColumn("ended_at", moved)
        .drop("gps_arrived_at")
    )
    stages = F.concat(
        F.array(_point("accepted", F.col("accepted_at"))),
        F.array(_point("en_route", _set_out())),
        F.transform(F.coalesce("open_at", F.array().cast("array<timestamp>")), lambda at: _point("open", at)),
    )
    points = (
        accepted.drop("decision_at")
        .join(_known_open(accepted, known), "assignment_id", "left")
        .withColumn("point", F.explode(stages))
        .select("*", "point.stage", "point.decision_at")
        .where("decision_at IS NOT NULL")
        .drop("point", "open_at")
    )
    is_over = F.coalesce(F.col("decision_at") >= F.col("ended_at"), F.lit(False))
    by_instant = Window.partitionBy("assignment_id", "decision_at").orderBy("stage")
    in_order = Window.partitionBy("assignment_id", "is_stale").orderBy("decision_at")
    seq = F.row_number().over(in_order).cast("bigint")
    return (
        points.withColumn("place", F.row_number().over(by_instant))
        .where("place = 1")
        .withColumn("is_stale", (F.col("stage") == "open") & is_over)
        .withColumn("decision_seq", F.when(~F.col("is_stale"), seq))
        .withColumn("local_hour_of_week", hour_of_week(F.col("decision_at")))
        .drop("place", "driver_id")
        .transform(lambda frame: _with_driver(frame, known))
        .transform(lambda frame: _with_job_as_stated(frame, known))
        .join(_asked(known), "offer_id", "left")
    )


def _point(stage: str, at: Column) -> Column:
    return F.struct(F.lit(stage).alias("stage"), at.alias("decision_at"))


def _set_out() -> Column:
    """When the driver was en route, where that lies between acceptance and end; null elsewhere."""
    at = F.col("en_route_at")
    is_before_end = F.coalesce(at < F.col("ended_at"), F.lit(True))
    return F.when((at > F.col("accepted_at")) & is_before_end, at)


def _known_open(accepted: DataFrame, known: Known) -> DataFrame:
    """By assignment `open_at`: five minutes after each of the first twelve ticks at which it was open."""
    tick, after = TICK // timedelta(microseconds=1), AFTER_TICK // timedelta(microseconds=1)
    longest = LONGEST_ARRIVAL // timedelta(microseconds=1)
    micros = F.unix_micros("accepted_at")
    first = (F.floor((micros - after) / tick) + 1) * tick
    ticks = F.sequence(first, micros + longest - after, F.lit(tick))
    state = F.max(F.struct("known_at", "end_reason", "is_retracted")).alias("state")
    earliest = Window.partitionBy("assignment_id").orderBy("asked_at_tick")
    return (
        accepted.select("assignment_id", F.explode(ticks).alias("tick"))
        .select("assignment_id", F.timestamp_micros("tick").alias("asked_at_tick"))
        .join(known.rows("assignments"), "assignment_id")
        .where("known_at <= asked_at_tick")
        .groupBy("assignment_id", "asked_at_tick")
        .agg(state)
        .where("state.end_reason = 'open' AND NOT coalesce(state.is_retracted, false)")
        .withColumn("place", F.row_number().over(earliest))
        .where(F.col("place") <= TICKS_AT_MOST)
        .groupBy("assignment_id")
        .agg(F.array_sort(F.collect_set(F.col("asked_at_tick") + F.lit(AFTER_TICK))).alias("open_at"))
    )


def _with_driver(points: DataFrame, known: Known) -> DataFrame:
    """The points with driver_id: named by the assignment's last event until then that names one."""
    follows = known.state("job_milestones", "event_id", "event_timestamp").select(
        "event_id", "event_timestamp", "assignment_id"
    )
    rank = F.array_position(F.array(*(F.lit(name) for name in LIFECYCLE_ORDER)), F.col("event_type"))
    named = (
        known.rows("dispatch_events")
        .where("driver_id IS NOT NULL")
        .drop("assignment_id")  # as stated; milestones tell what it is
        .join(follows, ["event_id", "event_timestamp"])
        .select(
            "assignment_id",
            "driver_id",
            F.struct("event_timestamp", rank, "event_id").alias("order"),
        )
    )
    drivers = (
        points.select("assignment_id", "decision_at")
        .join(named, "assignment_id")
        .where("order.event_timestamp <= decision_at")
        .groupBy("assignment_id", "decision_at")
        .agg(F.max_by("driver_id", "order").alias("driver_id"))
    )
    return points.join(drivers, ["assignment_id", "decision_at"], "left")


def _with_job_as_stated(points: DataFrame, known: Known) -> DataFrame:
    """The points with service and zone as last stated by then, not as at the acceptance (trap T2)."""
    facts = ("service_type", "zone_id")
    stated = (
        known.rows("dispatch_events")
        .where(F.col("event_type").isin(*STATE_A_JOB))
        .select("job_id", "event_timestamp", "event_type", "event_id", *facts)
    )
    by_then = (
        points.select("assignment_id", "decision_at", "job_id")
        .join(stated, "job_id")
        .where("event_timestamp <= decision_at")
        .groupBy("assignment_id", "decision_at")
        .agg(*(last_stated(name, F.col(name).isNotNull()) for name in facts))
    )
    as_accepted = points.drop(*facts, "area_id")
    return with_area(as_accepted.join(by_then, ["assignment_id", "decision_at"], "left"))


def _asked(known: Known) -> DataFrame:
    """By offer_id whom the offer asked, and when."""
    return known.state("offers", "offer_id").select(
        "offer_id", F.col("provider_id").alias("asked_provider_id"), F.col("offered_at").alias("asked_at")
    )
