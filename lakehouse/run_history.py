"""Which known time each table's standing runs cover, and which of it must be made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from lakehouse.ops import Ops, runs
from lakehouse.run_ledger import RunStatus
from validation.clocks import Interval


@dataclass(frozen=True)
class Made:
    """What a table's standing runs cover: merged intervals in order.

    Attributes:
        began_at: when the newest of the runs that reach the last interval's end began.
    """

    intervals: tuple[Interval, ...] = ()
    began_at: datetime | None = None

    @property
    def through(self) -> datetime | None:
        """The end of the last interval; None if nothing was made."""
        return self.intervals[-1].end if self.intervals else None


def made_by_table(ops: Ops) -> dict[str, Made]:
    """What is made of every table that ever ran."""
    query = (
        select(runs.c.table_name, runs.c.interval_start, runs.c.interval_end, runs.c.started_at)
        .where(runs.c.status == RunStatus.PUBLISHED.value)
        .order_by(runs.c.table_name, runs.c.interval_start)
    )
    with ops.read() as connection:
        rows = connection.execute(query).all()
    found: dict[str, list[Interval]] = {}
    newest: dict[str, tuple[datetime, datetime]] = {}
    for row in rows:
        found.setdefault(row.table_name, []).append(Interval(row.interval_start, row.interval_end))
        reached = (row.interval_end, row.started_at)
        newest[row.table_name] = max(newest.get(row.table_name, reached), reached)
    return {name: Made(tuple(merged(each)), newest[name][1]) for name, each in found.items()}


def reach_by_table(ops: Ops) -> dict[str, tuple[datetime, datetime]]:
    """From when and through when the standing runs of every table reach, holes between them or not.

    One walk along an index, where `made_by_table` reads every run.
    """
    query = (
        select(runs.c.table_name, func.min(runs.c.interval_start), func.max(runs.c.interval_end))
        .where(runs.c.status == RunStatus.PUBLISHED.value)
        .group_by(runs.c.table_name)
    )
    with ops.read() as connection:
        return {name: (start, end) for name, start, end in connection.execute(query)}


def arrivals(ops: Ops, since: datetime) -> dict[str, list[tuple[datetime, datetime]]]:
    """By table, of its standing runs that end at `since` or later: the end, and when the run had finished."""
    query = select(runs.c.table_name, runs.c.interval_end, runs.c.finished_at).where(
        runs.c.status == RunStatus.PUBLISHED.value, runs.c.interval_end >= since
    )
    found: dict[str, list[tuple[datetime, datetime]]] = {}
    with ops.read() as connection:
        for name, end, finished in connection.execute(query):
            found.setdefault(name, []).append((end, finished))
    return found


def finished_at(ops: Ops, table: str, before: datetime) -> datetime | None:
    """When the newest of the table's standing runs that began before this known time ended."""
    query = select(func.max(runs.c.finished_at)).where(
        runs.c.table_name == table, runs.c.status == RunStatus.PUBLISHED.value, runs.c.interval_start < before
    )
    with ops.read() as connection:
        newest: datetime | None = connection.execute(query).scalar_one()
    return newest


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same known time in as few intervals as possible, in order."""
    joined: list[Interval] = []
    for each in sorted(intervals):
        if joined and each.start <= joined[-1].end:
            joined[-1] = Interval(joined[-1].start, max(joined[-1].end, each.end))
        else:
            joined.append(each)
    return joined


def gaps(wanted: Sequence[Interval], covered: Sequence[Interval]) -> list[Interval]:
    """The parts of the wanted intervals that no covered one holds; both merged and in order."""
    missing = []
    for want in wanted:
        reached = want.start
        for each in covered:
            if each.end <= reached or each.start >= want.end:
                continue
            if each.start > reached:
                missing.append(Interval(reached, each.start))
            reached = max(reached, each.end)
        if reached < want.end:
            missing.append(Interval(reached, want.end))
    return missing
