"""A small Feast repository over parquet files, for our online store and for the stock one alike."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.data_source import DataSource
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.types import Array, Bool, Float64, Int64, String, UnixTimestamp
from feast.utils import _convert_arrow_to_proto

from feast_plugins.online import RoadsideOnlineStore
from lakehouse.redis_server import RedisAddress

OURS = "feast_plugins.online.RoadsideOnlineStore"
OUR_ENGINE = "feast_plugins.materialization.RoadsideComputeEngine"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIME = pa.timestamp("us", "UTC")
SCHEMA = pa.schema(
    [
        ("provider_id", pa.string()),
        ("available_at", TIME),
        ("revised_at", TIME),
        ("tick_at", TIME),
        ("offers", pa.int64()),
        ("ratio", pa.float64()),
        ("site", pa.string()),
        ("is_tow", pa.bool_()),
        ("seen_at", pa.list_(TIME)),
        ("drivers", pa.list_(pa.string())),
    ]
)
KEY, MOMENT, CREATED = "provider_id", "available_at", "revised_at"
FEATURES = [name for name in SCHEMA.names if name not in (KEY, MOMENT, CREATED)]


def row(
    provider: str, at: datetime, offers: int | None, created: datetime | None = None, **values: Any
) -> dict[str, Any]:
    """A row that tells its tick; one that closes the provider if it has no offers."""
    told = {} if offers is None else {"tick_at": at - timedelta(minutes=5), "offers": offers} | values
    return dict.fromkeys(SCHEMA.names) | {KEY: provider, MOMENT: at, CREATED: created or at} | told


def table_of(*rows: Mapping[str, Any]) -> pa.Table:
    """The rows as the view's source has them."""
    return pa.Table.from_pylist(list(rows), SCHEMA)


def view_of(
    path: Path, name: str = "fleet", ttl: timedelta = timedelta(days=2), *, of_spark: bool = False
) -> FeatureView:
    """A view of the file, by provider, read as stock DuckDB does or (of_spark) as our offline store does."""
    clocks = {"timestamp_field": MOMENT, "created_timestamp_column": CREATED}
    source: DataSource = FileSource(name=name, path=str(path), **clocks)
    if of_spark:
        source = SparkSource(name=name, path=str(path), file_format="parquet", **clocks)
    return FeatureView(
        name=name,
        entities=[provider()],
        ttl=ttl,
        schema=[
            Field(name=KEY, dtype=String),
            Field(name="tick_at", dtype=UnixTimestamp),
            Field(name="offers", dtype=Int64),
            Field(name="ratio", dtype=Float64),
            Field(name="site", dtype=String),
            Field(name="is_tow", dtype=Bool),
            Field(name="seen_at", dtype=Array(UnixTimestamp)),
            Field(name="drivers", dtype=Array(String)),
        ],
        source=source,
    )


def provider() -> Entity:
    """Who the rows are about."""
    return Entity(name="provider", join_keys=[KEY], value_type=ValueType.STRING)


def settings_of(
    folder: Path,
    connection: str,
    *,
    ours: bool = True,
    registry: str = "sql",
    clock: str = "data",
    offline: Mapping[str, Any] | None = None,
    engine: str = "",
    **more: Any,
) -> RepoConfig:
    """A repository in the folder, over our online store and engine or over the stock ones.

    Feast's own default is the registry `file`; only that one keeps the state of a view by itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    online = {"type": OURS, "clock": clock} if ours else {"type": "redis"}
    return RepoConfig(
        project="test",
        provider="local",
        registry={
            "registry_type": registry,
            "path": f"sqlite:///{folder}/registry.db" if registry == "sql" else str(folder / "registry.pb"),
            "cache_ttl_seconds": 600,
            "serve_features_while_materializing": ours,
        },
        offline_store=dict(offline or {"type": "duckdb"}),
        online_store=online | {"connection_string": connection} | more,
        batch_engine={"type": engine or (OUR_ENGINE if ours else "local")},
        materialization={"pull_latest_features": True, "online_write_batch_size": 10_000},
        entity_key_serialization_version=3,
    )


def store_of(config: RepoConfig, views: Sequence[FeatureView]) -> FeatureStore:
    """A store with the views registered, and the service `board` of all of them."""
    with quiet():
        store = FeatureStore(config=config)
        store.apply([provider(), *views, FeatureService(name="board", features=list(views))])
    return store


class quiet(warnings.catch_warnings):
    """Without Feast's prints, bars and warnings."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")
        self._out, self._err = redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO())
        self._out.__enter__()
        self._err.__enter__()

    def __exit__(self, *raised: Any) -> None:
        self._err.__exit__(*raised)
        self._out.__exit__(*raised)
        super().__exit__(*raised)


def read(store: FeatureStore, *providers: str, service: str = "board") -> dict[str, list[Any]]:
    """The values by `view__feature`, a provider each."""
    with quiet():
        response = store.get_online_features(
            features=store.get_feature_service(service),
            entity_rows=[{KEY: each} for each in providers],
            full_feature_names=True,
        )
    return response.to_dict()


def statuses(store: FeatureStore, provider_id: str, view: str = "fleet") -> dict[str, str]:
    """The status by feature of one provider."""
    with quiet():
        response = store.get_online_features(
            features=[f"{view}:{name}" for name in FEATURES], entity_rows=[{KEY: provider_id}]
        ).proto
    return {
        name: FieldStatus.Name(vector.statuses[0])
        for name, vector in zip(response.metadata.feature_names.val, response.results, strict=True)
        if name != KEY
    }


def write_rows(path: Path, *rows: Mapping[str, Any]) -> None:
    """The rows, as the view's whole source."""
    pq.write_table(table_of(*rows), path)


WHOLE = {
    "ratio": 0.5, "site": "8728", "is_tow": False, "seen_at": [NOON], "drivers": ["D1", "D2"],
}  # fmt: skip
"""Values of every kind for a row."""


class Ours:
    """Our store without a registry: rows in, hashes out."""

    def __init__(self, config: RepoConfig, view: FeatureView) -> None:
        self.config, self.view, self.store = config, view, RoadsideOnlineStore()

    def write(self, *rows: dict[str, Any]) -> Any:
        return self.store.write_arrow(self.config, self.view, table_of(*rows))

    def write_protos(self, *rows: dict[str, Any]) -> None:
        self.store.online_write_batch(self.config, self.view, protos(self.view, *rows), None)

    def offers(self, provider: str) -> Any:
        """The moment of the row that is there, and its offers."""
        [(moment, values)] = self.store.online_read(self.config, self.view, [key_of(self.view, provider)])
        return None if values is None else (moment, values["offers"].int64_val)

    @property
    def state(self) -> Any:
        return self.store.state(self.config)


def protos(view: FeatureView, *rows: dict[str, Any]) -> list[Any]:
    """The rows as Feast hands them to an online store."""
    return _convert_arrow_to_proto(table_of(*rows), view, {KEY: ValueType.STRING})


def key_of(view: FeatureView, provider: str) -> Any:
    return protos(view, row(provider, NOON, 1))[0][0]


def hashes(connection: str) -> dict[bytes, dict[bytes, bytes]]:
    """Every entity's hash, without what only ours writes."""
    with RedisAddress.parse(connection).client() as client, client.pipeline(transaction=False) as pipeline:
        keys = [key for key in client.scan_iter(count=5_000) if not key.startswith(b"roadside:")]
        for key in keys:
            pipeline.hgetall(key)
        return {
            key: {name: value for name, value in content.items() if not name.startswith(b"_rev")}
            for key, content in zip(keys, pipeline.execute(), strict=True)
        }


def view_states(connection: str) -> dict[bytes, Any]:
    """What Redis knows of views besides values: their markers, and the keys that live, each since when."""
    with RedisAddress.parse(connection).client() as client:
        markers = {key: client.hgetall(key) for key in client.scan_iter(b"roadside:*:complete_through")}
        living = client.scan_iter(b"roadside:*:live:*", _type="zset")
        return markers | {key: client.zrange(key, 0, -1, withscores=True) for key in living}
