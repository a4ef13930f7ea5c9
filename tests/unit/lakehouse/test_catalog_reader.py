"""Tables read without Spark: the state from metadata alone, and rows by a filter."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DateType, NestedField, StringType, TimestamptzType

from lakehouse import catalog_reader, spark
from lakehouse.catalog_reader import CatalogReader, DaySize, TableState
from lakehouse.settings import Settings, load_settings
from validation.columns import pick
from validation.contract import Table
from validation.errors import InputMissing

TICKS = Table(
    "silver.ticks",
    "One row per event.",
    ("event_id",),
    pick("event_id", "event_timestamp", "known_at", "known_date"),
)
SCHEMA = Schema(
    NestedField(1, "event_id", StringType()),
    NestedField(2, "event_timestamp", TimestamptzType()),
    NestedField(3, "known_at", TimestamptzType()),
    NestedField(4, "known_date", DateType()),
)
BY_DATE = PartitionSpec(PartitionField(4, 1000, IdentityTransform(), "known_date"))
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ROADSIDE_HOME": str(tmp_path)})


def row(event_id: str, event: datetime, known: datetime) -> dict[str, object]:
    return {"event_id": event_id, "event_timestamp": event, "known_at": known, "known_date": known.date()}


def append(settings: Settings, *rows: dict[str, object]) -> None:
    """Each call a snapshot of its own, as a run makes."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{settings.catalog_path}", warehouse=settings.warehouse_uri)
    catalog.create_namespace_if_not_exists("silver")
    table = catalog.create_table_if_not_exists("silver.ticks", SCHEMA, partition_spec=BY_DATE)
    if rows:
        table.append(pa.Table.from_pylist(list(rows), schema=table.schema().as_arrow()))
    catalog.engine.dispose()


def test_the_catalog_has_the_name_that_spark_uses() -> None:
    assert catalog_reader.CATALOG == spark.CATALOG


def test_a_table_never_made_has_no_state(settings: Settings) -> None:
    assert CatalogReader(settings).state(TICKS) is None
    assert not settings.catalog_path.exists()
    with pytest.raises(InputMissing, match="does not exist yet"):
        CatalogReader(settings).rows(TICKS, ["event_id"])


def test_a_table_without_a_snapshot_is_empty(settings: Settings) -> None:
    append(settings)
    assert CatalogReader(settings).state(TICKS) == TableState()


def test_the_newest_values_stand_in_the_newest_partition(settings: Settings) -> None:
    append(settings, row("c", NOON + timedelta(days=1), NOON + timedelta(days=1, hours=2)))
    append(settings, row("a", NOON, NOON + timedelta(hours=1)), row("b", NOON, NOON + timedelta(hours=2)))
    append(settings, row("d", NOON + timedelta(hours=1), NOON + timedelta(days=1, hours=3)))
    state = CatalogReader(settings).state(TICKS)
    assert state is not None
    assert state.rows == 4
    assert state.newest_known == NOON + timedelta(days=1, hours=3)
    assert state.newest_event == NOON + timedelta(days=1)


def test_rows_come_by_filter(settings: Settings) -> None:
    append(settings, row("a", NOON, NOON), row("b", NOON + timedelta(hours=1), NOON + timedelta(hours=1)))
    found = CatalogReader(settings).rows(
        TICKS, ["event_id", "known_date"], f"event_id = 'a' AND event_timestamp <= '{NOON.isoformat()}'"
    )
    assert found.to_pylist() == [{"event_id": "a", "known_date": date(2026, 3, 10)}]


def test_rows_come_by_key_whatever_the_value_holds(settings: Settings) -> None:
    append(settings, row("O'Hara", NOON, NOON), row("b", NOON, NOON))
    before_midnight = f"event_timestamp <= '{NOON.isoformat()}'"
    found = CatalogReader(settings).rows(TICKS, ["event_id"], before_midnight, {"event_id": "O'Hara"})
    assert found.to_pylist() == [{"event_id": "O'Hara"}]
    assert CatalogReader(settings).rows(TICKS, ["event_id"], keys={"event_id": "c"}).num_rows == 0


def test_a_snapshot_s_rows_stay_what_they_are_and_can_be_read_again(settings: Settings) -> None:
    append(settings, row("a", NOON, NOON), row("b", NOON, NOON))
    rows = CatalogReader(settings).snapshot(TICKS)
    append(settings, row("c", NOON, NOON))
    for _ in range(2):
        assert sorted(pa.concat_tables(rows.read())["event_id"].to_pylist()) == ["a", "b"]
    assert CatalogReader(settings).snapshot(TICKS).snapshot_id != rows.snapshot_id


def test_a_table_without_a_snapshot_has_no_rows_to_hand_on(settings: Settings) -> None:
    with pytest.raises(InputMissing, match=r"Nothing was published in silver\.ticks yet"):
        CatalogReader(settings).snapshot(TICKS)
    append(settings)
    with pytest.raises(InputMissing, match="Nothing was published"):
        CatalogReader(settings).snapshot(TICKS)


def test_batches_hold_the_rows_of_a_filter_and_nothing_is_there_of_a_table_never_made(
    settings: Settings,
) -> None:
    assert CatalogReader(settings).batches(TICKS, ["event_id"], "event_id = 'a'") is None
    append(settings, row("a", NOON, NOON), row("b", NOON, NOON))
    found = CatalogReader(settings).batches(TICKS, ["event_id"], "event_id = 'a'")
    assert found is not None
    assert found.read_all().to_pylist() == [{"event_id": "a"}]


def test_rows_are_counted_by_day_over_all_files(settings: Settings) -> None:
    assert CatalogReader(settings).rows_by_day(TICKS) == {}
    append(settings)
    assert CatalogReader(settings).rows_by_day(TICKS) == {}
    append(settings, row("c", NOON, NOON + timedelta(days=1)), row("a", NOON, NOON))
    append(settings, row("b", NOON, NOON))
    days = CatalogReader(settings).rows_by_day(TICKS)
    assert list(days.items()) == [(date(2026, 3, 10), 2), (date(2026, 3, 11), 1)]


def test_the_bytes_of_a_day_are_those_of_its_files(settings: Settings, tmp_path: Path) -> None:
    append(settings, row("c", NOON, NOON + timedelta(days=1)), row("a", NOON, NOON))
    append(settings, row("b", NOON, NOON))
    sizes = CatalogReader(settings).sizes_by_day(TICKS)
    files = list(tmp_path.rglob("known_date=2026-03-10/*.parquet"))
    assert len(files) == 2
    assert sizes[date(2026, 3, 10)] == DaySize(2, sum(file.stat().st_size for file in files), len(files))
