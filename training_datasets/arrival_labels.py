"""label_* of decisions about an assignment: when somebody arrived, or what was seen instead. Pure."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from training_datasets.known import Known

LONGEST_ARRIVAL = timedelta(minutes=360)
GRACE = timedelta(minutes=15)
AGREES_WITHIN = timedelta(minutes=5)
"""The driver's word and the pings: further apart, the pings are believed (DOMAIN section 4, eta_v2)."""


def arrival_labels(known: Known, decided: DataFrame) -> DataFrame:
    """One row per decision about an assignment, with its labels as known at the close.

    | label_status      | arrival, remaining | observed         | lower    | upper            |
    |-------------------|--------------------|------------------|----------|------------------|
    | observed          | y                  | y                | y        | y                |
    | censored          |                    | end - decision   | observed |                  |
    | missing_milestone |                    |                  | 0        | end - decision   |
    | invalid_arrival   |                    |                  |          |                  |

    y is arrival - decision of the same assignment; finding nobody is an arrival. Invalid is one that
    is not in (0, 360] minutes after the acceptance. A censored one that is still open ends at the close.
    What was promised stands in every row with a promise, in minutes after the acceptance. Every other label
    is null unless observed; those that compare with the promise also without one.
    Minutes are exact seconds / 60.
    """
    return _labels(known, decided, of_pings=False)


def remaining_labels(known: Known, decided: DataFrame) -> DataFrame:
    """As `arrival_labels`, of the arrival that pings tell where they contradict the driver's word."""
    return _labels(known, decided, of_pings=True)


def arrivals_by_gps(known: Known) -> DataFrame:
    """One row per assignment whose driver was there at another time than stated: `gps_arrived_at`.

    The ping that bears the arrival out, after the acceptance, where the driver stated it more than five
    minutes after that ping, or was elsewhere more than five minutes after he stated it. A first ping at the
    place that comes late contradicts nobody: before it there may have been none.
    """
    arrived_at, seen_at = F.unix_micros("arrived_at"), F.unix_micros("evidence_ping_at")
    most = AGREES_WITHIN // timedelta(microseconds=1)
    is_stated_late = arrived_at - seen_at > most
    is_stated_early = F.coalesce(F.unix_micros("elsewhere_ping_at") - arrived_at > most, F.lit(False))
    return (
        known.state("assignments", "assignment_id")
        .join(known.rows("arrival_evidence"), ["assignment_id", "arrived_at"])
        .where((F.col("end_reason") == "arrived") & F.col("on_scene_at").isNotNull())
        .where(F.col("evidence_ping_at") > F.col("accepted_at"))
        .where(is_stated_late | is_stated_early)
        .select("assignment_id", F.col("evidence_ping_at").alias("gps_arrived_at"))
    )


def _labels(known: Known, decided: DataFrame, *, of_pings: bool) -> DataFrame:
    """The labels of the arrival as stated; or of that which pings tell, where they contradict it."""
    by_gps = F.col("gps_arrived_at")
    decision_at, arrived_at = F.col("decision_at"), F.col("arrived_at")
    promised_at = F.col("first_promised_arrival_at")
    took = arrived_at - F.col("accepted_at")
    is_arrived = F.col("end_reason") == "arrived"
    in_range = (took > F.lit(timedelta(0))) & (took <= F.lit(LONGEST_ARRIVAL))
    status = (
        F.when(is_arrived & F.coalesce(in_range, F.lit(False)), "observed")
        .when(is_arrived, "invalid_arrival")
        .when(F.col("end_reason") == "missing_milestone", "missing_milestone")
        .otherwise("censored")
    )
    is_observed, is_censored = F.col("label_status") == "observed", F.col("label_status") == "censored"
    is_missing = F.col("label_status") == "missing_milestone"
    arrival = minutes_between(decision_at, arrived_at)
    since_accepted = minutes_between(F.col("accepted_at"), arrived_at)
    until_end = minutes_between(decision_at, F.coalesce(F.col("ended_at"), F.lit(known.close)))

    def if_observed(label: Column) -> Column:
        return F.when(is_observed, label)

    return (
        decided.select("row_key", "assignment_id", "decision_at")
        .join(known.state("assignments", "assignment_id"), "assignment_id")
        .join(arrivals_by_gps(known), "assignment_id", "left")
        .join(_borne_out(known), ["assignment_id", "arrived_at"], "left")
        .withColumn("arrived_at", F.coalesce(by_gps, arrived_at) if of_pings else arrived_at)
        .withColumn("label_status", status)
        .select(
            "row_key",
            "label_status",
            if_observed(arrival).alias("label_arrival_minutes"),
            if_observed(arrival).alias("label_remaining_minutes"),
            F.when(is_observed, arrival).when(is_censored, until_end).alias("label_observed_minutes"),
            F.when(is_observed, arrival)
            .when(is_censored, until_end)
            .when(is_missing, F.lit(0.0))
            .alias("label_lower_bound_minutes"),
            F.when(is_observed, arrival).when(is_missing, until_end).alias("label_upper_bound_minutes"),
            is_censored.alias("label_is_censored"),
            F.when(is_censored & (F.col("end_reason") == "open"), "open_at_close")
            .when(is_censored, F.col("end_reason"))
            .alias("label_censor_reason"),
            if_observed(minutes_between(F.col("requested_at"), arrived_at)).alias("label_wait_minutes"),
            if_observed(F.when(promised_at.isNotNull(), since_accepted)).alias("label_ata_minutes"),
            minutes_between(F.col("accepted_at"), promised_at).alias("label_promised_minutes"),
            if_observed(arrived_at <= promised_at).alias("label_is_on_time"),
            if_observed(arrived_at <= promised_at + F.lit(GRACE)).alias("label_is_on_time_grace15"),
            if_observed(F.col("is_gone_on_arrival")).alias("label_is_goa"),
            if_observed(_evidence()).alias("label_arrival_evidence"),
            if_observed(by_gps.isNotNull()).alias("label_is_gps_apart"),
        )
    )


def minutes_between(start: Column, end: Column) -> Column:
    """Minutes from start to end: microseconds to seconds to minutes, as `timedelta.total_seconds() / 60`."""
    micros = F.unix_micros(end) - F.unix_micros(start)
    return micros.cast("double") / F.lit(1e6) / F.lit(60.0)


def _borne_out(known: Known) -> DataFrame:
    """Arrivals that a ping bore out by the close."""
    evidence = known.rows("arrival_evidence")
    return evidence.select("assignment_id", "arrived_at", F.lit(True).alias("is_borne_out"))


def _evidence() -> Column:
    """What speaks for the arrival: the driver's word, with or without a ping, or that nobody was there."""
    return (
        F.when(F.col("on_scene_at").isNull(), "goa")
        .when(F.col("is_borne_out"), "status_and_gps")
        .otherwise("status_only")
    )
