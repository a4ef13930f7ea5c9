"""FACTS P10: stock Feast 0.67 reads Snowflake without asking when a row was created; ours asks everywhere.

No Snowflake runs here: what is shown of the stock store is that it refuses, before it opens a connection.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from feast import FeatureStore, RepoConfig, SnowflakeSource
from feast.infra.offline_stores.snowflake import SnowflakeOfflineStore

from feast_plugins.offline import RoadsideOfflineStore
from support.offline_store import MINUTE, NOON, OURS_DUCKDB, PROVIDER, rows, spine, store_of, view

pytestmark = pytest.mark.filterwarnings("ignore")  # Feast's own
FLAG = "filter_by_created_timestamp"
ASKED = spine({"provider_id": "P1", "event_timestamp": NOON + MINUTE})


def on_snowflake(folder: Path) -> FeatureStore:
    config = RepoConfig(
        project="probe",
        provider="local",
        registry={"registry_type": "sql", "path": f"sqlite:///{folder}/registry.db"},
        offline_store={"type": "snowflake.offline", "account": "nowhere", "database": "LAKE"},
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    source = SnowflakeSource(
        name="fleet",
        database="LAKE",
        table="FLEET",
        timestamp_field="at",
        created_timestamp_column="created",
    )
    store.registry.apply_entity(PROVIDER, store.project)
    store.registry.apply_feature_view(view("fleet", [PROVIDER], source, "offers"), store.project)
    return store


def test_p10_stock_on_snowflake_cannot_ask_for_what_was_created_by_then(tmp_path: Path) -> None:
    assert not SnowflakeOfflineStore.supports_filter_by_created_timestamp
    assert FLAG not in inspect.signature(SnowflakeOfflineStore.get_historical_features).parameters
    store = on_snowflake(tmp_path)
    with pytest.raises(NotImplementedError, match="not supported by SnowflakeOfflineStore"):
        store.get_historical_features(ASKED, ["fleet:offers"], filter_by_created_timestamp=True)


def test_p10_ours_reads_what_was_created_by_then(tmp_path: Path) -> None:
    assert RoadsideOfflineStore.supports_filter_by_created_timestamp
    table = rows(
        {"provider_id": "P1", "at": NOON, "created": NOON, "offers": 3},
        {"provider_id": "P1", "at": NOON, "created": NOON + 2 * MINUTE, "offers": 4},
    )
    store = store_of(
        tmp_path,
        OURS_DUCKDB,
        {"fleet": table},
        lambda sources: [PROVIDER, view("fleet", [PROVIDER], sources["fleet"], "offers")],
    )
    found = [
        store.get_historical_features(ASKED, ["fleet:offers"], **{FLAG: flag}).to_df()["offers"].tolist()
        for flag in (False, True)
    ]
    assert found == [[4], [3]]
