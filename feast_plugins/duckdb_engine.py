"""The point-in-time join on DuckDB, straight over the files of the tables: no Java, no Spark.

Each view is one ASOF join on (timestamp, created). Where rows of the view tie in both, or rows count
from their created time on only, a running maximum over spine and view says the same, more slowly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from glob import glob
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from feast_plugins.iceberg_files import IcebergTables, Planned
from feast_plugins.point_in_time import ROW, Retrieval, Rows, ViewRead
from validation.errors import InputMissing, UnknownName

_SCALE = 2**63
"""A timestamp times this, plus its created time, orders rows by both: microseconds fit in 63 bits."""
_MOMENTS = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP")


@dataclass(frozen=True)
class DuckDBEngine:
    """Reads and joins on this machine, within the options' memory and threads."""

    tables: IcebergTables
    options: Mapping[str, str]

    def reads(self, rows: Rows) -> bool:
        """Whether the source's files can be read without Spark: a table of the catalog, or Parquet files."""
        source = rows.source
        if source.path:
            return source.file_format in (None, "parquet") and source.table_format is None
        return not source.query and self.tables.has(source.table)

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
        with self._connected() as session:
            session.take_spine(spine, retrieval)
            columns: dict[str, pa.ChunkedArray] = {}
            for read in retrieval.reads:
                answered = session.joined(read, start, end)
                columns |= {name: answered[name] for name in read.answers}
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
        connection = duckdb.connect(config=dict(self.options))
        try:
            connection.execute("SET TimeZone = 'UTC'").fetchall()
            yield _Session(connection, self.tables)
        finally:
            connection.close()


class _Session:
    """One connection, used by one retrieval."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, tables: IcebergTables) -> None:
        self._connection = connection
        self._tables = tables
        self._taken = 0
        self._described: dict[str, dict[str, str]] = {}

    def take_spine(self, spine: pa.Table, retrieval: Retrieval) -> None:
        self._connection.register("given", spine)
        keys = ", ".join(map(quoted, retrieval.keys))
        self._done(
            f"CREATE TEMP TABLE spine AS SELECT {ROW}, epoch_us({quoted(retrieval.time)}) AS spine_at"
            f"{', ' if keys else ''}{keys} FROM given"
        )

    def joined(self, read: ViewRead, start: datetime, end: datetime) -> pa.Table:
        """The view's features, a row per row of the spine in its order."""
        oldest = start - read.ttl if read.ttl else None
        rows = Rows(read.rows.source, read.rows.time, read.rows.created, oldest, end, read.rows.pin)
        self._done("DROP VIEW IF EXISTS history")
        self._done(f"CREATE TEMP VIEW history AS {self._history(read, rows)}")
        if read.only_created or self._ties(read):
            return self.fetched(_running_maximum(read))
        return self.fetched(_asof_join(read))

    def newest(self, rows: Rows, keys: Sequence[str], features: Sequence[str]) -> pa.Table:
        columns = list(dict.fromkeys((*keys, *features, *rows.clocks)))
        ordered = [
            f"{name} DESC NULLS LAST" for name in map(quoted, dict.fromkeys((*rows.clocks, *features)))
        ]
        return self.fetched(
            f"SELECT {', '.join(map(quoted, columns))} FROM ({self.scanned(rows, columns)}) "
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
        answered = self._connection.sql(query).to_arrow_table()
        fields = [
            each.with_type(pa.timestamp("us", "UTC")) if pa.types.is_timestamp(each.type) else each
            for each in answered.schema
        ]
        return answered.cast(pa.schema(fields))

    def _done(self, statement: str) -> None:
        self._connection.execute(statement).fetchall()

    def _told(self, query: str) -> list[Any]:
        """The query's few rows. As a relation: rows of `execute` may keep the connection busy."""
        return self._connection.sql(query).fetchall()

    def column_types(self, rows: Rows) -> dict[str, str]:
        """DuckDB type by column of the source."""
        if rows.source.path:
            return self._types_of(_scan_of_path(rows, self))
        return self._tables.columns(str(rows.source.table))

    def _types_of(self, scan: str) -> dict[str, str]:
        if scan not in self._described:
            answered = self._told(f"DESCRIBE SELECT * FROM {scan}")
            self._described[scan] = {str(name): str(kind) for name, kind, *_ in answered}
        return self._described[scan]

    def scanned(self, rows: Rows, columns: Sequence[str]) -> str:
        """A query of the source's rows in the range."""
        pinned = _pinned_columns(rows)
        needed = tuple(dict.fromkeys((*columns, *rows.clocks, *pinned))) if columns else ()
        scan, types = self._scan(rows, needed)
        lacking = [name for name in needed if name not in types]
        if lacking:
            raise UnknownName(f"column of {rows.told()}", lacking[0], types)
        bounds = [f"{quoted(rows.time)} {compares} {_literal(at)}" for compares, at in _bounds(rows)]
        bounds += [f"{quoted(name)} <= {most}" for name, most in pinned.items()]
        wanted = ", ".join(map(quoted, columns)) or "*"
        return f"SELECT {wanted} FROM {scan} WHERE {' AND '.join(bounds) or 'true'}"

    def _history(self, read: ViewRead, rows: Rows) -> str:
        """The view's rows under the spine's names: keys, microseconds, features."""
        _, types = self._scan(rows, read.sources)
        created = rows.created and _microseconds(rows.created, types.get(rows.created, ""))
        columns = [
            *(f"{quoted(source)} AS {quoted(f'key_{spine}')}" for spine, source in read.keys),
            f"{_microseconds(rows.time, types.get(rows.time, ''))} AS true_at",
            f"coalesce({created or 'NULL'}, {-(2**62)})::BIGINT AS created_at",
            *(f"{quoted(source)} AS {quoted(answer)}" for source, answer in read.features),
        ]
        given = [f"{quoted(source)} IS NOT NULL" for _, source in read.keys]
        return (
            f"SELECT {', '.join(columns)} FROM ({self.scanned(rows, read.sources)}) "
            f"WHERE {' AND '.join(given) or 'true'}"
        )

    def _ties(self, read: ViewRead) -> bool:
        """Whether two rows of the history are equal in key, timestamp and created; rarely, by a chance
        of hashes, also where none are."""
        of = ", ".join([*(quoted(f"key_{spine}") for spine in read.spine_keys), "true_at", "created_at"])
        ((found,),) = self._told(f"SELECT count(*) > count(DISTINCT hash({of})) FROM history")
        return bool(found)

    def _scan(self, rows: Rows, columns: Sequence[str]) -> tuple[str, dict[str, str]]:
        """What stands behind FROM, and DuckDB type by column."""
        if rows.source.path:
            scan = _scan_of_path(rows, self)
            return scan, self._types_of(scan)
        table = str(rows.source.table)
        types = self._tables.columns(table)
        planned = self._tables.plan(rows, columns or tuple(types))
        return self._scan_of_table(planned), types

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


def quoted(name: str) -> str:
    """The name as SQL takes any name.

    >>> quoted('a "b"')
    '"a ""b\"""'
    """
    return '"' + name.replace('"', '""') + '"'


def _asof_join(read: ViewRead) -> str:
    equal = [f"spine.{quoted(key)} = history.{quoted(f'key_{key}')}" for key in read.spine_keys]
    order = f"true_at::HUGEINT * {_SCALE} + created_at"
    return f"""
        SELECT {_in_time(read, "joined.")}
        FROM (
            SELECT spine.{ROW}, spine.spine_at, history.*
            FROM (SELECT *, spine_at::HUGEINT * {_SCALE} + {_SCALE - 1} AS reads_at FROM spine) AS spine
            ASOF LEFT JOIN (SELECT *, {order} AS holds_at FROM history) AS history
            ON {" AND ".join([*equal, "spine.reads_at >= history.holds_at"])}
        ) AS joined
        ORDER BY {ROW}
    """


def _running_maximum(read: ViewRead) -> str:
    """The greatest (timestamp, created, values) among the rows that hold by the spine's time."""
    holds = "greatest(true_at, created_at)" if read.only_created else "true_at"
    keys = [quoted(f"key_{key}") for key in read.spine_keys]
    values = ", ".join(
        f"{quoted(f'given_{answer}')} := {quoted(answer)} IS NOT NULL, {quoted(answer)} := {quoted(answer)}"
        for answer in read.answers
    )
    packed = f"struct_pack(true_at := true_at, created_at := created_at, {values})"
    spine_keys = "".join(f"{quoted(key)} AS {quoted(f'key_{key}')}, " for key in read.spine_keys)
    key_list = "".join(f"{key}, " for key in keys)
    is_created = "WHERE created_at > " + str(-(2**62)) if read.only_created else ""
    return f"""
        SELECT {_in_time(read, "best.")}
        FROM (
            SELECT {ROW}, spine_at, is_spine, max(packed) OVER (
                {_partition([f"key_{key}" for key in read.spine_keys])}
                ORDER BY holds_at, is_spine ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS best
            FROM (
                SELECT {key_list}{holds} AS holds_at, false AS is_spine, NULL AS {ROW}, NULL AS spine_at,
                    {packed} AS packed
                FROM history {is_created}
                UNION ALL
                SELECT {spine_keys}spine_at, true, {ROW}, spine_at, NULL FROM spine
            )
        )
        WHERE is_spine ORDER BY {ROW}
    """


def _in_time(read: ViewRead, found: str) -> str:
    """The features of what was found, null where it is older than the time to live."""
    oldest = f"spine_at - {_microseconds_of(read)}" if read.ttl else "NULL"
    holds = f"{found}true_at >= {oldest}" if read.ttl else f"{found}true_at IS NOT NULL"
    return ", ".join(
        f"CASE WHEN {holds} THEN {found}{quoted(answer)} END AS {quoted(answer)}" for answer in read.answers
    )


def _microseconds_of(read: ViewRead) -> int:
    assert read.ttl is not None
    return read.ttl.days * 86_400_000_000 + read.ttl.seconds * 1_000_000 + read.ttl.microseconds


def _microseconds(column: str, kind: str) -> str:
    """The moment as microseconds of UTC; parts of one are rounded up, so that nothing holds too early."""
    if kind == "TIMESTAMP_NS":
        return f"(epoch_ns({quoted(column)}) + 999) // 1000"
    if kind in _MOMENTS:
        return f"epoch_us({quoted(column)})"
    return f"epoch_us({quoted(column)}::TIMESTAMP WITH TIME ZONE)"


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
