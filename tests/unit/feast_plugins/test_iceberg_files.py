"""Iceberg tables read by DuckDB: the files a range needs, columns by field id, pins, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.table import Table
from pyiceberg.types import LongType

from feast_plugins.duckdb_engine import DuckDBEngine
from feast_plugins.iceberg_files import IcebergTables, Planned
from feast_plugins.point_in_time import ROW, Retrieval, Rows, ViewRead
from lakehouse.pinning import Pin
from validation.errors import Defect, InputMissing, UnknownName, UserError

pytestmark = pytest.mark.filterwarnings("ignore:The spark data source API:RuntimeWarning")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAME = "lake.features.fleet"
MOMENT = pa.timestamp("us", "UTC")
SCHEMA = pa.schema(
    [
        ("provider_id", pa.string()),
        ("event_timestamp", MOMENT),
        ("available_at", MOMENT),
        ("revision", pa.int32()),
        ("revised_at", MOMENT),
        ("offers", pa.int32()),
        ("cells", pa.list_(pa.int64())),
    ]
)
FEATURES = ("offers", "cells")


@pytest.fixture
def properties(tmp_path: Path) -> dict[str, str]:
    return {"type": "sql", "uri": f"sqlite:///{tmp_path}/catalog.db", "warehouse": f"file://{tmp_path}/lake"}


@pytest.fixture
def catalog(properties: dict[str, str]) -> Catalog:
    opened = load_catalog("lake", **properties)
    opened.create_namespace("features")
    return opened


@pytest.fixture
def table(catalog: Catalog) -> Table:
    return catalog.create_table(("features", "fleet"), SCHEMA)


@pytest.fixture
def engine(properties: dict[str, str]) -> DuckDBEngine:
    return DuckDBEngine(IcebergTables("lake", properties), {"threads": "1"})


def row(provider: str, hours: int, offers: int, revision: int = 0, **more: Any) -> dict[str, Any]:
    at = NOON + hours * HOUR
    clocks = {"event_timestamp": at, "available_at": at, "revision": revision}
    created = {"revised_at": at + revision * 100 * HOUR}
    return {"provider_id": provider, **clocks, **created, "offers": offers, "cells": [offers], **more}


def append(table: Table, *rows: dict[str, Any]) -> None:
    table.append(pa.Table.from_pylist(list(rows), table.schema().as_arrow()))


def asked(
    engine: DuckDBEngine,
    hours: Sequence[int],
    features: Sequence[str] = FEATURES,
    pin: Pin | None = None,
    name: str = NAME,
) -> list[dict[str, Any]]:
    """What P1 reads so many hours after noon."""
    source = SparkSource(name="fleet", table=name, timestamp_field="available_at")
    read = ViewRead(
        "fleet",
        Rows(source, "available_at", "revised_at", pin=pin),
        (("provider_id", "provider_id"),),
        tuple((each, each) for each in features),
        10 * HOUR,
    )
    moments = [NOON + each * HOUR for each in hours]
    spine = pa.table(
        {
            ROW: pa.array(range(len(hours))),
            "provider_id": pa.array(["P1"] * len(hours)),
            "event_timestamp": pa.array(moments, MOMENT),
        }
    )
    found = engine.features(spine, Retrieval("event_timestamp", (read,)), min(moments), max(moments))
    return found.drop_columns([ROW]).to_pylist()


def test_the_newest_revision_at_or_before_the_moment_is_read(table: Table, engine: DuckDBEngine) -> None:
    append(table, row("P1", 0, 3), row("P1", 2, 5), row("P2", 2, 9))
    append(table, row("P1", 0, 4, revision=1))
    assert [each["offers"] for each in asked(engine, [-1, 0, 1, 2, 12, 13])] == [None, 4, 4, 5, 5, None]
    assert asked(engine, [2])[0]["cells"] == [5]


def test_a_pinned_retrieval_reads_what_it_read_before(table: Table, engine: DuckDBEngine) -> None:
    append(table, row("P1", 0, 3))
    pin = Pin(known_through=NOON, revisions={"fleet": 0})
    before = asked(engine, [0, 3], pin=pin)
    append(table, row("P1", 0, 4, revision=1), row("P1", 2, 5))
    assert asked(engine, [0, 3], pin=pin) == before
    assert [each["offers"] for each in asked(engine, [0, 3])] == [4, 5]
    assert [each["offers"] for each in asked(engine, [0, 3], pin=Pin(revision=0))] == [3, 5]


def test_a_retrieval_at_a_snapshot_reads_what_the_table_held_then(table: Table, engine: DuckDBEngine) -> None:
    append(table, row("P1", 0, 3))
    snapshot = table.current_snapshot()
    assert snapshot is not None
    with table.update_schema() as change:
        change.add_column("tows", LongType())
    append(table, row("P1", 0, 4, revision=1, tows=1), row("P1", 2, 5, tows=2))
    pin = Pin(snapshots={"features.fleet": snapshot.snapshot_id})
    assert asked(engine, [0, 3], ("offers", "tows"), pin) == [{"offers": 3, "tows": None}] * 2
    assert asked(engine, [0, 3], ("tows",)) == [{"tows": 1}, {"tows": 2}]
    assert asked(engine, [3], ("tows",), Pin(snapshots={"features.fleet": None})) == [{"tows": None}]


def test_a_snapshot_that_is_gone_or_was_not_taken_is_said(table: Table, engine: DuckDBEngine) -> None:
    append(table, row("P1", 0, 3))
    with pytest.raises(InputMissing, match=r"lake.features.fleet has no snapshot 7, or no longer"):
        asked(engine, [0], pin=Pin(snapshots={"features.fleet": 7}))
    with pytest.raises(Defect, match=r"features.fleet is read, and no snapshot of it was taken"):
        asked(engine, [0], pin=Pin(snapshots={"features.demand": 7}))


def test_columns_renamed_widened_and_added_are_read_from_older_files(
    table: Table, engine: DuckDBEngine
) -> None:
    append(table, row("P1", 0, 3))
    with table.update_schema() as change:
        change.rename_column("offers", "offer_count")
        change.update_column("offers", field_type=LongType())
        change.add_column("tows", LongType())
    newer = row("P1", 2, 0, offer_count=2**40, tows=1)
    append(table, {name: value for name, value in newer.items() if name != "offers"})
    found = asked(engine, [0, 2], ("offer_count", "tows"))
    assert found == [{"offer_count": 3, "tows": None}, {"offer_count": 2**40, "tows": 1}]


def test_files_without_field_ids_are_read_by_the_names_the_table_maps(
    table: Table, engine: DuckDBEngine, tmp_path: Path
) -> None:
    append(table, row("P1", 0, 3))
    added = tmp_path / "added.parquet"
    pq.write_table(pa.Table.from_pylist([row("P1", 2, 5)], SCHEMA), added)
    table.add_files([str(added)])
    found = asked(engine, [0, 2])
    assert found == [{"offers": 3, "cells": [3]}, {"offers": 5, "cells": [5]}]
    snapshot = table.current_snapshot()
    assert snapshot is not None
    with table.update_schema() as change:
        change.add_column("tows", LongType())
    append(table, row("P1", 2, 6, revision=1, tows=1))
    pin = Pin(snapshots={"features.fleet": snapshot.snapshot_id})
    assert asked(engine, [2], ("offers", "tows"), pin) == [{"offers": 5, "tows": None}]


@pytest.mark.parametrize(
    ("kind", "value", "is_read"),
    [
        (pa.struct([("x", pa.int64())]), {"x": 1}, False),
        (pa.map_(pa.string(), pa.int64()), [("x", 1)], False),
        (pa.list_(pa.struct([("x", pa.int64())])), [{"x": 1}], False),
        (pa.list_(pa.float32()), [1.5], True),
        (pa.decimal128(9, 2), Decimal("1.50"), True),
        (pa.date32(), date(2026, 3, 10), True),
        (pa.time64("us"), time(12, 30), True),
        (pa.binary(), b"a", True),
        (pa.binary(2), b"ab", True),
        (pa.bool_(), True, True),
    ],
    ids=str,
)
def test_a_column_is_read_as_what_it_is_or_not_at_all(
    catalog: Catalog, engine: DuckDBEngine, kind: pa.DataType, value: Any, is_read: bool
) -> None:
    schema = SCHEMA.append(pa.field("value", kind))
    append(catalog.create_table(("features", "fleet"), schema), row("P1", 0, 3, value=value))
    source = Rows(SparkSource(name="fleet", table=NAME), "available_at")
    assert engine.reads(source, ["provider_id", "offers"])
    assert engine.reads(source, ["provider_id", "value"]) is is_read
    assert engine.reads(source) is is_read
    if is_read:
        assert asked(engine, [0], ["value"]) == [{"value": value}]


def test_files_out_of_range_are_not_read(table: Table, engine: DuckDBEngine) -> None:
    for hours in range(0, 40, 10):
        append(table, row("P1", hours, hours))
    source = SparkSource(name="fleet", table=NAME, timestamp_field="available_at")
    rows = Rows(source, "available_at", start=NOON + 9 * HOUR, end=NOON + 21 * HOUR)
    assert len(engine.tables.plan(rows, ["provider_id"]).files) == 2


def test_a_table_is_planned_once_for_a_retrieval(table: Table, properties: dict[str, str]) -> None:
    """A table with delete files is read while it is planned."""

    class Counting(IcebergTables):
        planned = 0

        def plan(self, rows: Rows, columns: Sequence[str]) -> Planned:
            self.planned += 1
            return super().plan(rows, columns)

    append(table, row("P1", 0, 3))
    tables = Counting("lake", properties)
    assert asked(DuckDBEngine(tables, {}), [0])[0]["offers"] == 3
    assert tables.planned == 1


def test_an_empty_table_reads_null(table: Table, engine: DuckDBEngine) -> None:
    assert asked(engine, [0]) == [{"offers": None, "cells": None}]


def test_a_table_that_is_missing_is_said_with_those_there_are(catalog: Catalog, engine: DuckDBEngine) -> None:
    with pytest.raises(InputMissing, match=r"lake\.features\.fleet does not exist yet"):
        asked(engine, [0])
    catalog.create_table(("features", "fleet"), SCHEMA)
    with pytest.raises(UnknownName, match=r"lake\.features\.fleet"):
        asked(engine, [0], name="lake.features.fleets")


def test_a_name_that_can_be_no_table_s_is_said(table: Table, engine: DuckDBEngine) -> None:
    with pytest.raises(UserError, match=r"lake\.features is no table.\nWrite lake.<namespace>.<table>"):
        asked(engine, [0], name="lake.features")


def test_a_timestamp_that_is_missing_is_said(table: Table, engine: DuckDBEngine) -> None:
    source = SparkSource(name="fleet", table=NAME)
    with pytest.raises(UnknownName, match="named 'moment'"):
        engine.latest(Rows(source, "moment", None, NOON, NOON), ["provider_id"], ["offers"])


def test_a_column_that_is_missing_is_said(table: Table, engine: DuckDBEngine) -> None:
    with pytest.raises(UnknownName, match="offers"):
        asked(engine, [0], ("offer",))
