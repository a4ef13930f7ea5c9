"""Runs that make no rows: publications, compactions, retentions, kept in the ledger of runs as all others.

Named after what is done and with what: s3.features.zone_demand_15m, snowflake.training.eta_v1,
compaction.silver.jobs, retention.silver.jobs, retention.landing.gps_pings, retention.ledgers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from lakehouse.code_version import code_version
from lakehouse.expiries import LANDED
from lakehouse.ops import Ops
from lakehouse.processes import is_dead
from lakehouse.run_history import reach_by_table
from lakehouse.run_ledger import COMPACTION, RETENTION, S3, SNOWFLAKE, Run, RunLedger, RunStatus
from lakehouse.run_search import last_runs
from lakehouse.settings import Settings
from validation.clocks import TICK, Interval, tick_end
from validation.contract import Table
from validation.contracts import FEATURES, TABLES, TRAINING
from validation.sources import SOURCES

LEDGER = "ledgers"
"""The name of the ledgers, beside those of tables and of landed objects."""

_CODE = (
    "warehouse", "lakehouse.table_upkeep", "lakehouse.ledger_upkeep", "lakehouse.landed_accounts",
    "roadside.publication_sources", "roadside.retention",
)  # fmt: skip
_LEFT_TO_OTHERS = ("Busy", "Moved")
"""Errors of a run that another process came before: the next one takes what it left."""


def handling_version() -> str:
    """Version of the code that decides what is sent, rewritten and dropped."""
    return code_version(*_CODE)


def handling_names() -> list[str]:
    """The name of every such run that there can be."""
    kept = [each.name for each in TABLES if each.layer != "training"]
    return [
        *(f"{target}.{table.name}" for target in (S3, SNOWFLAKE) for table in (*TRAINING, *FEATURES)),
        *(f"{COMPACTION}.{table.name}" for table in TABLES),
        *(f"{RETENTION}.{name}" for name in (*(f"{LANDED}{each.name}" for each in SOURCES), *kept, LEDGER)),
    ]


@dataclass
class Handled:
    """A run that goes on, and what it is told to have left; told nothing, it left nothing.

    None in place of the run: what is told is kept nowhere.
    """

    run: Run | None
    _runs: RunLedger
    left: dict[str, Any] = field(default_factory=lambda: {"snapshot_id": None, "rows": None})

    def read(self, inputs: Mapping[str, int | None]) -> None:
        """It works on these tables, each at that snapshot."""
        if self.run is not None:
            self._runs.read([self.run.run_id], inputs)

    def leaves(
        self,
        *,
        snapshot_id: int | None = None,
        rows: int | None = None,
        counts: Mapping[str, int] | None = None,
        files: int | None = None,
        size_bytes: int | None = None,
    ) -> None:
        """As `RunLedger.finish` keeps it, once all is done."""
        self.left = {
            "snapshot_id": snapshot_id, "rows": rows, "counts": counts, "files": files,
            "size_bytes": size_bytes,
        }  # fmt: skip


@contextmanager
def handled(
    runs: RunLedger, name: str, interval: Interval | None, inputs: Mapping[str, int | None] | None = None
) -> Iterator[Handled]:
    """A run around the work: published when it is done, failed with what it raises; none without an interval.

    Killed in between, it is running by the ledger until the next run of any table finds it dead.
    """
    if interval is None:
        yield Handled(None, runs)
        return
    run = runs.begin(name, interval, handling_version(), inputs=inputs)
    work = Handled(run, runs)
    try:
        yield work
    except BaseException as error:
        runs.fail(run.run_id, type(error).__name__)
        raise
    runs.finish(run.run_id, **work.left)


def undone(runs: RunLedger, name: str) -> Interval | None:
    """The known time of the last run of that name, if it did not come to its end; None if it did."""
    last = runs.last_run(name)
    return (
        last.interval if last is not None and (last.is_running or last.status is RunStatus.FAILED) else None
    )


def known_time(ops: Ops, table: str, now: datetime) -> Interval:
    """The known time that the ledger has of the table; where it has none, the tick that goes on."""
    start, end = reach_by_table(ops, table).get(table, (tick_end(now) - TICK, tick_end(now)))
    return Interval(start, end)


def known_before(ops: Ops, day: date, table: str | None = None) -> Interval:
    """The known time before the day, from the first that the ledger has of the table, or of any."""
    midnight = datetime.combine(day, time(0), UTC)
    starts = [start for start, _ in reach_by_table(ops, table).values()]
    return Interval(min([*starts, midnight - timedelta(days=1)]), midnight)


def handled_table(run: Run) -> Table | None:
    """The table that such a run is about; None of landed objects, ledgers, and what is declared no more."""
    name = run.table.partition(".")[2]
    return next((table for table in TABLES if table.name == name), None)


def again(run: Run) -> str:
    """The command that does such a run's work again, or what is left of it."""
    layer, _, name = run.table.partition(".")
    match layer:
        case "compaction":
            return f"roadside compact --table {name} --before {run.interval.end:%Y-%m-%d}"
        case "retention":
            return f"roadside retention --table {name} --execute"
        case target:
            return f"roadside publish {name.removeprefix('training.')} --to {target}"


def failures(settings: Settings, ops: Ops) -> dict[str, list[Run]]:
    """By layer, the runs that were the last of their name and failed, newest first.

    Not those that another process came before, nor publications to what the settings name no more.
    """
    named = {S3: settings.publish_uri, SNOWFLAKE: settings.snowflake_connection}
    found: dict[str, list[Run]] = {}
    for run in sorted(last_runs(ops, handling_names()), key=lambda run: run.started_at, reverse=True):
        layer = run.table.partition(".")[0]
        if named.get(layer, layer) and _has_failed(run):
            found.setdefault(layer, []).append(run)
    return found


def _has_failed(run: Run) -> bool:
    if run.is_running:
        return is_dead(run.process)
    return run.status is RunStatus.FAILED and run.error_kind not in _LEFT_TO_OTHERS
