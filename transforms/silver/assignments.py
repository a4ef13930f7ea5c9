"""silver.assignments: from acceptance to arrival, give-back or cancel."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from transforms.silver.histories import (
    ARRIVALS,
    HISTORY,
    changed_rows,
    first_of,
    is_type,
    last_of,
    latest_so_far,
)
from transforms.zones import area_of
from validation.contracts.silver.assignments import ASSIGNMENTS

_END_REASON = (
    F.when(is_type(*ARRIVALS), "arrived")
    .when(is_type("unassigned", "cancelled") & (F.col("actor") == "provider"), "provider_gave_back")
    .when(is_type("unassigned"), "agent_reassigned")
    .when(is_type("eta_rejected"), "eta_rejected")
    .when(is_type("cancelled"), "member_cancelled")
    .when(is_type("completed", "unsuccessful"), "missing_milestone")
)


def assignments(histories: DataFrame) -> DataFrame:
    """One row per assignment and tick in which what was known of it changed."""
    return histories.transform(_assignment_states).transform(changed_rows, ASSIGNMENTS)


def _assignment_states(histories: DataFrame) -> DataFrame:
    """One row per assignment and history; the first ending in order is its end."""
    before = (
        Window.partitionBy(*HISTORY, "assignment_key")
        .orderBy("position")
        .rowsBetween(Window.unboundedPreceding, -1)
    )
    has_promise = F.col("promised_arrival_at").isNotNull()
    is_extension = is_type("eta_updated") & (
        F.col("promised_arrival_at") > latest_so_far(F.col("promised_arrival_at"), before)
    )
    events = (
        histories.where(F.col("assignment_key").isNotNull())
        .withColumn("is_extension", F.coalesce(is_extension, F.lit(False)))
        .withColumn("ending", _END_REASON)
    )
    is_accepted = is_type("accepted")
    at = F.col("event_timestamp")
    folded = (
        events.groupBy(*HISTORY, "assignment_key", "is_new", "previous_as_of")
        .agg(
            first_of(at, is_accepted).alias("accepted_at"),
            first_of(F.col("landed_at"), is_accepted).alias("accepted_landed_at"),
            first_of(F.col("offer_key"), is_accepted).alias("offer_id"),
            first_of(F.col("provider_id"), F.col("provider_id").isNotNull()).alias("provider_id"),
            first_of(F.col("dispatch_channel"), is_accepted).alias("accepted_channel"),
            last_of(F.col("driver_id"), F.col("driver_id").isNotNull()).alias("driver_id"),
            first_of(F.col("requested_at"), is_accepted).alias("requested_at"),
            F.coalesce(
                first_of(F.col("promised_arrival_at"), is_accepted & has_promise),
                first_of(F.col("promised_arrival_at"), has_promise),
            ).alias("first_promised_arrival_at"),
            last_of(F.col("promised_arrival_at"), has_promise).alias("promised_arrival_at"),
            F.sum(F.col("is_extension").cast("bigint")).alias("promise_extension_count"),
            *(
                first_of(at, is_type(*types)).alias(name)
                for name, types in (
                    ("en_route_at", ("en_route",)),
                    ("on_scene_at", ("on_scene",)),
                    ("gone_on_arrival_at", ("gone_on_arrival",)),
                    ("completed_at", ("completed",)),
                    ("cancelled_at", ("cancelled",)),
                )
            ),
            F.min(F.when(F.col("ending").isNotNull(), F.struct("position", "ending", "event_timestamp"))).alias("end"),
            *(
                first_of(F.col(f"job_{name}"), is_accepted).alias(name)
                for name in ("service_type", "zone_id", "program_id", "job_kind", "scheduled_for")
            ),
        )
        .where(F.col("accepted_at").isNotNull())
    )
    channels = (
        histories.where(is_type("offered"))
        .groupBy(*HISTORY, F.col("offer_key").alias("offer_id"))
        .agg(first_of(F.col("dispatch_channel"), is_type("offered")).alias("offered_channel"))
    )
    return (
        folded.join(channels, [*HISTORY, "offer_id"], "left")
        .withColumn("assignment_id", F.col("assignment_key"))
        .withColumn("dispatch_channel", F.coalesce("offered_channel", "accepted_channel"))
        .withColumn(
            "is_backdated",
            F.col("accepted_landed_at") > F.col("accepted_at") + F.expr("INTERVAL 15 MINUTES"),
        )
        .withColumn("arrived_at", F.coalesce("on_scene_at", "gone_on_arrival_at"))
        .withColumn("is_gone_on_arrival", F.col("gone_on_arrival_at").isNotNull())
        .withColumn("end_reason", F.coalesce("end.ending", F.lit("open")))
        .withColumn("ended_at", F.col("end.event_timestamp"))
        .withColumn("is_immediate", F.col("scheduled_for").isNull())
        .withColumn("area_id", area_of(F.col("zone_id")))
    )
