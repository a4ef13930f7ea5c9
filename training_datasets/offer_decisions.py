"""Decisions to offer a job to a provider, and what was answered. Pure."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from training_datasets.known import Known
from transforms.local_hours import hour_of_week
from validation.clocks import Interval

DIGITAL_EXPIRY, OTHER_EXPIRY = timedelta(seconds=90), timedelta(minutes=15)
"""Of an offer that names no expiry (DOMAIN 2.2)."""
ANSWERED_WITHIN = timedelta(minutes=15)
"""After the expiry: a later outcome is no answer to the question asked."""

_YES = ("accepted", "eta_rejected")


def offered_on(known: Known, day: Interval) -> DataFrame:
    """One row per offer made in [start, end); `is_resolved` where an outcome came in time."""
    offered_at = F.col("offered_at")
    expiry = F.when(F.col("dispatch_channel") == "digital", F.lit(DIGITAL_EXPIRY)).otherwise(
        F.lit(OTHER_EXPIRY)
    )
    due = F.coalesce("offer_expires_at", offered_at + expiry) + F.lit(ANSWERED_WITHIN)
    return (
        known.state("offers", "offer_id")
        .where((offered_at >= F.lit(day.start)) & (offered_at < F.lit(day.end)))
        .withColumn("decision_at", offered_at)
        .withColumn("is_resolved", (F.col("offer_outcome") != "open") & (F.col("responded_at") <= due))
        .withColumn("local_hour_of_week", hour_of_week(offered_at))
        .withColumn("asked_provider_id", F.col("provider_id"))
        .withColumn("asked_at", offered_at)
    )


def acceptance_labels(known: Known, decided: DataFrame) -> DataFrame:
    """One row per offer: yes, no, or null where it was withdrawn before an answer.

    A promise refused afterwards was a yes. An expiry, or nobody at the phone, is a no of another kind:
    `label_outcome` keeps the six apart. `check_accepted_beside_another` is for the gate: a yes while
    another acceptance of the job stood.
    """
    outcome = F.col("offer_outcome")
    is_withdrawn, said_yes = outcome == "withdrawn", outcome.isin(*_YES)
    beside = _beside_another(known)
    return (
        decided.join(_given_back(known), "offer_id", "left")
        .join(beside, "offer_id", "left")
        .select(
            "row_key",
            F.when(is_withdrawn, "censored").otherwise("observed").alias("label_status"),
            F.when(~is_withdrawn, said_yes).alias("label_is_accepted"),
            outcome.alias("label_outcome"),
            F.col("response_seconds").alias("label_response_seconds"),
            F.when(said_yes, F.col("is_given_back")).alias("label_was_given_back"),
            is_withdrawn.alias("label_is_censored"),
            F.coalesce("is_beside_another", F.lit(False)).alias("check_accepted_beside_another"),
        )
    )


def _given_back(known: Known) -> DataFrame:
    """By offer_id whether the provider gave the job back; null while it has it."""
    end = F.col("end_reason")
    gave_back: Column = F.max(F.when(end != "open", end == "provider_gave_back"))
    return (
        known.state("assignments", "assignment_id")
        .where("offer_id IS NOT NULL")
        .groupBy("offer_id")
        .agg(gave_back.alias("is_given_back"))
    )


def _beside_another(known: Known) -> DataFrame:
    """By offer_id whether it was accepted while an earlier acceptance of its job had not ended."""
    assignments = known.state("assignments", "assignment_id").where("offer_id IS NOT NULL")
    earlier = assignments.select(
        "job_id",
        F.col("assignment_id").alias("earlier_id"),
        F.col("accepted_at").alias("earlier_at"),
        F.col("ended_at").alias("earlier_ended_at"),
    )
    stands = F.coalesce(F.col("earlier_ended_at") > F.col("accepted_at"), F.lit(True))
    is_earlier = F.struct("earlier_at", "earlier_id") < F.struct("accepted_at", "assignment_id")
    return (
        assignments.join(earlier, "job_id")
        .where(is_earlier & stands)
        .select("offer_id", F.lit(True).alias("is_beside_another"))
        .distinct()
    )
