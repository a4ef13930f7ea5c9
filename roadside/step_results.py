"""What became of a step, with the runs in the ledger that say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from lakehouse.run_ledger import RunLedger, RunStatus
from validation.clocks import Interval
from validation.errors import RoadsideError

RunAndSnapshot = tuple[str, int | None]
"""The id of a run in the ledger, and of the snapshot it left its table at."""


@dataclass(frozen=True)
class StepResult:
    """What became of one step over one interval."""

    step: str
    interval: Interval
    status: str  # published | skipped | failed | blocked | not due
    rows: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    warnings: dict[str, int] = field(default_factory=dict)
    error: RoadsideError | None = None
    runs: dict[str, RunAndSnapshot] = field(default_factory=dict)  # by table; of a failed step, what failed

    @property
    def is_broken(self) -> bool:
        """Whether what it should have written is missing."""
        return self.status in {"failed", "blocked"}

    def then(self, later: StepResult) -> StepResult:
        """Both as one: of the same step, over known time that is not all between them."""
        rows, warnings = Counter(self.rows), Counter(self.warnings)
        rows.update(later.rows)
        warnings.update(later.warnings)
        return StepResult(
            self.step,
            Interval(self.interval.start, later.interval.end),
            "published" if self.status == "published" else later.status,
            dict(rows),
            warnings=dict(warnings),
            runs=self.runs | later.runs,
        )


def with_runs(result: StepResult, tables: Iterable[str], ledger: RunLedger, version: str) -> StepResult:
    """The result of a step that published nothing, with the runs that stand already or that failed."""
    if result.status == "skipped":
        runs = [ledger.published(name, result.interval, version) for name in tables]
    else:
        last = [ledger.last_run(name) for name in tables]
        runs = [
            run
            for run in last
            if run is not None and run.status is RunStatus.FAILED and run.interval == result.interval
        ]
    told = {run.table: (run.run_id, run.snapshot_id) for run in runs if run is not None}
    return replace(result, runs=told)
