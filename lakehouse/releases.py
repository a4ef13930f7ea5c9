"""What readers may see: which snapshots of which tables were published together, and when."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select

from lakehouse.ops import Ops, release_tables, releases
from validation.clocks import require_utc


class ReleaseKind(StrEnum):
    """What a release publishes."""

    TICK = "tick"
    DAILY = "daily"
    DATASET = "dataset"


@dataclass(frozen=True)
class Release:
    """Tables published together for one tick; tables maps a table's name to its snapshot id."""

    release_id: str
    kind: ReleaseKind
    tick: datetime
    revision: int
    promised_at: datetime
    published_at: datetime
    tables: Mapping[str, int]

    @property
    def is_late(self) -> bool:
        """Whether it was published after the promise."""
        return self.published_at > self.promised_at


class Releases:
    """The releases, never edited; a changed one is a new revision. `now` gives the wall clock."""

    def __init__(self, ops: Ops, now: Callable[[], datetime]) -> None:
        self._ops = ops
        self._now = now

    def publish(
        self, kind: ReleaseKind, tick: datetime, promised_at: datetime, tables: Mapping[str, int]
    ) -> Release:
        """The release of these snapshots, published now.

        Published already with the same kind, tick and snapshots, it is that earlier release with
        its first publication time; with other snapshots or tables it is the tick's next revision.
        """
        tick = require_utc(tick, "tick")
        with self._ops.write() as connection:
            earlier = _of_tick(connection, kind, tick)
            standing = next((release for release in earlier if release.tables.keys() & tables.keys()), None)
            if standing is not None and standing.tables == tables:
                return standing
            revision = 1 + max((release.revision for release in earlier), default=0)
            release = Release(
                release_id=f"{kind.value}-{tick:%Y%m%dT%H%MZ}-{revision}",
                kind=ReleaseKind(kind),
                tick=tick,
                revision=revision,
                promised_at=require_utc(promised_at, "promised_at"),
                published_at=require_utc(self._now(), "now"),
                tables=dict(sorted(tables.items())),
            )
            connection.execute(insert(releases).values(_row(release)))
            for table in release.tables:
                named = {"table_name": table, "release_id": release.release_id}
                connection.execute(insert(release_tables).values(named))
        return release

    def latest(self, kind: ReleaseKind, published_by: datetime | None = None) -> Release | None:
        """The newest tick's newest revision of that kind, as of a moment if one is given."""
        query = select(releases).where(releases.c.kind == kind.value)
        return self._first(query.order_by(releases.c.tick.desc(), releases.c.revision.desc()), published_by)

    def for_table(self, table: str, published_by: datetime | None = None) -> Release | None:
        """The release that published the table last, of any kind and tick; None if none ever did.

        By publication, not by tick: a snapshot holds all that earlier ones held, so the snapshot of
        an older tick's replay is the newest state of the table.
        """
        query = (
            select(releases)
            .join(release_tables, release_tables.c.release_id == releases.c.release_id)
            .where(release_tables.c.table_name == table)
            .order_by(releases.c.published_at.desc(), releases.c.tick.desc(), releases.c.revision.desc())
        )
        return self._first(query, published_by)

    def published(self, kinds: Collection[ReleaseKind], published_by: datetime) -> list[Release]:
        """The releases of these kinds that were out at the moment, in order of publication."""
        query = (
            select(releases)
            .where(
                releases.c.kind.in_([kind.value for kind in kinds]), releases.c.published_at <= published_by
            )
            .order_by(releases.c.published_at, releases.c.tick, releases.c.revision)
        )
        with self._ops.read() as connection:
            return [_release(row) for row in connection.execute(query)]

    def first_after(self, table: str, moment: datetime) -> Release | None:
        """The release that first published the table at that moment or later; None if none has yet."""
        query = (
            select(releases)
            .join(release_tables, release_tables.c.release_id == releases.c.release_id)
            .where(release_tables.c.table_name == table, releases.c.published_at >= moment)
            .order_by(releases.c.published_at, releases.c.tick, releases.c.revision)
        )
        return self._first(query, None)

    def newest_ticks(self) -> dict[str, datetime]:
        """Of each table that was ever released, the newest tick of its releases."""
        query = (
            select(release_tables.c.table_name, func.max(releases.c.tick).label("tick"))
            .join(releases, releases.c.release_id == release_tables.c.release_id)
            .group_by(release_tables.c.table_name)
        )
        with self._ops.read() as connection:
            return {row.table_name: row.tick for row in connection.execute(query)}

    def by_table(self, after: datetime | None = None) -> dict[str, list[tuple[datetime, datetime]]]:
        """Of each table its releases in order of publication: tick, and when it was published.

        With `after`, only those of later ticks.
        """
        query = (
            select(release_tables.c.table_name, releases.c.tick, releases.c.published_at)
            .join(releases, releases.c.release_id == release_tables.c.release_id)
            .order_by(releases.c.published_at, releases.c.tick, release_tables.c.table_name)
        )
        if after is not None:
            query = query.where(releases.c.tick > after)
        found: dict[str, list[tuple[datetime, datetime]]] = {}
        with self._ops.read() as connection:
            for row in connection.execute(query):
                found.setdefault(row.table_name, []).append((row.tick, row.published_at))
        return found

    def _first(self, query: Select[Any], published_by: datetime | None) -> Release | None:
        if published_by is not None:
            query = query.where(releases.c.published_at <= published_by)
        with self._ops.read() as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else _release(row)


def _of_tick(connection: Connection, kind: ReleaseKind, tick: datetime) -> list[Release]:
    query = select(releases).where(releases.c.kind == kind.value, releases.c.tick == tick)
    newest_first = query.order_by(releases.c.revision.desc())
    return [_release(row) for row in connection.execute(newest_first)]


def _row(release: Release) -> dict[str, Any]:
    return {
        "release_id": release.release_id,
        "kind": release.kind.value,
        "tick": release.tick,
        "revision": release.revision,
        "promised_at": release.promised_at,
        "published_at": release.published_at,
        "tables": dict(release.tables),
    }


def _release(row: Any) -> Release:
    return Release(
        release_id=row.release_id,
        kind=ReleaseKind(row.kind),
        tick=row.tick,
        revision=row.revision,
        promised_at=row.promised_at,
        published_at=row.published_at,
        tables=row.tables,
    )
