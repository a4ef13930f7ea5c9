"""What a historical retrieval answers: Feast's job, carried out when its rows are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from feast import OnDemandFeatureView
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SavedDatasetSparkStorage
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.saved_dataset import SavedDatasetStorage
from feast.types import from_feast_to_pyarrow_type

from feast_plugins.moments import MOMENT, in_microseconds
from feast_plugins.point_in_time import ROW
from feast_plugins.spines import Spine
from validation.errors import UserError

_NULLABLE = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


class Answer(Protocol):
    """What an engine found: every column of the spine and every stored feature."""

    def arrow(self) -> pa.Table:
        """The rows, in the spine's order."""

    def frame(self) -> Any:
        """The rows as a Spark DataFrame."""


@dataclass(frozen=True)
class OfFiles:
    """Found without Spark; `read` gives ROW and the features, or the rows of a range."""

    read: Callable[[], pa.Table]
    spark: Callable[[], Any]
    spine: Spine | None = None

    def arrow(self) -> pa.Table:
        """The rows, in the spine's order, one chunk a column: Feast writes only the first online."""
        found = self.read()
        table = found if self.spine is None else _beside(self.spine, found)
        return table.combine_chunks() if table.num_rows else table.schema.empty_table()

    def frame(self) -> Any:
        """The rows as a DataFrame of the active session, or a new one."""
        return self.spark().createDataFrame(self.arrow())


@dataclass(frozen=True)
class OfSpark:
    """A plan; collected when Arrow is asked for, and then put in order of ROW where it has one.

    Attributes:
        plan: the rows as a DataFrame.
        spine: a spine in memory, whose columns need not come back from `found`.
        found: of such a spine what it was asked by, and the features.
    """

    plan: Callable[[], Any]
    spine: Spine | None = None
    found: Callable[[], Any] | None = None

    def arrow(self) -> pa.Table:
        """The rows, in the spine's order."""
        table = in_microseconds((self.found or self.plan)().toArrow())
        if ROW in table.column_names:  # sorted by Spark, all would be found twice: once to cut the ranges
            table = table.take(pc.sort_indices(table[ROW]))
        if self.spine is not None:
            table = _beside(self.spine, table)
        elif ROW in table.column_names:
            table = table.drop_columns([ROW])
        return table.combine_chunks() if table.num_rows else table.schema.empty_table()

    def frame(self) -> Any:
        """The plan; a spine's order is not kept in a DataFrame."""
        return self.plan().drop(ROW)


class PointInTimeJob(RetrievalJob):
    """A retrieval. Each asking for rows reads anew; nothing is read before."""

    def __init__(
        self,
        answer: Answer,
        *,
        metadata: RetrievalMetadata | None = None,
        columns: Sequence[str] | None = None,
        on_demand: Sequence[OnDemandFeatureView] = (),
        full_names: bool = False,
        spine: Spine | None = None,
    ) -> None:
        """`columns`: the spine's and the features', in order; None for all that is found."""
        self._answer = answer
        self._metadata = metadata
        self._columns = None if columns is None else list(columns)
        self._on_demand = list(on_demand)
        self._full_names = full_names
        self._spine = spine

    @property
    def full_feature_names(self) -> bool:
        """Whether features are named `view__feature`."""
        return self._full_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The views worked out of what is found."""
        return self._on_demand

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """What was asked for; None for a range of rows."""
        return self._metadata

    def to_arrow(self, validation_reference: Any = None, timeout: int | None = None) -> pa.Table:
        """The spine's columns as given, then exactly the features asked for, in that order.

        Raises:
            UserError: Arrow has no type for a column of the spine; `to_df` keeps it.
        """
        answered = super().to_arrow(validation_reference, timeout)
        if self._columns is None:
            return answered
        lacking = [name for name in self._columns if name not in answered.column_names]
        if lacking:
            raise UserError(f"Arrow has no type for the spine's {', '.join(lacking)}.", "Ask for to_df().")
        return answered.select(self._columns)

    def to_df(self, validation_reference: Any = None, timeout: int | None = None) -> pd.DataFrame:
        """As `to_arrow`; a pandas spine's columns as they were, integers and booleans nullable."""
        if self._spine is None or self._columns is None or not self._spine.is_pandas:
            return self.to_arrow(validation_reference, timeout).to_pandas(types_mapper=_NULLABLE.get)
        answered = super().to_arrow(validation_reference, timeout)
        given = self._spine.given.reset_index(drop=True)
        features = answered.select(self._columns[len(given.columns) :]).to_pandas(types_mapper=_NULLABLE.get)
        return pd.concat([given, features], axis="columns")

    def to_spark_df(self) -> Any:
        """The answer as a DataFrame; on-demand features are worked out on the executors, by batch."""
        frame = self._answer.frame()
        if self._on_demand:
            frame = _worked_out(frame, self._on_demand, self._full_names)
        if self._columns is None:
            return frame
        return frame.select(*("`" + name.replace("`", "``") + "`" for name in self._columns))

    def to_sql(self) -> str:
        """No single statement makes this answer.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("The engines join view by view; no single statement makes this answer.")

    def persist(
        self, storage: SavedDatasetStorage, allow_overwrite: bool = False, timeout: int | None = None
    ) -> None:
        """Write the answer as one Parquet file to the storage's local path; through Spark elsewhere.

        Raises:
            UserError: it exists and may not be overwritten, or is neither a path nor a table.
        """
        if not isinstance(storage, SavedDatasetSparkStorage):
            raise UserError(f"Datasets are kept in SavedDatasetSparkStorage, not {type(storage).__name__}.")
        options = storage.spark_options
        path = str(options.path or "").removeprefix("file://")
        if path and "://" not in path and options.file_format in (None, "parquet"):
            _write_file(self.to_arrow(), Path(path), allow_overwrite=allow_overwrite)
        else:
            _write_frame(self.to_spark_df(), options, allow_overwrite=allow_overwrite)

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._answer.arrow()


def _beside(spine: Spine, found: pa.Table) -> pa.Table:
    """The spine's columns as given, and what was found for its rows."""
    table = spine.table
    for field, column in zip(found.schema, found.columns, strict=True):
        if field.name not in spine.asked.column_names:
            table = table.append_column(field, column)
    return table


def _worked_out(frame: Any, views: Sequence[OnDemandFeatureView], full_names: bool) -> Any:
    """The frame with the on-demand features, by Feast's own transformation of each batch."""
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

    given = to_arrow_schema(frame.schema)
    made = with_declared(given, views, full_names)

    def of_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            table = pa.Table.from_batches([batch]).cast(given)
            found = in_microseconds(_with_on_demand(table, views, full_names))
            yield from found.select(made.names).cast(made).to_batches()

    return frame.mapInArrow(of_batches, from_arrow_schema(made))


def with_declared(given: pa.Schema, views: Sequence[OnDemandFeatureView], full_names: bool) -> pa.Schema:
    """The schema with the features of the views, in the types that they declare; moments in UTC.

    What a batch holds does not tell them: a text feature of no rows is a column of no type.
    """
    for view in views:
        for feature in view.features:
            name = f"{view.projection.name_to_use()}__{feature.name}" if full_names else feature.name
            kind = from_feast_to_pyarrow_type(feature.dtype)
            if name not in given.names:
                given = given.append(pa.field(name, MOMENT if pa.types.is_timestamp(kind) else kind))
    return given


def _with_on_demand(table: pa.Table, views: Sequence[OnDemandFeatureView], full_names: bool) -> pa.Table:
    for view in views:
        found = view.transform_arrow(table, full_names)
        for name in found.column_names:
            if not name.startswith("__index") and name not in table.column_names:
                table = table.append_column(name, found[name])
    return table


def _write_file(table: pa.Table, target: Path, *, allow_overwrite: bool) -> None:
    if target.is_dir():
        raise UserError(f"{target} is a folder; an answer is kept as one file.", "Name a file in it.")
    if target.exists() and not allow_overwrite:
        raise UserError(f"{target} exists already.", "Pass allow_overwrite=True to replace it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    pq.write_table(table, part, coerce_timestamps="us", allow_truncated_timestamps=True)
    part.replace(target)


def _write_frame(frame: Any, options: Any, *, allow_overwrite: bool) -> None:
    mode = "overwrite" if allow_overwrite else "error"
    if options.path:
        frame.write.format(options.file_format or "parquet").mode(mode).save(options.path)
    elif options.table:
        writer = frame.write.mode(mode)
        if options.file_format:
            writer = writer.format(options.file_format)
        writer.saveAsTable(options.table)
    else:
        raise UserError("The storage names neither a path nor a table.")
