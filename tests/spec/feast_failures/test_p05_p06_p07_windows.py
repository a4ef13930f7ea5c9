"""FACTS P5, P6, P7: windows that stock Feast 0.67 drops, cuts short or cannot write.

Ours are made by `transforms.features` and are columns of a table, which a plain view serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import (
    BatchFeatureView,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    PushSource,
    StreamFeatureView,
)
from feast.aggregation import Aggregation
from feast.infra.common.materialization_job import MaterializationTask
from feast.infra.common.serde import SerializedArtifacts
from feast.infra.compute_engines.spark.feature_builder import SparkFeatureBuilder
from feast.infra.compute_engines.spark.utils import map_in_arrow
from feast.types import Int64, String
from google.protobuf.message import DecodeError
from pyspark.sql import SparkSession

from support.frames import frame_of, in_chunks
from support.online_store import HOUR, NOON, provider, quiet, read, settings_of, store_of
from transforms.features.provider_activity_15m import provider_activity_15m
from validation.clocks import TICK, Interval
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.contracts.tiles.dispatch_15m import DISPATCH_15M

pytestmark = pytest.mark.filterwarnings(
    "ignore:(Batch|Stream) feature views are experimental:RuntimeWarning",
    "ignore:fetch_arrow_table:DeprecationWarning",
)
OFFERS_BY_TICK = {NOON - 3 * TICK: 4, NOON - 2 * TICK: 3, NOON - TICK: 3, NOON: 2}
"""Offers made to P1 in the quarter of an hour before each tick: 12 in the hour before noon."""
REFRESHED = (NOON - TICK, NOON)
WINDOW = "offers_60m_count"
MOMENT = pa.timestamp("us", "UTC")


@pytest.fixture
def offers(tmp_path: Path) -> FileSource:
    """One row per offer."""
    made_at = [
        tick - minute * timedelta(minutes=1)
        for tick, count in OFFERS_BY_TICK.items()
        for minute in range(1, count + 1)
    ]
    columns = {
        "provider_id": pa.array(["P1"] * len(made_at)),
        "made_at": pa.array(made_at, MOMENT),
        WINDOW: pa.array([1] * len(made_at)),
    }
    pq.write_table(pa.table(columns), tmp_path / "offers.parquet")
    return FileSource(name="offers", path=str(tmp_path / "offers.parquet"), timestamp_field="made_at")


def definition(**more: Any) -> dict[str, Any]:
    """What the views have in common."""
    fields = [Field(name="provider_id", dtype=String), Field(name=WINDOW, dtype=Int64)]
    return {"name": "fleet", "entities": [provider()], "ttl": 48 * HOUR, "schema": fields, **more}


SUM_OF_AN_HOUR = [Aggregation(column=WINDOW, function="sum", time_window=HOUR, name=WINDOW)]


def streamed(folder: Path, connection: str, offers: FileSource, *, online: bool) -> FeatureStore:
    """Stock Feast with a window of an hour over what is pushed, computed by its Spark engine."""
    with quiet():
        entity = provider()
        entity.name = entity.join_key  # its engine groups by the entity's name
        source = PushSource(name="pushed", batch_source=offers)
        of_stream = {"timestamp_field": "made_at", "aggregations": SUM_OF_AN_HOUR, "online": online}
        view = StreamFeatureView(**definition(source=source, entities=[entity], **of_stream))
        settings = settings_of(folder, connection, ours=False, engine="spark.engine")
        settings.materialization_config.pull_latest_features = False  # else one row is all it sums
        store = FeatureStore(config=settings)
        store.apply([entity, view])
    return store


def test_p05_stock_drops_the_window_of_a_batch_view_and_serves_the_last_row(
    tmp_path: Path, redis_connection: str, offers: FileSource
) -> None:
    with quiet():
        view = BatchFeatureView(**definition(source=offers, online=True, aggregations=SUM_OF_AN_HOUR))
    stock = store_of(settings_of(tmp_path, redis_connection, ours=False), [view])
    assert view.aggregations == SUM_OF_AN_HOUR
    assert not getattr(stock.get_feature_view("fleet"), "aggregations", [])
    with quiet():
        stock.materialize(NOON - HOUR, NOON)
    assert read(stock, "P1")[f"fleet__{WINDOW}"] == [1]


def test_p06_stock_sums_what_a_refresh_adds_and_calls_it_the_hour(
    spark: SparkSession, tmp_path: Path, redis_connection: str, offers: FileSource
) -> None:
    store = streamed(tmp_path, redis_connection, offers, online=False)
    engine: Any = store._get_provider()
    found = []
    for tick in REFRESHED:
        task = MaterializationTask(store.project, store.get_stream_feature_view("fleet"), tick - TICK, tick)
        context = engine.batch_engine.get_execution_context(store.registry, task)
        [row] = SparkFeatureBuilder(store.registry, spark, task).build().execute(context).data.collect()
        found.append(row[WINDOW])
    assert found == [3, 2]


def test_p07_stock_s_spark_tasks_cannot_write_a_stream_view_online(
    tmp_path: Path, redis_connection: str, offers: FileSource
) -> None:
    """What each task of the engine runs, without Spark: the view it is sent cannot be read."""
    store = streamed(tmp_path, redis_connection, offers, online=True)
    sent = SerializedArtifacts.serialize(store.get_stream_feature_view("fleet"), store.config)
    batches = pq.read_table(offers.path).to_batches()
    with pytest.raises(DecodeError):
        list(map_in_arrow(batches, sent, mode="online"))


@pytest.fixture(scope="module")
def windowed(spark: SparkSession) -> dict[datetime, list[dict[str, Any]]]:
    """By tick the rows of features.provider_activity_15m that a run of that tick alone makes of the tiles."""
    tiles = [
        {"provider_id": "P1", "zone_id": "", "area_id": "", "program_id": "", "bucket": 0, "amount": count}
        | {"measure": measure, "tile_at": tick, "counts_at": tick, "moment_at": tick, "known_at": tick}
        for tick, count in OFFERS_BY_TICK.items()
        for measure in ("offers", "last_offered")
    ]
    frame = frame_of(spark, DISPATCH_15M, tiles)
    found = in_chunks(
        lambda interval: provider_activity_15m(frame, interval).select(*PROVIDER_ACTIVITY_15M.column_names),
        {tick.isoformat(): [Interval(tick - TICK, tick)] for tick in REFRESHED},
    )
    return {
        datetime.fromisoformat(tick): [
            dict(zip(PROVIDER_ACTIVITY_15M.column_names, row, strict=True)) for row in rows
        ]
        for tick, rows in found.items()
    }


def served_by_ours(folder: Path, connection: str) -> FeatureStore:
    """A plain view of the features table."""
    source = FileSource(
        name="fleet",
        path=str(folder / "fleet.parquet"),
        timestamp_field="available_at",
        created_timestamp_column="revised_at",
    )
    write(folder, [])
    with quiet():
        view = FeatureView(**definition(source=source))
    return store_of(settings_of(folder, connection), [view])


def write(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    clocks = [("available_at", MOMENT), ("revised_at", MOMENT)]
    schema = pa.schema([("provider_id", pa.string()), *clocks, (WINDOW, pa.int64())])
    of_view = [{name: row[name] for name in schema.names} for row in rows]
    pq.write_table(pa.Table.from_pylist(of_view, schema), folder / "fleet.parquet")


def test_p06_each_tick_alone_makes_the_whole_window(windowed: dict[datetime, list[dict[str, Any]]]) -> None:
    assert [[row[WINDOW] for row in rows] for rows in windowed.values()] == [[10], [12]]


def test_p05_p07_a_plain_view_of_the_windows_serves_each_tick_as_it_comes(
    tmp_path: Path, redis_connection: str, windowed: dict[datetime, list[dict[str, Any]]]
) -> None:
    store = served_by_ours(tmp_path, redis_connection)
    table: list[dict[str, Any]] = []
    found = []
    for tick, rows in windowed.items():
        write(tmp_path, table := [*table, *rows])
        with quiet():
            store.materialize(tick, tick + TICK)
        found += read(store, "P1")[f"fleet__{WINDOW}"]
    assert found == [10, 12]
