"""Publishes a batch to its table in Snowflake: all of its rows and one row of the audit, or nothing.

The files go to a stage and are copied into a table of the session's own, and counted there. Then one
transaction of plain DML takes the lock, puts the new rows in the place of the old, counts again and
adds the audit's row: a reader sees the old rows or the new, whenever the publisher dies. Snowflake
commits an open transaction at any DDL, so that a swap by renaming is no transaction there
(docs/decisions/0022-published-by-dml.md).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from validation.errors import Busy, CheckFailed, InputMissing
from warehouse.audit import PUBLICATIONS, Audit, Publication
from warehouse.batches import Batch, Outgoing, require_may_leave
from warehouse.connection import NotThere, Session
from warehouse.places import DATASETS, FoundColumn, Place, additions, differences, literal, quoted

CREATED, REPLACED, UNCHANGED = "created", "replaced", "unchanged"
Progress = Callable[[str], None]


def _silent(_what: str) -> None:
    return None


def _wall_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Standing:
    """What there is of a table before anything is done.

    Attributes:
        columns: of the table there; empty where there is none.
        published: the newest publication that the audit knows.
        is_intact: the table has the contract's columns since then, and as many rows as the audit says.
        has_audit: whether the audit's tables are there.
    """

    columns: tuple[FoundColumn, ...]
    published: Publication | None
    is_intact: bool
    has_audit: bool

    def holds(self, outgoing: Outgoing) -> bool:
        """Whether the table is known to hold these rows already, without reading them."""
        published = self.published
        if published is None or not self.is_intact:
            return False
        is_same_state = outgoing.snapshot_id is not None and published.snapshot_id == outgoing.snapshot_id
        return is_same_state or (outgoing.digest is not None and published.digest == outgoing.digest)


@dataclass(frozen=True)
class Outcome:
    """What became of a batch: created, replaced or unchanged, and how many rows the table has."""

    status: str
    rows: int
    release: str


@dataclass(frozen=True)
class Publisher:
    """Publishes to one database through one session. `now` stamps the audit's rows.

    Rows and files wait in temporary objects, which the session alone sees and which end with it;
    `token` is in their names, so that they hide no table of the same name.
    """

    session: Session
    database: str
    principal: str
    now: Callable[[], datetime] = _wall_clock
    token: str = field(default_factory=lambda: secrets.token_hex(4).upper())

    @property
    def staging(self) -> str:
        """The table that rows wait in."""
        return f"_PUBLICATION_ROWS_{self.token}"

    @property
    def files(self) -> str:
        """The stage that files wait in."""
        return f"_PUBLICATION_FILES_{self.token}"

    @property
    def audit(self) -> Audit:
        """The publications of the database."""
        return Audit(self.session, self.database)

    def standing(self, place: Place) -> Standing:
        """What there is of the table. Reads only.

        Raises:
            InputMissing: the database, or one of the schemas, is not there.
            CheckFailed: the table's columns are not the contract's; the message names those that differ.
        """
        self._require_schemas({DATASETS, place.schema})
        columns = self._columns(place)
        has_audit = self._has_audit()
        published = self.audit.newest(place) if has_audit else None
        if columns and (differing := differences(place, columns)):
            raise _drifted(place, differing, columns, published)
        is_intact = (
            bool(columns)
            and published is not None
            and published.columns_digest == place.columns_digest
            and self._count(place.identifier) == published.rows
        )
        return Standing(columns, published, is_intact, has_audit)

    def publish(
        self, place: Place, batch: Batch, standing: Standing, progress: Progress = _silent
    ) -> Outcome:
        """The batch in its table. Published already, it is left alone.

        Raises:
            PermissionRefused: the table never leaves, or the role may not write.
            CheckFailed: not every row arrived.
            Busy: another publishes the table, or did so meanwhile.
            Unreachable: the connection was lost.
        """
        require_may_leave(batch.table)
        if standing.is_intact and standing.published and standing.published.digest == batch.digest:
            return Outcome(UNCHANGED, batch.rows, standing.published.release)
        self._prepare(place, standing)
        self._stage(place, batch, progress)
        return self._swap(place, batch, standing, progress)

    def _prepare(self, place: Place, standing: Standing) -> None:
        self.session.run(f"USE SCHEMA {quoted(self.database)}.{quoted(DATASETS)}")
        if not standing.has_audit:
            self.audit.create()
        self.audit.prepare(place)
        if not standing.columns:
            self.session.run(
                f"CREATE TABLE IF NOT EXISTS {place.identifier} (\n  {place.definitions()}\n) "
                f"COMMENT = {literal(place.table.grain)}"
            )

    def _stage(self, place: Place, batch: Batch, progress: Progress) -> None:
        """The batch's rows in a table that this session alone sees, all of them."""
        columns = place.definitions(has_comments=False)
        self.session.run(f"CREATE TEMPORARY TABLE {quoted(self.staging)} (\n  {columns}\n)")
        self.session.run(f"CREATE TEMPORARY STAGE {quoted(self.files)}")
        for number, path in enumerate(batch.parts, 1):
            progress(f"{place}: file {number} of {len(batch.parts)}, {path.stat().st_size / 2**20:,.1f} MiB")
            self.session.put(path, self.files)
        if batch.parts:
            progress(f"{place}: copying {batch.rows:,} rows")
            self.session.run(
                f"COPY INTO {quoted(self.staging)} ({place.columns})\n"
                f"FROM (SELECT {place.selection()} FROM @{self.files})\n"
                "FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE BINARY_AS_TEXT = FALSE) "
                "ON_ERROR = ABORT_STATEMENT"
            )
        self._require_count(quoted(self.staging), place, batch)

    def _swap(self, place: Place, batch: Batch, standing: Standing, progress: Progress) -> Outcome:
        progress(f"{place}: putting {batch.rows:,} rows in place")
        self.session.run("BEGIN")
        try:
            self.audit.hold(place, batch)
            newest = self.audit.newest(place)
            if newest != standing.published:
                self._roll_back()
                return _overtaken(place, batch, newest)
            self._replace(place, batch)
            number = newest.number + 1 if newest else 1
            self.audit.add(place, batch, number, self.now(), self.principal)
        except BaseException:
            self._roll_back()
            raise
        self.session.run("COMMIT")
        return Outcome(REPLACED if standing.columns else CREATED, batch.rows, batch.release)

    def _replace(self, place: Place, batch: Batch) -> None:
        self.session.run(f"DELETE FROM {place.identifier}")
        self.session.run(
            f"INSERT INTO {place.identifier} ({place.columns}) "
            f"SELECT {place.columns} FROM {quoted(self.staging)}"
        )
        self._require_count(place.identifier, place, batch)

    def _roll_back(self) -> None:
        try:
            self.session.run("ROLLBACK")
        except Exception:  # the session is gone, and the transaction with it; what led here is told
            return

    def _require_schemas(self, wanted: set[str]) -> None:
        listed = f"{quoted(self.database)}.INFORMATION_SCHEMA.SCHEMATA"
        try:
            found = {str(row[0]) for row in self.session.run(f"SELECT SCHEMA_NAME FROM {listed}")}
        except NotThere as error:
            raise InputMissing(
                f"Snowflake has no database named {self.database} (ROADSIDE_SNOWFLAKE_DATABASE), or the role "
                "may not use it.",
                f"Spell it as Snowflake does, or create it: CREATE DATABASE {quoted(self.database)};",
            ) from error
        missing = sorted(wanted - found)
        if missing:
            created = " ".join(f"CREATE SCHEMA {quoted(self.database)}.{quoted(name)};" for name in missing)
            raise InputMissing(
                f"The database {self.database} has no schema named {' or '.join(missing)}, or the role "
                "may not use it.",
                f"Create it: {created}",
            )

    def _columns(self, place: Place) -> tuple[FoundColumn, ...]:
        found = self.session.run(
            "SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE, IS_NULLABLE "
            f"FROM {quoted(self.database)}.INFORMATION_SCHEMA.COLUMNS "
            "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
            [place.schema, place.name],
        )
        return tuple(
            FoundColumn(name, f"NUMBER({precision},{scale})" if kind == "NUMBER" else kind, nullable == "YES")
            for name, kind, precision, scale, nullable in found
        )

    def _has_audit(self) -> bool:
        return bool(
            self.session.run(
                f"SELECT TABLE_NAME FROM {quoted(self.database)}.INFORMATION_SCHEMA.TABLES "
                "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
                [DATASETS, PUBLICATIONS],
            )
        )

    def _count(self, identifier: str) -> int:
        return int(self.session.run(f"SELECT COUNT(*) FROM {identifier}")[0][0])

    def _require_count(self, identifier: str, place: Place, batch: Batch) -> None:
        found = self._count(identifier)
        if found != batch.rows:
            raise CheckFailed(
                f"{place}: {found:,} rows arrived where the batch has {batch.rows:,}.",
                "The published table is as it was. Run the same command again.",
            )


def _drifted(
    place: Place, differing: list[str], columns: Sequence[FoundColumn], published: Publication | None
) -> CheckFailed:
    """Columns that the contract gained since are added; a table changed by hand is made anew."""
    is_by_hand = published is not None and published.columns_digest == place.columns_digest
    only_lacks = all("is not there" in each for each in differing)
    how = additions(place, columns) if only_lacks and not is_by_hand else f"DROP TABLE {place.identifier};"
    return CheckFailed(
        f"{place} has not the columns of the contract {place.table.name}: {'; '.join(differing)}.",
        f"The table is as it was. Bring it to the contract, then run again: {how}",
    )


def _overtaken(place: Place, batch: Batch, newest: Publication | None) -> Outcome:
    """Another publication ended while this one was prepared: well, if it was of the same rows."""
    if newest is not None and newest.digest == batch.digest:
        return Outcome(UNCHANGED, newest.rows, newest.release)
    raise Busy(
        f"{place}: another publication ({newest.release if newest else 'its audit row is gone'}) ended while "
        "this one was prepared.",
        "The table holds that one. Run the same command again if this one is to stand.",
    )
