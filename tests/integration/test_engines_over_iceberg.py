"""Both engines over Iceberg tables that Spark wrote: pins, created times, ranges, and rows deleted since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feast import FeatureStore, FeatureView, Field
from feast.data_source import DataSource
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import (
    SavedDatasetSparkStorage,
    SparkSource,
)
from feast.types import Map, String
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from feast_plugins.iceberg_files import IcebergTables
from feast_plugins.offline import RoadsideOfflineStore
from feast_plugins.point_in_time import Rows
from lakehouse.pinning import Pin, Publications, pinned
from lakehouse.settings import Settings
from lakehouse.spark import CATALOG
from simulation.ascii_tables import read_table
from support.offline_store import OURS, OURS_DUCKDB, OURS_SPARK, PROVIDER, ZONE, store_of, view
from validation.errors import Defect, UserError

pytestmark = [pytest.mark.slow(minutes=1), pytest.mark.filterwarnings("ignore")]  # Feast's own

ENGINES = {"duckdb": OURS_DUCKDB, "spark": OURS_SPARK}
DAY = date(2026, 3, 10)
FLEET, EDITED, DEMAND = "fleet", "edited_fleet", "demand"
ROWS = """
| provider_id | tick  | available | revision | revised | offers |
| P1          | 12:00 | 12:05     | 0        | 12:05   | 3      |
| P1          | 12:00 | 12:05     | 1        | 20:05   | 4      |
| P1          | 12:15 | 12:20     | 0        | 12:30   | 5      |
| P2          | 12:00 | 12:05     | 0        | 12:05   | 7      |
| P2          | 12:00 | 12:05     | 1        | 12:18   |        |
| P3          | 12:15 | 12:20     | 0        | 12:20   | 9      |
"""
BEFORE_EDITS = """
| provider_id | tick  | available | revision | revised | offers |
| P1          | 12:00 | 12:05     | 0        | 12:05   | 3      |
| P1          | 12:00 | 12:05     | 1        | 20:05   | 44     |
| P1          | 12:00 | 12:05     | 2        | 12:05   | 99     |
| P1          | 12:15 | 12:20     | 0        | 12:30   | 5      |
| P1          | 12:15 | 12:20     | 1        | 12:20   | 99     |
| P2          | 12:00 | 12:05     | 0        | 12:05   | 7      |
| P2          | 12:00 | 12:05     | 1        | 12:18   |        |
| P3          | 12:15 | 12:20     | 0        | 12:20   | 9      |
| P9          | 12:15 | 12:20     | 0        | 12:20   | 99     |
"""
DEMANDED = """
| zone_id | tick  | available | revision | revised | requests |
| Z1      | 12:00 | 12:05     | 0        | 12:05   | 6        |
| Z1      | 12:00 | 12:05     | 1        | 20:05   | 8        |
"""


def at(clock: str) -> datetime:
    return datetime.combine(DAY, time.fromisoformat(clock), UTC)


def written(spark: SparkSession, table: str, text: str) -> None:
    """A table of these rows, one file, whose rows are later deleted and updated without rewriting it."""
    key, *_, feature = read_table(text)[0]
    rows = [
        (
            row[key],
            at(row["tick"]),
            at(row["available"]),
            int(row["revision"]),
            at(row["revised"]),
            int(row[feature]) if row.get(feature) else None,
        )
        for row in read_table(text)
    ]
    schema = (
        f"{key} STRING, event_timestamp TIMESTAMP, available_at TIMESTAMP, revision INT, "
        f"revised_at TIMESTAMP, {feature} BIGINT"
    )
    frame = spark.createDataFrame(rows, schema).coalesce(1)
    writer = frame.writeTo(f"{CATALOG}.features.{table}").using("iceberg")
    for change in ("delete", "update"):
        writer = writer.tableProperty(f"write.{change}.mode", "merge-on-read")
    writer.tableProperty("format-version", "2").create()


@pytest.fixture(scope="module")
def catalog(spark: SparkSession, spark_settings: Settings) -> Iterator[dict[str, str]]:
    """pyiceberg's properties of a catalog with three tables: two hold the same, one after edits."""
    spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.features")
    for table, text in ((FLEET, ROWS), (EDITED, BEFORE_EDITS), (DEMAND, DEMANDED)):
        written(spark, table, text)
    spark.sql(f"DELETE FROM {CATALOG}.features.{EDITED} WHERE offers = 99")
    spark.sql(f"UPDATE {CATALOG}.features.{EDITED} SET offers = 4 WHERE offers = 44")
    yield {
        "type": "sql",
        "uri": f"sqlite:///{spark_settings.home}/catalog.db",
        "warehouse": spark_settings.warehouse_uri,
        "init_catalog_tables": "false",
    }
    for table in (FLEET, EDITED, DEMAND):
        spark.sql(f"DROP TABLE {CATALOG}.features.{table} PURGE")


def source_of(table: str) -> SparkSource:
    return SparkSource(
        name=table,
        table=f"{CATALOG}.features.{table}",
        timestamp_field="available_at",
        created_timestamp_column="revised_at",
    )


@pytest.fixture(scope="module", params=ENGINES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, catalog: dict[str, str]
) -> FeatureStore:
    def objects(_: Mapping[str, DataSource]) -> Sequence[Any]:
        ttl = timedelta(hours=2)
        fleets = [view(name, [PROVIDER], source_of(name), "offers", ttl=ttl) for name in (FLEET, EDITED)]
        return [PROVIDER, ZONE, *fleets, view(DEMAND, [ZONE], source_of(DEMAND), "requests", ttl=ttl)]

    offline = ENGINES[request.param] | {"catalog_name": CATALOG, "catalog": catalog}
    return store_of(tmp_path_factory.mktemp(request.param), offline, {}, objects)


ASKED = [
    ("P1", "12:04"),
    ("P1", "12:05"),
    ("P1", "12:20"),
    ("P1", "14:20"),
    ("P1", "14:21"),
    ("P2", "12:20"),
    ("P3", "12:20"),
    ("P9", "12:20"),
]


def published(*releases: tuple[str, str]) -> Pin:
    """As published, by releases of the fleets: tick and when it came out."""
    came_out = Publications(tuple((at(tick), at(clock)) for tick, clock in releases))
    return Pin(published={FLEET: came_out, EDITED: came_out})


LATE = published(("12:15", "20:10"), ("12:00", "12:04"), ("12:15", "12:40"))
"""12:15 came out twenty minutes after its promise, and what was revised at 12:18 with it."""
NEVER_AGAIN = published(("12:00", "12:04"))
CREATED = "filter_by_created_timestamp"
each_fleet = pytest.mark.parametrize("fleet", [FLEET, EDITED])


@each_fleet
@pytest.mark.parametrize(
    ("pin", "asked_for", "expected"),
    [
        (None, {}, [None, 4, 5, 5, None, None, 9, None]),
        (Pin(revision=0), {}, [None, 3, 5, 5, None, 7, 9, None]),
        (Pin(known_through=at("12:00")), {}, [None, 4, 4, None, None, None, None, None]),
        (Pin(revised_through=at("20:04")), {}, [None, 3, 5, 5, None, None, 9, None]),
        (Pin(at("12:00"), revisions={FLEET: 0, EDITED: 0}), {}, [None, 3, 3, None, None, 7, None, None]),
        (LATE, {}, [None, 3, 3, 5, None, 7, None, None]),
        (NEVER_AGAIN, {}, [None, 3, 3, None, None, 7, None, None]),
        (None, {CREATED: True}, [None, 3, 3, 5, None, None, 9, None]),
        (Pin(revision=0), {CREATED: True}, [None, 3, 3, 5, None, 7, 9, None]),
    ],
    ids=[
        "all",
        "revision",
        "known_through",
        "revised_through",
        "release",
        "published_late",
        "not_published",
        "created",
        "created_of_revision",
    ],
)
def test_pins_and_created_times_bound_what_is_read(
    store: FeatureStore, fleet: str, pin: Pin | None, asked_for: dict[str, bool], expected: list[int | None]
) -> None:
    providers, clocks = zip(*ASKED, strict=True)
    moments = pd.Series([at(clock) for clock in clocks]).dt.as_unit("us")
    spine = pd.DataFrame({"provider_id": providers, "event_timestamp": moments})
    with pinned(pin) if pin else nullcontext():
        job = store.get_historical_features(spine, [f"{fleet}:offers"], **asked_for)
    assert job.to_arrow()["offers"].to_pylist() == expected, "carried out after the block"


def test_tables_are_read_as_of_their_snapshots(store: FeatureStore, spark: SparkSession) -> None:
    log = spark.sql(f"SELECT snapshot_id FROM {CATALOG}.features.{EDITED}.snapshots ORDER BY committed_at")
    first = log.collect()[0].snapshot_id
    pin = Pin(snapshots={f"features.{EDITED}": first, f"features.{DEMAND}": None})
    clocks = pd.Series([at("12:05"), at("12:20")]).dt.as_unit("us")
    spine = pd.DataFrame({"provider_id": ["P1", "P9"], "zone_id": ["Z1", "Z1"], "event_timestamp": clocks})
    with pinned(pin):
        job = store.get_historical_features(spine, [f"{EDITED}:offers", f"{DEMAND}:requests"])
    found = job.to_arrow()
    assert found["offers"].to_pylist() == [44, 99]
    assert found["requests"].to_pylist() == [None, None]
    with pinned(pin), pytest.raises(Defect, match=r"features.fleet is read, and no snapshot of it was taken"):
        store.get_historical_features(spine, [f"{FLEET}:offers"]).to_arrow()


@each_fleet
@pytest.mark.parametrize(
    ("pin", "asked_for", "end", "expected"),
    [
        (None, {}, "12:06", {"P1": 4, "P2": None, "Z1": 8}),
        (None, {}, "14:06", {"P1": 5, "P2": None, "P3": 9, "Z1": None}),
        (None, {CREATED: True}, "12:21", {"P1": 3, "P2": None, "P3": 9, "Z1": 6}),
        (Pin(at("12:00"), revision=0), {}, "12:21", {"P1": 3, "P2": 7, "Z1": 6}),
    ],
    ids=["first_tick", "both_ticks", "created", "release"],
)
def test_a_range_gives_every_entity_met_in_it_as_it_stood_at_its_end(
    store: FeatureStore,
    fleet: str,
    pin: Pin | None,
    asked_for: dict[str, bool],
    end: str,
    expected: dict[str, int | None],
) -> None:
    features = [f"{fleet}:offers", "demand:requests"]
    with pinned(pin) if pin else nullcontext():
        job = store.get_historical_features(
            features=features, start_date=at("12:00"), end_date=at(end), **asked_for
        )
    found = job.to_arrow().to_pylist()
    assert {row["entity_ts"].astimezone(UTC) for row in found} == {at(end)}
    assert len(found) == len(expected)
    assert {row["provider_id"]: row["offers"] for row in found if row["provider_id"]} == {
        key: value for key, value in expected.items() if key != "Z1"
    }
    [zone] = [row for row in found if row["zone_id"]]
    assert (zone["zone_id"], zone["requests"], zone["offers"]) == ("Z1", expected["Z1"], None)


@pytest.mark.parametrize("namespace", [f"{CATALOG}.features", "spark_catalog.default"])
def test_an_answer_is_kept_as_a_table_and_replaced_where_that_is_allowed(
    store: FeatureStore, spark: SparkSession, namespace: str
) -> None:
    table = f"{namespace}.kept_{store.config.offline_store.engine}"
    asked = pd.DataFrame({"provider_id": ["P3"], "event_timestamp": [at("12:20")]})
    job = store.get_historical_features(asked, [f"{FLEET}:offers"])
    storage = SavedDatasetSparkStorage(table=table)
    try:
        for _ in range(2):
            job.persist(storage, allow_overwrite=True)
            assert [row["offers"] for row in spark.table(table).collect()] == [9]
        with pytest.raises(AnalysisException, match="TABLE_OR_VIEW_ALREADY_EXISTS"):
            job.persist(storage)
    finally:
        spark.sql(f"DROP TABLE IF EXISTS {table} PURGE")


def test_the_edited_table_has_delete_files_and_the_other_has_none(catalog: dict[str, str]) -> None:
    tables = IcebergTables(CATALOG, catalog)
    plain, edited = (
        tables.plan(Rows(source_of(name), "available_at"), ["offers"]) for name in (FLEET, EDITED)
    )
    assert (len(plain.files), plain.rows) == (1, None)
    assert edited.rows is not None
    assert sorted(edited.rows["offers"].to_pylist(), key=str) == [3, 4, 5, 7, 9, None]


def test_what_was_deleted_is_not_pulled(store: FeatureStore) -> None:
    pulled = []
    for name in (FLEET, EDITED):
        asked = (store.config, source_of(name), ["provider_id"], ["offers"], "available_at", "revised_at")
        for pull in ("pull_latest_from_table_or_query", "pull_all_from_table_or_query"):
            job = getattr(RoadsideOfflineStore, pull)(*asked, at("12:00"), at("14:00"))
            pulled.append(sorted(job.to_df().astype(str).itertuples(index=False)))
    assert [len(each) for each in pulled] == [3, 6, 3, 6]
    assert pulled[:2] == pulled[2:]


@pytest.fixture
def nested(spark: SparkSession, catalog: dict[str, str]) -> Iterator[str]:
    """A table of two rows that tie, with a struct and a map."""
    table = f"{CATALOG}.features.nested_fleet"
    schema = "provider_id STRING, available_at TIMESTAMP, asked STRUCT<tows: INT>, named MAP<STRING, INT>"
    rows = [("P1", at("12:05"), (tows,), {"tows": tows}) for tows in (1, 2)]
    spark.createDataFrame(rows, schema).coalesce(1).writeTo(table).using("iceberg").create()
    yield table
    spark.sql(f"DROP TABLE {table} PURGE")


def test_structs_and_maps_are_spark_s_to_read(tmp_path: Path, catalog: dict[str, str], nested: str) -> None:
    source = SparkSource(name="nested", table=nested, timestamp_field="available_at")
    features = [Field(name="asked", dtype=Map), Field(name="named", dtype=Map)]
    fields = [Field(name="provider_id", dtype=String), *features]
    made = FeatureView(name="nested", entities=[PROVIDER], schema=fields, source=source)
    asked = pd.DataFrame({"provider_id": ["P1"], "event_timestamp": [at("12:20")]})
    of_catalog = {"catalog_name": CATALOG, "catalog": catalog}
    either = store_of(tmp_path / "either", OURS | of_catalog, {}, lambda _: [PROVIDER, made])
    found = either.get_historical_features(asked, ["nested:asked", "nested:named"]).to_arrow()
    assert found.select(["asked", "named"]).to_pylist() == [{"asked": {"tows": 2}, "named": [("tows", 2)]}]
    asked_for = (["provider_id"], ["named", "asked"], "available_at", None, at("12:00"), at("13:00"))
    newest = RoadsideOfflineStore.pull_latest_from_table_or_query(either.config, source, *asked_for)
    assert newest.to_arrow()["named"].to_pylist() == [[("tows", 2)]]
    duckdb = store_of(tmp_path / "duckdb", OURS_DUCKDB | of_catalog, {}, lambda _: [PROVIDER, made])
    with pytest.raises(UserError, match=f"only Spark reads {nested}"):
        duckdb.get_historical_features(asked, ["nested:asked"])
