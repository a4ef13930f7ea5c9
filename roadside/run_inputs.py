"""What a run read, as far as the graph and the ledger can tell.

The ledger keeps when a run began, not which snapshots it opened. What an input held is therefore what the
newest run of that table had published by then; where another was published while the run was at work, it
cannot be told which of the two was read, and the account says so. (A step opens its inputs before the runs
of its tables begin, a feature view by as long as it compares: what was published in between is not seen.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lakehouse.ops import Ops
from lakehouse.run_ledger import Run
from lakehouse.run_search import last_published, published_between
from lakehouse.settings import Settings
from roadside.graph import STEPS, Step
from roadside.run_names import ONLINE
from training_datasets.manifests import day_manifest
from validation.clocks import Interval, business_date_et

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class InputRead:
    """A table that the run read, over known time, and what it held as far as the ledger can tell.

    Attributes:
        start: None of a dataset, which looks back as far as its manifest says.
        run_id: the newest run that had published the table when the run began; None if none had.
        snapshot_id: the snapshot which that run left.
        published_meanwhile: runs that published the table while the run was at work; with any, which
            snapshot was read cannot be told.
    """

    table: str
    start: datetime | None
    end: datetime | None
    run_id: str | None
    snapshot_id: int | None
    published_meanwhile: int


def step_of(run: Run) -> Step | None:
    """The step of the road that writes the run's table; None of datasets and of what is written online."""
    return next((step for step in STEPS if run.table in step.writes), None)


def inputs_read(settings: Settings, run: Run) -> tuple[InputRead, ...]:
    """The tables that a run reads: of a step by the graph of today, of a view online its features.

    Of a dataset's run those that the manifests of its days name, while they are of that run.
    """
    step = step_of(run)
    if step is not None:
        tables = {name: run.interval.widened(back) for name, back in step.reads.items()}
    elif run.table.startswith(f"{ONLINE}."):
        tables = {f"features.{run.table.removeprefix(f'{ONLINE}.')}": run.interval}
    else:
        return tuple(_of_manifests(settings, run))
    ops = Ops(settings.ops_url)
    return tuple(_read(ops, run, name, interval) for name, interval in tables.items())


def _read(ops: Ops, run: Run, table: str, interval: Interval) -> InputRead:
    last = last_published(ops, table, run.started_at)
    return InputRead(
        table,
        interval.start,
        interval.end,
        None if last is None else last.run_id,
        None if last is None else last.snapshot_id,
        published_between(ops, table, run.started_at, run.finished_at or _END_OF_TIME),
    )


def _of_manifests(settings: Settings, run: Run) -> Iterator[InputRead]:
    folder = settings.datasets_dir / run.table.partition(".")[2]
    days = [business_date_et(cut - timedelta(days=1)) for cut in run.interval.cuts()]
    found = [manifest for day in days if (manifest := day_manifest(folder, day)) is not None]
    for manifest in found:
        if manifest.evidence.get("run_id") == run.run_id:
            for table, snapshot in sorted(manifest.evidence["input_snapshot_ids"].items()):
                yield InputRead(table, None, None, None, snapshot, 0)
            return  # the days of a run read the same
