"""The definitions over Snowflake: the same views and services, applied to a registry of its own.

No account and no network: a process that opens a connection elsewhere than on this machine fails.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from feast import FeatureStore, FeatureView, SnowflakeSource
from feast.infra.offline_stores.snowflake import SnowflakeOfflineStore, SnowflakeOfflineStoreConfig

from feast_plugins.as_served import rows_in_force
from feast_plugins.online import RoadsideOnlineStoreConfig
from lakehouse import feast_cli, feast_edge
from lakehouse.settings import Settings, load_settings
from validation.contracts import FEATURES
from validation.errors import UserError

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]  # Feast's own

OFFLINE = """
import socket
class Loopback(socket.socket):
    def connect(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise SystemExit(f"a connection to {address[0]} was opened")
        return super().connect(address)
socket.socket = Loopback
"""


@pytest.fixture(scope="module")
def snowflake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of the platform on AWS whose Feast trains on Snowflake; sockets lead nowhere."""
    folder = tmp_path_factory.mktemp("snowflake")
    (folder / "sitecustomize.py").write_text(OFFLINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield load_settings(
            {
                "ROADSIDE_HOME": str(folder),
                "ROADSIDE_PROFILE": "aws",
                "ROADSIDE_LANDING_URI": "s3://landed/road",
                "ROADSIDE_WAREHOUSE_URI": "s3://lake/warehouse",
                "ROADSIDE_OPS_URL": "postgresql://ops@db/ops",
                "ROADSIDE_VAULT_URL": "postgresql://vault@db/vault",
                "ROADSIDE_REGISTRY_URL": f"sqlite:///{folder}/registry.db",
                "ROADSIDE_REDIS": "cache.example:6379,ssl=true",
                "ROADSIDE_PLATFORM_KEY_FILE": "/run/secrets/platform.key",
                "ROADSIDE_FEAST_STORES": "snowflake",
                "ROADSIDE_SNOWFLAKE_CONNECTION": "training",
                "ROADSIDE_SNOWFLAKE_DATABASE": "LAKE",
            }
        )


@pytest.fixture(scope="module")
def store(snowflake: Settings) -> FeatureStore:
    """The definitions, applied."""
    assert "zone_demand_15m" in feast_edge.apply(snowflake)
    return feast_edge.feature_store(snowflake)


def test_the_file_reads_snowflake_and_keeps_redis_and_registry(snowflake: Settings) -> None:
    assert feast_cli.feast_command(snowflake)[-1].endswith("feature_store.snowflake.yaml")
    config = feast_edge.feature_store(snowflake).config
    offline, online = config.offline_store, config.online_store
    assert isinstance(offline, SnowflakeOfflineStoreConfig)
    assert (offline.connection_name, offline.database, offline.schema_) == ("training", "LAKE", "features")
    assert isinstance(online, RoadsideOnlineStoreConfig)
    assert (online.redis_type, online.connection_string) == ("redis_cluster", "cache.example:6379,ssl=true")


def test_every_view_reads_its_table_by_the_same_clocks(store: FeatureStore) -> None:
    views = {view.name: view for view in store.list_feature_views()}
    assert sorted(views) == sorted(table.short_name for table in FEATURES)
    for table in FEATURES:
        source = views[table.short_name].batch_source
        assert isinstance(source, SnowflakeSource)
        assert (source.database, source.schema, source.table) == ("LAKE", "features", table.short_name)
        assert source.get_table_query_string() == f'"LAKE"."features"."{table.short_name}"'
        assert (source.timestamp_field, source.created_timestamp_column) == ("available_at", "revised_at")


def test_views_and_services_are_the_lake_s_in_all_but_the_source(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = load_settings({"ROADSIDE_HOME": str(tmp_path)})
    feast_edge.apply(lake)
    of_lake = feast_edge.feature_store(lake)
    assert _told(store) == _told(of_lake)
    assert len(_told(store)["services"]) == 5


def test_a_plan_after_applying_changes_nothing(store: FeatureStore, snowflake: Settings) -> None:
    planned = subprocess.run(
        [*feast_cli.feast_command(snowflake), "plan", "--skip-source-validation"],
        env=feast_cli.feast_environment(snowflake),
        capture_output=True,
        text=True,
        check=False,
    )
    assert planned.returncode == 0, planned.stderr
    assert "No changes to registry" in planned.stdout


def test_a_process_of_feast_s_that_opens_a_connection_fails(snowflake: Settings) -> None:
    """So that the tests here say something."""
    command = [feast_cli.feast_command(snowflake)[0], "-c"]
    done = subprocess.run(
        [*command, "import socket; socket.create_connection(('192.0.2.1', 443), 1)"],
        env=feast_cli.feast_environment(snowflake),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "a connection to 192.0.2.1 was opened" in done.stderr


def test_skew_says_that_it_needs_the_lake(store: FeatureStore) -> None:
    view = store.get_feature_view("zone_demand_15m")
    with pytest.raises(UserError, match=r"snowflake\.offline has no engine without Spark"):
        rows_in_force(store.config, view, ["mark"], [0], 0, 0)
    assert store._get_provider().offline_store.__class__ is SnowflakeOfflineStore


def _told(store: FeatureStore) -> dict[str, Any]:
    return {
        "views": {view.name: _of_view(view) for view in store.list_feature_views()},
        "on_demand": {
            view.name: [(field.name, field.dtype) for field in view.schema]
            for view in store.list_on_demand_feature_views()
        },
        "services": {
            service.name: [
                (each.name, each.name_alias, each.join_key_map, [field.name for field in each.features])
                for each in service.feature_view_projections
            ]
            for service in store.list_feature_services()
        },
    }


def _of_view(view: FeatureView) -> Any:
    return (view.entities, view.ttl, view.description, [(f.name, f.dtype) for f in view.schema], view.tags)
