"""What runs `feast materialize`: the newest rows of a range as Arrow, into Redis as they are.

Stock Feast's local engine makes a Python object of every value. `batch_engine: local` is the stock engine.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from feast import BatchFeatureView, FeatureView, StreamFeatureView
from feast.infra.common.materialization_job import MaterializationJobStatus, MaterializationTask
from feast.infra.compute_engines.local.compute import LocalComputeEngine, LocalComputeEngineConfig
from feast.infra.compute_engines.local.job import LocalMaterializationJob
from feast.infra.registry.base_registry import BaseRegistry
from feast.utils import _get_column_names, make_tzaware

from feast_plugins.intervals import merged
from feast_plugins.online import RoadsideOnlineStore, source_of
from feast_plugins.view_state import moment_at
from feast_plugins.wire import microseconds

_log = logging.getLogger(__name__)
_NO_TIME = timedelta(0)
_NAME: Any = "feast_plugins.materialization.RoadsideComputeEngine"


class RoadsideComputeEngineConfig(LocalComputeEngineConfig):
    """The stock engine's settings; Feast finds the class by the engine's name."""

    type: Literal["feast_plugins.materialization.RoadsideComputeEngine"] = _NAME  # type: ignore[assignment]


class RoadsideComputeEngine(LocalComputeEngine):
    """The stock local engine; a view that is stored as it is goes from Arrow to Redis by columns.

    Written are the newest rows per key with start <= timestamp <= end. What continues an earlier range
    (`materialize-incremental`) reaches back a time to live from its end, so that a row which came late
    to a range written before is served too. The view's marker is moved last, to the newest timestamp
    read: what is killed before leaves it, and run again ends as one run would.

    It is moved only where no row that still lives was left out between what Redis has and this range: if the
    range begins no later than what was asked for without a gap ended, or reaches back a time to live. Where
    Redis knows nothing of the view, the registry says whether that is so because none was ever written, then
    any range begins it; or because Redis lost what it had, then only a range moves the marker that reaches
    back a time to live or to where the registry's first one began. Else the rows are written, the marker
    stands, and a warning says from when on to materialize.
    """

    def _materialize_one(
        self, registry: BaseRegistry, task: MaterializationTask, **kwargs: Any
    ) -> LocalMaterializationJob:
        view, store = task.feature_view, self.online_store
        if not isinstance(store, RoadsideOnlineStore) or not _is_stored(view):
            return super()._materialize_one(registry, task, **kwargs)
        job_id = f"{view.name}-{task.start_time}-{task.end_time}"
        try:
            self._write(registry, store, task)
            _keep_intervals_few(registry, view, task.project)
        except Exception as error:
            return LocalMaterializationJob(job_id, MaterializationJobStatus.ERROR, error)
        return LocalMaterializationJob(job_id, MaterializationJobStatus.SUCCEEDED)

    def _write(self, registry: BaseRegistry, store: RoadsideOnlineStore, task: MaterializationTask) -> None:
        view = task.feature_view
        store.ping(self.repo_config)
        rows = self._pull(registry, task)
        if not view.online:
            return
        bar = task.tqdm_builder(rows.num_rows) if task.tqdm_builder else None
        try:
            store.write_arrow(self.repo_config, view, rows, bar.update if bar else lambda _count: None)
        finally:
            if bar:
                bar.close()
        self._complete(store, task, _newest(rows, source_of(view).timestamp_field))

    def _complete(
        self, store: RoadsideOnlineStore, task: MaterializationTask, newest: datetime | None
    ) -> None:
        view = task.feature_view
        asked = store.asked_through(self.repo_config, view)
        if not _goes_on(task, asked):
            _log.warning(
                "%s: this range begins at %s, but Redis has the view through %s: its marker stays. "
                "Materialize from then, or a time to live.",
                view.name,
                make_tzaware(task.start_time).isoformat(),
                asked.isoformat() if asked else "no moment (it lost what it had)",
            )
            return
        if newest is not None:
            store.complete(self.repo_config, view, newest)
        looked_until = min(make_tzaware(task.end_time), datetime.now(UTC))  # later rows are not there yet
        store.ask_through(self.repo_config, view, looked_until)

    def _pull(self, registry: BaseRegistry, task: MaterializationTask) -> pa.Table:
        view, source = task.feature_view, source_of(task.feature_view)
        entities = [registry.get_entity(name, task.project) for name in view.entities]
        join_keys, features, timestamp, created = _get_column_names(view, entities)
        job = self.offline_store.pull_latest_from_table_or_query(
            config=self.repo_config,
            data_source=source,
            join_key_columns=join_keys,
            feature_name_columns=features,
            timestamp_field=timestamp,
            created_timestamp_column=created,
            start_date=_start(task),
            end_date=task.end_time,
        )
        rows = job.to_arrow()
        named = source.field_mapping or {}
        return rows.rename_columns([named.get(name, name) for name in rows.column_names])


def _is_stored(view: Any) -> bool:
    """Whether the view's rows are served as its source holds them."""
    is_worked_out = isinstance(view, BatchFeatureView | StreamFeatureView) or getattr(
        view, "feature_transformation", None
    )
    return isinstance(view, FeatureView) and not is_worked_out and not getattr(view, "source_views", None)


def _start(task: MaterializationTask) -> datetime:
    """From when rows are read: a time to live before the end, if this continues what was written.

    The first time Feast goes on from a time to live before the wall's now, which may be past the end.
    """
    view, start = task.feature_view, make_tzaware(task.start_time)
    written = view.most_recent_end_time
    is_going_on = start > task.end_time or (written is not None and start == make_tzaware(written))
    if not is_going_on:
        return start
    return min(start, task.end_time - view.ttl) if view.ttl and view.ttl > _NO_TIME else start


def _goes_on(task: MaterializationTask, asked: datetime | None) -> bool:
    """Whether no row that lives lies between `asked`, through when Redis has the view, and the range."""
    view, start = task.feature_view, _start(task)
    if view.ttl and view.ttl > _NO_TIME and make_tzaware(task.end_time) - start >= view.ttl:
        return True
    if asked is not None:
        return start <= asked
    return all(start <= make_tzaware(begun) for begun, _ in view.materialization_intervals)


def _newest(rows: pa.Table, timestamp: str) -> datetime | None:
    newest = pc.max(rows.column(timestamp))
    if not newest.is_valid:
        return None
    return moment_at(int(microseconds(pa.array([newest.as_py()], newest.type))[0]))


def _keep_intervals_few(registry: BaseRegistry, view: FeatureView, project: str) -> None:
    """Merge the view's earlier intervals; Feast adds this run's when it has ended.

    One more each quarter of an hour is 35 thousand a year, which every reader of the registry loads.
    """
    if len(merged(view.materialization_intervals)) == len(view.materialization_intervals):
        return
    known = registry.get_feature_view(view.name, project)
    few = merged((make_tzaware(start), make_tzaware(end)) for start, end in known.materialization_intervals)
    if len(few) < len(known.materialization_intervals):
        known.materialization_intervals = few
        registry.apply_feature_view(known, project)
