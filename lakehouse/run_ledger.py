"""What ran over which interval, with which code, and how it ended.

"Already done" is answered here: a published run stands until another run of its table publishes
over its interval, or part of it with other code.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, true, update

from lakehouse.code_version import code_revision
from lakehouse.database import changed_rows
from lakehouse.ops import Ops, runs
from lakehouse.processes import Process, is_dead, is_local, this_process
from validation.clocks import Interval
from validation.errors import Defect

ABANDONED_AFTER = timedelta(hours=24)
BLOCKED = "Blocked"
"""The error kind of a run whose step failed before it came to the run's table."""

S3, SNOWFLAKE, COMPACTION, RETENTION = "s3", "snowflake", "compaction", "retention"
HANDLING = (S3, SNOWFLAKE, COMPACTION, RETENTION)
"""Layers of runs that make no rows, and send, rewrite or drop those that are there; as s3.features.<view>."""


class RunStatus(StrEnum):
    """How far a run has come.

    An outdated one runs as well; what it reads was replaced meanwhile, so it ends superseded.
    """

    RUNNING = "running"
    OUTDATED = "outdated"
    PUBLISHED = "published"
    FAILED = "failed"
    SUPERSEDED = "superseded"


IS_RUNNING = (RunStatus.RUNNING.value, RunStatus.OUTDATED.value)
WAS_PUBLISHED = (RunStatus.PUBLISHED.value, RunStatus.SUPERSEDED.value)


@dataclass(frozen=True)
class Run:
    """One attempt to make one interval of one table. Its two times are wall clock.

    Attributes:
        code_version: of the code that decides rows, as `lakehouse.code_version` tells it.
        inputs: the tables it read, each with the snapshot that it read; None where the table had none.
            None in place of all: not known, of a run that read nothing yet or was kept by older code.
        rows: of the interval, as published; None where nobody counted them.
        counts: rows that break a rule which only warns, by rule; of a compaction or retention, what it did.
        files, size_bytes: those that its snapshot added, or that were sent.
        revision: the commit that the process ran, where it could be told.
    """

    run_id: str
    table: str
    interval: Interval
    code_version: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None
    snapshot_id: int | None
    rows: int | None
    counts: Mapping[str, int]
    error_kind: str | None
    process: Process
    inputs: Mapping[str, int | None] | None = None
    files: int | None = None
    size_bytes: int | None = None
    revision: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended, as far as the ledger knows."""
        return self.status.value in IS_RUNNING

    @property
    def makes_rows(self) -> bool:
        """Whether it makes rows of its table; not so a publication, compaction or retention."""
        return self.table.partition(".")[0] not in HANDLING

    @property
    def warnings(self) -> Mapping[str, int]:
        """The rows that break a rule which only warns, by rule."""
        return self.counts if self.makes_rows else {}


Heard = Callable[[Run], None]
"""Is told of each run that began or ended, once the ledger has it; must not raise."""


def unheard(_run: Run) -> None:
    """Tell nobody."""


class RunLedger:
    """The runs of every table. `now` gives the wall clock, used for a run's times only."""

    def __init__(self, ops: Ops, now: Callable[[], datetime], heard: Heard = unheard) -> None:
        self._ops = ops
        self._now = now
        self._heard = heard

    def begin(
        self,
        table: str,
        interval: Interval,
        code_version: str,
        *,
        as_of: datetime | None = None,
        inputs: Mapping[str, int | None] | None = None,
    ) -> Run:
        """A new running run, begun now or, where what it is to do was decided earlier, as of then.

        First marks as failed the running runs whose process died here (error kind ProcessDied), or
        that another host began more than 24 hours ago (Abandoned). Two live runs of one interval
        are allowed: computing needs no lock.
        """
        (run,) = self.begin_all([table], interval, code_version, as_of=as_of, inputs=inputs)
        return run

    def begin_all(
        self,
        tables: Sequence[str],
        interval: Interval,
        code_version: str,
        *,
        as_of: datetime | None = None,
        inputs: Mapping[str, int | None] | None = None,
    ) -> list[Run]:
        """As `begin`, one run a table, all at once: what is replaced from now on outdates each."""
        now = self._now()
        begun = [
            Run(
                run_id=secrets.token_hex(6),
                table=table,
                interval=interval,
                code_version=code_version,
                status=RunStatus.RUNNING,
                started_at=as_of or now,
                finished_at=None,
                snapshot_id=None,
                rows=None,
                counts={},
                error_kind=None,
                process=this_process(),
                inputs=inputs,
                revision=code_revision(),
            )
            for table in tables
        ]
        with self._ops.write() as connection:
            dead = _fail_the_dead(connection, now)
            connection.execute(insert(runs), [_row(run) for run in begun])
        for each in (*dead, *begun):
            self._heard(each)
        return begun

    def read(self, run_ids: Sequence[str], inputs: Mapping[str, int | None]) -> None:
        """The runs read these tables, each at that snapshot."""
        with self._ops.write() as connection:
            of_runs = update(runs).where(runs.c.run_id.in_(run_ids))
            connection.execute(of_runs.values(inputs=dict(inputs)))

    def at_work(self, run_id: str) -> None:
        """The run's own work begins now: it was begun with others, which went before."""
        with self._ops.write() as connection:
            begun = update(runs).where(runs.c.run_id == run_id)
            connection.execute(begun.values(started_at=self._now()))

    def publishing(self, run_id: str) -> None:
        """The run is about to publish other rows than were there; should it die now, it may have or not.

        So what it replaces stands no more from now on, as when it has finished.
        """
        with self._ops.write() as connection:
            run = _by_id(connection, run_id)
            begun = update(runs).where(runs.c.run_id == run_id)
            connection.execute(begun.values(publishing_at=self._now()))
            _supersede(connection, run)

    def finish(
        self,
        run_id: str,
        *,
        snapshot_id: int | None,
        rows: int | None,
        counts: Mapping[str, int] | None = None,
        files: int | None = None,
        size_bytes: int | None = None,
    ) -> Run:
        """The run, published; superseded at once if what it read was replaced while it ran.

        Supersedes every other published run of the table that lies within its interval, or that
        overlaps it with another code version. Finishing a published run again changes nothing.

        Raises:
            Defect: there is no such run, or it ended otherwise.
        """
        with self._ops.write() as connection:
            run = _by_id(connection, run_id)
            if run.status is RunStatus.PUBLISHED:
                return run
            _require_running(run)
            _supersede(connection, run)
            stands = run.status is not RunStatus.OUTDATED
            ended = {
                "status": (RunStatus.PUBLISHED if stands else RunStatus.SUPERSEDED).value,
                "finished_at": self._now(),
                "snapshot_id": snapshot_id,
                "rows": rows,
                "counts": dict(counts or {}),
                "files": files,
                "size_bytes": size_bytes,
            }
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(ended))
            done = _by_id(connection, run_id)
        self._heard(done)
        return done

    def fail(self, run_id: str, error_kind: str) -> Run:
        """The run, failed with an error of that class; its message, which may name data, is not kept.

        Raises:
            Defect: there is no such run, or it was published.
        """
        with self._ops.write() as connection:
            run = _by_id(connection, run_id)
            if run.status is RunStatus.FAILED:
                return run
            _require_running(run)
            _fail(connection, run_id, error_kind, self._now())
            done = _by_id(connection, run_id)
        self._heard(done)
        return done

    def fail_open(self, error_kinds: Mapping[str, str]) -> None:
        """Those of the runs that have not ended, failed with errors of these classes, by run; all at once."""
        with self._ops.write() as connection:
            left = [run_id for run_id in error_kinds if _by_id(connection, run_id).is_running]
            for run_id in left:
                _fail(connection, run_id, error_kinds[run_id], self._now())
            done = [_by_id(connection, run_id) for run_id in left]
        for each in done:
            self._heard(each)

    def published(self, table: str, interval: Interval, code_version: str) -> Run | None:
        """The newest published run of that code that covers the whole interval; None if none stands."""
        query = (
            select(runs)
            .where(
                runs.c.table_name == table,
                runs.c.status == RunStatus.PUBLISHED.value,
                runs.c.interval_start <= interval.start,
                runs.c.interval_end >= interval.end,
                runs.c.code_version == code_version,
            )
            .order_by(runs.c.finished_at.desc(), runs.c.run_id)
            .limit(1)
        )
        with self._ops.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else run_of(row)

    def never_made(self, table: str, interval: Interval) -> list[Interval]:
        """The parts of the interval over which no run was ever published, of whatever code; in order."""
        was_made = and_(runs.c.table_name == table, _overlaps(interval), runs.c.status.in_(WAS_PUBLISHED))
        reached = func.max(runs.c.interval_end).over(order_by=runs.c.interval_start, rows=(None, -1))
        made = (
            select(runs.c.interval_start.label("start"), reached.label("reached")).where(was_made).subquery()
        )
        behind = or_(made.c.reached.is_(None), made.c.start > made.c.reached)
        with self._ops.read() as connection:
            rows = connection.execute(select(made).where(behind).order_by(made.c.start)).all()
            last = connection.execute(select(func.max(runs.c.interval_end)).where(was_made)).scalar_one()
        edges = [(row.reached or interval.start, row.start) for row in rows]
        return [
            Interval(start, end)
            for start, end in [*edges, (last or interval.start, interval.end)]
            if start < end
        ]

    def holes(self, table: str, interval: Interval) -> list[Interval]:
        """The same, behind the first run of the table that was ever published: what was passed over."""
        firsts = [  # a query a status: each is one step in the index
            select(func.min(runs.c.interval_start)).where(runs.c.table_name == table, runs.c.status == status)
            for status in WAS_PUBLISHED
        ]
        with self._ops.read() as connection:
            found = [connection.execute(first).scalar_one() for first in firsts]
        begun = min((each for each in found if each is not None), default=interval.end)
        if begun >= interval.end:
            return []
        return self.never_made(table, Interval(max(begun, interval.start), interval.end))

    def may_hold_rows(self, table: str, interval: Interval, before: str = "") -> bool:
        """Whether a run over (part of) the interval may have left rows: it wrote some, or was cut off.

        The run named `before` asks, and is not counted.
        """
        wrote_none = and_(runs.c.status.in_(WAS_PUBLISHED), runs.c.rows.is_not(None), runs.c.rows == 0)
        return self._any(table, _overlaps(interval), runs.c.run_id != before, ~wrote_none)

    def died_publishing(self, run: Run) -> bool:
        """Whether another run over (part of) its interval of its table died as it published other rows.

        Not if a run over all of it that began since was published. Asked under the table's lease: who has
        not ended then is dead, on whatever host.
        """
        interval = run.interval
        died = [
            _overlaps(interval),
            runs.c.run_id != run.run_id,
            runs.c.status.not_in(WAS_PUBLISHED),
            runs.c.publishing_at.is_not(None),
        ]
        if not self._any(run.table, *died):
            return False
        covers = and_(runs.c.interval_start <= interval.start, runs.c.interval_end >= interval.end)
        is_whole = and_(runs.c.table_name == run.table, runs.c.status.in_(WAS_PUBLISHED), covers)
        with self._ops.read() as connection:
            since = connection.execute(select(func.max(runs.c.started_at)).where(is_whole)).scalar_one()
        return since is None or self._any(run.table, *died, runs.c.publishing_at > since)

    def published_since(self, run: Run) -> bool:
        """Whether another run over (part of) its interval of its table was published since it began, or died
        as it published. Asked under the table's lease: nobody who lives is in between then.
        """
        was_published = and_(runs.c.status.in_(WAS_PUBLISHED), runs.c.finished_at > run.started_at)
        came = or_(was_published, runs.c.publishing_at > run.started_at)
        return self._any(run.table, _overlaps(run.interval), runs.c.run_id != run.run_id, came)

    def is_outdated(self, run_id: str) -> bool:
        """Whether the run goes on although what it read was replaced."""
        is_it = [runs.c.run_id == run_id, runs.c.status == RunStatus.OUTDATED.value]
        with self._ops.read() as connection:
            return connection.execute(select(runs.c.run_id).where(*is_it)).first() is not None

    def running(self, table: str) -> set[str]:
        """Ids of the table's runs that have not ended, nor died that anyone noticed."""
        query = select(runs.c.run_id).where(runs.c.table_name == table, runs.c.status.in_(IS_RUNNING))
        with self._ops.read() as connection:
            return set(connection.execute(query).scalars())

    def _any(self, table: str, *conditions: ColumnElement[bool]) -> bool:
        query = select(runs.c.run_id).where(runs.c.table_name == table, *conditions)
        with self._ops.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def last_run(self, table: str, over: Interval | None = None) -> Run | None:
        """The table's run that began last, or that did over (part of) the interval; None if none ever did."""
        query = select(runs).where(runs.c.table_name == table, true() if over is None else _overlaps(over))
        with self._ops.read() as connection:
            row = connection.execute(query.order_by(runs.c.started_at.desc(), runs.c.run_id).limit(1)).first()
        return None if row is None else run_of(row)

    def last_published(self, table: str) -> Run | None:
        """The table's run that was published last, whether it still stands or not; None if none was."""
        query = select(runs).where(runs.c.table_name == table, runs.c.status.in_(WAS_PUBLISHED))
        newest = query.order_by(runs.c.finished_at.desc(), runs.c.started_at.desc(), runs.c.run_id)
        with self._ops.read() as connection:
            row = connection.execute(newest.limit(1)).first()
        return None if row is None else run_of(row)

    def failures(self, until: datetime) -> list[Run]:
        """The runs that failed over known time before that moment, by table, interval and when they began.

        Without those that were blocked: what blocked them is there.
        """
        query = (
            select(runs)
            .where(
                runs.c.status == RunStatus.FAILED.value,
                runs.c.error_kind != BLOCKED,
                runs.c.interval_start < until,
            )
            .order_by(runs.c.table_name, runs.c.interval_start, runs.c.started_at, runs.c.run_id)
        )
        with self._ops.read() as connection:
            return [run_of(row) for row in connection.execute(query)]

    def supersede(self, stale: Mapping[str, Interval]) -> int:
        """How many published runs no longer stand, because what they read was replaced, by table over when.

        Those that run now will not stand either: they may have read what is no more. All in one transaction.
        """
        with self._ops.write() as connection:
            replaced = 0
            for table, interval in stale.items():
                here = and_(runs.c.table_name == table, _overlaps(interval))
                _restate(connection, here, RunStatus.RUNNING, RunStatus.OUTDATED)
                replaced += _restate(connection, here, RunStatus.PUBLISHED, RunStatus.SUPERSEDED)
        return replaced


def _restate(connection: Connection, here: ColumnElement[bool], was: RunStatus, now: RunStatus) -> int:
    of_that_status = update(runs).where(here, runs.c.status == was.value)
    return changed_rows(connection.execute(of_that_status.values(status=now.value)))


def _overlaps(interval: Interval) -> ColumnElement[bool]:
    return and_(runs.c.interval_start < interval.end, runs.c.interval_end > interval.start)


def _fail_the_dead(connection: Connection, now: datetime) -> list[Run]:
    running = select(runs).where(runs.c.status.in_(IS_RUNNING))
    dead = []
    for row in connection.execute(running).all():
        run = run_of(row)
        is_abandoned = not is_local(run.process) and now - run.started_at > ABANDONED_AFTER
        if is_dead(run.process) or is_abandoned:
            _fail(connection, run.run_id, "Abandoned" if is_abandoned else "ProcessDied", now)
            dead.append(_by_id(connection, run.run_id))
    return dead


def _fail(connection: Connection, run_id: str, error_kind: str, now: datetime) -> None:
    ended = {"status": RunStatus.FAILED.value, "finished_at": now, "error_kind": error_kind}
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(ended))


def _supersede(connection: Connection, run: Run) -> None:
    interval = run.interval
    lies_within = and_(runs.c.interval_start >= interval.start, runs.c.interval_end <= interval.end)
    overlaps = _overlaps(interval)
    replaced = and_(
        runs.c.table_name == run.table,
        runs.c.status == RunStatus.PUBLISHED.value,
        or_(lies_within, and_(overlaps, runs.c.code_version != run.code_version)),
    )
    connection.execute(update(runs).where(replaced).values(status=RunStatus.SUPERSEDED.value))


def _by_id(connection: Connection, run_id: str) -> Run:
    row = connection.execute(select(runs).where(runs.c.run_id == run_id)).first()
    if row is None:
        raise Defect(f"There is no run '{run_id}' in the run ledger.")
    return run_of(row)


def _require_running(run: Run) -> None:
    if not run.is_running:
        raise Defect(
            f"{run.table}: run {run.run_id} over {run.interval} is {run.status.value} and cannot end again."
        )


def _row(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "table_name": run.table,
        "interval_start": run.interval.start,
        "interval_end": run.interval.end,
        "code_version": run.code_version,
        "status": run.status.value,
        "started_at": run.started_at,
        "counts": dict(run.counts),
        "inputs": None if run.inputs is None else dict(run.inputs),
        "revision": run.revision,
        "host": run.process.host,
        "pid": run.process.pid,
        "process_started": run.process.started,
    }


def run_of(row: Any) -> Run:
    """The run that a row of the table `runs` holds."""
    return Run(
        run_id=row.run_id,
        table=row.table_name,
        interval=Interval(row.interval_start, row.interval_end),
        code_version=row.code_version,
        status=RunStatus(row.status),
        started_at=row.started_at,
        finished_at=row.finished_at,
        snapshot_id=row.snapshot_id,
        rows=row.rows,
        counts=row.counts,
        error_kind=row.error_kind,
        process=Process(row.host, row.pid, row.process_started),
        inputs=row.inputs,
        files=row.files,
        size_bytes=row.size_bytes,
        revision=row.revision,
    )
