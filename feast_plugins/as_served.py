"""Which row of a view the point-in-time join gives an entity, known by its mark, at an instant.

What the online store logged of a read (feast_plugins.read_log) names no entity. The view's own rows do: each
key that has one in the range is marked as the log marks it, and so the two are matched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
from feast import FeatureView, RepoConfig
from feast.feature_view import DUMMY_ENTITY_ID

from feast_plugins import wire
from feast_plugins.duckdb_engine import DuckDBEngine
from feast_plugins.offline import files_of
from feast_plugins.point_in_time import ROW, Retrieval, ViewRead, rows_of, spark_source
from feast_plugins.read_log import mark_of
from feast_plugins.view_state import moment_at
from validation.errors import UserError

AVAILABLE, REVISED, INSTANT = "available_at", "revised_at", "roadside_instant"
Clocks = tuple[int, int | None]
"""A row's timestamp and created timestamp, in microseconds; None where its source keeps no created."""


@dataclass(frozen=True)
class AsServed:
    """What the join gives, question by question.

    Attributes:
        rows: the clocks of the row in force, None where there is none.
        entities: the keys by name, of every mark that a row of the range has.
    """

    rows: Sequence[Clocks | None]
    entities: Mapping[str, Mapping[str, Any]]


def rows_in_force(
    config: RepoConfig,
    view: FeatureView,
    marks: Sequence[str],
    instants: Sequence[int],
    since: int,
    until: int,
) -> AsServed:
    """The row of each mark at its instant, as the offline store's DuckDB engine joins it.

    Args:
        instants: one per mark, in microseconds.
        since, until: the microseconds between which rows may have been served: a mark is known by its
            rows from a time to live before `since` through `until`.

    Raises:
        UserError: only Spark reads the view's source.
        InputMissing, UnknownName: its table does not exist.
    """
    engine, read = files_of(config), _read_of(view, since, until)
    if not engine.reads(read.rows, read.needed):
        raise UserError(
            f"{view.name} reads {read.rows.told()}, which only Spark reads.",
            "What was served is compared over tables of the catalog and Parquet files.",
        )
    keys = _keys(engine, read)
    known = _marked(keys, view, config.project)
    places = [known.get(mark) for mark in marks]
    asked = [(place, instant) for place, instant in zip(places, instants, strict=True) if place is not None]
    found = iter(_joined(engine, read, keys, asked))
    wanted = set(marks)
    return AsServed(
        [None if place is None else next(found) for place in places],
        {mark: keys.slice(place, 1).to_pylist()[0] for mark, place in known.items() if mark in wanted},
    )


def _read_of(view: FeatureView, since: int, until: int) -> ViewRead:
    """The view's clocks, its keys under their own names."""
    source = spark_source(view.name, view.batch_source)
    oldest = moment_at(since) - (view.ttl or timedelta(0))
    rows = rows_of(source, source.timestamp_field, source.created_timestamp_column, oldest, moment_at(until))
    of_source = {name: column for column, name in (source.field_mapping or {}).items()}
    names = [each.name for each in view.entity_columns if each.name != DUMMY_ENTITY_ID]
    clocks = ((rows.time, AVAILABLE), *(((rows.created, REVISED),) if rows.created else ()))
    return ViewRead(
        role=view.name,
        rows=rows,
        keys=tuple((name, of_source.get(name, name)) for name in names),
        features=clocks,
        ttl=view.ttl or None,
    )


def _keys(engine: DuckDBEngine, read: ViewRead) -> pa.Table:
    """The entities that have a row in the range; of a view without keys the one there is."""
    if not read.keys:
        return pa.table({DUMMY_ENTITY_ID: pa.array([""])})
    return engine.entities([read]).drop_null()


def _marked(keys: pa.Table, view: FeatureView, project: str) -> dict[str, int]:
    """The row of each entity, by its mark."""
    types = {each.name: each.dtype.to_value_type() for each in view.entity_columns}
    columns = {name: keys[name].combine_chunks() for name in keys.column_names}
    of_redis = wire.entity_keys(columns, types, project)
    return {mark_of(key): place for place, key in enumerate(of_redis.to_pylist())}


def _joined(
    engine: DuckDBEngine, read: ViewRead, keys: pa.Table, asked: Sequence[tuple[int, int]]
) -> list[Clocks | None]:
    if not asked:
        return []
    instants = [instant for _, instant in asked]
    spine = keys.take(pa.array([place for place, _ in asked]))
    spine = spine.append_column(ROW, pa.array(range(len(asked)), pa.int64()))
    spine = spine.append_column(INSTANT, pa.array(instants, pa.timestamp("us", "UTC")))
    retrieval = Retrieval(INSTANT, (read,))
    found = engine.features(spine, retrieval, moment_at(min(instants)), moment_at(max(instants)))
    moments = found[AVAILABLE].cast(pa.int64()).to_pylist()
    created = [None] * len(moments)
    if REVISED in found.column_names:
        created = found[REVISED].cast(pa.int64()).to_pylist()
    return [
        None if moment is None else (moment, revised)
        for moment, revised in zip(moments, created, strict=True)
    ]
