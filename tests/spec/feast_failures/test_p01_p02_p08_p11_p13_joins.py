"""FACTS P1, P2, P8, P11, P13: joins that stock Feast 0.67 gets wrong, and both engines of ours get right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feast import FeatureStore
from pyspark.sql import SparkSession

from support.offline_store import (
    MINUTE,
    NOON,
    OURS_DUCKDB,
    OURS_SPARK,
    PROVIDER,
    STOCK_DASK,
    STOCK_SPARK,
    ZONE,
    rows,
    spine,
    store_of,
    view,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # Feast's and pyspark's own
OURS: Mapping[str, Mapping[str, Any]] = {"duckdb": OURS_DUCKDB, "spark": OURS_SPARK}
each_engine = pytest.mark.parametrize("engine", OURS)


@pytest.fixture(autouse=True)
def _session(spark: SparkSession) -> Iterator[None]:
    """The session that stores find; what stock stores set in it is taken back."""
    zone = spark.conf.get("spark.sql.session.timeZone")
    yield
    spark.conf.unset("spark.sql.parser.quotedRegexColumnNames")
    spark.conf.set("spark.sql.session.timeZone", zone)
    for name in spark.sql("SHOW VIEWS").collect():
        spark.catalog.dropTempView(name["viewName"])


def of_pairs(folder: Path, offline: Mapping[str, Any]) -> FeatureStore:
    table = rows(
        {"provider_id": "1", "zone_id": "23", "at": NOON, "ratio": 0.11},
        {"provider_id": "12", "zone_id": "3", "at": NOON, "ratio": 0.99},
    )
    return store_of(
        folder,
        offline,
        {"pair": table},
        lambda of: [PROVIDER, ZONE, view("pair", [PROVIDER, ZONE], of["pair"], "ratio")],
    )


PAIRS = spine(
    {"provider_id": "1", "zone_id": "23", "event_timestamp": NOON + MINUTE},
    {"provider_id": "12", "zone_id": "3", "event_timestamp": NOON + MINUTE},
)


def ratios(store: FeatureStore, asked: pd.DataFrame) -> list[Any]:
    answered = store.get_historical_features(asked, ["pair:ratio"]).to_df()
    return answered.sort_values(["provider_id", "zone_id"])["ratio"].tolist()


def test_p01_stock_takes_1_23_for_12_3(tmp_path: Path) -> None:
    assert ratios(of_pairs(tmp_path, STOCK_SPARK), PAIRS) != [0.11, 0.99]


@each_engine
def test_p01_composite_keys_are_told_apart(tmp_path: Path, engine: str) -> None:
    assert ratios(of_pairs(tmp_path, OURS[engine]), PAIRS) == [0.11, 0.99]


def of_offers(folder: Path, offline: Mapping[str, Any], *listed: Mapping[str, Any]) -> FeatureStore:
    return store_of(
        folder,
        offline,
        {"fleet": rows(*listed)},
        lambda of: [PROVIDER, view("fleet", [PROVIDER], of["fleet"], "offers")],
    )


def offers(store: FeatureStore, *minutes: float) -> list[Any]:
    """P1's offers so many minutes after noon, in the order that comes back."""
    asked = spine(*({"provider_id": "P1", "event_timestamp": NOON + each * MINUTE} for each in minutes))
    answered = store.get_historical_features(asked, ["fleet:offers"]).to_df()["offers"]
    return [None if pd.isna(each) else int(each) for each in answered]


TWICE = [{"provider_id": "P1", "at": NOON, "offers": count} for count in (3, 4)]


def test_p02_stock_gives_a_row_more_for_a_duplicate(tmp_path: Path) -> None:
    assert len(offers(of_offers(tmp_path, STOCK_SPARK, *TWICE), 1, 2)) > 2


@each_engine
@pytest.mark.parametrize("order", [1, -1])
def test_p02_rows_out_are_rows_in_whatever_is_repeated(tmp_path: Path, engine: str, order: int) -> None:
    assert offers(of_offers(tmp_path, OURS[engine], *TWICE[::order]), 1, 2) == [4, 4]


def test_u3_stock_changes_the_order_of_a_spine(tmp_path: Path) -> None:
    store = of_offers(
        tmp_path, STOCK_SPARK, *({"provider_id": f"P{n}", "at": NOON, "offers": n} for n in range(9))
    )
    asked = spine(
        *(
            {"provider_id": f"P{n * 4 % 9}", "event_timestamp": NOON + n % 7 * MINUTE, "row": n}
            for n in range(90)
        )
    )
    found = store.get_historical_features(asked, ["fleet:offers"]).to_df()["row"].tolist()
    assert sorted(found) == list(range(90))
    assert found != sorted(found)


ONCE = {"provider_id": "P1", "at": NOON, "offers": 3}


def test_p11_stock_on_dask_loses_rows_whose_value_is_too_old(tmp_path: Path) -> None:
    assert len(offers(of_offers(tmp_path, STOCK_DASK, ONCE), 1, 61, 62)) < 3


@each_engine
def test_p11_a_row_whose_value_is_too_old_stays(tmp_path: Path, engine: str) -> None:
    assert offers(of_offers(tmp_path, OURS[engine], ONCE), 1, 60, 61, -1) == [3, 3, None, None]


def test_p13_stock_reads_null_in_a_session_whose_zone_is_not_utc(spark: SparkSession, tmp_path: Path) -> None:
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    assert offers(of_offers(tmp_path, STOCK_SPARK, ONCE), 1) == [None]


@each_engine
def test_p13_values_do_not_depend_on_the_session_s_zone(
    spark: SparkSession, tmp_path: Path, engine: str
) -> None:
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    assert offers(of_offers(tmp_path, OURS[engine], ONCE), 1) == [3]


def written_twice(store: FeatureStore, folder: Path) -> int:
    more = pd.DataFrame([{"provider_id": "P1", "at": NOON, "created": NOON, "offers": 3}])
    more = more.astype(dict.fromkeys(("at", "created"), "datetime64[us, UTC]"))
    for _ in range(2):
        store.write_to_offline_store("fleet", more, reorder_columns=True)
    return len(pd.read_parquet(folder))


def of_folder(folder: Path, offline: Mapping[str, Any]) -> FeatureStore:
    """A store whose source is a folder with one row of P9."""
    store = of_offers(folder, offline, {"provider_id": "P9", "at": NOON, "offers": 1})
    file = folder / "fleet.parquet"
    data = file.read_bytes()
    file.unlink()
    file.mkdir()
    (file / "first.parquet").write_bytes(data)
    return store


def test_p08_stock_appends_the_same_rows_again(tmp_path: Path) -> None:
    assert written_twice(of_folder(tmp_path, STOCK_SPARK), tmp_path / "fleet.parquet") == 3


@each_engine
def test_p08_rows_written_twice_are_there_once(tmp_path: Path, engine: str) -> None:
    assert written_twice(of_folder(tmp_path, OURS[engine]), tmp_path / "fleet.parquet") == 2
