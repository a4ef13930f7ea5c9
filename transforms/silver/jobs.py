"""silver.jobs: the state of each job."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.silver.histories import HISTORY, RETRACTIONS, changed_rows, first_of, is_type, last_of
from transforms.zones import area_of
from validation.contracts.silver.jobs import JOBS

_CLOSING = ("gone_on_arrival", "unsuccessful", "completed", "cancelled")
_LAST_STATED = (
    "scheduled_for",
    "job_kind",
    "service_type",
    "program_id",
    "destination_zone_id",
    "member_token",
    "vehicle_token",
    "vehicle_year",
    "vehicle_make",
    "vehicle_model",
)


def jobs(staged: DataFrame) -> DataFrame:
    """One row per job and tick in which what was known of it changed.

    `unassigned_from` is set while the job waits: it was requested, no assignment of it stands
    (accepted, neither unassigned nor its ETA rejected) and it is not over.
    """
    return staged.transform(_job_states).transform(changed_rows, JOBS)


def _job_states(staged: DataFrame) -> DataFrame:
    at = F.col("event_timestamp")
    is_request = is_type("requested")
    folded = staged.groupBy(*HISTORY, "is_new", "previous_as_of").agg(
        first_of(at, is_request).alias("requested_at"),
        first_of(F.col("service_type"), is_request).alias("requested_service_type"),
        first_of(F.col("zone_id"), is_request & F.col("zone_id").isNotNull()).alias("zone_id"),
        *(last_of(F.col(name), F.col(name).isNotNull()).alias(name) for name in _LAST_STATED),
        last_of(F.col("stage"), F.lit(True)).alias("stage"),
        last_of(F.col("stage_since_at"), F.lit(True)).alias("stage_since_at"),
        F.sum(is_type("offered").cast("bigint")).alias("offer_count"),
        F.sum(is_type("declined").cast("bigint")).alias("decline_count"),
        first_of(at, is_type("accepted")).alias("first_accepted_at"),
        first_of(at, is_type("completed")).alias("completed_at"),
        first_of(at, is_type("cancelled")).alias("cancelled_at"),
        first_of(F.col("actor"), is_type("cancelled")).alias("cancel_actor"),
        F.max(is_type(*_CLOSING)).alias("is_over"),
        F.sum(F.col("is_illegal").cast("bigint")).alias("illegal_event_count"),
    )
    standing = (
        staged.where(F.col("assignment_key").isNotNull())
        .groupBy(*HISTORY, "assignment_key")
        .agg(
            F.min(F.when(is_type("accepted"), F.struct("position", "provider_id"))).alias("accepted"),
            F.max(F.when(is_type(*RETRACTIONS), F.struct("position", "event_timestamp"))).alias("retracted"),
        )
        .where(F.col("accepted").isNotNull())
        .withColumn(
            "is_retracted",
            F.coalesce(F.col("retracted.position") > F.col("accepted.position"), F.lit(False)),
        )
        .groupBy(*HISTORY)
        .agg(
            F.max(F.when(~F.col("is_retracted"), F.col("accepted"))).alias("standing"),
            F.max(F.when(F.col("is_retracted"), F.col("retracted.event_timestamp"))).alias("last_retraction_at"),
        )
    )
    waits = F.col("requested_at").isNotNull() & F.col("standing").isNull() & ~F.col("is_over")
    return (
        folded.join(standing, list(HISTORY), "left")
        .withColumn("is_immediate", F.col("scheduled_for").isNull())
        .withColumn("area_id", area_of(F.col("zone_id")))
        .withColumn("assigned_provider_id", F.when(~F.col("is_over"), F.col("standing.provider_id")))
        .withColumn("unassigned_from", F.when(waits, F.greatest("last_retraction_at", "requested_at")))
    )
