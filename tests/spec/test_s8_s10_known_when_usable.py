"""DOMAIN S8 and S10: the afternoon's features as four readers of the same rows join and serve them.

Ours on DuckDB and on Spark, stock Feast 0.67 on DuckDB, and the naive oracle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from feast import FeatureService, FeatureStore, FeatureView, Field, FileSource
from feast.data_source import DataSource
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from feast.types import Int64, String
from pyspark.sql import SparkSession

from lakehouse.settings import Settings
from lakehouse.vault import handle_of
from roadside.graph import step_named
from simulation.landing import LandingWriter
from support.afternoon import afternoon_objects, at, expected, oracle_records, zone_ids
from support.memory_road import MemoryRoad
from support.offline_store import OURS_DUCKDB, OURS_SPARK, PROVIDER, STOCK_DUCKDB, ZONE
from support.online_store import quiet, settings_of
from support.oracle import Silver
from support.oracle_rows import served_row
from support.oracle_views import VIEWS
from validation.clocks import Interval

pytestmark = [
    pytest.mark.slow(minutes=2),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # Feast's own
]
SINCE_HISTORY = Interval(datetime(2026, 3, 1, tzinfo=UTC), at("19:15"))
AFTERNOON = Interval(at("15:30"), SINCE_HISTORY.end)
OF_DISPATCH = (
    "silver.dispatch_events",
    "silver.lifecycle",
    "tiles.dispatch_15m",
    "features.provider_activity_15m",
    "features.zone_demand_15m",
)
OF_FLEET = (
    "silver.provider_status",
    "silver.gps_pings",
    "tiles.driver_fixes_15m",
    "tiles.driver_states_15m",
    "tiles.fleet_1d",
    "features.provider_fleet_15m",
)
OFFERS, DECLINES, AVAILABLE = CELLS = (
    "provider_activity_15m__offers_60m_count",
    "provider_activity_15m__declines_60m_count",
    "provider_fleet_15m__drivers_available_count",
)
INCIDENT, DESTINATION = ROLES = ("incident_zone_demand", "destination_zone_demand")
REQUESTS = "requests_60m_count"
ENGINES: Mapping[str, Mapping[str, Any]] = {
    "duckdb": OURS_DUCKDB,
    "spark": OURS_SPARK,
    "stock duckdb": STOCK_DUCKDB,
}
each_engine = pytest.mark.parametrize("engine", ENGINES)


@pytest.fixture(scope="module")
def features(spark: SparkSession, spark_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the feature rows of the afternoon, landed and carried through every transform."""
    folder = tmp_path_factory.mktemp("afternoon")
    writer = LandingWriter(folder)
    for each in afternoon_objects():
        writer.write(each.source, each.landed_at, each.object_id, each.records)
    road = MemoryRoad(spark, handle_of(spark_settings))
    road.ingest(folder)
    road.carry([SINCE_HISTORY], [step_named(name) for name in OF_DISPATCH])
    road.carry([AFTERNOON], [step_named(name) for name in OF_FLEET])
    for name, rows in road.rows.items():
        if name.startswith("features."):
            pq.write_table(rows, folder / f"{name}.parquet", coerce_timestamps="us")
    return folder


@dataclass(frozen=True)
class Definitions:
    """The views over the files, read as stock Feast or as ours reads them; by time usable, or wrongly not."""

    folder: Path
    is_stock: bool
    time: str = "available_at"

    def source(self, view: str) -> DataSource:
        path = str(self.folder / f"features.{view}.parquet")
        clocks = {"timestamp_field": self.time, "created_timestamp_column": "revised_at"}
        if self.is_stock:
            return FileSource(name=view, path=path, **clocks)
        return SparkSource(name=view, path=path, file_format="parquet", **clocks)

    def view(self, name: str, entity: Any, *features: str) -> FeatureView:
        keys = [Field(name=entity.join_key, dtype=String)]
        return FeatureView(
            name=name,
            entities=[entity],
            ttl=timedelta(days=2),
            schema=keys + [Field(name=each, dtype=Int64) for each in features],
            source=self.source(name),
        )

    def objects(self) -> Sequence[Any]:
        activity = self.view("provider_activity_15m", PROVIDER, "offers_60m_count", "declines_60m_count")
        fleet = self.view("provider_fleet_15m", PROVIDER, "drivers_available_count")
        demand = self.view("zone_demand_15m", ZONE, REQUESTS)
        roles = [
            demand.with_name(role).with_join_key_map({"zone_id": f"{role.split('_')[0]}_zone_id"})
            for role in ROLES
        ]
        services = [
            FeatureService(name="offers", features=[activity, fleet]),
            FeatureService(name="roles", features=roles),
        ]
        return [PROVIDER, ZONE, activity, fleet, demand, *services]


def opened(folder: Path, definitions: Definitions, connection: str = "", **settings: Any) -> FeatureStore:
    """A store of the definitions."""
    with quiet():
        store = FeatureStore(config=settings_of(folder, connection, **settings))
        store.apply(list(definitions.objects()))
    return store


def of_engine(folder: Path, features: Path, engine: str, time: str = "available_at") -> FeatureStore:
    definitions = Definitions(features, engine not in ("duckdb", "spark"), time)
    return opened(folder, definitions, offline=ENGINES[engine])


def answered(store: FeatureStore, service: str, spine: pd.DataFrame) -> list[dict[str, Any]]:
    """The features of each row, in the spine's order, null as None."""
    with quiet():
        job = store.get_historical_features(
            spine.assign(rid=range(len(spine))), store.get_feature_service(service), full_feature_names=True
        )
        frame = job.to_df().sort_values("rid").drop(columns="rid")
    return [
        {name: None if pd.isna(value) else int(value) for name, value in row.items() if "__" in name}
        for row in frame.to_dict("records")
    ]


P1_OFFERS = expected("p1_offers")


def of_p1() -> pd.DataFrame:
    """P1 at its five offers."""
    decided = pd.Series([row["decision"] for row in P1_OFFERS]).dt.as_unit("us")
    return pd.DataFrame({"provider_id": "P1", "event_timestamp": decided})


def told(prefix: str = "") -> list[tuple[int, ...]]:
    """What the table of DOMAIN section 7 says of the five offers."""
    names = ("offers_60m", "declines_60m", "available")
    return [tuple(row[prefix + name] for name in names) for row in P1_OFFERS]


@each_engine
def test_s8_a_model_sees_what_was_usable_when_p1_was_offered(
    features: Path, tmp_path: Path, engine: str
) -> None:
    found = answered(of_engine(tmp_path, features, engine), "offers", of_p1())
    assert [tuple(row[name] for name in CELLS) for row in found] == told()


def test_s8_the_naive_oracle_says_the_same() -> None:
    silver = Silver(oracle_records())
    found = []
    for offer in P1_OFFERS:
        values = []
        for cell in CELLS:
            view, _, feature = cell.partition("__")
            row = served_row(silver, VIEWS[view], "P1", offer["decision"])
            assert row is not None
            values.append(row[feature])
        found.append(tuple(values))
    assert found == told()


@each_engine
def test_s8_joined_by_the_tick_instead_one_cell_of_fifteen_leaks(
    features: Path, tmp_path: Path, engine: str
) -> None:
    rows = answered(of_engine(tmp_path, features, engine, "event_timestamp"), "offers", of_p1())
    found = [tuple(row[name] for name in CELLS) for row in rows]
    assert found == told("ignoring_")
    leaks = [
        (offer["offer"], name)
        for offer, served, leaking in zip(P1_OFFERS, told(), found, strict=True)
        for name, one, other in zip(CELLS, served, leaking, strict=True)
        if one != other
    ]
    assert leaks == [("J6#1", OFFERS)]


NOWHERE = "872830899ffffff"
DECIDED = at("18:21")
"""Tick 18:15 is usable: one request in Z1 and three in Z2 within the hour."""
PAIRS = [("Z1", "Z2"), ("Z2", "Z1"), ("Z1", "Z1"), ("Z1", None), (None, "Z2")]
WANTED = [(1, 3), (3, 1), (1, 1), (1, None), (None, 3)]


def roles_of(pairs: Sequence[tuple[str | None, str | None]]) -> list[dict[str, str]]:
    """Keys of the two roles; None stands for a zone that nothing is known of."""
    zones = zone_ids()
    return [
        {
            "incident_zone_id": zones.get(one or "", NOWHERE),
            "destination_zone_id": zones.get(other or "", NOWHERE),
        }
        for one, other in pairs
    ]


@each_engine
def test_s10_one_view_in_two_roles_is_joined_by_each_role_s_zone(
    features: Path, tmp_path: Path, engine: str
) -> None:
    spine = pd.DataFrame(roles_of(PAIRS)).assign(event_timestamp=pd.Timestamp(DECIDED).as_unit("us"))
    found = answered(of_engine(tmp_path, features, engine), "roles", spine)
    names = [f"{role}__{REQUESTS}" for role in ROLES]
    assert [set(row) for row in found] == [set(names)] * len(PAIRS)
    assert [tuple(row[name] for name in names) for row in found] == WANTED


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "stock"])
def test_s10_one_view_in_two_roles_is_served_by_each_role_s_zone(
    features: Path, tmp_path: Path, redis_connection: str, is_ours: bool
) -> None:
    store = opened(tmp_path, Definitions(features, is_stock=True), redis_connection, ours=is_ours)
    with quiet():
        store.materialize(AFTERNOON.start, DECIDED, ["zone_demand_15m"])
        served = store.get_online_features(
            store.get_feature_service("roles"), roles_of(PAIRS), full_feature_names=True
        ).to_dict()
    names = [f"{role}__{REQUESTS}" for role in ROLES]
    assert list(zip(*(served[name] for name in names), strict=True)) == WANTED
