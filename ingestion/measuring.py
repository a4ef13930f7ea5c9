"""Counts of what landed, taken while an object is read, for the checks its source declares.

Whole numbers by name, as `validation.feed_checks` has them: they add up over batches and objects.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from validation.feed_checks import (
    ROWS,
    LateShare,
    NullShare,
    RepeatShare,
    Spread,
    UnknownShare,
    bucket_of,
    part_of,
    whole_of,
)
from validation.source import Source

_AN_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
OTHER = "other"
"""The group of values that are no id: what a person wrote into the wrong field is not repeated."""

MOST_SEEN = 200_000
"""Ids of one object that are remembered; an object has a few hundred lines, an archive's many more."""


def counted(source: Source, rows: pa.RecordBatch, landed_at: datetime, seen: set[str]) -> Counter[str]:
    """The counts of a batch of accepted rows of one object, in the columns of bronze.

    `seen` holds the ids of the object's rows before; these rows' are added.
    """
    counts: Counter[str] = Counter({ROWS: rows.num_rows})
    for check in source.checks:
        match check:
            case NullShare():
                counts |= _nulls(check, rows)  # of a whole that checks share, one count
            case LateShare(beyond=beyond):
                counts[check.name] = _older(rows.column("event_timestamp"), landed_at - beyond)
            case UnknownShare():
                counts[check.name] = pc.sum(rows.column("has_unknown_value")).as_py() or 0
            case RepeatShare(column=column):
                counts[check.name] = _repeats(rows.column(column), seen)
            case Spread():
                counts.update(_buckets(check, rows.column(check.column)))
            case _:
                pass
    return +counts  # what is nought is not said


def _nulls(check: NullShare, rows: pa.RecordBatch) -> Counter[str]:
    if check.among is not None:
        rows = rows.filter(pc.is_in(rows.column(check.among.column), pa.array(check.among.values)))
    column = rows.column(check.column)
    counts = Counter({whole_of(check): rows.num_rows, part_of(check): column.null_count})
    if check.by:
        said = pa.table({"by": rows.column(check.by), "is_null": column.is_null().cast(pa.int64())})
        found = (
            said.filter(said["by"].is_valid())
            .group_by("by")
            .aggregate([("is_null", "sum"), ("is_null", "count")])
        )
        for each in found.to_pylist():
            group = f"{check.by}={each['by'] if _AN_ID.fullmatch(each['by']) else OTHER}"
            counts[whole_of(check, group)] += each["is_null_count"]
            counts[part_of(check, group)] += each["is_null_sum"]
    return counts


def _older(moments: pa.Array, than: datetime) -> int:
    return pc.sum(pc.less(moments, pa.scalar(than, moments.type))).as_py() or 0


def _repeats(ids: pa.Array, seen: set[str]) -> int:
    repeats = 0
    for each in ids.to_pylist():
        if each in seen:
            repeats += 1
        elif each is not None and len(seen) < MOST_SEEN:
            seen.add(each)
    return repeats


def _buckets(check: Spread, column: pa.Array) -> dict[str, int]:
    numbers = column.drop_null().to_numpy(zero_copy_only=False).astype("float64")
    if check.above is not None:
        numbers = numbers[numbers > check.above]
    placed = np.bincount(np.searchsorted(check.edges, numbers, side="right"), minlength=len(check.edges) + 1)
    return {bucket_of(check, number): int(count) for number, count in enumerate(placed)}
