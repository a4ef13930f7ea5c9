"""A step that published nothing names the runs that stand already, or that failed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from roadside.step_lines import results_as_json
from roadside.step_results import StepResult, with_runs
from support.failed_runs import failed_run
from validation.clocks import TICK, Interval

NOW = datetime(2026, 3, 10, 18, 1, tzinfo=UTC)
TICK_OF_SIX = Interval(datetime(2026, 3, 10, 17, 45, tzinfo=UTC), datetime(2026, 3, 10, 18, tzinfo=UTC))
BEFORE = Interval(TICK_OF_SIX.start - TICK, TICK_OF_SIX.start)
TABLES = ("bronze.gps_pings", "quarantine.gps_pings")


def ledger(folder: Path) -> RunLedger:
    return RunLedger(Ops(f"sqlite:///{folder}/ops.db"), lambda: NOW)


def test_a_skipped_step_names_the_runs_that_stand(tmp_path: Path) -> None:
    runs = ledger(tmp_path)
    ids = [runs.begin(name, TICK_OF_SIX, "code").run_id for name in TABLES]
    for run_id, snapshot in zip(ids, (11, 12), strict=True):
        runs.finish(run_id, snapshot_id=snapshot, rows=3)
    result = with_runs(StepResult(TABLES[0], TICK_OF_SIX, "skipped"), TABLES, runs, "code")
    assert result.runs == {TABLES[0]: (ids[0], 11), TABLES[1]: (ids[1], 12)}
    assert with_runs(result, TABLES, runs, "other code").runs == {}


def test_a_failed_step_names_the_run_that_failed_and_none_of_another_interval(tmp_path: Path) -> None:
    """The second table's last run is an older one: it did not come to it."""
    runs = ledger(tmp_path)
    failed_run(runs, TABLES[1], BEFORE, "CheckFailed")
    failed = failed_run(runs, TABLES[0], TICK_OF_SIX, "CheckFailed")
    result = with_runs(StepResult(TABLES[0], TICK_OF_SIX, "failed"), TABLES, runs, "code")
    assert result.runs == {TABLES[0]: (failed, None)}


def test_the_answer_has_run_and_snapshot_by_table() -> None:
    runs = {"silver.jobs": ("a", 5)}
    step = StepResult("silver.jobs", TICK_OF_SIX, "published", {"silver.jobs": 7}, runs=runs)
    (told,) = json.loads(results_as_json([step]))
    assert told["runs"] == {"silver.jobs": {"run_id": "a", "snapshot_id": 5}}
