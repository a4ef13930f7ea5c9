"""Rounds of offers: when a provider was to be chosen, who was asked, and what came of it. Pure."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from training_datasets.known import Known
from transforms.local_hours import hour_of_week
from validation.clocks import Interval

ROUND = ("job_id", "round_seq")
BY_RULE, OUTSIDE_RULE = "rule", "offered_outside_rule"
LOST = ("provider_gave_back", "agent_reassigned", "eta_rejected")
"""Ends of an assignment that its provider answers for."""


def offers_by_round(known: Known) -> DataFrame:
    """One row per offer, with the number of its round in the job.

    A round ends with a yes: the first offer after one was answered so (a give-back, a refused promise)
    begins the next.
    """
    offers = known.state("offers", "offer_id")
    order = F.struct("offered_at", "offer_seq")
    yes = offers.where(_said_yes()).select(
        "job_id", F.col("responded_at").alias("yes_at"), order.alias("yes_order")
    )
    earlier = (
        offers.join(yes, "job_id")
        .where((F.col("yes_at") <= F.col("offered_at")) & (F.col("yes_order") < order))
        .groupBy("offer_id")
        .agg(F.count(F.lit(1)).alias("yes_before"))
    )
    rounds = Window.partitionBy("job_id").orderBy("yes_before")
    return (
        offers.join(earlier, "offer_id", "left")
        .withColumn("yes_before", F.coalesce("yes_before", F.lit(0)))
        .withColumn("round_seq", F.dense_rank().over(rounds).cast("bigint"))
        .drop("yes_before")
    )


def rounds_on(known: Known, day: Interval) -> DataFrame:
    """One row per round whose first offer was made in [start, end): the choice as it stood, of nobody yet."""
    first = Window.partitionBy(*ROUND).orderBy("offered_at", "offer_seq")
    offered_at = F.col("offered_at")
    return (
        offers_by_round(known)
        .withColumn("place", F.row_number().over(first))
        .where("place = 1")
        .where((offered_at >= F.lit(day.start)) & (offered_at < F.lit(day.end)))
        .withColumn("decision_at", offered_at)
        .withColumn("round_key", F.concat_ws("|", "job_id", F.col("round_seq").cast("string")))
        .withColumn("local_hour_of_week", hour_of_week(offered_at))
        .withColumn("asked_provider_id", F.col("provider_id"))
        .withColumn("asked_at", offered_at)
        .select(
            *ROUND,
            "round_key",
            "decision_at",
            "dispatch_channel",
            "program_id",
            "zone_id",
            "area_id",
            "service_type",
            "is_immediate",
            "local_hour_of_week",
            "asked_provider_id",
            "asked_at",
            F.lit(None).cast("string").alias("provider_id"),
        )
    )


def asked_in(known: Known, rounds: DataFrame) -> DataFrame:
    """One row per round and provider that was asked in it: round_key and provider_id."""
    offers = offers_by_round(known).where("provider_id IS NOT NULL").select(*ROUND, "provider_id")
    asked = rounds.select(*ROUND, "round_key").join(offers, [*ROUND])
    return asked.select("round_key", "provider_id").distinct()


def gain_labels(known: Known, decided: DataFrame) -> DataFrame:
    """One row per candidate of a round: what asking it brought; null of one that nobody asked (trap T11).

    Asked twice in a round, its last answer counts. 3 arrived by the first promise (finding nobody is an
    arrival), 2 arrived later or without a promise, 1 accepted and lost, 0 said no or nothing.
    """
    outcome, end = F.col("offer_outcome"), F.col("end_reason")
    is_lost = (outcome == "eta_rejected") | end.isin(*LOST)
    gain = (
        F.when(outcome.isin("declined", "expired", "no_contact"), 0)
        .when(_said_yes() & is_lost, 1)
        .when((outcome == "accepted") & (end == "arrived"), F.when(_is_on_time(), 3).otherwise(2))
    ).cast("bigint")
    status = (
        F.when(F.col("offer_rank").isNull(), "unobserved")
        .when(gain.isNotNull(), "observed")
        .when((outcome == "accepted") & (end == "missing_milestone"), "missing_milestone")
        .otherwise("censored")
    )
    return (
        decided.select("row_key", *ROUND, "provider_id")
        .join(_last_asked(known), [*ROUND, "provider_id"], "left")
        .select(
            "row_key",
            status.alias("label_status"),
            gain.alias("label_gain"),
            (status == "censored").alias("label_is_censored"),
            F.col("offer_rank").alias("label_offer_rank"),
            F.col("selection_rank").cast("bigint").alias("label_logged_rank"),
            F.col("selection_score").alias("label_logged_score"),
            F.col("selection_propensity").alias("label_logged_propensity"),
        )
    )


def _last_asked(known: Known) -> DataFrame:
    """One row per round and provider asked: the last offer it answered (else its last), its first's place."""
    ends = (
        known.state("assignments", "assignment_id")
        .where("offer_id IS NOT NULL")
        .select("offer_id", "assignment_id", "end_reason", "arrived_at", "first_promised_arrival_at")
    )
    one_end = Window.partitionBy("offer_id").orderBy("assignment_id")
    ends = ends.withColumn("place", F.row_number().over(one_end)).where("place = 1")
    of_provider = Window.partitionBy(*ROUND, "provider_id")
    is_answered = ~F.col("offer_outcome").isin("open", "withdrawn")
    newest = of_provider.orderBy(F.desc(is_answered), F.desc("offered_at"), F.desc("offer_seq"))
    in_order = Window.partitionBy(*ROUND).orderBy("offered_at", "offer_seq")
    return (
        offers_by_round(known)
        .withColumn("place", F.row_number().over(in_order).cast("bigint"))
        .where("provider_id IS NOT NULL")
        .withColumn("offer_rank", F.min("place").over(of_provider))
        .withColumn("age", F.row_number().over(newest))
        .where("age = 1")
        .drop("place")
        .join(ends.drop("place", "assignment_id"), "offer_id", "left")
    )


def _said_yes() -> Column:
    return F.col("offer_outcome").isin("accepted", "eta_rejected")


def _is_on_time() -> Column:
    return F.coalesce(F.col("arrived_at") <= F.col("first_promised_arrival_at"), F.lit(False))
