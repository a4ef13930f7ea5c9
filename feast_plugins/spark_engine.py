"""The point-in-time join on Spark: one union of spine and views per set of keys, one sort, no range join.

Touches nothing that others of the session see: no temporary view, no setting. Works in any session
time zone, for moments are compared as moments and never written as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

import pandas as pd
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import DateType, LongType, TimestampNTZType, TimestampType

from feast_plugins.point_in_time import Retrieval, Rows, ViewRead
from lakehouse.pinning import NEVER, REVISION, TICK
from validation.errors import InputMissing, UnknownName

_SPINE = "roadside_spine"


@dataclass(frozen=True)
class SparkEngine:
    """Reads and joins in the session."""

    spark: SparkSession

    def column_types(self, *sources: Rows) -> list[dict[str, str]]:
        """Spark type by column, of each source; no row is read.

        Raises:
            InputMissing: there is no such table, path or query.
        """
        schemas = [self._opened(rows).schema.fields for rows in sources]
        return [{each.name: each.dataType.simpleString() for each in fields} for fields in schemas]

    def features(self, spine: DataFrame, retrieval: Retrieval, start: datetime, end: datetime) -> DataFrame:
        """The spine, row by row, with the stored features of the retrieval; its order is not kept.

        [start, end] holds all the times of the spine.
        """
        columns = spine.columns
        for reads in retrieval.by_keys():
            spine = self._joined(spine, retrieval.time, reads, start, end)
        answers = [answer for read in retrieval.reads for answer in read.answers]
        return spine.select(*map(named, columns), *map(named, answers))

    def latest(self, rows: Rows, keys: Sequence[str], features: Sequence[str]) -> DataFrame:
        """One row per key: the newest in the range, with its clocks."""
        columns = list(dict.fromkeys((*keys, *features, *rows.clocks)))
        newest = [named(name).desc_nulls_last() for name in dict.fromkeys((*rows.clocks, *features))]
        found = self._scanned(rows, columns)
        if not keys:
            return found.orderBy(*newest).limit(1).select(*map(named, columns))
        ranked = F.row_number().over(Window.partitionBy(*map(named, keys)).orderBy(*newest))
        return found.withColumn(_SPINE, ranked).where(F.col(_SPINE) == 1).select(*map(named, columns))

    def all(self, rows: Rows, columns: Sequence[str]) -> DataFrame:
        """Every row of the range; every column of the source where none is named."""
        return self._scanned(rows, columns)

    def entities(self, reads: Sequence[ViewRead]) -> DataFrame:
        """Each combination of keys that the views have in their range, once; a key a view lacks is null."""
        keys = tuple(dict.fromkeys(key for read in reads for key in read.spine_keys))
        parts = []
        for read in reads:
            of_source = dict(read.keys)
            wanted = [(named(of_source[key]) if key in of_source else F.lit(None)).alias(key) for key in keys]
            parts.append(self._scanned(read.rows, read.sources).select(*wanted))
        return reduce(DataFrame.unionByName, parts).distinct()

    def _joined(
        self, spine: DataFrame, time: str, reads: Sequence[ViewRead], start: datetime, end: datetime
    ) -> DataFrame:
        """The spine with the features of the views that are asked by one set of its columns."""
        names = [f"roadside_view_{number}" for number in range(len(reads))]
        keys = [f"roadside_key_{number}" for number in range(len(reads[0].keys))]
        histories = [self._history(read, start, end) for read in reads]
        none = [F.lit(None).cast(history.schema["best"].dataType) for history in histories]
        kept = F.struct(*map(named, spine.columns)).alias(_SPINE)
        asked = spine.select(
            kept,
            *(named(column).alias(key) for column, key in zip(reads[0].spine_keys, keys, strict=True)),
            moment(spine, time).alias("roadside_at"),
            *(
                F.lit(None).cast(each.schema["best"].dataType).alias(n)
                for n, each in zip(names, histories, strict=True)
            ),
        )
        no_spine = F.lit(None).cast(asked.schema[_SPINE].dataType).alias(_SPINE)
        parts = [
            history.select(
                no_spine,
                *(F.col(key) for key in keys),
                F.col("holds_at").alias("roadside_at"),
                *(
                    (F.col("best") if name == mine else nothing).alias(name)
                    for nothing, name in zip(none, names, strict=True)
                ),
            )
            for mine, history in zip(names, histories, strict=True)
        ]
        by_time = [F.col("roadside_at"), F.col(_SPINE).isNotNull()]
        by_key = Window.partitionBy(*map(F.col, keys))
        so_far = Window.unboundedPreceding, Window.currentRow
        if any(read.only_created or read.rows.published for read in reads):  # an older row may hold later
            newest = [F.max(name).over(by_key.orderBy(*by_time).rowsBetween(*so_far)) for name in names]
        else:  # what ties is in order of created time and values, so that the last is the greatest
            in_order = by_key.orderBy(*by_time, *names).rowsBetween(*so_far)
            newest = [F.last(name, ignorenulls=True).over(in_order) for name in names]
        best = reduce(DataFrame.unionAll, parts, asked).select(
            _SPINE, "roadside_at", *(found.alias(name) for found, name in zip(newest, names, strict=True))
        )
        return best.where(F.col(_SPINE).isNotNull()).select(
            f"{_SPINE}.*",
            *(
                answer
                for name, read, history in zip(names, reads, histories, strict=True)
                for answer in _in_time(name, read)
            ),
        )

    def _history(self, read: ViewRead, start: datetime, end: datetime) -> DataFrame:
        """The view's rows: keys, when each begins to hold, and what it holds, greater the newer."""
        oldest = start - read.ttl if read.ttl else None
        within = Rows(read.rows.source, read.rows.time, read.rows.created, oldest, end, read.rows.pin)
        found = self._scanned(within, read.sources)
        true_at = moment(found, read.rows.time)
        created = moment(found, read.rows.created) if read.rows.created else F.lit(None).cast("timestamp")
        best = F.struct(
            true_at.alias("true_at"),
            created.alias("created_at"),
            *(
                part
                for number, (source, _) in enumerate(read.features)
                for part in (
                    named(source).isNotNull().alias(f"given_{number}"),
                    named(source).alias(f"value_{number}"),
                )
            ),
        )
        holds = F.greatest(true_at, created) if read.only_created else true_at
        if within.published:
            first = _first_read(found, within, created)
            found = found.where(first < NEVER)
            holds = F.greatest(holds, F.timestamp_micros(first))
        for _, source in read.keys:
            found = found.where(named(source).isNotNull())
        if read.only_created:
            found = found.where(created.isNotNull())
        return found.select(
            *(named(source).alias(f"roadside_key_{n}") for n, (_, source) in enumerate(read.keys)),
            holds.alias("holds_at"),
            best.alias("best"),
        )

    def _scanned(self, rows: Rows, columns: Sequence[str]) -> DataFrame:
        """The source's rows in the range."""
        found = self._opened(rows)
        needed = (*columns, *rows.clocks, *_pinned(rows))
        lacking = [name for name in needed if name not in found.columns]
        if lacking:
            raise UnknownName(f"column of {rows.told()}", lacking[0], found.columns)
        at = moment(found, rows.time)
        if rows.start is not None:
            found = found.where(at >= F.lit(rows.start))
        if rows.end is not None:
            found = found.where(at <= F.lit(rows.end))
        for name, most in _pinned(rows).items():
            found = found.where(named(name) <= F.lit(most))
        return found.select(*map(named, columns)) if columns else found

    def _opened(self, rows: Rows) -> DataFrame:
        source = rows.source
        try:
            if source.table:
                return self.spark.table(source.table)
            if source.query:
                return self.spark.sql(source.query)
            return self.spark.read.format(source.file_format or "parquet").load(source.path)
        except AnalysisException as error:
            raise InputMissing(
                f"Spark cannot open {rows.told()}: {error.getCondition() or 'analysis error'}.",
                "Check the name; a table is written as catalog.namespace.table.",
            ) from error


def named(name: str) -> Column:
    """The column of exactly that name, dots and blanks and all."""
    return F.col("`" + name.replace("`", "``") + "`")


def moment(frame: DataFrame, column: str) -> Column:
    """The column as a moment; one without a zone is UTC, whatever the session's zone."""
    kind = frame.schema[column].dataType
    if isinstance(kind, TimestampType):
        return named(column)
    if isinstance(kind, (TimestampNTZType, DateType)):
        since = F.timestamp_diff(
            "MICROSECOND",
            F.lit("1970-01-01 00:00:00").cast("timestamp_ntz"),
            named(column).cast("timestamp_ntz"),
        )
        return F.timestamp_micros(since)
    return F.to_timestamp(named(column))


def _in_time(name: str, read: ViewRead) -> list[Column]:
    """The features of what was found, null where it is older than the time to live."""
    found = F.col(f"{name}.true_at")
    holds = found.isNotNull() if read.ttl is None else found >= F.col("roadside_at") - F.lit(read.ttl)
    return [
        F.when(holds, F.col(f"{name}.value_{number}")).alias(answer)
        for number, (_, answer) in enumerate(read.features)
    ]


def _first_read(frame: DataFrame, rows: Rows, created: Column) -> Column:
    """Microseconds from which each row could be read."""
    published = rows.published
    assert published is not None

    def first(tick: pd.Series, revised: pd.Series, revision: pd.Series) -> pd.Series:
        return pd.Series(published.first_read(tick.to_numpy(), revised.to_numpy(), revision.to_numpy()))

    revised = F.coalesce(F.unix_micros(created), F.lit(0))
    first_read = pandas_udf(first, LongType())  # type: ignore[call-overload] # the stubs know old annotations
    return first_read(F.unix_micros(moment(frame, TICK)), revised, named(REVISION).cast("long"))


def _pinned(rows: Rows) -> dict[str, object]:
    """The greatest value by column that the pin bounds."""
    if rows.pin is None:
        return {}
    bounds: dict[str, object] = {}
    revision = rows.pin.revision_of(str(rows.source.table))
    if rows.pin.known_through is not None:
        bounds["event_timestamp"] = rows.pin.known_through
    if revision is not None:
        bounds["revision"] = revision
    return bounds
