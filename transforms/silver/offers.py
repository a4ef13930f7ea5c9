"""silver.offers: what became of each question to a provider."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from transforms.silver.histories import ANSWERS, HISTORY, changed_rows, first_of, is_type
from transforms.zones import area_of
from validation.contracts.silver.offers import OFFERS

_OUTCOMES = {
    "no_contact": "no_contact",
    "declined": "declined",
    "offer_expired": "expired",
    "offer_withdrawn": "withdrawn",
    "accepted": "accepted",
}


def offers(histories: DataFrame) -> DataFrame:
    """One row per offer and tick in which what was known of it changed."""
    return histories.transform(_offer_states).transform(changed_rows, OFFERS)


def _offer_states(histories: DataFrame) -> DataFrame:
    """One row per offer and history: its first answer, a cancelled job counting as a withdrawal.

    An answer to a question nobody is known to have asked makes no offer.
    """
    after = (
        Window.partitionBy(*HISTORY)
        .orderBy("position")
        .rowsBetween(Window.currentRow + 1, Window.unboundedFollowing)
    )
    cancel = F.when(is_type("cancelled"), F.struct("position", "event_timestamp"))
    events = histories.withColumn("next_cancel", F.min(cancel).over(after)).where(
        F.col("offer_key").isNotNull()
    )
    folded = events.groupBy(*HISTORY, "offer_key", "is_new", "previous_as_of").agg(
        *(
            first_of(F.col(column), is_type("offered")).alias(name)
            for name, column in (
                ("offered_at", "event_timestamp"),
                ("offer_expires_at", "offer_expires_at"),
                ("next_cancel", "next_cancel"),
                ("given_offer_id", "offer_id"),
                ("selection_policy_version", "selection_policy_version"),
                ("selection_rank", "selection_rank"),
                ("selection_score", "selection_score"),
                ("selection_propensity", "selection_propensity"),
            )
        ),
        *(
            first_of(F.col(f"job_{name}"), is_type("offered")).alias(name)
            for name in ("service_type", "zone_id", "program_id", "job_kind", "scheduled_for")
        ),
        first_of(F.col("provider_id"), F.col("provider_id").isNotNull()).alias("provider_id"),
        first_of(F.col("dispatch_channel"), F.col("dispatch_channel").isNotNull()).alias("given_channel"),
        F.min(F.when(is_type("offered"), F.col("position"))).alias("first_position"),
        F.min(F.when(is_type(*ANSWERS), F.struct("position", "event_type", "event_timestamp", "reason_code"))).alias(
            "answer"
        ),
        F.max(F.when(is_type("eta_rejected"), F.col("position"))).alias("rejected_position"),
    ).where(F.col("offered_at").isNotNull())
    by_job = Window.partitionBy(*HISTORY).orderBy("first_position", "offer_key")
    is_withdrawn = F.col("next_cancel").isNotNull() & (
        F.col("answer").isNull() | (F.col("next_cancel.position") < F.col("answer.position"))
    )
    outcome = (
        F.when(is_withdrawn, "withdrawn")
        .when(F.col("answer").isNull(), "open")
        .when(
            (F.col("answer.event_type") == "accepted")
            & (F.col("rejected_position") > F.col("answer.position")),
            "eta_rejected",
        )
        .otherwise(_outcome_of(F.col("answer.event_type")))
    )
    responded_at = F.when(is_withdrawn, F.col("next_cancel.event_timestamp")).otherwise(
        F.col("answer.event_timestamp")
    )
    answered = F.col("offer_outcome").isin("accepted", "declined", "eta_rejected")
    said_yes = F.col("offer_outcome").isin("accepted", "eta_rejected")
    answered_soon = F.col("answer.event_timestamp") <= F.col("offered_at") + F.expr("INTERVAL 15 MINUTES")
    return (
        folded.withColumn("offer_id", F.col("offer_key"))
        .withColumn("offer_seq", F.row_number().over(by_job))
        .withColumn("is_offer_id_derived", F.col("given_offer_id").isNull())
        .withColumn("offer_outcome", outcome)
        .withColumn("responded_at", responded_at)
        .withColumn("response_seconds", F.when(answered, _seconds("responded_at") - _seconds("offered_at")))
        .withColumn("accepted_at", F.when(said_yes, F.col("responded_at")))
        .withColumn("reason_code", F.when(~is_withdrawn, F.col("answer.reason_code")))
        .withColumn("is_channel_derived", F.col("given_channel").isNull())
        .withColumn(
            "dispatch_channel",
            F.coalesce("given_channel", F.when(answered_soon, "digital").otherwise("phone")),
        )
        .withColumn("is_immediate", F.col("scheduled_for").isNull())
        .withColumn("area_id", area_of(F.col("zone_id")))
    )


def _outcome_of(event_type: Column) -> Column:
    return F.coalesce(*(F.when(event_type == name, F.lit(outcome)) for name, outcome in _OUTCOMES.items()))


def _seconds(name: str) -> Column:
    return F.unix_seconds(F.col(name))
