"""Which known time each table's standing runs cover, and which of it must be made again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import ColumnElement, and_, func, select

from lakehouse.ops import Ops, runs
from lakehouse.processes import is_dead, is_local
from lakehouse.run_ledger import IS_RUNNING, WAS_PUBLISHED, RunStatus, run_of
from validation.clocks import Interval

_ONE_DAY = timedelta(days=1)
_RUNS_LOOKED_AT, _RUNS_MEASURED = 500, 20
FOREIGN_RUN = timedelta(hours=2)
"""How long a run of another host, whose death nobody here sees, counts as going on: as a planned chunk."""


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


def made_by_table(ops: Ops, *, even_replaced: bool = False) -> dict[str, Made]:
    """What is made of every table that ever ran.

    With `even_replaced`, of runs too that no longer stand since what they read was replaced.
    """
    counted = WAS_PUBLISHED if even_replaced else (RunStatus.PUBLISHED.value,)
    query = (
        select(runs.c.table_name, runs.c.interval_start, runs.c.interval_end, runs.c.started_at)
        .where(runs.c.status.in_(counted))
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


def whole_days_are_made(ops: Ops, now: datetime) -> bool:
    """Whether a run over whole days goes on, as a replay's do, of a process that may be alive.

    Of another host for two hours.
    """
    running = select(runs).where(runs.c.status.in_(IS_RUNNING))
    with ops.read() as connection:
        going_on = [run_of(row) for row in connection.execute(running)]
    return any(
        run.makes_rows
        and run.interval.is_whole_days()
        and not is_dead(run.process)
        and (is_local(run.process) or now - run.started_at < FOREIGN_RUN)
        for run in going_on
    )


def reach_by_table(ops: Ops, only: str | None = None) -> dict[str, tuple[datetime, datetime]]:
    """From when and through when the standing runs of every table, or of one, reach, holes between or not.

    One walk along an index, where `made_by_table` reads every run.
    """
    query = (
        select(runs.c.table_name, func.min(runs.c.interval_start), func.max(runs.c.interval_end))
        .where(runs.c.status == RunStatus.PUBLISHED.value)
        .group_by(runs.c.table_name)
    )
    if only is not None:
        query = query.where(runs.c.table_name == only)
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


def finished_at(ops: Ops, table: str, interval: Interval) -> datetime | None:
    """When the newest of the table's standing runs over (part of) this known time ended."""
    query = select(func.max(runs.c.finished_at)).where(
        runs.c.table_name == table,
        runs.c.status == RunStatus.PUBLISHED.value,
        runs.c.interval_start < interval.end,
        runs.c.interval_end > interval.start,
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


def shared(some: Sequence[Interval], others: Sequence[Interval]) -> list[Interval]:
    """The known time that lies in both; both merged and in order."""
    return gaps(some, gaps(some, others))


@dataclass(frozen=True)
class Measured:
    """How long runs of a table took: seconds for an hour of known time, the median of `runs` of them."""

    seconds_an_hour: float
    runs: int


def codes_by_table(ops: Ops) -> dict[str, set[str]]:
    """The versions of code that made what stands of each table."""
    query = (
        select(runs.c.table_name, runs.c.code_version)
        .where(runs.c.status == RunStatus.PUBLISHED.value)
        .distinct()
    )
    found: dict[str, set[str]] = {}
    with ops.read() as connection:
        for name, code in connection.execute(query).all():
            found.setdefault(name, set()).add(code)
    return found


def made_by_code(ops: Ops, table: str, code_version: str, within: Interval | None = None) -> list[Interval]:
    """Known time of a table whose standing runs had this version of the code; merged, in order.

    With `within`, only of runs that reach into it.
    """
    is_wanted = runs.c.code_version == code_version
    if within is not None:
        is_wanted = and_(is_wanted, runs.c.interval_start < within.end, runs.c.interval_end > within.start)
    return _made_where(ops, table, is_wanted)


def made_by_other_code(ops: Ops, table: str, code_version: str) -> list[Interval]:
    """Known time of a table whose standing runs had another version of the code; merged, in order."""
    return _made_where(ops, table, runs.c.code_version != code_version)


def _made_where(ops: Ops, table: str, is_wanted: ColumnElement[bool]) -> list[Interval]:
    query = select(runs.c.interval_start, runs.c.interval_end).where(
        runs.c.table_name == table, runs.c.status == RunStatus.PUBLISHED.value, is_wanted
    )
    with ops.read() as connection:
        rows = connection.execute(query).all()
    return merged(Interval(start, end) for start, end in rows)


def measured(ops: Ops, table: str) -> Measured | None:
    """What the table's last runs took; of a day or more where there are such, as a replay's are.

    A tick costs nearly the same however little it holds, so ticks tell little of a replay.
    """
    query = (
        select(runs.c.interval_start, runs.c.interval_end, runs.c.started_at, runs.c.finished_at)
        .where(
            runs.c.table_name == table,
            runs.c.status.in_((RunStatus.PUBLISHED.value, RunStatus.SUPERSEDED.value)),
            runs.c.finished_at.is_not(None),
        )
        .order_by(runs.c.started_at.desc())
        .limit(_RUNS_LOOKED_AT)
    )
    with ops.read() as connection:
        rows = connection.execute(query).all()
    long = [row for row in rows if row.interval_end - row.interval_start >= _ONE_DAY]
    rates = [
        (row.finished_at - row.started_at) / (row.interval_end - row.interval_start) * 3600
        for row in (long or rows)[:_RUNS_MEASURED]
    ]
    return Measured(median(rates), len(rates)) if rates else None
