"""One SQL database: SQLite on a laptop, Postgres by URL, the same guarantees on both.

A `Database` is an address: picklable, and safe to carry over a fork, because each process opens
connections of its own. A write transaction takes the database's write lock at its start, so that what it
reads stays true until it commits: SQLite's own (BEGIN IMMEDIATE), on Postgres an advisory one (decision 41).
A read transaction sees one state, and holds nobody up.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Column,
    Connection,
    CursorResult,
    Dialect,
    Engine,
    Executable,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeDecorator

from lakehouse.settings import masked
from validation.clocks import require_utc
from validation.errors import Busy, SettingError, Unreachable

BUSY_SECONDS = 30.0
ROWS_PER_STATEMENT = 500
WRITE_LOCK = 7_262_683  # any number, the same in every process

_LOCK_NOT_AVAILABLE = "55P03"  # https://www.postgresql.org/docs/current/errcodes-appendix.html

_VERSIONS = Table("schema_version", MetaData(), Column("version", Integer, primary_key=True))

# Engines that came over a fork. Closing their SQLite connections here could remove the parent's
# write-ahead log (https://sqlite.org/howtocorrupt.html, section 2.6), so they are kept and unused.
_INHERITED: list[Engine] = []

Item = TypeVar("Item")
Row = Mapping[str, Any]


class UtcTime(TypeDecorator[datetime]):
    """A moment as fixed-width ISO text in UTC: sorts as time, and reads well in any SQL shell."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Text such as 2026-03-10T17:00:00.000000Z."""
        return None if value is None else f"{require_utc(value, 'A stored time'):%Y-%m-%dT%H:%M:%S.%fZ}"

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The moment in UTC."""
        return None if value is None else datetime.fromisoformat(value).astimezone(UTC)


class Database:
    """Tables at a URL, created on first use, with a schema version that must match.

    Raises, from `read` and `write`:
        SettingError: the database was made by another version of this schema, or its driver is
            not installed.
        Unreachable: the database cannot be opened.
        Busy: another process held the write lock for more than 30 seconds.
    """

    def __init__(self, url: str, metadata: MetaData, schema_version: int) -> None:
        self.url = url
        self._metadata = metadata
        self._schema_version = schema_version
        self._engine: Engine | None = None
        self._opened_by = 0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({masked(self.url)!r})"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_engine": None, "_opened_by": 0}

    def is_there(self) -> bool:
        """Whether it was made; to ask an absent SQLite file anything would make it."""
        url = make_url(self.url)
        return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits whole at its end, or not at all."""
        with self._transaction(writes=True) as connection:
            yield connection

    @contextmanager
    def _transaction(self, writes: bool) -> Iterator[Connection]:
        engine = self._open()
        try:
            with engine.connect().execution_options(writes=writes) as connection, connection.begin():
                yield connection
        except (InterfaceError, OperationalError) as error:
            raise self._explained(error) from error

    def _open(self) -> Engine:
        if self._engine is None or self._opened_by != os.getpid():
            engine = _engine(self.url)
            try:
                self._make(engine)
            except (InterfaceError, OperationalError) as error:
                raise self._explained(error) from error
            if self._engine is not None:
                _INHERITED.append(self._engine)
            self._engine, self._opened_by = engine, os.getpid()
        return self._engine

    def _make(self, engine: Engine) -> None:
        """Make what of the schema is not there. What is whole, the rule, is looked at and locks nobody."""
        for writes in (False, True):
            with engine.connect().execution_options(writes=writes) as connection, connection.begin():
                found = self._version(connection, writes)
                lacking = list(self._lacking(connection)) if found == self._schema_version else []
                if writes:
                    for made in lacking:
                        connection.execute(made)
            if found is not None and not lacking:
                break
        if found != self._schema_version:
            raise SettingError(
                f"The database {masked(self.url)} has schema version {found}; "
                f"this code reads version {self._schema_version}.",
                "Run the version of the platform that made it, or point the setting at a new database.",
            )

    def _version(self, connection: Connection, writes: bool) -> int | None:
        """The schema's version; where there is none, ours from now on, if it may be written."""
        if not inspect(connection).has_table(_VERSIONS.name):
            if not writes:
                return None
            connection.execute(CreateTable(_VERSIONS))
            connection.execute(insert(_VERSIONS).values(version=self._schema_version))
        version: int = connection.execute(select(_VERSIONS.c.version)).scalar_one()
        return version

    def _lacking(self, connection: Connection) -> Iterator[Executable]:
        """What makes the tables, columns and indexes that are not there: no other version, as each column
        may be null."""
        inspector = inspect(connection)
        there = set(inspector.get_table_names())
        for table in self._metadata.sorted_tables:
            if table.name not in there:
                yield CreateTable(table)
                yield from map(CreateIndex, sorted(table.indexes, key=str))
                continue
            columns = {each["name"] for each in inspector.get_columns(table.name)}
            for column in table.columns:
                if column.name not in columns:
                    kind = column.type.compile(connection.dialect)
                    yield text(f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}')
            indexes = {each["name"] for each in inspector.get_indexes(table.name)}
            yield from (CreateIndex(index) for index in table.indexes if index.name not in indexes)

    def _explained(self, error: DBAPIError) -> Exception:
        sqlstate = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
        if sqlstate == _LOCK_NOT_AVAILABLE or "database is locked" in str(error.orig):
            return Busy(
                f"Another process held the write lock of {masked(self.url)} for {BUSY_SECONDS:.0f} s.",
                "Run the command again; if it stays so, look for a process that hangs.",
            )
        kind = type(error.orig).__name__
        return Unreachable(
            f"The database {masked(self.url)} does not answer ({kind}).",
            "Check the address, that the server runs and that its folder can be written.",
        )


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose key is not there yet; leave the others as they are."""
    if rows:
        connection.execute(_dialect_insert(connection, table).on_conflict_do_nothing(), list(rows))


def replace_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows; one whose primary key is there takes the new values."""
    if rows:
        statement = _dialect_insert(connection, table)
        keys = [column.name for column in table.primary_key]
        changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), list(rows))


def changed_rows(result: CursorResult[Any]) -> int:
    """How many rows an UPDATE or DELETE touched."""
    return result.rowcount


def chunks(items: Iterable[Item], size: int = ROWS_PER_STATEMENT) -> Iterator[list[Item]]:
    """The items in lists short enough for one IN (...).

    >>> list(chunks("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _dialect_insert(connection: Connection, table: Table) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _engine(url: str) -> Engine:
    address = make_url(url)
    try:
        if address.get_backend_name() != "sqlite":
            engine = create_engine(address, pool_pre_ping=True)
            event.listen(engine, "begin", _begin_postgres)
            return engine
        engine = create_engine(address, connect_args={"timeout": BUSY_SECONDS})
    except ImportError as error:
        raise SettingError(
            f"The database {masked(url)} needs the Python package '{error.name}'.",
            "Install it beside the platform, or write another driver into the URL.",
        ) from error
    if address.database:
        Path(address.database).parent.mkdir(parents=True, exist_ok=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver would open transactions by itself, and too late: after the first read.
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            # Turning WAL on needs the file alone, and does not wait for it: SQLite's busy handler
            # is not asked (https://sqlite.org/c3ref/busy_handler.html).
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")


def _begin_postgres(connection: Connection) -> None:
    if not _writes(connection):
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return
    # what is read after the lock is what there is then, whatever the server's default
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS:.3f}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")


def _writes(connection: Connection) -> bool:
    return bool(connection.get_execution_options().get("writes", False))
