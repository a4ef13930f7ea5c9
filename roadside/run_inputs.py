"""What a run read: the tables by the graph of today, and of each the snapshot that the ledger keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from lakehouse.ops import Ops
from lakehouse.run_ledger import Run
from lakehouse.run_search import left_by
from roadside.graph import STEPS, Step
from roadside.run_names import ONLINE
from validation.clocks import Interval


@dataclass(frozen=True)
class InputRead:
    """A table that the run read, over which known time, and at which snapshot.

    Attributes:
        start, end: None of a dataset, whose manifest says how far back it looks.
        is_kept: the ledger keeps the snapshot; it does not of a run that died before it read, nor of one that
            older code made or that went to Redis.
        snapshot_id: None as well of a table that had none.
        run_id: the run that left that snapshot; None where none did, as after a compaction, or nobody asked.
    """

    table: str
    start: datetime | None
    end: datetime | None
    is_kept: bool = False
    snapshot_id: int | None = None
    run_id: str | None = None


def step_of(run: Run) -> Step | None:
    """The step of the road that writes the run's table; None of what no step writes."""
    return next((step for step in STEPS if run.table in step.writes), None)


def inputs_of(run: Run) -> tuple[InputRead, ...]:
    """The tables that a run reads, those by the graph first; asks no database, so knows no `run_id`."""
    known, kept = _by_graph(run), run.inputs or {}
    found = []
    for table in dict.fromkeys((*known, *kept)):
        interval = known.get(table)
        start, end = (None, None) if interval is None else (interval.start, interval.end)
        found.append(InputRead(table, start, end, table in kept, kept.get(table)))
    return tuple(found)


def with_makers(ops: Ops, read: Iterable[InputRead]) -> tuple[InputRead, ...]:
    """The same, each with the run that left its snapshot."""
    return tuple(replace(each, run_id=_maker(ops, each)) for each in read)


def _maker(ops: Ops, read: InputRead) -> str | None:
    made = None if read.snapshot_id is None else left_by(ops, read.table, read.snapshot_id)
    return None if made is None else made.run_id


def _by_graph(run: Run) -> Mapping[str, Interval]:
    """Over which known time a run of that table reads which, with the code of today."""
    step = step_of(run)
    if step is not None:
        return {name: run.interval.widened(back) for name, back in step.reads.items()}
    layer, _, view = run.table.partition(".")
    return {f"features.{view}": run.interval} if layer == ONLINE else {}
