"""Spines that are Spark DataFrames: the same checks as of those in memory, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import IntegralType, NullType, StringType, TimestampNTZType, TimestampType

from feast_plugins.point_in_time import ROW
from feast_plugins.spark_engine import moment
from feast_plugins.spines import KeyTypes, is_text, is_whole, named_time, refuse_future
from validation.errors import UserError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_column(frame: DataFrame, *others: str) -> str:
    """event_timestamp, one of the others, or the only column of moments.

    Raises:
        UserError: there is none, or several.
    """
    moments = [
        each.name for each in frame.schema if isinstance(each.dataType, TimestampType | TimestampNTZType)
    ]
    return named_time(frame.columns, moments, *others)


def checked(
    frame: DataFrame, time: str, keys: KeyTypes, answers: Sequence[str], *, allow_future: bool = False
) -> tuple[datetime, datetime]:
    """The earliest and the latest moment of the spine.

    Raises:
        UserError: it lacks a key, has keys of another type or columns that the answer adds (said at
            once); or it is empty, or has times in the future or none.
    """
    problems = [
        f"its column {name} would be added by the answer" for name in frame.columns if name in {ROW, *answers}
    ]
    types = {each.name: each.dataType for each in frame.schema}
    for key, (kind, view) in keys.items():
        wanted = StringType if is_text(kind) else IntegralType if is_whole(kind) else None
        if key not in types:
            problems.append(f"it has no column {key}")
        elif wanted and not isinstance(types[key], (wanted, NullType)):
            problems.append(f"its {key} is {types[key].simpleString()}; {view} is keyed by {kind}")
    if problems:
        raise UserError(f"The spine cannot be asked: {'; '.join(problems)}.")
    at = F.unix_micros(moment(frame, time))
    found = frame.select(
        F.count(F.lit(1)).alias("rows"),
        F.count(at).alias("times"),
        F.min(at).alias("first"),
        F.max(at).alias("last"),
    ).first()
    assert found is not None
    if not found["rows"]:
        raise UserError("The spine cannot be asked: it has no rows.")
    if found["times"] < found["rows"]:
        raise UserError(f"{time} is null in {found['rows'] - found['times']} rows of the spine.")
    first, last = (_EPOCH + timedelta(microseconds=found[name]) for name in ("first", "last"))
    if not allow_future:
        refuse_future(time, last)
    return first, last


def numbered(frame: DataFrame) -> DataFrame:
    """The frame with ROW, which rises in its order as Spark reads it."""
    return frame.withColumn(ROW, F.monotonically_increasing_id())
