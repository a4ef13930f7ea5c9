"""How long each step of the road took, from its start to its end: what the next plan is fitted to.

The run ledger says when a table's run began and ended, which leaves out what a step does before it writes
(bronze parses what landed, features compare with what is published).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, String, Table, func, insert, select, true, type_coerce

from lakehouse.ops import Ops, runs, step_timings
from lakehouse.run_ledger import RunStatus
from validation.clocks import Interval

RECENT = 200
"""Runs looked at."""
LONG = timedelta(days=1)
"""A long run: a part of a backfill. A day of ticks is 96 runs, which would soon hide all others."""
START = "start of a backfill"
"""Kept beside the steps: from the command to its first step (plan, Spark, tables prepared)."""


@dataclass(frozen=True)
class StepTiming:
    """One run of a step over an interval: wall seconds, on so many cores, beside whatever ran with it.

    `is_first` says whether its process had not run the step before, and so had still to load and to compile
    much of it; None where nobody knows.
    """

    step: str
    interval: Interval
    seconds: float
    cores: int
    finished_at: datetime
    is_first: bool | None = None


class StepTimings:
    """The measured runs of every step; the newest count."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops

    def record(self, timing: StepTiming) -> None:
        """Kept beside the earlier ones."""
        row = {
            "step": timing.step,
            "finished_at": timing.finished_at,
            "interval_start": timing.interval.start,
            "interval_end": timing.interval.end,
            "seconds": timing.seconds,
            "cores": timing.cores,
            "is_first": timing.is_first,
        }
        with self._ops.write() as connection:
            connection.execute(insert(step_timings).values(row))

    def recent(self, step: str, limit: int = RECENT, *, only_long: bool = False) -> list[StepTiming]:
        """The step's last runs, newest first; with `only_long` of those over a day or more."""
        query = (
            select(step_timings)
            .where(step_timings.c.step == step, _may_be_long(step_timings, only_long))
            .order_by(step_timings.c.finished_at.desc())
            .limit(None if only_long else limit)
        )
        with self._ops.read() as connection:
            return [
                StepTiming(
                    row.step,
                    Interval(row.interval_start, row.interval_end),
                    row.seconds,
                    row.cores,
                    row.finished_at,
                    row.is_first,
                )
                for row in islice(_long_enough(connection.execute(query), only_long), limit)
            ]


def _may_be_long(table: Table, only_long: bool) -> ColumnElement[bool]:
    """Leaves out what begins and ends on one date: in SQL, of every 96 ticks 95; both are ISO text."""
    if not only_long:
        return true()
    first, last = (
        func.substr(type_coerce(table.c[bound], String), 1, len("2026-03-10"))
        for bound in ("interval_start", "interval_end")
    )
    return first < last


def _long_enough(rows: Iterable[Any], only_long: bool) -> Iterator[Any]:
    return (row for row in rows if not only_long or row.interval_end - row.interval_start >= LONG)


def timings_of_runs(
    ops: Ops,
    step: str,
    tables: Sequence[str],
    cores: int,
    limit: int = RECENT,
    *,
    only_long: bool = False,
) -> list[StepTiming]:
    """The same by the run ledger, newest first: from the first of the step's tables begun to the last ended.

    For steps not timed as a whole. The ledger does not say on how many cores: `cores` is taken for granted.
    """
    query = (
        select(
            runs.c.table_name,
            runs.c.interval_start,
            runs.c.interval_end,
            runs.c.started_at,
            runs.c.finished_at,
        )
        .where(
            runs.c.table_name.in_(list(tables)),
            runs.c.status.in_((RunStatus.PUBLISHED.value, RunStatus.SUPERSEDED.value)),
            runs.c.finished_at.is_not(None),
            _may_be_long(runs, only_long),
        )
        .order_by(runs.c.started_at.desc())
        .limit(None if only_long else limit * len(tables))
    )
    with ops.read() as connection:
        rows = list(islice(_long_enough(connection.execute(query), only_long), limit * len(tables)))
    # The nth newest run of an interval of each table is of the nth newest run of the step.
    spans: dict[tuple[Interval, int], list[tuple[datetime, datetime]]] = {}
    seen: dict[tuple[str, Interval], int] = {}
    for row in rows:
        interval = Interval(row.interval_start, row.interval_end)
        nth = seen.get((row.table_name, interval), 0)
        seen[row.table_name, interval] = nth + 1
        spans.setdefault((interval, nth), []).append((row.started_at, row.finished_at))
    timings = [
        StepTiming(
            step,
            interval,
            (max(end for _, end in of) - min(start for start, _ in of)) / timedelta(seconds=1),
            cores,
            max(end for _, end in of),
        )
        for (interval, _), of in spans.items()
        if len(of) == len(tables)
    ]
    return sorted(timings, key=lambda each: each.finished_at, reverse=True)[:limit]
