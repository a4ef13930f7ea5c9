"""The point-in-time join without Java or Spark: DuckDB reads the files of the tables, of a view only the
rows of the spine's keys, and a search over sorted numbers (feast_plugins.search) finds what each row sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from glob import glob
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from feast_plugins.iceberg_files import IcebergTables, Planned
from feast_plugins.moments import in_microseconds
from feast_plugins.point_in_time import ROW, Retrieval, Rows, ViewRead
from feast_plugins.ranking import has_ties, quoted, ranked
from feast_plugins.search import CREATED_AT, HOLDS_AT, KEY, NOT_CREATED, TRUE_AT, Questions
from lakehouse.closed_folder import closed_folder
from lakehouse.pinning import NEVER, REVISION, TICK, Publications
from validation.errors import InputMissing, UnknownName

_TICK_AT, _REVISION = "roadside_tick_at", "roadside_revision"
_BATCH = 1_000_000
"""Rows of a view in memory at once, beside those that answer."""
_VIEWS_AT_ONCE = 2
"""While one is read, which all threads do, another is searched, which one does."""
_MOMENTS = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP")
_NANOSECONDS = ("TIMESTAMP_NS", "TIMESTAMPTZ_NS")
"""What pandas writes; DuckDB compares them with no moment in microseconds."""
_REALS = ("DOUBLE", "FLOAT")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECIDING = "roadside_deciding_"


@dataclass(frozen=True)
class DuckDBEngine:
    """Reads and joins on this machine, within the options' memory and threads."""

    tables: IcebergTables
    options: Mapping[str, str]

    def reads(self, rows: Rows, columns: Sequence[str] = ()) -> bool:
        """Whether these columns of the source (all, where none is named) can be read without Spark.

        They can of Parquet files, and of a table of the catalog where they are neither structs nor maps.
        """
        source = rows.source
        if source.path:
            return source.file_format in (None, "parquet") and source.table_format is None
        return not source.query and self.tables.has(source.table) and self.tables.reads(source.table, columns)

    def column_types(self, *sources: Rows) -> list[dict[str, str]]:
        """DuckDB type by column, of each source; no row is read.

        Raises:
            InputMissing, UnknownName: there is no such table, or no such file.
        """
        with self._connected() as session:
            return [session.column_types(rows) for rows in sources]

    def features(self, spine: pa.Table, retrieval: Retrieval, start: datetime, end: datetime) -> pa.Table:
        """One row per row of the spine, in its order: the stored features of the retrieval.

        `spine` has ROW, the keys and the time, as moments in UTC; [start, end] holds all its times.
        """
        with self._connected() as session, ThreadPoolExecutor(_VIEWS_AT_ONCE) as pool:
            moments = spine[retrieval.time].cast(pa.int64()).to_numpy()
            columns: dict[str, pa.ChunkedArray] = {}
            for reads in retrieval.by_keys():
                questions = Questions(session.take_keys(spine, reads[0].spine_keys), moments)

                def joined(read: ViewRead, questions: Questions = questions) -> pa.Table:
                    with session.beside() as own:
                        return own.joined(questions, read, start, end)

                for read, answered in zip(reads, pool.map(joined, reads), strict=True):
                    columns |= {name: answered[name] for name in read.answers}
            columns = {name: columns[name] for read in retrieval.reads for name in read.answers}
        return pa.table({ROW: spine[ROW], **columns})

    def latest(self, rows: Rows, keys: Sequence[str], features: Sequence[str]) -> pa.Table:
        """One row per key: the newest in the range, with its clocks."""
        with self._connected() as session:
            return session.newest(rows, keys, features)

    def all(self, rows: Rows, columns: Sequence[str]) -> pa.Table:
        """Every row of the range; every column of the source where none is named."""
        with self._connected() as session:
            return session.fetched(f"SELECT * FROM ({session.scanned(rows, columns)})")

    def entities(self, reads: Sequence[ViewRead]) -> pa.Table:
        """Each combination of keys that the views have in their range, once; a key a view lacks is null."""
        keys = tuple(dict.fromkeys(key for read in reads for key in read.spine_keys))
        with self._connected() as session:
            parts = [session.keys_of(read, keys) for read in reads]
            wanted = ", ".join(map(quoted, keys))
            return session.fetched(f"SELECT DISTINCT * FROM ({' UNION ALL '.join(parts)}) ORDER BY {wanted}")

    def absent(self, given: pa.Table, rows: Rows, identity: Sequence[str]) -> pa.Table:
        """The given rows of which the source has none that is equal in the columns of the identity."""
        with self._connected() as session:
            return session.absent(given, rows, identity)

    @contextmanager
    def _connected(self) -> Iterator[_Session]:
        if "temp_directory" in self.options:
            with suppress(OSError):  # DuckDB says so itself, should it come to need the folder
                closed_folder(Path(self.options["temp_directory"]))  # it would leave rows open to others
        with duckdb.connect(config=dict(self.options)) as connection:
            yield _Session(connection, self.tables)


class _Session:
    """One connection to a database of one retrieval, used by one thread."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, tables: IcebergTables) -> None:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        connection.execute("SET enable_progress_bar = false").fetchall()
        self._connection = connection
        self._tables = tables
        self._taken = 0
        self._described: dict[str, dict[str, str]] = {}

    @contextmanager
    def beside(self) -> Iterator[_Session]:
        """A session of the same database, for another thread."""
        with self._connection.cursor() as connection:
            yield _Session(connection, self._tables)

    def take_keys(self, spine: pa.Table, keys: Sequence[str]) -> np.ndarray:
        """A number per row of the spine, the same for the same keys; -1 where one is null.

        They are numbered in the table `asked` until the next call.
        """
        self._connection.register("given", spine)
        names = [*map(quoted, keys)]
        known = " AND ".join(f"{name} IS NOT NULL" for name in names) or "true"
        self._done(
            f"CREATE OR REPLACE TABLE asked AS SELECT *, row_number() OVER () - 1 AS {KEY} "
            f"FROM (SELECT DISTINCT {', '.join(names) or '0 AS nothing'} FROM given WHERE {known})"
        )
        same = " AND ".join(f"given.{name} = asked.{name}" for name in names) or "true"
        found = self.fetched(
            f"SELECT {ROW}, coalesce({KEY}, -1) AS {KEY} FROM given LEFT JOIN asked ON {same}"
        )
        numbers = np.empty(spine.num_rows, dtype=np.int64)
        numbers[found[ROW].to_numpy()] = found[KEY].to_numpy()
        return numbers

    def joined(self, questions: Questions, read: ViewRead, start: datetime, end: datetime) -> pa.Table:
        """The view's features, a row per question, whose keys were taken last.

        What decides a tie beside the features asked for is read only where rows tie.
        """
        within = replace(read, rows=read.within(start, end))
        asked = {source for source, _ in read.features}
        deciding = read.deciding(self.column_types(read.rows))
        if asked.issuperset(deciding):
            return self._joined(questions, within, deciding)
        try:
            return self._joined(questions, within, None)
        except _Tied:
            return self._joined(questions, within, deciding)

    def _joined(self, questions: Questions, read: ViewRead, deciding: Sequence[str] | None) -> pa.Table:
        """As `joined`; ties are decided by these columns.

        Raises:
            _Tied: there are some, and no columns to decide them.
        """
        answers = dict(read.features)
        answers |= {name: f"{_DECIDING}{name}" for name in deciding or () if name not in answers}
        history = self._connection.sql(self._history(read, deciding or ()))
        published = read.rows.published
        with history.to_arrow_reader(_BATCH) as batches:
            found = questions.answered(
                _as_published(batches, published) if published else batches,
                _untied if deciding is None else partial(ranked, values=[answers[name] for name in deciding]),
                _microseconds_of(read.ttl) if read.ttl else None,
            )
        return in_microseconds(found.select(read.answers))

    def newest(self, rows: Rows, keys: Sequence[str], features: Sequence[str]) -> pa.Table:
        columns = list(dict.fromkeys((*keys, *features, *rows.clocks)))
        ordered = [
            f"{name} DESC NULLS LAST" for name in map(quoted, dict.fromkeys((*rows.clocks, *features)))
        ]
        types = self.column_types(rows)
        wanted = [f"{_unsigned(quoted(name), types.get(name, ''))} AS {quoted(name)}" for name in columns]
        scanned = f"SELECT {', '.join(wanted)} FROM ({self.scanned(rows, columns)})"
        return self.fetched(
            f"SELECT * FROM ({scanned}) "
            f"QUALIFY row_number() OVER ({_partition(keys)} ORDER BY {', '.join(ordered)}) = 1"
        )

    def absent(self, given: pa.Table, rows: Rows, identity: Sequence[str]) -> pa.Table:
        self._connection.register("given", given)
        equal = (f"given.{name} IS NOT DISTINCT FROM held.{name}" for name in map(quoted, identity))
        same, held = " AND ".join(equal), self.scanned(rows, identity)
        return self.fetched(f"SELECT * FROM given WHERE NOT EXISTS (FROM ({held}) AS held WHERE {same})")

    def keys_of(self, read: ViewRead, keys: Sequence[str]) -> str:
        of_source = dict(read.keys)
        wanted = [
            f"{quoted(of_source[key]) if key in of_source else 'NULL'} AS {quoted(key)}" for key in keys
        ]
        return f"SELECT DISTINCT {', '.join(wanted)} FROM ({self.scanned(read.rows, read.sources)})"

    def fetched(self, query: str) -> pa.Table:
        """The answer; moments in microseconds, UTC."""
        return in_microseconds(self._connection.sql(query).to_arrow_table())

    def _done(self, statement: str) -> None:
        self._connection.execute(statement).fetchall()

    def _told(self, query: str) -> list[Any]:
        """The query's few rows. As a relation: rows of `execute` may keep the connection busy."""
        return self._connection.sql(query).fetchall()

    def column_types(self, rows: Rows) -> dict[str, str]:
        """DuckDB type by column of the source."""
        source = str(rows.source.path or rows.source.table)
        if source not in self._described:
            if rows.source.path:
                told = self._told(f"DESCRIBE SELECT * FROM {_scan_of_path(rows, self)}")
                self._described[source] = {str(name): str(kind) for name, kind, *_ in told}
            else:
                self._described[source] = self._tables.columns(source)
        return self._described[source]

    def scanned(self, rows: Rows, columns: Sequence[str]) -> str:
        """A query of the source's rows in the range."""
        types, pinned = self.column_types(rows), _pinned_columns(rows)
        needed = tuple(dict.fromkeys((*columns, *rows.clocks, *pinned)))
        lacking = [name for name in needed if name not in types]
        if lacking:
            raise UnknownName(f"column of {rows.told()}", lacking[0], types)
        bounds = [_bound(rows.time, types[rows.time], compares, at) for compares, at in _bounds(rows)]
        bounds += [f"{quoted(name)} <= {most}" for name, most in pinned.items()]
        wanted = ", ".join(map(quoted, dict.fromkeys(columns))) or "*"
        scan = self._scan(rows, needed if columns else tuple(types))
        return f"SELECT {wanted} FROM {scan} WHERE {' AND '.join(bounds) or 'true'}"

    def _history(self, read: ViewRead, deciding: Sequence[str]) -> str:
        """A query of the view's rows of the keys in `asked`: key, microseconds, features, what decides."""
        rows = read.rows
        types = self.column_types(rows)
        created = rows.created and _microseconds(rows.created, types.get(rows.created, ""))
        asked = [source for source, _ in read.features]
        values = [*read.features, *((name, f"{_DECIDING}{name}") for name in deciding if name not in asked)]
        columns = [
            f"{KEY}::BIGINT AS {KEY}",
            f"{_microseconds(rows.time, types.get(rows.time, ''))} AS {TRUE_AT}",
            f"coalesce({created or 'NULL'}, {NOT_CREATED})::BIGINT AS {CREATED_AT}",
            *(
                f"{_unsigned(f'held.{quoted(source)}', types.get(source, ''))} AS {quoted(name)}"
                for source, name in values
            ),
        ]
        if read.from_created:
            columns.append(f"greatest({TRUE_AT}, {CREATED_AT}) AS {HOLDS_AT}")
        if rows.published:
            columns += [
                f"{_microseconds(TICK, types[TICK])} AS {_TICK_AT}",
                f"held.{quoted(REVISION)}::BIGINT AS {_REVISION}",
            ]
        same = [f"held.{quoted(source)} = asked.{quoted(spine)}" for spine, source in read.keys]
        return (
            f"SELECT {', '.join(columns)} FROM ({self.scanned(rows, (*read.sources, *deciding))}) AS held "
            f"JOIN asked ON {' AND '.join(same) or 'true'}"
            f"{f' WHERE {CREATED_AT} > {NOT_CREATED}' if read.from_created else ''}"
        )

    def _scan(self, rows: Rows, columns: Sequence[str]) -> str:
        """What stands behind FROM."""
        if rows.source.path:
            return _scan_of_path(rows, self)
        return self._scan_of_table(self._tables.plan(rows, columns))

    def _scan_of_table(self, planned: Planned) -> str:
        if planned.rows is not None:
            self._taken += 1
            name = f"taken_{self._taken}"
            self._connection.register(name, planned.rows)
            return name
        if not planned.files:
            columns = (f"NULL::{kind} AS {quoted(name)}" for _, name, kind in planned.columns)
            return f"(SELECT {', '.join(columns)} WHERE false)"
        self._open_files(planned.files)
        files = ", ".join(map(_text, planned.files))
        schema = ", ".join(
            f"{number}: {{name: {_text(name)}, type: {_text(kind)}, default_value: NULL}}"
            for number, name, kind in planned.columns
        )
        return f"read_parquet([{files}], schema = MAP {{{schema}}}, hive_partitioning = false)"

    def _open_files(self, files: Sequence[str]) -> None:
        """Let DuckDB read where the files are: S3 through fsspec, which knows the machine's credentials."""
        remote = sorted({file.split("://")[0] for file in files if "://" in file})
        for scheme in remote:
            import fsspec

            self._connection.register_filesystem(fsspec.filesystem(scheme))


class _Tied(Exception):
    """Rows are equal in key and clocks, and what decides between them was not read."""


def _untied(rows: pa.Table) -> np.ndarray:
    """The place of each row by its clocks alone.

    Raises:
        _Tied: they do not tell all rows apart.
    """
    if has_ties(rows):
        raise _Tied
    return ranked(rows, ())


def _as_published(batches: pa.RecordBatchReader, published: Publications) -> pa.RecordBatchReader:
    """The rows that came out, with HOLDS_AT no earlier than they did."""
    field = pa.field(HOLDS_AT, pa.int64())
    schema = pa.schema([*(each for each in batches.schema if each.name != HOLDS_AT), field])

    def came_out() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            tick, created, revision = (
                batch[name].to_numpy(zero_copy_only=False) for name in (_TICK_AT, CREATED_AT, _REVISION)
            )
            first = published.first_read(tick, created, revision)
            promised = batch[HOLDS_AT if HOLDS_AT in batch.schema.names else TRUE_AT].to_numpy()
            columns = [batch[name] for name in schema.names[:-1]]
            held = pa.record_batch([*columns, pa.array(np.maximum(promised, first))], schema=schema)
            yield held.filter(pa.array(first < NEVER))

    return pa.RecordBatchReader.from_batches(schema, came_out())


def _microseconds_of(ttl: timedelta) -> int:
    return ttl // timedelta(microseconds=1)


def _microseconds(column: str, kind: str, of: str = "held.") -> str:
    """The moment as microseconds of UTC; parts of one are rounded up, so that nothing holds too early."""
    name = of + quoted(column)
    if kind in _NANOSECONDS:
        return f"(epoch_ns({name}) + CASE WHEN epoch_ns({name}) > 0 THEN 999 ELSE 0 END) // 1000"
    if kind in _MOMENTS:
        return f"epoch_us({name})"
    return f"epoch_us({name}::TIMESTAMP WITH TIME ZONE)"


def _bound(column: str, kind: str, compares: str, at: datetime) -> str:
    """The bound of a column of moments; only moments in microseconds compare with one as they are."""
    if kind in _MOMENTS:
        return f"{quoted(column)} {compares} {_literal(at)}"
    return f"{_microseconds(column, kind, of='')} {compares} {(at - _EPOCH) // timedelta(microseconds=1)}"


def _unsigned(value: str, kind: str) -> str:
    """The value, its zeros without a sign: those with one are equal to those without, and so cannot tie."""
    if kind in _REALS:
        return f"{value} + 0::{kind}"
    if kind.endswith("[]") and kind.rstrip("[]") in _REALS:
        of = _unsigned("each", kind[:-2])
        return f"list_transform({value}, lambda each: {of})"
    return value


def _bounds(rows: Rows) -> list[tuple[str, datetime]]:
    ends = ((">=", rows.start), ("<=", rows.end))
    return [(compares, at) for compares, at in ends if at is not None]


def _pinned_columns(rows: Rows) -> dict[str, str]:
    """The greatest value, as SQL, by column that the pin bounds."""
    if rows.pin is None:
        return {}
    revision = rows.pin.revision_of(str(rows.source.table))
    bounds = {}
    if rows.pin.known_through is not None:
        bounds["event_timestamp"] = _literal(rows.pin.known_through)
    if rows.pin.revised_through is not None:
        bounds["revised_at"] = _literal(rows.pin.revised_through)
    if revision is not None:
        bounds["revision"] = str(revision)
    return bounds


def _partition(keys: Sequence[str]) -> str:
    return f"PARTITION BY {', '.join(map(quoted, keys))}" if keys else ""


def _literal(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.isoformat()}'"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _scan_of_path(rows: Rows, session: Any) -> str:
    """The Parquet files of a path: one file, a folder of them, or a pattern."""
    path = str(rows.source.path).removeprefix("file://")
    if "://" in path:
        session._open_files([path])
        return f"read_parquet({_text(path)})"
    pattern = f"{path}/**/*.parquet" if Path(path).is_dir() else path
    if not glob(pattern, recursive=True):
        raise InputMissing(f"There is no Parquet file at {rows.told()}.")
    return f"read_parquet({_text(pattern)}, union_by_name = true)"
