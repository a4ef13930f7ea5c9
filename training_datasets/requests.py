"""job_* of each decision: the job as its caller knows it at that instant. Pure.

The caller's own events count by their event time, for nobody has to tell it what it did; all else that
a row shows comes from the feature store, when it could be read.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from training_datasets.known import Known
from transforms.positions import distance_metres
from transforms.zones import timezone_of

LocationOf = Callable[[Column], Column]
"""Opens a sealed payload: struct of latitude, longitude and the destination's, null where it has none."""

ASKED = ("asked_provider_id", "asked_at")
"""Columns of the decisions that name the offer whose channel is meant."""

STATE_A_JOB = ("requested", "job_updated")
"""The events that say what a job is."""
_PLACES = ("latitude", "longitude", "destination_latitude", "destination_longitude")
_MINUTE = 60_000_000.0


def with_request(decided: DataFrame, known: Known, location_of: LocationOf) -> DataFrame:
    """The decisions with the request that each would have stated to Feast, none more and none less.

    Args:
        decided: one row per `row_key`, with job_id, provider_id, decision_at, zone_id, service_type and
            ASKED.
        known: silver as known at the close; offers, jobs, dispatch_events, dispatch_events_precise.
        location_of: opens places; they are stated and never kept (DOMAIN 4).

    Nobody states the vehicle's class, nor whether a road is limited-access: null.
    """
    at = F.col("decision_at")
    placed = decided.join(_places(decided, known, location_of), "row_key", "left")
    so_far = _offers_so_far(decided, known)
    requested = known.state("jobs", "job_id").select("job_id", F.col("requested_at").alias("asked_for_at"))
    leg = distance_metres(*(F.col(name) for name in _PLACES)) / 1000
    return (
        placed.join(so_far, "row_key", "left")
        .join(requested, "job_id", "left")
        .join(_channels(known), ["job_id", *ASKED], "left")
        .withColumns(
            {
                "job_latitude": F.col("latitude"),
                "job_longitude": F.col("longitude"),
                "job_timezone": timezone_of(F.col("zone_id")),
                "job_service_type": F.col("service_type"),
                "job_vehicle_class": F.lit(None).cast("string"),
                "job_needs_tow": F.col("service_type") == "tow",
                "job_is_highway": F.lit(None).cast("boolean"),
                "job_tow_leg_km": leg,
                "job_requested_at": F.when(F.col("asked_for_at") <= at, F.col("asked_for_at")),
                "job_decision_at": at,
                "job_offers_so_far_count": F.coalesce("offers", F.lit(0)).cast("bigint"),
                "job_declines_so_far_count": F.coalesce("declines", F.lit(0)).cast("bigint"),
                "job_minutes_since_this_provider_declined": (
                    (F.unix_micros(at) - F.unix_micros("declined_at")) / F.lit(_MINUTE)
                ),
            }
        )
        .drop(*_PLACES, "asked_for_at", "offers", "declines", "declined_at")
    )


def _places(decided: DataFrame, known: Known, location_of: LocationOf) -> DataFrame:
    """By row_key the coordinates last stated, each, at or before the decision."""
    precise = known.rows("dispatch_events_precise")
    stated = (
        precise.where(F.col("event_type").isin(*STATE_A_JOB))
        .join(decided.select("job_id").distinct(), "job_id", "left_semi")
        .withColumn("place", location_of(F.col("sealed_payload")))
        .select("job_id", "event_timestamp", "event_type", "event_id", "place.*")
    )
    is_destination = F.col("destination_latitude").isNotNull() & F.col("destination_longitude").isNotNull()
    here, there = _PLACES[:2], _PLACES[2:]
    return (
        decided.select("row_key", "job_id", "decision_at")
        .join(stated, "job_id")
        .where("event_timestamp <= decision_at")
        .groupBy("row_key")
        .agg(
            *(last_stated(name, F.col(name).isNotNull()) for name in here),
            *(last_stated(name, is_destination) for name in there),
        )
    )


def last_stated(name: str, where: Column) -> Column:
    """The value of the last event, in the order of a job's events, among those where it counts."""
    order = F.struct("event_timestamp", (F.col("event_type") == "job_updated").cast("int"), "event_id")
    return F.max_by(name, F.when(where, order)).alias(name)


def _offers_so_far(decided: DataFrame, known: Known) -> DataFrame:
    """By row_key the job's offers and declines before the decision, and when this provider last declined."""
    offers = known.state("offers", "offer_id").select(
        "job_id", F.col("provider_id").alias("offered_to"), "offered_at", "offer_outcome", "responded_at"
    )
    is_declined = (F.col("offer_outcome") == "declined") & (F.col("responded_at") < F.col("decision_at"))
    is_own = F.col("offered_to") == F.col("provider_id")
    return (
        decided.select("row_key", "job_id", "provider_id", "decision_at")
        .join(offers, "job_id")
        .where("offered_at < decision_at")
        .groupBy("row_key")
        .agg(
            F.count(F.lit(1)).alias("offers"),
            F.count_if(is_declined).alias("declines"),
            F.max(F.when(is_declined & is_own, F.col("responded_at"))).alias("declined_at"),
        )
    )


def _channels(known: Known) -> DataFrame:
    """The channel that an offered event itself states; what an answer told of it came later."""
    return (
        known.rows("dispatch_events")
        .where("event_type = 'offered'")
        .groupBy("job_id", "provider_id", "event_timestamp")
        .agg(F.min("dispatch_channel").alias("job_channel"))
        .withColumnsRenamed(dict(zip(("provider_id", "event_timestamp"), ASKED, strict=True)))
    )
