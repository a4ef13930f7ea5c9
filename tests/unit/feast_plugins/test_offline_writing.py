"""Rows that Feast writes: each identity once, of one batch and of many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource

from feast_plugins.duckdb_engine import DuckDBEngine
from feast_plugins.iceberg_files import IcebergTables
from feast_plugins.moments import MOMENT
from feast_plugins.offline_writing import append_rows
from feast_plugins.point_in_time import Rows
from validation.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:The spark data source API:RuntimeWarning")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ENGINE = DuckDBEngine(IcebergTables("lake", {}), {"threads": "1"})


def rows(*offers: int, minute: int = 0) -> pa.Table:
    at = [NOON + timedelta(minutes=minute)] * len(offers)
    return pa.table({"provider_id": ["P1"] * len(offers), "at": pa.array(at, MOMENT), "offers": offers})


def written(folder: Path, *batches: pa.Table) -> list[int]:
    """The offers that the folder holds once the batches were written, in order of time."""
    source = SparkSource(name="rows", path=str(folder), file_format="parquet", timestamp_field="at")
    for batch in batches:
        append_rows(ENGINE, Rows(source, "at"), ["provider_id"], batch)
    found: list[int] = pq.read_table(folder).sort_by("at")["offers"].to_pylist()
    return found


def test_of_rows_of_one_identity_the_first_stays_in_one_batch_as_in_many(tmp_path: Path) -> None:
    assert written(tmp_path / "one", pa.concat_tables([rows(3, 4), rows(5, minute=1)])) == [3, 5]
    assert written(tmp_path / "many", rows(3), rows(4), rows(5, minute=1), rows(3)) == [3, 5]


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_rows_that_pandas_counts_in_nanoseconds_are_the_same_rows(tmp_path: Path, zone: str | None) -> None:
    whole = rows(3)
    finer = whole["at"].cast(pa.int64()).to_numpy() * 1_000 + 7
    of_pandas = whole.set_column(1, "at", pa.array(finer).cast(pa.timestamp("ns", zone)))
    assert written(tmp_path, whole, of_pandas, of_pandas) == [3]


def test_a_column_is_written_with_the_type_that_the_folder_gives_it(tmp_path: Path) -> None:
    seen = pa.array([[("P2", 1)]], pa.map_(pa.string(), pa.int64()))
    held = rows(3).append_column("seen", seen).append_column("share", pa.array([0.5], pa.float32()))
    nothing = rows(4, minute=1).append_column("seen", pa.nulls(1)).append_column("share", pa.array([0.25]))
    assert written(tmp_path, held, nothing) == [3, 4]
    kinds = {tuple(map(str, pq.read_schema(file).types[-2:])) for file in tmp_path.glob("*.parquet")}
    assert kinds == {("map<string, int64 ('seen')>", "float")}


def test_a_column_that_does_not_go_into_its_type_is_refused_by_name(tmp_path: Path) -> None:
    written(tmp_path, rows(3))
    apart = rows(4, minute=1).set_column(2, "offers", pa.array([1.5]))
    with pytest.raises(UserError, match=r"offers is int64 .*1\.5"):
        written(tmp_path, apart)
    assert written(tmp_path) == [3]
