"""DOMAIN U1, U3 to U6: what stock Feast 0.67 does to an answer, and what ours does instead.

U2 (a field of the request named like a key) is refused of every service in tests/contracts; U3's stock
side is with the joins.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from feast import FeatureService, FeatureStore, Field, RequestSource
from feast.data_source import DataSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64
from pyspark.sql import SparkSession

from lakehouse.feast_cli import FEATURE_REPO
from support.offline_store import (
    MINUTE,
    NOON,
    OURS_DUCKDB,
    OURS_SPARK,
    PROVIDER,
    STOCK_DUCKDB,
    rows,
    spine,
    store_of,
    view,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:The spark data source API:RuntimeWarning",
    "ignore:On demand feature view is an experimental:RuntimeWarning",
    "ignore:fetch_arrow_table:DeprecationWarning",
)
OURS: Mapping[str, Mapping[str, Any]] = {"duckdb": OURS_DUCKDB, "spark": OURS_SPARK}
each_engine = pytest.mark.parametrize("engine", OURS)
FLEET = rows(
    {"provider_id": "P1", "at": NOON, "offers": 3, "ratio": 0.5},
    {"provider_id": "P2", "at": NOON, "offers": None, "ratio": 0.25},
)


@pytest.fixture(autouse=True)
def _session(spark: SparkSession) -> None:
    """The session that the Spark engine finds."""


def with_on_demand(sources: Mapping[str, DataSource]) -> Sequence[Any]:
    """A view, one worked out of it and of the request, and services of them."""
    fleet = view("fleet", [PROVIDER], sources["fleet"], "offers", "ratio")

    @on_demand_feature_view(  # type: ignore[misc]
        sources=[fleet, RequestSource(name="request", schema=[Field(name="job_factor", dtype=Int64)])],
        schema=[Field(name="scaled", dtype=Float64)],
        mode="pandas",
    )
    def worked_out(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"scaled": inputs["ratio"] * inputs["job_factor"]})

    services = [
        FeatureService(name="board", features=[fleet[["offers"]], worked_out]),
        FeatureService(name="first", features=[worked_out]),
        FeatureService(name="second", features=[worked_out, fleet[["ratio"]]]),
    ]
    return [PROVIDER, fleet, worked_out, *services]


def alone(sources: Mapping[str, DataSource]) -> Sequence[Any]:
    return [PROVIDER, view("fleet", [PROVIDER], sources["fleet"], "offers", "ratio")]


def opened(
    folder: Path, offline: Mapping[str, Any], objects: Callable[..., Sequence[Any]] = alone
) -> FeatureStore:
    return store_of(folder, offline, {"fleet": FLEET}, objects)


ASKED = spine(
    {"provider_id": "P1", "job_factor": 4, "event_timestamp": NOON + MINUTE, "note": "a"},
    {"provider_id": "P2", "job_factor": 8, "event_timestamp": NOON + MINUTE, "note": "b"},
)


def answered_by_service(store: FeatureStore, name: str = "board") -> pd.DataFrame:
    service = store.get_feature_service(name)
    return store.get_historical_features(ASKED.copy(), service, full_feature_names=True).to_df()


def test_u1_stock_answers_the_inputs_of_on_demand_views_too(tmp_path: Path) -> None:
    assert "fleet__ratio" in answered_by_service(opened(tmp_path, STOCK_DUCKDB, with_on_demand))


@each_engine
def test_u1_a_service_answers_its_own_columns(tmp_path: Path, engine: str) -> None:
    frame = answered_by_service(opened(tmp_path, OURS[engine], with_on_demand))
    assert list(frame.columns) == [*ASKED.columns, "fleet__offers", "worked_out__scaled"]
    assert frame["worked_out__scaled"].tolist() == [2.0, 2.0]


@each_engine
def test_u1_a_service_that_asks_for_an_input_gets_it_whatever_other_services_ask(
    tmp_path: Path, engine: str
) -> None:
    frame = answered_by_service(opened(tmp_path, OURS[engine], with_on_demand), "second")
    assert list(frame.columns) == [*ASKED.columns, "worked_out__scaled", "fleet__ratio"]
    assert frame["fleet__ratio"].tolist() == [0.5, 0.25]


@each_engine
def test_u1_on_demand_features_are_worked_out_on_executors_alike(tmp_path: Path, engine: str) -> None:
    store = opened(tmp_path, OURS[engine], with_on_demand)
    service = store.get_feature_service("board")
    job = store.get_historical_features(ASKED.copy(), service, full_feature_names=True)
    found = job.to_spark_df().orderBy("note").toPandas()
    assert list(found.columns) == [*ASKED.columns, "fleet__offers", "worked_out__scaled"]
    assert found["worked_out__scaled"].tolist() == [2.0, 2.0]


MANY = spine(
    *(
        {"provider_id": f"P{number % 7}", "event_timestamp": NOON + number % 50 * MINUTE, "row": number}
        for number in range(5_000)
    )
)


def order(store: FeatureStore) -> list[int]:
    answered = store.get_historical_features(MANY.copy(), ["fleet:offers"]).to_df()
    return [int(each) for each in answered["row"]]


@each_engine
def test_u3_a_spine_keeps_its_order(tmp_path: Path, engine: str) -> None:
    assert order(opened(tmp_path, OURS[engine])) == list(range(5_000))


def kind_of_offers(store: FeatureStore) -> str:
    return str(store.get_historical_features(ASKED.copy(), ["fleet:offers"]).to_df()["offers"].dtype)


def test_u4_stock_makes_integers_with_a_null_floats(tmp_path: Path) -> None:
    assert kind_of_offers(opened(tmp_path, STOCK_DUCKDB)) == "float64"


@each_engine
def test_u4_integers_stay_integers(tmp_path: Path, engine: str) -> None:
    assert kind_of_offers(opened(tmp_path, OURS[engine])) == "Int64"


@each_engine
def test_u5_a_time_without_a_zone_is_utc_and_said_once(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feast_plugins.spines._warned", set())
    store = opened(tmp_path, OURS[engine])
    naive = ASKED.assign(event_timestamp=ASKED["event_timestamp"].dt.tz_localize(None))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(2):
            answered = store.get_historical_features(naive.copy(), ["fleet:offers"]).to_df()
    said = [str(each.message) for each in told if "event_timestamp has no time zone" in str(each.message)]
    assert len(said) == 1
    assert answered["offers"].tolist() == [3, pd.NA]
    assert answered["event_timestamp"].equals(naive["event_timestamp"])


@pytest.mark.parametrize("name", ["feature_store.yaml", "feature_store.aws.yaml"])
def test_u5_feast_leaves_the_times_of_a_spine_to_the_store(name: str) -> None:
    """Else it takes them as UTC itself, without a word, and answers others than were given."""
    assert yaml.safe_load((FEATURE_REPO / name).read_text())["coerce_tz_aware"] is False


def in_two_roles(sources: Mapping[str, DataSource]) -> Sequence[Any]:
    fleet = view("fleet", [PROVIDER], sources["fleet"], "offers")
    roles = [
        fleet.with_name(role).with_join_key_map({"provider_id": f"{role}_id"}) for role in ("first", "second")
    ]
    return [PROVIDER, fleet, FeatureService(name="roles", features=roles)]


@each_engine
def test_u6_one_view_in_two_roles(tmp_path: Path, engine: str) -> None:
    store = opened(tmp_path, OURS[engine], in_two_roles)
    asked = spine({"first_id": "P2", "second_id": "P1", "event_timestamp": NOON})
    service = store.get_feature_service("roles")
    answered = store.get_historical_features(asked, service, full_feature_names=True).to_df()
    assert answered[["first__offers", "second__offers"]].iloc[0].tolist() == [pd.NA, 3]
