"""Each environment's feature_store file, filled in from the settings; keys and references as asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feast_plugins.offline import RoadsideOfflineStoreConfig
from feast_plugins.online import RoadsideOnlineStoreConfig
from lakehouse.feast_cli import feast_command
from lakehouse.feast_edge import _as_text, _repo_config, feature_store, features_by_reference
from lakehouse.settings import Settings, load_settings
from lakehouse.spark import CATALOG, spark_options
from support.offline_store import NOON, OURS_DUCKDB, PROVIDER, rows, spine, store_of, view
from validation.errors import UnknownName, UserError

pytestmark = pytest.mark.filterwarnings("ignore")  # Feast's own
AWS = {
    "ROADSIDE_PROFILE": "aws",
    "ROADSIDE_LANDING_URI": "s3://landed/road",
    "ROADSIDE_WAREHOUSE_URI": "s3://lake/warehouse",
    "ROADSIDE_OPS_URL": "postgresql://ops@db/ops",
    "ROADSIDE_VAULT_URL": "postgresql://vault@db/vault",
    "ROADSIDE_REGISTRY_URL": "postgresql+psycopg://feast@db/registry",
    "ROADSIDE_REDIS": "cache.example:6379,ssl=true,username=reader,password=secret",
    "ROADSIDE_PLATFORM_KEY_FILE": "/run/secrets/platform.key",
    "ROADSIDE_AWS_REGION": "us-west-2",
}


def settings_of(folder: Path, **more: str) -> Settings:
    jars = {name: os.environ[name] for name in ("ROADSIDE_JARS_DIR",) if name in os.environ}
    return load_settings({**jars, "ROADSIDE_HOME": str(folder), **more})


@pytest.mark.parametrize("given", [{}, AWS], ids=["embedded", "aws"])
def test_a_feature_store_file_gives_feast_the_platform_s_own_spark(
    tmp_path: Path, given: dict[str, str]
) -> None:
    settings = settings_of(tmp_path, **given)
    offline = _repo_config(settings).offline_store
    assert isinstance(offline, RoadsideOfflineStoreConfig)
    assert offline.spark_conf == spark_options(settings)
    assert (offline.catalog_name, offline.catalog["warehouse"]) == (CATALOG, settings.warehouse_uri)


def test_feast_s_own_stores_read_and_write_what_ours_do(tmp_path: Path) -> None:
    ours = _repo_config(settings_of(tmp_path))
    stock = _repo_config(settings_of(tmp_path, ROADSIDE_FEAST_STORES="stock"))
    assert (stock.offline_store.type, stock.online_store.type) == ("spark", "redis")
    assert stock.offline_store.spark_conf == ours.offline_store.spark_conf
    assert stock.online_store.connection_string == ours.online_store.connection_string
    kept = ("project", "provider", "registry", "materialization_config", "entity_key_serialization_version")
    assert [getattr(stock, name) for name in kept] == [getattr(ours, name) for name in kept]


def test_what_feast_s_own_spark_store_spills_lies_in_a_closed_folder(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, ROADSIDE_FEAST_STORES="stock")
    store = feature_store(settings)
    folder = Path(store.config.offline_store.spark_conf["spark.local.dir"])
    assert (folder, folder.stat().st_mode & 0o777) == (tmp_path / "scratch", 0o700)


def test_on_aws_feast_reads_glue_and_a_cluster_over_tls(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, **AWS)
    config = _repo_config(settings)
    assert config.offline_store.catalog == {
        "type": "glue",
        "warehouse": "s3://lake/warehouse",
        "client.region": "us-west-2",
    }
    online = config.online_store
    assert isinstance(online, RoadsideOnlineStoreConfig)
    assert (online.redis_type, online.clock) == ("redis_cluster", "wall")
    assert online.connection_string == AWS["ROADSIDE_REDIS"]
    assert config.registry.path == AWS["ROADSIDE_REGISTRY_URL"]
    assert feast_command(settings)[-1].endswith("feature_store.aws.yaml")


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (pd.Series([5, None]), ["5", None]),
        (pd.Series([5.0, None], dtype=object), ["5", None]),
        (pd.Series([5, 6]), ["5", "6"]),
        (pd.Series([5, None], dtype="Int64"), ["5", None]),
        (pd.Series(["5.0", None]), ["5.0", None]),
        (pd.Series([None, None]), [None, None]),
    ],
)
def test_whole_numbers_are_keys_by_their_digits_though_one_is_null(given: Any, asked: list[Any]) -> None:
    found = _as_text(given, "provider_id")
    assert [None if pd.isna(each) else each for each in found] == asked


@pytest.mark.parametrize("given", [5.5, 2.0**60, float("inf")])
def test_a_number_that_can_be_no_key_is_refused(given: float) -> None:
    with pytest.raises(UserError, match="provider_id holds numbers that are no keys"):
        _as_text(pd.Series([given, None]), "provider_id")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("fleets:offers", "no feature view named 'fleets'.\nDid you mean fleet"),
        ("fleet:offer", "no feature of fleet named 'offer'.\nDid you mean offers"),
    ],
)
def test_a_reference_to_nothing_is_told_with_what_there_is(tmp_path: Path, reference: str, said: str) -> None:
    table = rows({"provider_id": "P1", "at": NOON, "offers": 3})
    store = store_of(
        tmp_path,
        OURS_DUCKDB,
        {"fleet": table},
        lambda sources: [PROVIDER, view("fleet", [PROVIDER], sources["fleet"], "offers")],
    )
    asked = spine({"provider_id": "P1", "event_timestamp": NOON})
    with pytest.raises(UnknownName, match=said):
        features_by_reference(store, asked, [reference])
