"""DuckDB, Spark and the naive oracle answer alike: any schema, keys, times, ties, corrections, TTL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from feast_plugins.duckdb_engine import DuckDBEngine
from feast_plugins.iceberg_files import IcebergTables
from feast_plugins.point_in_time import ROW, Retrieval, Rows, ViewRead
from feast_plugins.spark_engine import SparkEngine
from support import point_in_time_oracle as oracle

START = datetime(2026, 3, 8, 6, 59, tzinfo=UTC)
MOMENTS = st.integers(0, 12).map(lambda n: START + n * timedelta(minutes=7, microseconds=1))
CROWDED = st.just(START)
"""Of rows that are all of one moment many tie."""
TEXTS = st.sampled_from(["1", "23", "12", "3", "", "é,'\"", "P 1"])
NUMBERS = st.integers(-3, 3)
MOMENT = pa.timestamp("us", "UTC")
TYPES: Mapping[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "whole": (pa.int64(), st.integers(-(2**62), 2**62)),
    "few": (pa.int64(), NUMBERS),
    "real": (pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "zero": (pa.float64(), st.sampled_from([0.0, -0.0])),
    "text": (pa.string(), TEXTS),
    "flag": (pa.bool_(), st.booleans()),
    "moment": (MOMENT, MOMENTS),
    "list": (pa.list_(pa.int64()), st.lists(NUMBERS, max_size=3)),
    "zeros": (pa.list_(pa.float64()), st.lists(st.sampled_from([0.0, -0.0, 1.0]), max_size=2)),
}
KEYS: Mapping[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "text": (pa.string(), TEXTS),
    "number": (pa.int64(), NUMBERS),
}
ENGINES = DuckDBEngine(IcebergTables("lake", {}), {"threads": "2"})
pytestmark = pytest.mark.filterwarnings("ignore:The spark data source API:RuntimeWarning")
EXAMPLES = int(os.environ.get("ROADSIDE_EXAMPLES", "0"))


@st.composite
def cases(
    draw: st.DrawFn,
) -> tuple[list[dict[str, Any]], dict[str, pa.DataType], list[oracle.View], list[Any], bool]:
    """A spine with the types of its columns, and views with the schemas of their rows."""
    key_kinds = {f'key "{n}"': draw(st.sampled_from(sorted(KEYS))) for n in range(draw(st.integers(1, 3)))}
    columns = {name: st.none() | KEYS[kind][1] for name, kind in key_kinds.items()}
    spine = draw(st.lists(st.fixed_dictionaries({**columns, "asked at": MOMENTS}), min_size=1, max_size=12))
    types = {name: KEYS[kind][0] for name, kind in key_kinds.items()} | {"asked at": MOMENT}
    views, schemas = [], []
    for number in range(draw(st.integers(1, 3))):
        mine = draw(st.lists(st.sampled_from(sorted(key_kinds)), unique=True, max_size=2))
        kinds = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=3))
        columns_of_view = [f"{kind} {n}" for n, kind in enumerate(kinds)]
        wanted = draw(st.lists(st.sampled_from(columns_of_view), min_size=1, unique=True))
        features = {f"v{number}__{name}": name for name in wanted}
        has_created, moments = draw(st.booleans()), draw(st.sampled_from([MOMENTS, CROWDED]))
        keys = {name: f"of {name}" for name in mine}
        row = {
            **{theirs: st.none() | KEYS[key_kinds[name]][1] for name, theirs in keys.items()},
            "at": moments,
            "created": st.none() | moments,
            **{f"{kind} {n}": st.none() | TYPES[kind][1] for n, kind in enumerate(kinds)},
        }
        schemas.append(
            pa.schema(
                [
                    *((theirs, KEYS[key_kinds[name]][0]) for name, theirs in keys.items()),
                    ("at", MOMENT),
                    ("created", MOMENT),
                    *((f"{kind} {n}", TYPES[kind][0]) for n, kind in enumerate(kinds)),
                ]
            )
        )
        rows = draw(
            st.lists(st.fixed_dictionaries(row), min_size=draw(st.sampled_from([0, 12])), max_size=25)
        )
        ttl = draw(st.none() | st.sampled_from([timedelta(minutes=7, microseconds=1), timedelta(minutes=20)]))
        views.append(oracle.View(rows, keys, features, columns_of_view, ttl, has_created))
    return spine, types, views, schemas, draw(st.booleans())


def asked(
    folder: Path,
    spine: Sequence[Mapping[str, Any]],
    types: Mapping[str, pa.DataType],
    views: Sequence[oracle.View],
    schemas: Sequence[pa.Schema],
    only_created: bool,
) -> tuple[pa.Table, Retrieval]:
    """The views' rows as files, and the question to the engines."""
    reads = []
    for number, (view, schema) in enumerate(zip(views, schemas, strict=True)):
        path = folder / f"view{number}.parquet"
        pq.write_table(pa.Table.from_pylist(list(view.rows), schema), path, row_group_size=7)
        source = SparkSource(name=path.stem, path=str(path), file_format="parquet", timestamp_field="at")
        rows = Rows(source, "at", "created" if view.has_created else None)
        features = tuple((column, name) for name, column in view.features.items())
        keys, ties = tuple(view.keys.items()), tuple(view.columns)
        reads.append(ViewRead(f"v{number}", rows, keys, features, view.ttl, only_created, ties))
    table = pa.table(
        {ROW: pa.array(range(len(spine)))}
        | {name: pa.array([row[name] for row in spine], kind) for name, kind in types.items()}
    )
    return table, Retrieval("asked at", tuple(reads))


def expected(case: tuple[Any, ...]) -> list[dict[str, Any]]:
    spine, _, views, _, only_created = case
    return oracle.joined(spine, "asked at", views, only_created=only_created)


def signed(value: Any) -> Any:
    """The value, its reals as Python writes them: 0.0 is equal to -0.0, and not the same answer."""
    if isinstance(value, dict):
        return {name: signed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [signed(each) for each in value]
    return repr(value) if isinstance(value, float) else value


@settings(max_examples=EXAMPLES or 150, deadline=None)
@given(case=cases())
def test_duckdb_answers_as_the_oracle(case: tuple[Any, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        spine, retrieval = asked(Path(folder), *case)
        times = [row["asked at"] for row in case[0]]
        found = ENGINES.features(spine, retrieval, min(times), max(times))
    assert signed(found.drop_columns([ROW]).to_pylist()) == signed(expected(case))
    assert found[ROW].to_pylist() == list(range(len(case[0])))


def assert_spark_answers_as_the_oracle(spark: SparkSession, case: tuple[Any, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        spine, retrieval = asked(Path(folder), *case)
        times = [row["asked at"] for row in case[0]]
        frame = SparkEngine(spark).features(spark.createDataFrame(spine), retrieval, min(times), max(times))
        found = frame.orderBy(ROW).toArrow()
    assert found.column_names[: len(spine.column_names)] == spine.column_names
    features = found.drop_columns(spine.column_names)
    assert signed(features.cast(_in_utc(features.schema)).to_pylist()) == signed(expected(case))


@settings(max_examples=EXAMPLES or 6, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_spark_answers_as_the_oracle(spark: SparkSession, case: tuple[Any, ...]) -> None:
    assert_spark_answers_as_the_oracle(spark, case)


@settings(max_examples=EXAMPLES or 2, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_spark_answers_alike_in_a_session_whose_zone_is_not_utc(
    spark: SparkSession, case: tuple[Any, ...]
) -> None:
    zone = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    try:
        assert_spark_answers_as_the_oracle(spark, case)
    finally:
        spark.conf.set("spark.sql.session.timeZone", zone)


@pytest.mark.parametrize("order", [1, -1])
def test_rows_that_tie_in_everything_but_values_answer_alike_in_any_order(order: int, tmp_path: Path) -> None:
    rows = [{"k": "1", "at": START, "created": START, "few 0": value} for value in (None, 1, 3, 2)][::order]
    view = oracle.View(rows, {"k": "k"}, {"v": "few 0"}, ["few 0"], None, True)
    schema = pa.schema([("k", pa.string()), ("at", MOMENT), ("created", MOMENT), ("few 0", pa.int64())])
    case = ([{"k": "1", "asked at": START}], {"k": pa.string(), "asked at": MOMENT}, [view], [schema], False)
    spine, retrieval = asked(tmp_path, *case)
    assert ENGINES.features(spine, retrieval, START, START)["v"].to_pylist() == [3]


def _in_utc(schema: pa.Schema) -> pa.Schema:
    return pa.schema(
        [each.with_type(MOMENT) if pa.types.is_timestamp(each.type) else each for each in schema]
    )
