"""What a replay with changed code adds to published rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from transforms.features.revisions import newest_revisions, revised_rows
from validation.contracts.features.zone_demand_15m import ZONE_DEMAND_15M as TABLE
from validation.spark_schema import struct_of

SINCE = datetime(2026, 3, 10, 17, tzinfo=UTC)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
FEATURES = [name for name in TABLE.column_names if name.endswith("_count")]


def tick(minutes: int) -> datetime:
    return SINCE + timedelta(minutes=minutes)


def row(minutes: int, requests: int | None, revision: int = 0) -> tuple[Any, ...]:
    """A row of Z1 whose 60 minutes hold so many requests; None closes its history."""
    at = tick(minutes)
    values = dict.fromkeys(FEATURES, None if requests is None else 0)
    if requests is not None:
        values["requests_60m_count"] = requests
    values |= {
        "zone_id": "Z1",
        "event_timestamp": at,
        "available_at": at + timedelta(minutes=5),
        "revision": revision,
        "revised_at": at + timedelta(minutes=5),
        "known_date": at.date(),
        "tick_at": None if requests is None else at,
    }
    return tuple(values[name] for name in TABLE.column_names)


def frame(spark: SparkSession, *rows: tuple[Any, ...]) -> DataFrame:
    return spark.createDataFrame(list(rows), struct_of(TABLE))


def added(published: DataFrame, computed: DataFrame) -> list[tuple[Any, ...]]:
    """(minutes, requests, revision, tick_at is set) of the rows added, in order of time."""
    rows = revised_rows(published, computed, TABLE, SINCE, NOW).collect()
    assert {each.revised_at.replace(tzinfo=UTC) for each in rows} <= {NOW}
    return sorted(
        (
            (each.event_timestamp.replace(tzinfo=UTC) - SINCE) // timedelta(minutes=1),
            each.requests_60m_count,
            each.revision,
            each.tick_at is not None,
        )
        for each in rows
    )


def test_the_same_values_add_nothing(spark: SparkSession) -> None:
    rows = (row(15, 1), row(30, 2), row(45, None))
    assert added(frame(spark, *rows), frame(spark, row(-60, 0), *rows)) == []


def test_other_values_are_the_next_revision_where_a_row_stood_and_where_one_is_new(
    spark: SparkSession,
) -> None:
    published = frame(spark, row(15, 1), row(45, 2))
    computed = frame(spark, row(-60, 0), row(15, 1), row(30, 7), row(45, 8))
    assert added(published, computed) == [(30, 7, 1, True), (45, 8, 1, True)]


def test_a_row_that_is_no_longer_made_says_what_is_in_force_there(spark: SparkSession) -> None:
    published = frame(spark, row(15, 1), row(30, 2), row(45, 3))
    computed = frame(spark, row(-60, 5), row(45, 3))
    assert added(published, computed) == [(15, 5, 1, True), (30, 5, 1, True)]


def test_where_nothing_is_in_force_the_entity_is_dead(spark: SparkSession) -> None:
    published = frame(spark, row(15, 1), row(30, 2))
    assert added(published, frame(spark, row(15, 1), row(20, None))) == [
        (20, None, 1, False),
        (30, None, 1, False),
    ]


def test_a_third_replay_is_compared_with_the_second(spark: SparkSession) -> None:
    published = frame(spark, row(15, 1), row(15, 4, revision=1), row(30, 2))
    assert [
        each.requests_60m_count
        for each in newest_revisions(published, TABLE).orderBy("event_timestamp").collect()
    ] == [4, 2]
    computed = frame(spark, row(15, 4), row(30, 9))
    assert added(published, computed) == [(30, 9, 2, True)]
