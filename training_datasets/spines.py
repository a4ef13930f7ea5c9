"""The decisions of a business day: which become rows, which are left out and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from training_datasets.known import Known
from training_datasets.spec import DatasetSpec
from validation.errors import UserError
from validation.on_demand import REQUEST

DECISION_TIME = "event_timestamp"
"""What Feast calls the decision instant."""
ROW_KEY, GROUP_KEY = "row_key", "group_key"
LEFT_OUT = "left_out"
_REQUEST_FIELDS = tuple(column.name for column in REQUEST)


def with_row_key(decided: DataFrame, *names: str) -> DataFrame:
    """The decisions with their key as one text."""
    return decided.withColumn(ROW_KEY, F.concat_ws("|", *(_as_text(name) for name in names)))


def decided(spec: DatasetSpec, known: Known, day: date) -> DataFrame:
    """One row per decision of the business day, left out or not, with every input and `row_key`."""
    return with_row_key(spec.decided(known, spec.day(day)), *spec.row_key)


def decisions(spec: DatasetSpec, decided: DataFrame, day: date) -> DataFrame:
    """One row per decision of the business day, with the filter that leaves it out.

    Shows of the decisions the keys and the allowed inputs that the spec names, nothing else.
    """
    first_failing = [
        F.when(~F.coalesce(F.expr(each.keeps), F.lit(False)), F.lit(each.name)) for each in spec.filters
    ]
    left_out = F.coalesce(*first_failing, F.lit(None).cast("string"))
    shown = {name: F.col(source) for name, source in spec.spine.items()}
    return decided.withColumn(LEFT_OUT, left_out).select(
        ROW_KEY,
        F.col(spec.group_key).alias(GROUP_KEY),
        *(column.alias(name) for name, column in shown.items()),
        *(name for name in spec.hidden_keys if name not in shown),
        *(name for name in _REQUEST_FIELDS if name in decided.columns),
        F.lit(day).alias("meta_decision_date_et"),
        _weight(spec).alias("meta_weight"),
        LEFT_OUT,
    )


def spine(spec: DatasetSpec, decided: DataFrame, day: date) -> DataFrame:
    """The decisions that no filter leaves out."""
    return decisions(spec, decided, day).where(F.col(LEFT_OUT).isNull()).drop(LEFT_OUT)


def _weight(spec: DatasetSpec) -> Column:
    """1 a row, or 1 shared by the rows that stay of one assignment."""
    if spec.is_weighted_by is None:
        return F.lit(1.0)
    together = Window.partitionBy(spec.is_weighted_by)
    rows = F.count(F.when(F.col(LEFT_OUT).isNull(), 1)).over(together)
    return F.when(F.col(LEFT_OUT).isNull(), F.lit(1.0) / F.nullif(rows, F.lit(0)))


def _as_text(name: str) -> Column:
    """A part of a row's key; a moment as microseconds of UTC."""
    return (F.unix_micros(name) if name.endswith("_at") else F.col(name)).cast("string")


def waterfall(spec: DatasetSpec, left_out: Iterable[str | None]) -> dict[str, int]:
    """How the decisions become rows: all of them, each filter's share in order, the rows.

    `left_out` is that column of `decisions`; a null is a row.
    """
    reasons = [None if pd.isna(reason) else reason for reason in left_out]
    return {
        spec.counts: len(reasons),
        **{each.name: reasons.count(each.name) for each in spec.filters},
        "rows": reasons.count(None),
    }


def checked_spine(spec: DatasetSpec, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, fit to be given to the spec's feature service.

    Raises:
        UserError: a column is neither the dataset's own nor an allowed input, or event_timestamp is
            missing or has no time zone.
    """
    own = {DECISION_TIME, *spec.row_key, *spec.spine, *_REQUEST_FIELDS} | {
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
