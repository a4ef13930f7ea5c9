"""Runs found again: the newest of a kind, one by its id, and what stood of a table at some moment.

Each question walks an index: after some years the ledger has half a million runs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import product

from sqlalchemy import Select, and_, func, select

from lakehouse.ops import Ops, runs
from lakehouse.run_ledger import WAS_PUBLISHED, Run, RunStatus, run_of
from validation.clocks import Interval

_NEAR, _NEWEST = 100, 500
_HEAD = 4


@dataclass(frozen=True)
class Wanted:
    """Which runs are asked for; nothing named asks for all.

    Attributes:
        interval: known time that a run's own interval overlaps.
        since: wall clock at or after which a run began.
    """

    tables: tuple[str, ...] = ()
    statuses: tuple[RunStatus, ...] = ()
    interval: Interval | None = None
    since: datetime | None = None


def newest_runs(ops: Ops, wanted: Wanted, limit: int) -> list[Run]:
    """The runs that are wanted and began last, newest first, no more than `limit`."""
    found = []
    with ops.read() as connection:
        for table, status in product(wanted.tables or (None,), wanted.statuses or (None,)):
            query = _newest(table, status, wanted).limit(limit)  # a query each: each walks one index
            found += [run_of(row) for row in connection.execute(query)]
    by_id = sorted(found, key=lambda run: run.run_id)
    return sorted(by_id, key=lambda run: run.started_at, reverse=True)[:limit]


def _newest(table: str | None, status: RunStatus | None, wanted: Wanted) -> Select[tuple[object, ...]]:
    query = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id)
    if table is not None:
        query = query.where(runs.c.table_name == table)
    if status is not None:
        query = query.where(runs.c.status == status.value)
    if wanted.interval is not None:
        start, end = wanted.interval.start, wanted.interval.end
        query = query.where(runs.c.interval_start < end, runs.c.interval_end > start)
    if wanted.since is not None:
        query = query.where(runs.c.started_at >= wanted.since)
    return query


def run_named(ops: Ops, run_id: str) -> Run | None:
    """The run of that id; None if the ledger has none."""
    with ops.read() as connection:
        row = connection.execute(select(runs).where(runs.c.run_id == run_id)).first()
    return None if row is None else run_of(row)


def ids_near(ops: Ops, run_id: str) -> set[str]:
    """Ids that a mistyped one may have meant: those that begin alike, and those of the newest runs."""
    head = run_id[:_HEAD]
    alike = select(runs.c.run_id).where(runs.c.run_id >= head, runs.c.run_id < f"{head}g").limit(_NEAR)
    newest = select(runs.c.run_id).order_by(runs.c.started_at.desc()).limit(_NEWEST)
    with ops.read() as connection:
        return {each for query in (alike, newest) for each in connection.execute(query).scalars()}


def last_runs(ops: Ops, tables: Collection[str]) -> list[Run]:
    """Of each of these tables that ever ran the run that began last, by table."""
    newest = (
        select(runs.c.table_name, func.max(runs.c.started_at).label("began_at"))
        .where(runs.c.table_name.in_(sorted(tables)))
        .group_by(runs.c.table_name)
        .subquery()
    )
    is_newest = and_(runs.c.table_name == newest.c.table_name, runs.c.started_at == newest.c.began_at)
    query = select(runs).join(newest, is_newest).order_by(runs.c.table_name, runs.c.run_id)
    with ops.read() as connection:
        return list({row.table_name: run_of(row) for row in connection.execute(query)}.values())


def has_run(ops: Ops, table: str) -> bool:
    """Whether a table of that name ever ran, though it be declared no more."""
    query = select(runs.c.run_id).where(runs.c.table_name == table).limit(1)
    with ops.read() as connection:
        return connection.execute(query).first() is not None


def left_by(ops: Ops, table: str, snapshot_id: int) -> Run | None:
    """The run that published the snapshot; those that found nothing to change name it too, later."""
    query = (
        select(runs)
        .where(
            runs.c.table_name == table, runs.c.status.in_(WAS_PUBLISHED), runs.c.snapshot_id == snapshot_id
        )
        .order_by(runs.c.finished_at, runs.c.run_id)
        .limit(1)
    )  # fmt: skip
    with ops.read() as connection:
        row = connection.execute(query).first()
    return None if row is None else run_of(row)


def replaced_by(ops: Ops, run: Run) -> Run | None:
    """The run that first published known time of an ended one again; None if none has."""
    if run.finished_at is None:
        return None
    query = (
        select(runs)
        .where(
            runs.c.table_name == run.table,
            runs.c.status.in_(WAS_PUBLISHED),
            runs.c.finished_at > run.finished_at,
            runs.c.interval_start < run.interval.end,
            runs.c.interval_end > run.interval.start,
        )
        .order_by(runs.c.finished_at, runs.c.run_id)
        .limit(1)
    )
    with ops.read() as connection:
        row = connection.execute(query).first()
    return None if row is None else run_of(row)
