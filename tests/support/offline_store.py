"""Small Feast stores over Parquet files: stock ones and ours, of the same views and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.data_source import DataSource
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from feast.types import Float64, Int64, String

from feast_plugins.offline import RoadsideOfflineStore
from lakehouse.feast_cli import FEATURE_REPO

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOMENT = pa.timestamp("us", "UTC")
CONFIGURED = yaml.safe_load((FEATURE_REPO / "feature_store.yaml").read_text())
"""How Feast itself is set in our repository."""

STOCK_SPARK = {"type": "spark"}
STOCK_DUCKDB = {"type": "duckdb"}
STOCK_DASK = {"type": "dask"}
OURS = {"type": f"{RoadsideOfflineStore.__module__}.{RoadsideOfflineStore.__name__}"}
OURS_DUCKDB = OURS | {"engine": "duckdb"}
OURS_SPARK = OURS | {"engine": "spark"}

PROVIDER = Entity(name="provider", join_keys=["provider_id"], value_type=ValueType.STRING)
ZONE = Entity(name="zone", join_keys=["zone_id"], value_type=ValueType.STRING)
TYPES = {"offers": Int64, "ratio": Float64, "requests": Int64}
ARROW = {"offers": pa.int64(), "ratio": pa.float64(), "requests": pa.int64(), "at": MOMENT, "created": MOMENT}


def rows(*listed: Mapping[str, Any]) -> pa.Table:
    """Rows of a view: keys, `at`, `created`, features; created is `at` where it is not given."""
    names = [*(name for each in listed for name in each), "created"]
    columns = {
        name: pa.array([each.get(name, each["at"] if name == "created" else None) for each in listed], kind)
        for name in dict.fromkeys(names)
        for kind in [ARROW.get(name, pa.string())]
    }
    return pa.table(columns)


def view(
    name: str, entities: Sequence[Entity], source: DataSource, *features: str, ttl: timedelta = 60 * MINUTE
) -> FeatureView:
    """A view of the source."""
    keys = [Field(name=key, dtype=String) for entity in entities for key in [entity.join_key]]
    return FeatureView(
        name=name,
        entities=list(entities),
        ttl=ttl,
        schema=[*keys, *(Field(name=each, dtype=TYPES[each]) for each in features)],
        source=source,
    )


def spark_source(path: Path) -> SparkSource:
    """The file as ours and the stock Spark store read it."""
    return SparkSource(
        name=path.stem,
        path=str(path),
        file_format="parquet",
        timestamp_field="at",
        created_timestamp_column="created",
    )


def file_source(path: Path) -> FileSource:
    """The file as the stock DuckDB and dask stores read it."""
    return FileSource(
        name=path.stem, path=str(path), timestamp_field="at", created_timestamp_column="created"
    )


def store_of(
    folder: Path,
    offline: Mapping[str, Any],
    tables: Mapping[str, pa.Table],
    objects: Callable[[Mapping[str, DataSource]], Sequence[Any]],
) -> FeatureStore:
    """A store over the tables, each one file; `objects` are made of the sources, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    of_files = offline["type"] in ("duckdb", "dask")
    sources: dict[str, DataSource] = {}
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        pq.write_table(table, path)
        sources[name] = file_source(path) if of_files else spark_source(path)
    config = RepoConfig(
        project="probe",
        provider="local",
        registry={"registry_type": "sql", "path": f"sqlite:///{folder}/registry.db"},
        offline_store=dict(offline),
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
        coerce_tz_aware=CONFIGURED["coerce_tz_aware"],
    )
    store = FeatureStore(config=config)
    store.apply(list(objects(sources)))
    return store


def spine(*listed: Mapping[str, Any]) -> pd.DataFrame:
    """Rows to ask for; `event_timestamp` among their columns."""
    return pd.DataFrame(list(listed))
