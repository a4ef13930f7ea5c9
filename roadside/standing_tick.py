"""A tick that is made already, as a run of it would tell of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.graph import STEPS, Step
from roadside.runner import StepResult, step_version
from validation.clocks import Interval


def tick_that_stands(settings: Settings, tick: Interval, steps: Sequence[Step] = STEPS) -> list[StepResult]:
    """A tick that is made already: each step that it gave anything to do, skipped, with its runs that stand.

    Of this code's runs: a tick that other code made names none.
    """
    runs = RunLedger(Ops(settings.ops_url), lambda: datetime.now(UTC))  # never finishes a run
    results = []
    for step in steps:
        if step.due(tick):
            version = step_version(step, settings)
            found = [runs.published(name, tick, version) for name in step.writes]
            stand = {run.table: run for run in found if run is not None}
            rows = {name: run.rows or 0 for name, run in stand.items()}
            ids = {name: (run.run_id, run.snapshot_id) for name, run in stand.items()}
            results.append(StepResult(step.name, tick, "skipped", rows, runs=ids))
    return results
