"""Both engines over Parquet files, through Feast: created times, ranges, keys, what on-demand views add."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from feast import Entity, FeatureStore, Field, RepoConfig, ValueType
from feast.data_source import DataSource
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Int64, String, UnixTimestamp
from pyspark.sql import SparkSession

from feast_plugins.offline import _Store
from support.offline_store import (
    MINUTE,
    NOON,
    OURS_DUCKDB,
    OURS_SPARK,
    PROVIDER,
    rows,
    spine,
    store_of,
    view,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # Feast's own
each_engine = pytest.mark.parametrize("offline", [OURS_DUCKDB, OURS_SPARK], ids=["duckdb", "spark"])
HOUR = 60 * MINUTE
NUMBER = Entity(name="number", join_keys=["number"], value_type=ValueType.STRING)


@pytest.fixture(autouse=True)
def _session(spark: SparkSession) -> None:
    """The session that the Spark engine finds."""


def answered(store: FeatureStore, frame: pd.DataFrame, *features: str, **more: Any) -> list[dict[str, Any]]:
    found = store.get_historical_features(frame, list(features), **more).to_arrow()
    answers: list[dict[str, Any]] = found.drop_columns(list(frame.columns)).to_pylist()
    return answers


@contextmanager
def in_zone(spark: SparkSession, zone: str) -> Iterator[None]:
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", zone)
    try:
        yield
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)


@each_engine
def test_where_created_times_count_a_view_without_any_is_read_whole(
    tmp_path: Path, offline: Mapping[str, Any]
) -> None:
    late = rows({"provider_id": "P1", "at": NOON, "created": NOON + HOUR, "offers": 3, "ratio": 0.5})

    def objects(sources: Mapping[str, DataSource]) -> Sequence[Any]:
        told = sources["told"]
        untold = SparkSource(
            name="untold",
            path=str(tmp_path / "told.parquet"),
            file_format="parquet",
            timestamp_field="at",
        )
        return [
            PROVIDER,
            view("told", [PROVIDER], told, "offers"),
            view("untold", [PROVIDER], untold, "ratio"),
        ]

    store = store_of(tmp_path, offline, {"told": late}, objects)
    asked = spine({"provider_id": "P1", "event_timestamp": NOON + MINUTE})
    found = answered(store, asked, "told:offers", "untold:ratio", filter_by_created_timestamp=True)
    assert found == [{"offers": None, "ratio": 0.5}]


@each_engine
def test_a_key_too_great_for_the_view_s_keys_finds_nothing(
    tmp_path: Path, offline: Mapping[str, Any]
) -> None:
    table = rows({"at": NOON, "offers": 3}).append_column("number", pa.array([5], pa.int32()))
    store = store_of(
        tmp_path,
        offline,
        {"fleet": table},
        lambda sources: [NUMBER, view("fleet", [NUMBER], sources["fleet"], "offers")],
    )
    asked = pd.DataFrame({"number": [5, 2**40], "event_timestamp": [NOON, NOON]})
    assert answered(store, asked, "fleet:offers") == [{"offers": 3}, {"offers": None}]


@each_engine
def test_all_requests_see_the_same_of_rows_that_tie(tmp_path: Path, offline: Mapping[str, Any]) -> None:
    table = rows(
        {"provider_id": "P1", "at": NOON, "offers": 1, "ratio": 5.0},
        {"provider_id": "P1", "at": NOON, "offers": 2, "ratio": -0.0},
    )
    store = store_of(
        tmp_path,
        offline,
        {"fleet": table},
        lambda sources: [PROVIDER, view("fleet", [PROVIDER], sources["fleet"], "offers", "ratio")],
    )
    asked = spine({"provider_id": "P1", "event_timestamp": NOON})
    assert answered(store, asked, "fleet:offers") == [{"offers": 2}]
    found = answered(store, asked, "fleet:ratio", "fleet:offers")
    assert str(found) == "[{'ratio': 0.0, 'offers': 2}]"


@each_engine
def test_moments_that_are_text_are_utc_where_they_name_no_zone(
    tmp_path: Path, spark: SparkSession, offline: Mapping[str, Any]
) -> None:
    texts = ["2026-03-10 12:00:00", "2026-03-10T12:00:00.5", "2026-03-10T07:00:01-05:00", "2026-03-10"]
    whole = rows(*({"provider_id": "P1", "at": NOON, "offers": each} for each in (1, 2, 3, 4)))
    table = whole.drop_columns(["at", "created"]).append_column("at", pa.array(texts))
    source = SparkSource(
        name="fleet",
        path=str(tmp_path / "fleet.parquet"),
        file_format="parquet",
        timestamp_field="at",
    )
    store = store_of(
        tmp_path, offline, {"fleet": table}, lambda _: [PROVIDER, view("fleet", [PROVIDER], source, "offers")]
    )
    moments = pd.to_datetime(["2026-03-10 01:00Z", NOON, NOON + MINUTE / 100, NOON + MINUTE / 60])
    asked = pd.DataFrame({"provider_id": "P1", "event_timestamp": moments})
    with in_zone(spark, "America/New_York"):
        found = answered(store, asked, "fleet:offers")
    assert [row["offers"] for row in found] == [4, 1, 2, 3]


@each_engine
def test_a_range_of_a_view_without_an_entity_is_one_row(tmp_path: Path, offline: Mapping[str, Any]) -> None:
    store = store_of(
        tmp_path,
        offline,
        {"all": rows({"at": NOON, "requests": 1})},
        lambda sources: [view("everywhere", [], sources["all"], "requests")],
    )
    job = store.get_historical_features(
        features=["everywhere:requests"], start_date=NOON - HOUR, end_date=NOON + MINUTE
    )
    (found,) = job.to_arrow().to_pylist()
    assert (found["entity_ts"].astimezone(UTC), found["requests"]) == (NOON + MINUTE, 1)


def with_words(sources: Mapping[str, DataSource]) -> Sequence[Any]:
    """A view, and one worked out of it whose features no empty batch tells the types of."""
    fleet = view("fleet", [PROVIDER], sources["fleet"], "offers")

    @on_demand_feature_view(  # type: ignore[misc]
        sources=[fleet],
        schema=[
            Field(name="word", dtype=String),
            Field(name="doubled", dtype=Int64),
            Field(name="hour_at", dtype=UnixTimestamp),
        ],
        mode="pandas",
    )
    def spoken(inputs: pd.DataFrame) -> pd.DataFrame:
        offers = inputs["offers"]
        return pd.DataFrame(
            {
                "word": offers.map(lambda count: None if pd.isna(count) else "many"),
                "doubled": offers * 2,
                "hour_at": pd.to_datetime(offers.fillna(0) * 3_600, unit="s", utc=True),
            }
        )

    return [PROVIDER, fleet, spoken]


@each_engine
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_on_executors_features_have_the_types_that_their_view_declares(
    tmp_path: Path, spark: SparkSession, offline: Mapping[str, Any], zone: str
) -> None:
    table = rows(
        {"provider_id": "P1", "at": NOON, "offers": 3}, {"provider_id": "P2", "at": NOON, "offers": None}
    )
    store = store_of(tmp_path, offline, {"fleet": table}, with_words)
    asked = spine(*({"provider_id": each, "event_timestamp": NOON} for each in ("P1", "P2")))
    with in_zone(spark, zone):
        job = store.get_historical_features(asked, ["spoken:word", "spoken:doubled", "spoken:hour_at"])
        frame = job.to_spark_df().orderBy("provider_id").select("word", "doubled", "hour_at")
        kinds, found = frame.dtypes, frame.toArrow().to_pylist()
    assert kinds == [("word", "string"), ("doubled", "bigint"), ("hour_at", "timestamp")]
    assert [(row["word"], row["doubled"], row["hour_at"]) for row in found] == [
        ("many", 6, datetime(1970, 1, 1, 3, tzinfo=UTC)),
        (None, None, datetime(1970, 1, 1, tzinfo=UTC)),
    ]


def test_another_thread_leaves_the_session_s_settings_as_they_are(
    tmp_path: Path, spark: SparkSession
) -> None:
    conf = {"spark.sql.shuffle.partitions": "77"}
    store = store_of(tmp_path, OURS_SPARK | {"spark_conf": conf}, {}, lambda _: [])
    before = spark.conf.get("spark.sql.shuffle.partitions")
    found: list[Any] = []

    def opened(config: RepoConfig) -> None:
        found.append(_Store(config).spark())

    thread = threading.Thread(target=opened, args=[store.config])
    thread.start()
    thread.join()
    assert found[0].sparkContext is spark.sparkContext
    assert found[0].conf.get("spark.sql.shuffle.partitions") == before != "77"
    assert spark.conf.get("spark.sql.shuffle.partitions") == before
