"""Stock Feast and ours over the same parquet files, each with a Redis database of its own."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import redis
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64, Int64, String, UnixTimestamp

from benchmarks.measured import quiet
from lakehouse.redis_server import RedisAddress, ensure_redis, stop_redis
from lakehouse.settings import Settings

STOCK, OURS = "stock", "roadside"
SERVICE = "board"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TICK = timedelta(minutes=15)
_KEY = "provider_id"
_INTEGERS, _DOUBLES = 6, 4
_DATABASES = {STOCK: 0, OURS: 1}


@dataclass(frozen=True)
class Sides:
    """A store a side, over the same views.

    Attributes:
        stores, services, clients: by side; a side's Redis database is its own.
        start, end: the range that holds every row.
    """

    stores: dict[str, FeatureStore]
    services: dict[str, FeatureService]
    clients: dict[str, redis.Redis]
    start: datetime
    end: datetime

    def materialize(self, side: str) -> None:
        """Every view's rows into the side's Redis database, which is empty before."""
        with quiet():
            self.stores[side].materialize(self.start, self.end)

    def empty(self, side: str) -> None:
        """Take everything out of the side's Redis database."""
        self.clients[side].flushdb()

    def digest(self, side: str) -> str:
        """Of every entity's hash, what stock Feast writes of it: keys, fields and bytes."""
        client, digest = self.clients[side], hashlib.sha256()
        keys = sorted(key for key in client.scan_iter(count=5_000) if not key.startswith(b"roadside:"))
        for start in range(0, len(keys), 5_000):
            pipeline = client.pipeline(transaction=False)
            for key in keys[start : start + 5_000]:
                pipeline.hgetall(key)
            for key, content in zip(keys[start : start + 5_000], pipeline.execute(), strict=True):
                stock = sorted(pair for pair in content.items() if not pair[0].startswith(b"_rev:"))
                digest.update(repr((key, stock)).encode())
        return f"{len(keys)}-{digest.hexdigest()}"

    def read(self, side: str, entities: list[str]) -> Any:
        """The service's answer for these entities."""
        return self.stores[side].get_online_features(
            features=self.services[side],
            entity_rows=[{_KEY: entity} for entity in entities],
            full_feature_names=True,
        )


@contextlib.contextmanager
def feast_sides(settings: Settings, views: int, entities: int, ticks: int) -> Iterator[Sides]:
    """So many views of so many entities, a row per entity, view and tick; a private Redis runs meanwhile."""
    folder = settings.home / "feast"
    folder.mkdir(parents=True)
    address = ensure_redis(settings)
    try:
        defined = []
        for number in range(views):
            path = folder / f"view_{number}.parquet"
            pq.write_table(_rows(number, entities, ticks), path)
            defined.append(_view(number, path))
        with quiet():
            stores = {side: _store(folder, side, address, defined) for side in _DATABASES}
        clients = {
            side: RedisAddress(
                address.host, address.port, {"db": str(number), "socket_timeout": "30"}
            ).client()
            for side, number in _DATABASES.items()
        }
        services = {side: store.get_feature_service(SERVICE) for side, store in stores.items()}
        yield Sides(stores, services, clients, NOON - ticks * TICK, NOON)
    finally:
        stop_redis(settings)


def entity(number: int) -> str:
    """The key of an entity."""
    return f"P{number:06d}"


def _rows(seed: int, entities: int, ticks: int) -> pa.Table:
    chance = np.random.default_rng(seed)
    count = entities * ticks
    moments = np.repeat(
        [np.datetime64((NOON - tick * TICK).replace(tzinfo=None), "us") for tick in range(ticks)], entities
    )
    moment = pa.array(moments).cast(pa.timestamp("us", "UTC"))
    names = np.array([entity(number) for number in range(entities)])
    columns: dict[str, Any] = {
        _KEY: pa.array(np.tile(names, ticks)),
        "available_at": moment,
        "revised_at": moment,
        "tick_at": moment,
    }
    for number in range(_INTEGERS):
        columns[f"count_{number}"] = pa.array(chance.integers(0, 2_000, count))
    for number in range(_DOUBLES):
        columns[f"ratio_{number}"] = pa.array(chance.random(count), mask=chance.random(count) < 0.1)
    columns["site"] = pa.array([f"87288{number:06x}fffff" for number in chance.integers(0, 9_999, count)])
    return pa.table(columns)


def _view(number: int, path: Path) -> FeatureView:
    return FeatureView(
        name=f"view_{number}",
        entities=[_provider()],
        ttl=timedelta(days=2),
        schema=[
            Field(name=_KEY, dtype=String),
            Field(name="tick_at", dtype=UnixTimestamp),
            *(Field(name=f"count_{each}", dtype=Int64) for each in range(_INTEGERS)),
            *(Field(name=f"ratio_{each}", dtype=Float64) for each in range(_DOUBLES)),
            Field(name="site", dtype=String),
        ],
        source=FileSource(
            name=f"view_{number}",
            path=str(path),
            timestamp_field="available_at",
            created_timestamp_column="revised_at",
        ),
    )


def _provider() -> Entity:
    return Entity(name="provider", join_keys=[_KEY], value_type=ValueType.STRING)


def _store(folder: Path, side: str, address: RedisAddress, views: list[FeatureView]) -> FeatureStore:
    is_ours = side == OURS
    online = (
        {"type": "feast_plugins.online.RoadsideOnlineStore", "clock": "data"}
        if is_ours
        else {"type": "redis"}
    )
    config = RepoConfig(
        project="benchmark",
        provider="local",
        registry={
            "registry_type": "sql",
            "path": f"sqlite:///{folder}/{side}.db",
            "cache_ttl_seconds": 600,
        },
        offline_store={"type": "duckdb"},
        online_store=online | {"connection_string": f"{address},db={_DATABASES[side]}"},
        batch_engine="feast_plugins.materialization.RoadsideComputeEngine" if is_ours else "local",
        materialization={"pull_latest_features": True, "online_write_batch_size": 10_000},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    store.apply([_provider(), *views, FeatureService(name=SERVICE, features=list(views))])
    return store
