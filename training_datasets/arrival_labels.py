"""label_* of accepted assignments: when somebody arrived, or what was seen instead. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from training_datasets.spines import known_by

LONGEST_ARRIVAL = timedelta(minutes=360)
GRACE = timedelta(minutes=15)
LABELS = (
    "label_status",
    "label_arrival_minutes",
    "label_observed_minutes",
    "label_lower_bound_minutes",
    "label_upper_bound_minutes",
    "label_is_censored",
    "label_censor_reason",
    "label_wait_minutes",
    "label_ata_minutes",
    "label_is_on_time",
    "label_is_on_time_grace15",
    "label_is_goa",
    "label_arrival_evidence",
)


def arrival_labels(assignments: DataFrame, arrival_evidence: DataFrame, close: datetime) -> DataFrame:
    """One row per assignment known by the close, with its labels as known then.

    | label_status      | arrival | observed          | lower    | upper             |
    |-------------------|---------|-------------------|----------|-------------------|
    | observed          | y       | y                 | y        | y                 |
    | censored          |         | end - acceptance  | observed |                   |
    | missing_milestone |         |                   | 0        | end - acceptance  |
    | invalid_arrival   |         |                   |          |                   |

    y is arrival - acceptance of the same assignment, in (0, 360] minutes; finding nobody is an
    arrival. A censored one that is still open ends at the close. Every other label is null unless
    observed; those that compare with the promise also without one. Minutes are exact seconds / 60.
    """
    accepted_at, arrived_at = F.col("accepted_at"), F.col("arrived_at")
    promised_at = F.col("first_promised_arrival_at")
    took = arrived_at - accepted_at
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
    arrival = _minutes(accepted_at, arrived_at)
    until_end = _minutes(accepted_at, F.coalesce(F.col("ended_at"), F.lit(close)))

    def if_observed(label: Column) -> Column:
        return F.when(is_observed, label)

    return (
        known_by(assignments, "assignment_id", close)
        .join(_borne_out(arrival_evidence, close), ["assignment_id", "arrived_at"], "left")
        .withColumn("label_status", status)
        .select(
            "assignment_id",
            "label_status",
            if_observed(arrival).alias("label_arrival_minutes"),
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
            if_observed(_minutes(F.col("requested_at"), arrived_at)).alias("label_wait_minutes"),
            if_observed(F.when(promised_at.isNotNull(), arrival)).alias("label_ata_minutes"),
            if_observed(arrived_at <= promised_at).alias("label_is_on_time"),
            if_observed(arrived_at <= promised_at + F.lit(GRACE)).alias("label_is_on_time_grace15"),
            if_observed(F.col("is_gone_on_arrival")).alias("label_is_goa"),
            if_observed(_evidence()).alias("label_arrival_evidence"),
        )
    )


def _borne_out(arrival_evidence: DataFrame, close: datetime) -> DataFrame:
    """Arrivals that a ping bore out by the close."""
    known = arrival_evidence.where(F.col("known_at") <= F.lit(close))
    return known.select("assignment_id", "arrived_at", F.lit(True).alias("is_borne_out"))


def _evidence() -> Column:
    """What speaks for the arrival: the driver's word, with or without a ping, or that nobody was there."""
    return (
        F.when(F.col("on_scene_at").isNull(), "goa")
        .when(F.col("is_borne_out"), "status_and_gps")
        .otherwise("status_only")
    )


def _minutes(start: Column, end: Column) -> Column:
    """Minutes from start to end: microseconds to seconds to minutes, as `timedelta.total_seconds() / 60`."""
    micros = F.unix_micros(end) - F.unix_micros(start)
    return micros.cast("double") / F.lit(1e6) / F.lit(60.0)
