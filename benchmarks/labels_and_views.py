"""Labels and four feature views as files, and a Feast store of each kind over them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource
from feast.types import Int64, String

from benchmarks.measured import quiet

VIEWS, FEATURES = 4, 5
TTL = timedelta(days=7)
KEY, ROW, TIME = "provider_id", "label_id", "event_timestamp"
_FIRST = datetime(2026, 1, 5, tzinfo=UTC)
_DAYS = 90
_TICK = 15 * 60 * 1_000_000
_DAY = 24 * 3600 * 1_000_000


@dataclass(frozen=True)
class Sizes:
    """How much is joined: labels, rows of each view, entities, rounds timed.

    Attributes:
        is_dense: every entity has a row at every tick; otherwise ticks are drawn.
    """

    labels: int
    rows: int
    entities: int
    rounds: int
    is_dense: bool = False


SCALES = {"SMALL": Sizes(20_000, 100_000, 2_000, 3), "FULL": Sizes(200_000, 1_000_000, 20_000, 3)}
TENFOLD_LABELS = Sizes(2_000_000, 1_000_000, 20_000, 1)
NINETY_DAYS = Sizes(20_000, 500 * _DAYS * _DAY // _TICK, 500, 1, is_dense=True)
"""Every 15-minute tick of 90 days; stock looks at 672 rows a label, so the labels are few."""


@dataclass(frozen=True)
class Data:
    """The files of the views, and the labels."""

    folder: Path
    labels: pd.DataFrame

    def path(self, view: int) -> Path:
        """The file of a view."""
        return self.folder / f"view_{view}.parquet"


def written(folder: Path, sizes: Sizes) -> Data:
    """Made anew, the same each time: rows at ticks of 90 days, labels between them."""
    folder.mkdir(parents=True)
    first = int(_FIRST.timestamp()) * 1_000_000
    for number in range(VIEWS):
        chance = np.random.default_rng(number)
        if sizes.is_dense:
            entities = np.arange(sizes.rows) % sizes.entities
            at = first + np.arange(sizes.rows) // sizes.entities * _TICK
        else:
            entities = chance.integers(0, sizes.entities, sizes.rows)
            at = first + chance.integers(0, _DAYS * _DAY // _TICK, sizes.rows) * _TICK
        order = np.lexsort((entities, at))
        at, created = at[order], at[order] + chance.integers(1, 60_000_000, sizes.rows)
        columns = {KEY: _names(entities[order]), "at": _moments(at), "created": _moments(created)}
        columns |= {
            feature: pa.array(chance.integers(0, 1_000, sizes.rows)) for feature in features_of(number)
        }
        pq.write_table(pa.table(columns), folder / f"view_{number}.parquet", compression="zstd")
    chance = np.random.default_rng(VIEWS)
    asked = first + chance.integers(7 * _DAY, _DAYS * _DAY, sizes.labels)
    labels = {
        ROW: pa.array(np.arange(sizes.labels)),
        KEY: _names(chance.integers(0, sizes.entities, sizes.labels)),
        TIME: _moments(asked),
    }
    return Data(folder, pa.table(labels).to_pandas())


def features_of(view: int) -> list[str]:
    """The features of a view; no two views share one."""
    return [f"v{view}_f{number}" for number in range(FEATURES)]


def references() -> list[str]:
    """Every feature, as Feast is asked for it."""
    return [f"view_{view}:{feature}" for view in range(VIEWS) for feature in features_of(view)]


def store_of(data: Data, side: str, offline: Mapping[str, Any]) -> FeatureStore:
    """A Feast store over the views, read as the kind of offline store reads them."""
    provider = Entity(name="provider", join_keys=[KEY], value_type=ValueType.STRING)
    with quiet():
        config = RepoConfig(
            project="benchmark",
            provider="local",
            registry={"registry_type": "sql", "path": f"sqlite:///{data.folder}/{side}.db"},
            offline_store=dict(offline),
            online_store=None,
            entity_key_serialization_version=3,
        )
        store = FeatureStore(config=config)
        store.apply([provider, *(_view(number, data, provider, offline) for number in range(VIEWS))])
    return store


def _view(number: int, data: Data, provider: Entity, offline: Mapping[str, Any]) -> FeatureView:
    path = str(data.path(number))
    clocks: dict[str, Any] = {"timestamp_field": "at", "created_timestamp_column": "created"}
    source = (
        FileSource(name=f"view_{number}", path=path, **clocks)
        if offline["type"] == "duckdb"
        else SparkSource(name=f"view_{number}", path=path, file_format="parquet", **clocks)
    )
    fields = [Field(name=feature, dtype=Int64) for feature in features_of(number)]
    return FeatureView(
        name=f"view_{number}",
        entities=[provider],
        ttl=TTL,
        schema=[Field(name=KEY, dtype=String), *fields],
        source=source,
    )


def joined(store: FeatureStore, data: Data) -> pa.Table:
    """The labels with every feature, read to the end."""
    with quiet():
        return store.get_historical_features(data.labels, references()).to_arrow()


def digest(answered: pa.Table) -> str:
    """Rows and a hash of the labels' values, in order of the label."""
    ordered = answered.sort_by(ROW)
    made = hashlib.sha256()
    for name in (ROW, *(feature for view in range(VIEWS) for feature in features_of(view))):
        values = pc.fill_null(pc.cast(ordered[name], pa.int64()), -1)
        made.update(values.combine_chunks().to_numpy(zero_copy_only=False).tobytes())
    return f"{ordered.num_rows}-{made.hexdigest()[:16]}"


def _names(numbers: np.ndarray) -> pa.Array:
    return pa.array([f"P{number:06d}" for number in numbers.tolist()])


def _moments(micros: np.ndarray) -> pa.Array:
    return pa.array(micros, pa.timestamp("us", "UTC"))
