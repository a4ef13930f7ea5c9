"""silver.job_milestones: each event's place in the automaton."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.silver.histories import ANSWERS, ARRIVALS, RETRACTIONS, changed_rows, is_type, latest_so_far, so_far
from validation.contracts.silver.job_milestones import JOB_MILESTONES

NEVER_OFFERED = "accepted by a provider that was never offered the job"
BEFORE_ACCEPTANCE = "on scene before any acceptance"
ALREADY_UNASSIGNED = "arrival for an assignment that was taken back before"


def with_stage(histories: DataFrame) -> DataFrame:
    """Each event with the stage the job is in after it, since when, and whether it is illegal.

    Stages: unassigned, offered, assigned, en_route, on_scene, towing, closed. An answer to an
    offer, or a give-back of an assignment that was already replaced, moves no active job back.
    """
    concerns_active = F.col("assignment_key").eqNullSafe(F.col("last_assignment"))
    activity = F.when(is_type("accepted"), F.lit(True)).when(
        is_type(*RETRACTIONS) & concerns_active, F.lit(False)
    )
    active = F.coalesce(latest_so_far(F.col("activity"), so_far()), F.lit(False))
    moved_to = (
        F.when(is_type("requested"), "unassigned")
        .when(is_type("offered") & ~F.col("is_active"), "offered")
        .when(is_type(*(name for name in ANSWERS if name != "accepted")) & ~F.col("is_active"), "unassigned")
        .when(is_type("accepted"), "assigned")
        .when(is_type(*RETRACTIONS) & concerns_active, "unassigned")
        .when(is_type("en_route", "on_scene", "towing"), F.col("event_type"))
        .when(is_type("gone_on_arrival", "unsuccessful", "completed", "cancelled"), "closed")
    )
    staged = (
        histories.withColumn("activity", activity)
        .withColumn("is_active", active)
        .withColumn("moved_to", moved_to)
        .withColumn("stage", F.coalesce(latest_so_far(F.col("moved_to"), so_far()), F.lit("unassigned")))
        .withColumn(
            "stage_since_at",
            latest_so_far(F.when(F.col("moved_to").isNotNull(), F.col("event_timestamp")), so_far()),
        )
    )
    return staged.transform(_with_legality)


def job_milestones(staged: DataFrame) -> DataFrame:
    """One row per lifecycle event and tick in which its place in the job changed."""
    states = (
        staged.withColumn("offer_id", F.col("offer_key"))
        .withColumn("assignment_id", F.col("assignment_key"))
        .drop("known_at")
    )
    return changed_rows(states, JOB_MILESTONES)


def _with_legality(staged: DataFrame) -> DataFrame:
    """The three illegal transitions of DOMAIN 2.3; incomplete is not illegal."""
    offered = F.when(is_type("offered"), F.lit(1))
    asked_provider = F.count(offered).over(so_far("provider_id"))
    asked_offer = F.count(offered).over(so_far("offer_key"))
    accepted_before = F.count(F.when(is_type("accepted"), F.lit(1))).over(so_far())
    taken_back = F.count(F.when(is_type("unassigned"), F.lit(1))).over(so_far("assignment_key"))
    reason = (
        F.when(is_type("accepted") & (asked_provider == 0) & (asked_offer == 0), NEVER_OFFERED)
        .when(is_type("on_scene") & (accepted_before == 0), BEFORE_ACCEPTANCE)
        .when(is_type(*ARRIVALS) & F.col("assignment_key").isNotNull() & (taken_back > 0), ALREADY_UNASSIGNED)
    )
    return staged.withColumn("illegal_reason", reason).withColumn(
        "is_illegal", F.col("illegal_reason").isNotNull()
    )
