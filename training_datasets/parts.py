"""The parts of a dataset's rows: what a model may be given, labels, what a row is, and its keys."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

META, LABELS, KEYS, INPUTS = "meta", "y", "keys", "X"
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


def frame_of_rows(rows: pa.Table) -> pd.DataFrame:
    """The rows for pandas: whole numbers and booleans keep their nulls, days are `datetime.date`."""
    return rows.to_pandas(types_mapper=_NULLABLE.get, date_as_object=True)


def part_of(column: str) -> str:
    """The part that a column belongs to.

    >>> names = ("meta_group", "label_status", "provider_id", "service_type", "job_needs_tow", "view__x_60m")
    >>> [part_of(name) for name in names]
    ['meta', 'y', 'keys', 'X', 'X', 'X']
    """
    if column.startswith("meta_"):
        return META
    if column.startswith("label_"):
        return LABELS
    return KEYS if column.endswith("_id") else INPUTS


def inputs_among(columns: Iterable[str]) -> list[str]:
    """Those that a model may be given, in their order."""
    return [name for name in columns if part_of(name) == INPUTS]
