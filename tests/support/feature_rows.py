"""Hand-made rows of feature tables, and the tables that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from pyspark.sql import SparkSession

from lakehouse.redis_server import ensure_redis
from lakehouse.settings import Settings
from lakehouse.tables import Lakehouse
from validation.clocks import Interval, known_date
from validation.contract import Type
from validation.contracts import FEATURES, table_named
from validation.contracts.features.feature_table import feature_columns
from validation.spark_schema import struct_of

DELAY = timedelta(minutes=5)


def at(hour: int, minute: int = 0) -> datetime:
    """A moment of 10 March 2026, UTC."""
    return datetime(2026, 3, 10, hour, minute, tzinfo=UTC)


def feature_row(view: str, key: str, tick: datetime, available: datetime, **values: Any) -> tuple[Any, ...]:
    """A row whose counts are 0 unless given; a closing row if no value is given. Keys are joined by |."""
    table = table_named(f"features.{view}")
    row = dict.fromkeys(table.column_names)
    if values:
        row |= {c.name: 0 for c in feature_columns(table) if c.type is Type.LONG}
    row |= {"revision": 0, "revised_at": available} | values
    keys = table.key[: table.key.index("event_timestamp")]
    row |= dict(zip(keys, key.split("|"), strict=True))
    row |= {"event_timestamp": tick, "available_at": available, "known_date": known_date(tick)}
    return tuple(row[name] for name in table.column_names)


def tick_row(view: str, key: str, tick: datetime, **values: Any) -> tuple[Any, ...]:
    """A row usable five minutes after its tick, which it names unless it closes the entity."""
    return feature_row(view, key, tick, tick + DELAY, **(values and {"tick_at": tick} | values))


def start_empty_redis(settings: Settings) -> None:
    """The private Redis of the run, without what another module's rows left in it."""
    with ensure_redis(settings).client() as client:
        client.flushall()


@contextmanager
def feature_tables(spark: SparkSession, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> Iterator[Lakehouse]:
    """Every feature table, holding these rows of 06:00 to 20:00; gone afterwards."""
    lakehouse = Lakehouse(spark)
    lakehouse.create(*FEATURES, at_once=2)
    for view, of_view in rows.items():
        table = table_named(f"features.{view}")
        frame = spark.createDataFrame(list(of_view), struct_of(table))
        lakehouse.replace(table, Interval(at(6), at(20)), frame, "handmade")
    yield lakehouse
    for table in FEATURES:
        spark.sql(f"DROP TABLE {lakehouse.identifier(table)} PURGE")
