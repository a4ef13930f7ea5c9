"""FACTS P3, P4, P16: rows that stock Feast 0.67 does not write online, and ours does."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from feast import FeatureStore, ValueType
from feast.utils import _convert_arrow_to_proto

from support.online_store import (
    HOUR,
    KEY,
    NOON,
    quiet,
    read,
    row,
    settings_of,
    store_of,
    table_of,
    view_of,
    write_rows,
)

OFFERS = "fleet__offers"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "fleet.parquet"


def stores(source: Path, connection: str) -> dict[str, FeatureStore]:
    """The stock store and ours, each in a Redis database of its own, over one file."""
    return {
        name: store_of(
            settings_of(source.parent / name, f"{connection},db={number}", ours=name == "ours"),
            [view_of(source)],
        )
        for number, name in enumerate(("stock", "ours"))
    }


def test_p03_a_value_corrected_at_the_same_timestamp_is_served(source: Path, redis_connection: str) -> None:
    write_rows(source, row("P1", NOON, 3))
    both = stores(source, redis_connection)
    for store in both.values():
        with quiet():
            store.materialize(NOON - HOUR, NOON)
    write_rows(source, row("P1", NOON, 5, created=NOON + HOUR))
    for store in both.values():
        with quiet():
            store.materialize(NOON - HOUR, NOON)
    assert {name: read(store, "P1")[OFFERS] for name, store in both.items()} == {"stock": [3], "ours": [5]}


def test_p04_a_row_that_came_late_to_a_written_range_is_served(source: Path, redis_connection: str) -> None:
    write_rows(source, row("P1", NOON, 3))
    both = stores(source, redis_connection)
    for store in both.values():
        with quiet():
            store.materialize(NOON - HOUR, NOON)
    write_rows(source, row("P1", NOON, 3), row("P2", NOON - HOUR, 7))
    for store in both.values():
        with quiet():
            store.materialize_incremental(NOON + HOUR)
    assert {name: read(store, "P2")[OFFERS] for name, store in both.items()} == {
        "stock": [None],
        "ours": [7],
    }


def test_p16_every_chunk_of_an_arrow_table_is_written(source: Path, redis_connection: str) -> None:
    write_rows(source, row("P0", NOON, 0))
    both = stores(source, redis_connection)
    for store in both.values():
        with quiet():
            store.materialize(NOON - HOUR, NOON)
    chunks = pa.concat_tables([table_of(row("P1", NOON, 1)), table_of(row("P2", NOON, 2))])
    assert chunks.column("offers").num_chunks == 2
    view = both["stock"].get_feature_view("fleet")
    protos = _convert_arrow_to_proto(chunks, view, {KEY: ValueType.STRING})  # as stock's writers have it
    both["stock"]._get_provider().online_write_batch(both["stock"].config, view, protos, None)
    ours = both["ours"]._get_provider().online_store
    assert ours.write_arrow(both["ours"].config, view, chunks).written == 2
    assert {name: read(store, "P1", "P2")[OFFERS] for name, store in both.items()} == {
        "stock": [1, None],
        "ours": [1, 2],
    }
