"""The DuckDB engine over Parquet files of any kind of moment, and what decides where rows tie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource

from feast_plugins.duckdb_engine import DuckDBEngine, _Session
from feast_plugins.iceberg_files import IcebergTables
from feast_plugins.point_in_time import ROW, Retrieval, Rows, ViewRead

pytestmark = pytest.mark.filterwarnings("ignore:The spark data source API:RuntimeWarning")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
NAIVE = NOON.replace(tzinfo=None)
MICROSECOND = timedelta(microseconds=1)
MOMENT = pa.timestamp("us", "UTC")
ENGINE = DuckDBEngine(IcebergTables("lake", {}), {"threads": "1"})


def nanoseconds(*later: int, zone: str | None = None, of: datetime = NOON) -> pa.Array:
    """So many nanoseconds after the moment."""
    first = (of - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND * 1_000
    return pa.array([first + each for each in later], pa.int64()).cast(pa.timestamp("ns", zone))


def rows_of(folder: Path, *, created: str | None = None, **columns: Any) -> Rows:
    """The columns as a file; `at` is the time."""
    path = folder / "rows.parquet"
    pq.write_table(pa.table(columns), path)
    source = SparkSource(name="rows", path=str(path), file_format="parquet", timestamp_field="at")
    return Rows(source, "at", created)


def asked(
    rows: Rows,
    *moments: datetime,
    features: Sequence[str] = ("v",),
    ties: Sequence[str] = (),
    only_created: bool = False,
    ttl: timedelta | None = None,
) -> list[Any]:
    """What key `a` reads at the moments; of several features the first."""
    pairs = tuple((name, name) for name in features)
    read = ViewRead("rows", rows, (("k", "k"),), pairs, ttl, only_created, tuple(ties))
    table = {ROW: pa.array(range(len(moments))), "k": ["a"] * len(moments)}
    spine = pa.table(table | {"asked at": pa.array(moments, MOMENT)})
    found = ENGINE.features(spine, Retrieval("asked at", (read,)), min(moments), max(moments))
    return found[features[0]].to_pylist()


@pytest.mark.parametrize(
    ("at", "since"),
    [
        (nanoseconds(0), NOON),
        (nanoseconds(0, zone="UTC"), NOON),
        (nanoseconds(0, zone="America/New_York"), NOON),
        (nanoseconds(1), NOON + MICROSECOND),
        (nanoseconds(1, zone="UTC"), NOON + MICROSECOND),
        (pa.array([NAIVE], pa.timestamp("ms")), NOON),
        (pa.array([NAIVE], pa.timestamp("us")), NOON),
        (pa.array([NOON], pa.timestamp("ms", "UTC")), NOON),
        (pa.array(["2026-03-10 12:00:00"]), NOON),
        (pa.array(["2026-03-10T07:00:00-05:00"]), NOON),
        (pa.array([date(2026, 3, 10)]), NOON - timedelta(hours=12)),
    ],
    ids=[
        "ns",
        "ns of UTC",
        "ns of a zone",
        "ns and a part",
        "ns of UTC and a part",
        "ms",
        "us",
        "ms of UTC",
        "text",
        "text of a zone",
        "date",
    ],
)
def test_moments_of_any_kind_hold_from_the_first_microsecond_that_is_not_before_them(
    tmp_path: Path, at: pa.Array, since: datetime
) -> None:
    rows = rows_of(tmp_path, k=["a"], at=at, v=[1])
    assert asked(rows, since - MICROSECOND, since) == [None, 1]
    assert asked(rows, since, since + timedelta(minutes=5), ttl=timedelta(minutes=5)) == [1, 1]
    assert asked(rows, since + timedelta(minutes=5) + MICROSECOND, ttl=timedelta(minutes=5)) == [None]
    for first, last, found in [(since, since, [1]), (since + MICROSECOND, None, [])]:
        pulled = Rows(rows.source, "at", None, first, last)
        assert ENGINE.latest(pulled, ["k"], ["v"])["v"].to_pylist() == found
        assert ENGINE.all(pulled, ["k", "v"])["v"].to_pylist() == found


def test_what_it_spills_lies_in_a_closed_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "duckdb"
    engine = replace(ENGINE, options={**ENGINE.options, "temp_directory": str(folder)})
    rows = rows_of(tmp_path, k=["a"], at=nanoseconds(0), v=[1])
    assert engine.all(rows, ["v"])["v"].to_pylist() == [1]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_moments_before_1970_round_up_too(tmp_path: Path) -> None:
    old = datetime(1969, 12, 31, tzinfo=UTC)
    rows = rows_of(tmp_path, k=["a"], at=nanoseconds(-1_999, zone="UTC", of=old), v=[1])
    assert asked(rows, old - 2 * MICROSECOND, old - MICROSECOND) == [None, 1]


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_a_created_time_in_nanoseconds_counts_from_the_next_microsecond(
    tmp_path: Path, zone: str | None
) -> None:
    created = nanoseconds(1, zone=zone)
    rows = rows_of(tmp_path, created="seen", k=["a"], at=pa.array([NOON], MOMENT), seen=created, v=[1])
    assert asked(rows, NOON, NOON + MICROSECOND, only_created=True) == [None, 1]


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_a_feature_in_nanoseconds_comes_in_microseconds_of_utc(tmp_path: Path, zone: str | None) -> None:
    rows = rows_of(tmp_path, k=["a"], at=pa.array([NOON], MOMENT), v=nanoseconds(1_999, zone=zone))
    assert asked(rows, NOON) == [NOON + MICROSECOND]
    assert ENGINE.all(rows, ["v"]).schema.field("v").type == MOMENT


def test_a_time_to_live_longer_than_time_is_none(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, k=["a"], at=pa.array([NOON], MOMENT), v=[1])
    assert asked(rows, NOON, ttl=timedelta(days=3_650_000)) == [1]


@pytest.mark.parametrize("features", [["a"], ["b"], ["b", "a"], ["a", "b"]])
@pytest.mark.parametrize("order", [1, -1])
def test_whatever_is_asked_a_tie_is_decided_by_all_features_of_the_view(
    tmp_path: Path, features: list[str], order: int
) -> None:
    rows = rows_of(
        tmp_path, k=["a", "a"], at=pa.array([NOON, NOON], MOMENT), a=[1, 2][::order], b=[5, 0][::order]
    )
    assert asked(rows, NOON, features=features, ties=["a", "b"]) == [{"a": 2, "b": 0}[features[0]]]
    assert ENGINE.latest(rows, ["k"], ["a", "b"]).select(["a", "b"]).to_pylist() == [{"a": 2, "b": 0}]


@pytest.mark.parametrize(("seconds", "decided"), [([0, 0], [False, True]), ([0, 1], [False])])
def test_what_decides_a_tie_is_read_only_where_rows_tie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: list[int], decided: list[bool]
) -> None:
    moments = [NOON - timedelta(seconds=each) for each in seconds]
    rows = rows_of(tmp_path, k=["a", "a"], at=pa.array(moments, MOMENT), v=[1, 1], wide=[0, 1])
    scanned, read = _Session.scanned, []

    def watched(session: _Session, rows: Rows, columns: Sequence[str]) -> str:
        read.append("wide" in columns)
        return scanned(session, rows, columns)

    monkeypatch.setattr(_Session, "scanned", watched)
    assert asked(rows, NOON, ties=["v", "wide"]) == [1]
    assert read == decided


@pytest.mark.parametrize("zeros", [[0.0, -0.0], [-0.0, 0.0], [-0.0, -0.0]])
def test_a_zero_has_no_sign_and_decides_no_tie(tmp_path: Path, zeros: list[float]) -> None:
    columns = {"v": zeros, "single": pa.array(zeros, pa.float32()), "many": [[each] for each in zeros]}
    rows = rows_of(tmp_path, k=["a", "a"], at=pa.array([NOON, NOON], MOMENT), **columns, last=[1, 2])
    names = [*columns, "last"]
    assert str([asked(rows, NOON, features=[name], ties=names) for name in names]) == (
        "[[0.0], [0.0], [[0.0]], [2]]"
    )
    (newest,) = ENGINE.latest(rows, ["k"], names).select(names).to_pylist()
    assert str([*newest.values()]) == "[0.0, 0.0, [0.0], 2]"


def test_what_decides_a_tie_may_be_missing_from_the_source(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, k=["a", "a"], at=pa.array([NOON, NOON], MOMENT), v=[1, 2])
    assert asked(rows, NOON, ties=["not there", "v"]) == [2]
