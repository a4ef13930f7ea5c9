"""Small frames of a contract's columns, and a transform's result by chunks of known time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from validation.clocks import TICK, Interval, known_date
from validation.contract import Table, Type
from validation.spark_schema import struct_of

T0 = datetime(2026, 3, 10, 12, tzinfo=UTC)

_FILLER: Mapping[Type, Any] = {
    Type.STRING: "filled",
    Type.LONG: 1,
    Type.INT: 1,
    Type.DOUBLE: 1.0,
    Type.BOOLEAN: False,
    Type.TIMESTAMP: T0,
}


def frame_of(spark: SparkSession, table: Table, rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """The rows in the table's columns.

    What a row leaves out is null, or filled in where the contract wants a value; known_date follows
    known_at, landed_at is the minute before it, and source_line its place among the rows.
    """
    return spark.createDataFrame(
        [_filled(table, row, number) for number, row in enumerate(rows)], struct_of(table)
    )


def in_chunks(
    transform: Callable[[Interval], DataFrame], chunkings: Mapping[str, list[Interval]]
) -> dict[str, list[tuple[Any, ...]]]:
    """The transform's rows by name of chunking, sorted, times in UTC, all from one Spark job."""
    parts = [
        transform(interval).withColumn("chunking", F.lit(name))
        for name, chunks in chunkings.items()
        for interval in chunks
    ]
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in chunkings}
    for row in reduce(DataFrame.unionByName, parts).collect():
        *values, name = row
        found[name].append(tuple(_in_utc(value) for value in values))
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def ticks(start: datetime, *counts: int) -> list[Interval]:
    """Intervals of so many ticks, one after the other from start."""
    chunks = []
    for count in counts:
        chunks.append(Interval(start, start + count * TICK))
        start = chunks[-1].end
    return chunks


def known_in(frame: DataFrame, interval: Interval, look_back: timedelta) -> DataFrame:
    """Just the rows that the interval's run would be given."""
    given = interval.widened(look_back)
    return frame.where((F.col("known_at") > F.lit(given.start)) & (F.col("known_at") <= F.lit(given.end)))


def _filled(table: Table, row: Mapping[str, Any], number: int) -> tuple[Any, ...]:
    unknown = set(row) - set(table.column_names)
    assert not unknown, f"{table.name} has no columns {sorted(unknown)}"
    known_at = row[table.clock]
    derived = {"known_date": known_date(known_at), "landed_at": known_at - timedelta(minutes=1)}
    derived["source_line"] = number
    return tuple(
        row[column.name]
        if column.name in row
        else derived.get(column.name, _FILLER.get(column.type) if column.name in table.not_null else None)
        for column in table.columns
    )


def _in_utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
