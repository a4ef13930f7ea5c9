"""The point-in-time join on Spark: each view meets the spine by bucket of the keys, and is searched there.

Touches nothing that others of the session see: no temporary view, no setting. Works in any session
time zone, for moments are compared as moments and never written as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce

import pandas as pd
import pyarrow as pa
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DateType,
    DoubleType,
    FloatType,
    IntegralType,
    LongType,
    MapType,
    StringType,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from feast_plugins.point_in_time import Retrieval, Rows, ViewRead
from feast_plugins.search import CREATED_AT, HOLDS_AT, NOT_CREATED, TRUE_AT
from feast_plugins.spark_join import AT, Held, Wanted, joined, pruned
from lakehouse.pinning import NEVER, REVISION, TICK
from lakehouse.spark import table_at
from validation.errors import InputMissing, UnknownName

_NEWEST = "roadside_newest"
_MOST_QUESTIONS = 5_000_000
"""Rows of a spine in memory that every task of a view is given; with more, views are moved whole."""
_NAMES_ZONE = r":\d{2}.*([+-]\d|[A-Za-z])"
"""Of a moment written as text: its zone follows the time, as +00:00, Z or a name."""


@dataclass(frozen=True)
class SparkEngine:
    """Reads and joins in the session."""

    spark: SparkSession
    _schemas: dict[str, StructType] = field(default_factory=dict, repr=False)
    """By format and path what its files hold: a look costs a job, and a retrieval opens each twice."""

    def column_types(self, *sources: Rows) -> list[dict[str, str]]:
        """Spark type by column, of each source; no row is read.

        Raises:
            InputMissing: there is no such table, path or query.
        """
        schemas = [self._opened(rows).schema.fields for rows in sources]
        return [{each.name: each.dataType.simpleString() for each in fields} for fields in schemas]

    def features(
        self,
        spine: DataFrame,
        retrieval: Retrieval,
        start: datetime,
        end: datetime,
        asked: pa.Table | None = None,
    ) -> DataFrame:
        """The spine, row by row, with the stored features of the retrieval; its order is not kept.

        [start, end] holds all the times of the spine. `asked` is a spine that is in memory, keys and moments
        in UTC: tasks that read a view leave out what answers none of its rows.
        """
        columns = spine.columns
        groups: dict[tuple[tuple[str, DataType], ...], list[Held]] = {}
        for read in retrieval.reads:
            history, values = self._history(read, start, end)
            keys = tuple((name, history.schema[n].dataType) for n, name in enumerate(read.spine_keys))
            wanted = Wanted(
                tuple((values[source], answer) for source, answer in read.features),
                tuple(values[name] for name in read.deciding(values)),
                None if read.ttl is None else read.ttl // timedelta(microseconds=1),
            )
            questions = _questions(asked, retrieval.time, keys)
            if questions is not None:
                history = pruned(history, len(keys), wanted, questions)
            groups.setdefault(keys, []).append(Held(history, wanted))
        for keys, views in groups.items():
            of_spine = [named(name).cast(kind) for name, kind in keys]
            spine = joined(spine, F.unix_micros(moment(spine, retrieval.time)), of_spine, views)
        return spine.select(
            *map(named, (*columns, *(each for read in retrieval.reads for each in read.answers)))
        )

    def latest(self, rows: Rows, keys: Sequence[str], features: Sequence[str]) -> DataFrame:
        """One row per key: the newest in the range, with its clocks."""
        columns = list(dict.fromkeys((*keys, *features, *rows.clocks)))
        found = _scanned(self._opened(rows), rows, columns)
        found = found.select(*(unsigned(found, name).alias(name) for name in columns))
        ordering = dict.fromkeys((*rows.clocks, *features))
        newest = [_ordered(found, name).desc_nulls_last() for name in ordering]
        if not keys:
            return found.orderBy(*newest).limit(1).select(*map(named, columns))
        ranked = F.row_number().over(Window.partitionBy(*map(named, keys)).orderBy(*newest))
        return found.withColumn(_NEWEST, ranked).where(F.col(_NEWEST) == 1).select(*map(named, columns))

    def all(self, rows: Rows, columns: Sequence[str]) -> DataFrame:
        """Every row of the range; every column of the source where none is named."""
        return _scanned(self._opened(rows), rows, columns)

    def entities(self, reads: Sequence[ViewRead]) -> DataFrame:
        """Each combination of keys that the views have in their range, once; a key a view lacks is null."""
        keys = tuple(dict.fromkeys(key for read in reads for key in read.spine_keys))
        parts = []
        for read in reads:
            of_source = dict(read.keys)
            wanted = [(named(of_source[key]) if key in of_source else F.lit(None)).alias(key) for key in keys]
            parts.append(_scanned(self._opened(read.rows), read.rows, read.sources).select(*wanted))
        return reduce(DataFrame.unionByName, parts).distinct()

    def _history(self, read: ViewRead, start: datetime, end: datetime) -> tuple[DataFrame, dict[str, str]]:
        """The view's rows: keys, their clocks in microseconds, when they hold if later, what they hold.

        With the rows, the column by the source's of all that is asked for and all that decides a tie.
        """
        within = read.within(start, end)
        opened = self._opened(within)
        deciding = read.deciding(opened.columns)
        found = _scanned(opened, within, tuple(dict.fromkeys((*read.sources, *deciding))))
        true_at = F.unix_micros(moment(found, read.rows.time))
        created: Column = F.lit(None).cast("bigint")
        if read.rows.created:
            created = F.unix_micros(moment(found, read.rows.created))
        holds = F.greatest(true_at, created) if read.from_created else true_at
        if within.published:
            first = _first_read(found, within, created)
            found = found.where(first < NEVER)
            holds = F.greatest(holds, first)
        for _, source in read.keys:
            found = found.where(named(source).isNotNull())
        if read.from_created:
            found = found.where(created.isNotNull())
        later = [holds.alias(HOLDS_AT)] if read.from_created or within.published else []
        asked = (source for source, _ in read.features)
        values = {name: f"value_{n}" for n, name in enumerate(dict.fromkeys((*asked, *deciding)))}
        rows = found.select(
            *(_key(found, source).alias(f"key_{n}") for n, (_, source) in enumerate(read.keys)),
            true_at.alias(TRUE_AT),
            F.coalesce(created, F.lit(NOT_CREATED)).alias(CREATED_AT),
            *later,
            *(unsigned(found, source).alias(value) for source, value in values.items()),
        )
        return rows, values

    def _opened(self, rows: Rows) -> DataFrame:
        source = rows.source
        try:
            if source.table and rows.is_at_snapshot:
                return table_at(self.spark, source.table, rows.snapshot)
            if source.table:
                return self.spark.table(source.table)
            if source.query:
                return self.spark.sql(source.query)
            read = self.spark.read.format(source.file_format or "parquet")
            known = self._schemas.get(f"{source.file_format} {source.path}")
            opened = read.load(source.path) if known is None else read.schema(known).load(source.path)
            self._schemas[f"{source.file_format} {source.path}"] = opened.schema
            return opened
        except AnalysisException as error:
            raise InputMissing(
                f"Spark cannot open {rows.told()}: {error.getCondition() or 'analysis error'}.",
                "Check the name; a table is written as catalog.namespace.table.",
            ) from error


def _questions(asked: pa.Table | None, time: str, keys: Sequence[tuple[str, DataType]]) -> pa.Table | None:
    """The keys, in this order and of the view's types, and AT; None where they are too many, or of others."""
    if asked is None or not keys or asked.num_rows > _MOST_QUESTIONS:
        return None
    columns = []
    for name, kind in keys:
        of_spine, of_view = asked[name].type, to_arrow_type(kind)
        is_same = pa.types.is_integer(of_spine) and pa.types.is_integer(of_view)
        if of_spine != of_view and not is_same:
            return None
        columns.append(asked[name].cast(of_view).combine_chunks())
    moments = asked[time].cast(pa.int64()).combine_chunks()
    names = [f"key_{n}" for n in range(len(keys))]
    return pa.table([*columns, moments], names=[*names, AT])


def _scanned(found: DataFrame, rows: Rows, columns: Sequence[str]) -> DataFrame:
    """The source's rows in the range."""
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


def named(name: str) -> Column:
    """The column of exactly that name, dots and blanks and all."""
    return F.col("`" + name.replace("`", "``") + "`")


def _ordered(frame: DataFrame, column: str) -> Column:
    """The column as Spark puts it in order; of maps it orders only the entries."""
    kind = frame.schema[column].dataType
    return F.map_entries(named(column)) if isinstance(kind, MapType) else named(column)


def unsigned(frame: DataFrame, column: str) -> Column:
    """The column, its zeros without a sign: those with one are equal to those without, and so cannot tie."""
    return _unsigned(named(column), frame.schema[column].dataType)


def _unsigned(value: Column, kind: DataType) -> Column:
    if isinstance(kind, FloatType | DoubleType):
        return value + F.lit(0.0).cast(kind)
    if isinstance(kind, ArrayType) and _holds_reals(kind):
        element = kind.elementType
        return F.transform(value, lambda each: _unsigned(each, element))
    return value


def _holds_reals(kind: DataType) -> bool:
    if isinstance(kind, ArrayType):
        return _holds_reals(kind.elementType)
    return isinstance(kind, FloatType | DoubleType)


def _key(frame: DataFrame, column: str) -> Column:
    """The key; of whole numbers the widest, so that a spine's fits whatever the view's are."""
    kind = frame.schema[column].dataType
    return named(column).cast("bigint") if isinstance(kind, IntegralType) else named(column)


def moment(frame: DataFrame, column: str) -> Column:
    """The column as a moment; one without a zone is UTC, whatever the session's zone."""
    kind = frame.schema[column].dataType
    if isinstance(kind, TimestampType):
        return named(column)
    if isinstance(kind, (TimestampNTZType, DateType)):
        return _utc(named(column).cast("timestamp_ntz"))
    if isinstance(kind, StringType):
        text = F.trim(named(column))
        return F.when(text.rlike(_NAMES_ZONE), F.to_timestamp(text)).otherwise(
            _utc(text.cast("timestamp_ntz"))
        )
    return F.to_timestamp(named(column))


def _utc(without_zone: Column) -> Column:
    first = F.lit("1970-01-01 00:00:00").cast("timestamp_ntz")
    return F.timestamp_micros(F.timestamp_diff("MICROSECOND", first, without_zone))


def _first_read(frame: DataFrame, rows: Rows, created: Column) -> Column:
    """Microseconds from which each row could be read."""
    published = rows.published
    assert published is not None

    def first(tick: pd.Series, revised: pd.Series, revision: pd.Series) -> pd.Series:
        return pd.Series(published.first_read(tick.to_numpy(), revised.to_numpy(), revision.to_numpy()))

    revised = F.coalesce(created, F.lit(0))
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
    if rows.pin.revised_through is not None:
        bounds["revised_at"] = rows.pin.revised_through
    if revision is not None:
        bounds["revision"] = revision
    return bounds
