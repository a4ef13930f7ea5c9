"""The decisions of a business day: which become rows, which are left out and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

import pandas as pd
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from training_datasets.spec import DatasetSpec
from validation.errors import UserError

DECISION_TIME = "event_timestamp"
"""What Feast calls the decision instant."""

LEFT_OUT = "left_out"


def spine(spec: DatasetSpec, changelog: DataFrame, day: date) -> DataFrame:
    """One row per decision of the business day that no filter leaves out.

    Columns: the row and group key, the columns of `spec.spine`, day and weight.
    """
    kept = decisions(spec, changelog, day).where(F.col(LEFT_OUT).isNull())
    return kept.drop(LEFT_OUT)


def decisions(spec: DatasetSpec, changelog: DataFrame, day: date) -> DataFrame:
    """One row per decision of the business day, as known at its close, with the filter that leaves it out.

    Reads of the changelog the keys and the allowed inputs, nothing else.
    """
    day_of = spec.decisions(day)
    decided_at = F.col(spec.decision_at)
    first_failing = [
        F.when(~F.coalesce(F.expr(each.keeps), F.lit(False)), F.lit(each.name)) for each in spec.filters
    ]
    return (
        known_by(changelog, spec.row_key, spec.close(day))
        .select(spec.row_key, spec.group_key, *spec.allowed_inputs)
        .where((decided_at >= F.lit(day_of.start)) & (decided_at < F.lit(day_of.end)))
        .select(
            spec.row_key,
            spec.group_key,
            *(F.col(source).alias(name) for name, source in spec.spine.items()),
            F.lit(day).alias("meta_decision_date_et"),
            F.lit(spec.weight).alias("meta_weight"),
            F.coalesce(*first_failing, F.lit(None).cast("string")).alias(LEFT_OUT),
        )
    )


def known_by(changelog: DataFrame, key: str, moment: datetime) -> DataFrame:
    """The state of each key as the platform knew it at the moment; none of what was taken back by then."""
    newest_first = Window.partitionBy(key).orderBy(F.desc("known_at"))
    newest = (
        changelog.where(F.col("known_at") <= F.lit(moment))
        .withColumn("age", F.row_number().over(newest_first))
        .where("age = 1")
        .drop("age")
    )
    return newest.where("NOT coalesce(is_retracted, false)") if "is_retracted" in newest.columns else newest


def waterfall(spec: DatasetSpec, left_out: Iterable[str | None]) -> dict[str, int]:
    """How the decisions become rows: all of them, each filter's share in order, the rows.

    `left_out` is that column of `decisions`; a null is a row.
    """
    reasons = [None if pd.isna(reason) else reason for reason in left_out]
    return {
        "accepted_offers": len(reasons),
        **{each.name: reasons.count(each.name) for each in spec.filters},
        "rows": reasons.count(None),
    }


def checked_spine(spec: DatasetSpec, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, fit to be given to the spec's feature service.

    Raises:
        UserError: a column is neither the dataset's own nor an allowed input, or event_timestamp is
            missing or has no time zone.
    """
    own = {DECISION_TIME, spec.row_key, *spec.spine} | {
        name for name in spec.table.column_names if name.startswith("meta_")
    }
    spec.require_allowed([str(name) for name in frame.columns if name not in own])
    if DECISION_TIME not in frame:
        raise UserError(f"The spine of {spec.name} has no {DECISION_TIME}, the instant of the decision.")
    if not isinstance(frame[DECISION_TIME].dtype, pd.DatetimeTZDtype):
        raise UserError(
            f"{DECISION_TIME} has no time zone; say which (UTC?).",
            f'spine["{DECISION_TIME}"] = spine["{DECISION_TIME}"].dt.tz_localize("UTC")',
        )
    return frame
