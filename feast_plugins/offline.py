"""Feast's offline store over Iceberg tables and Parquet files.

`type: feast_plugins.offline.RoadsideOfflineStore` in feature_store.yaml; a subclass of the stock Spark
store, over the same SparkSource, so that `type: spark` is the way back.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
from feast import FeatureView, OnDemandFeatureView, RepoConfig
from feast.data_source import DataSource
from feast.errors import FeastExtrasDependencyImportError
from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.infra.offline_stores.contrib.spark_offline_store.spark import (
    SparkOfflineStore,
    SparkOfflineStoreConfig,
)
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.utils import compute_non_entity_date_range
from pydantic import Field

from feast_plugins.duckdb_engine import DuckDBEngine
from feast_plugins.iceberg_files import IcebergTables
from feast_plugins.moments import MOMENT
from feast_plugins.offline_writing import append_rows
from feast_plugins.point_in_time import Retrieval, Rows, ViewRead, rows_of, spark_source, view_reads
from feast_plugins.retrieval import OfFiles, OfSpark, PointInTimeJob
from feast_plugins.spines import KeyTypes, Spine, key_types, spine_of
from lakehouse.pinning import pin_in_force
from lakehouse.scratch import LOCAL_DIR, in_own_scratch
from validation.errors import UnknownName, UserError

RANGE_TIME = "entity_ts"
"""The column of the moment in answers for a range of time, as the stock store names it."""


_MINUTE = timedelta(minutes=1)


class RoadsideOfflineStoreConfig(SparkOfflineStoreConfig):
    """The stock Spark store's settings, and the engine's."""

    type: Literal["feast_plugins.offline.RoadsideOfflineStore"] = "feast_plugins.offline.RoadsideOfflineStore"

    engine: Literal["auto", "duckdb", "spark"] = "auto"
    """auto: DuckDB for a spine in memory whose views are files, Spark for every other."""

    catalog_name: str = "lake"
    """Tables named `<catalog_name>.<namespace>.<table>` are read without Spark."""

    catalog: dict[str, str] = Field(default_factory=dict)
    """pyiceberg's properties of that catalog; without any, only paths are read without Spark."""

    allow_future: bool = False
    """Answer also for moments that have not come, as stock Feast does; they are refused otherwise."""

    duckdb: dict[str, str] = Field(default_factory=dict)
    """DuckDB's settings: threads, memory_limit, temp_directory."""


class RoadsideOfflineStore(SparkOfflineStore):
    """The point-in-time join as it must be; see feast_plugins.point_in_time for what it guarantees."""

    @staticmethod
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: Any,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        **kwargs: Any,
    ) -> RetrievalJob:
        """The features as they could be read at each row's moment; checked now, read when asked for.

        `entity_df`: pandas, Arrow, a Spark DataFrame, Spark SQL, or None with `start_date` and
        `end_date` for every entity of the range as it stood at the end (now, where none is given).

        Raises:
            UserError: the spine or a source cannot be read as asked; every problem at once.
            UnknownName, InputMissing: a table or a column of it does not exist; nearest names are said.
        """
        store = _Store(config)
        pin = pin_in_force()
        reads = view_reads(
            feature_views,
            feature_refs,
            full_names=full_feature_names,
            only_created=filter_by_created_timestamp,
            pin=pin,
        )
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        answers = _answers(feature_refs, feature_views, on_demand, registry, project, full_feature_names)
        added = [*(answer for read in reads for answer in read.answers), *answers]
        engine = store.engine_for(entity_df, reads)
        keys = store.checked_keys(engine, reads)

        if entity_df is None:
            start, end = compute_non_entity_date_range(
                feature_views, kwargs.get("start_date"), _end_of_range(kwargs.get("end_date"))
            )
            entity_df = store.entities(engine, reads, start, end)
        if isinstance(entity_df, pd.DataFrame | pa.Table):
            spine = spine_of(
                entity_df, keys, added, RANGE_TIME, allow_future=config.offline_store.allow_future
            )
            answer: OfFiles | OfSpark = store.of_memory(engine, spine, reads)
            columns, first, last = spine.columns, spine.start, spine.end
        else:
            spine = None
            answer, columns, first, last = store.of_frame(entity_df, keys, reads, added)
        return PointInTimeJob(
            answer,
            metadata=RetrievalMetadata(
                features=feature_refs,
                keys=[*keys],
                min_event_timestamp=first,
                max_event_timestamp=last,
            ),
            columns=[*columns, *answers],
            on_demand=on_demand,
            full_names=full_feature_names,
            spine=spine,
        )

    @staticmethod
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """One row per key: the newest by (timestamp, created) with start <= timestamp <= end."""
        rows = _rows(data_source, timestamp_field, created_timestamp_column, start_date, end_date)
        keys = [name for name in join_key_columns if name != DUMMY_ENTITY_ID]
        return _Store(config).pulled(
            rows,
            (*keys, *feature_name_columns),
            lambda engine: engine.latest(rows, keys, feature_name_columns),
            has_dummy=not keys,
        )

    @staticmethod
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Every row with start <= timestamp <= end; every column where no feature is named."""
        rows = _rows(data_source, timestamp_field, created_timestamp_column, start_date, end_date)
        keys = [name for name in join_key_columns if name != DUMMY_ENTITY_ID]
        columns = tuple(dict.fromkeys((*keys, *feature_name_columns, *rows.clocks)))
        columns = columns if feature_name_columns else ()
        return _Store(config).pulled(rows, columns, lambda engine: engine.all(rows, columns))

    @staticmethod
    def offline_write_batch(
        config: RepoConfig,
        feature_view: FeatureView,
        table: pa.Table,
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Append the rows that the view's source does not hold yet; told apart by key and clocks.

        Writing the same rows twice adds them once. A released features table is written by the
        platform's runs only: their checks do not stand here.

        Raises:
            UserError: the source is no folder of Parquet files, or the rows lack a column of it.
        """
        source = spark_source(feature_view.name, feature_view.batch_source)
        rows = rows_of(source, source.timestamp_field, source.created_timestamp_column)
        keys = [each.name for each in feature_view.entity_columns if each.name != DUMMY_ENTITY_ID]
        append_rows(_Store(config).files, rows, keys, table)
        if progress:
            progress(table.num_rows)


def files_of(config: RepoConfig) -> DuckDBEngine:
    """The engine without Spark, over the configuration's catalog.

    Raises:
        UserError: the configuration's offline store is another than ours.
    """
    if not isinstance(config.offline_store, RoadsideOfflineStoreConfig):
        raise UserError(
            f"The offline store {config.offline_store.type} has no engine without Spark.",
            "Set offline_store.type to feast_plugins.offline.RoadsideOfflineStore in feature_store.yaml.",
        )
    return _Store(config).files


class _Store:
    """The engines of one configuration."""

    def __init__(self, config: RepoConfig) -> None:
        options = config.offline_store
        assert isinstance(options, RoadsideOfflineStoreConfig)
        self._options = options
        self.files = DuckDBEngine(IcebergTables(options.catalog_name, options.catalog), options.duckdb)

    def engine_for(self, entity_df: Any, reads: Sequence[ViewRead]) -> Any:
        """The engine that answers.

        Raises:
            UserError: DuckDB is forced, and something of the retrieval is Spark's.
        """
        if self._options.engine == "spark":
            return self._spark_engine()
        of_spark = [read.rows.told() for read in reads if not self.files.reads(read.rows, read.needed)]
        if not (entity_df is None or isinstance(entity_df, pd.DataFrame | pa.Table)):
            of_spark.append("the spine")
        if self._options.engine == "duckdb" and of_spark:
            raise UserError(
                f"engine is duckdb, and only Spark reads {', '.join(dict.fromkeys(of_spark))}.",
                "Set engine: auto; DuckDB reads tables of the catalog, Parquet paths, pandas and Arrow.",
            )
        return self._spark_engine() if of_spark else self.files

    def checked_keys(self, engine: Any, reads: Sequence[ViewRead]) -> KeyTypes:
        """What the spine must have; every column that is to be read of the sources exists.

        Raises:
            UnknownName, InputMissing: one, or its table, does not.
        """
        types = engine.column_types(*(read.rows for read in reads))
        for read, known in zip(reads, types, strict=True):
            for name in read.sources:
                if name not in known:
                    raise UnknownName(f"column of {read.rows.told()}", name, known)
        return key_types(reads, types)

    def entities(self, engine: Any, reads: Sequence[ViewRead], start: datetime, end: datetime) -> Any:
        """The spine of a range: each combination of keys met in it, at its end.

        Of views without keys there is one entity, whatever the range holds.
        """
        within = [replace(read, rows=replace(read.rows, start=start, end=end)) for read in reads if read.keys]
        if not within:
            return pa.table({RANGE_TIME: pa.array([end], MOMENT)})
        found = engine.entities(within)
        if isinstance(found, pa.Table):
            return found.append_column(RANGE_TIME, pa.array([end] * found.num_rows, MOMENT))
        from pyspark.sql import functions as F

        return found.withColumn(RANGE_TIME, F.lit(end))

    def of_memory(self, engine: Any, spine: Spine, reads: tuple[ViewRead, ...]) -> OfFiles | OfSpark:
        """The answer for a spine in memory."""
        retrieval = Retrieval(spine.time, reads)
        if isinstance(engine, DuckDBEngine):
            return OfFiles(
                lambda: engine.features(spine.asked, retrieval, spine.start, spine.end),
                self.spark,
                spine,
            )

        def answered(asked: pa.Table) -> Any:
            frame = engine.spark.createDataFrame(asked)
            return engine.features(frame, retrieval, spine.start, spine.end, spine.asked)

        return OfSpark(lambda: answered(spine.whole), spine, lambda: answered(spine.asked))

    def of_frame(
        self,
        entity_df: Any,
        keys: KeyTypes,
        reads: tuple[ViewRead, ...],
        answers: Sequence[str],
    ) -> tuple[OfSpark, list[str], datetime, datetime]:
        """The answer for a Spark DataFrame or a query, its columns, and the span of its moments.

        Raises:
            UserError: it cannot be asked for the views; every problem at once.
        """
        from feast_plugins import spark_spines

        engine = self._spark_engine()
        frame = engine.spark.sql(entity_df) if isinstance(entity_df, str) else entity_df
        time = spark_spines.time_column(frame, RANGE_TIME)
        start, end = spark_spines.checked(frame, time, keys, answers, allow_future=self._options.allow_future)
        retrieval = Retrieval(time, reads)
        numbered = spark_spines.numbered(frame)
        return OfSpark(lambda: engine.features(numbered, retrieval, start, end)), frame.columns, start, end

    def pulled(
        self, rows: Rows, columns: Sequence[str], read: Callable[[Any], Any], *, has_dummy: bool = False
    ) -> PointInTimeJob:
        """The rows of one source; of its columns these are read, all where none is named."""
        if self._options.engine != "spark" and self.files.reads(rows, columns):

            def of_files() -> pa.Table:
                found = read(self.files)
                if has_dummy:
                    return found.append_column(
                        DUMMY_ENTITY_ID, pa.array([DUMMY_ENTITY_VAL] * found.num_rows, pa.string())
                    )
                return found

            return PointInTimeJob(OfFiles(of_files, self.spark))

        def of_spark() -> Any:
            from pyspark.sql import functions as F

            found = read(self._spark_engine())
            return found.withColumn(DUMMY_ENTITY_ID, F.lit(DUMMY_ENTITY_VAL)) if has_dummy else found

        return PointInTimeJob(OfSpark(of_spark))

    def spark(self) -> Any:
        """The session there is, or one of the configured options; no setting of it is changed.

        A thread that has made none has no active session, but the process may have one: to build another
        over it would set the configured options there.
        """
        try:
            from pyspark import SparkConf, SparkContext
            from pyspark.sql import SparkSession
        except ImportError as error:
            raise FeastExtrasDependencyImportError("spark", str(error)) from error
        active = SparkSession.getActiveSession()
        if active is not None:
            return active
        if SparkContext._active_spark_context is not None:
            return SparkSession.builder.getOrCreate()
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        options = self._options.spark_conf or {}
        if LOCAL_DIR in options:
            options = in_own_scratch(options)
        conf = SparkConf().setAll(list(options.items()))
        return SparkSession.builder.config(conf=conf).getOrCreate()

    def _spark_engine(self) -> Any:
        from feast_plugins.spark_engine import SparkEngine

        return SparkEngine(self.spark())


def _rows(
    source: DataSource, time: str, created: str | None, start: datetime | None, end: datetime | None
) -> Rows:
    return rows_of(spark_source(source.name, source), time, created, _aware(start), _aware(end))


def _aware(moment: datetime | None) -> datetime | None:
    """The moment in UTC; one without a zone is UTC, as Feast has it."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=UTC)


def _end_of_range(end: datetime | None) -> datetime:
    """The end in UTC, now where none is given.

    Feast fills in the machine's own clock, without a zone; a moment without one is UTC everywhere else.
    So one that is the machine's clock of the last minute is taken for now.
    """
    if end is None:
        return datetime.now(UTC)
    if end.tzinfo is None:
        of_machine = end.astimezone(UTC)
        if timedelta(0) <= datetime.now(UTC) - of_machine < _MINUTE:
            return of_machine
        return end.replace(tzinfo=UTC)
    return end.astimezone(UTC)


def _answers(
    refs: Sequence[str],
    views: Sequence[FeatureView],
    on_demand: Sequence[OnDemandFeatureView],
    registry: BaseRegistry,
    project: str,
    full_names: bool,
) -> list[str]:
    """The feature columns that were asked for, in order.

    Feast appends what on-demand views are made of to the references it hands over. Where what stands
    before is a service of the registry, it is left out again (of several services that may have been
    asked the largest was, so that nothing asked is lost); of references given one by one it cannot be
    told from what was asked, and stays.
    """
    asked, found = list(refs), []
    if on_demand:
        for service in registry.list_feature_services(project, allow_cache=True):
            of_service = [
                f"{projection.name_to_use()}:{feature.name}"
                for projection in service.feature_view_projections
                for feature in projection.features
            ]
            rest = asked[len(of_service) :]
            is_first = of_service and asked[: len(of_service)] == of_service
            if is_first and set(rest) <= _made_of(on_demand):
                found.append(of_service)
        asked = max(found, key=len, default=asked)
    names = {
        view.projection.name_to_use(): view.projection.name_alias or view.name
        for view in (*views, *on_demand)
    }
    pairs = [ref.split(":", 1) for ref in asked]
    return [f"{names.get(role, role)}__{feature}" if full_names else feature for role, feature in pairs]


def _made_of(on_demand: Sequence[OnDemandFeatureView]) -> set[str]:
    return {
        f"{projection.name_to_use()}:{feature.name}"
        for view in on_demand
        for projection in view.source_feature_view_projections.values()
        for feature in projection.features
    }
