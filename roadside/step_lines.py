"""Steps told as they end, one line each, and how a run of them ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from roadside.failures import tell
from roadside.rendering import counted, notice, print_table, say
from validation.errors import RoadsideError

if TYPE_CHECKING:
    from roadside.road_plan import PlannedStep
    from roadside.runner import StepResult

_STYLES = {"published": "", "skipped": "dim", "failed": "bold red", "blocked": "yellow"}


def tell_step(result: StepResult) -> None:
    """One line on stderr for a step that ended; a step that was not due says nothing."""
    if result.status == "not due":
        return
    rows = f"{sum(result.rows.values()):>12,} rows" if result.rows else " " * 17
    status = {"skipped": "done already"}.get(result.status, result.status)
    notice(
        f"{result.step:<34} {result.interval}  {status:<12} {rows} {result.seconds:7.1f} s",
        _STYLES.get(result.status, ""),
    )
    for check, count in result.warnings.items():
        notice(f"    warning: {check}: {counted(count, 'row')}", "yellow")


def results_as_json(results: Sequence[StepResult]) -> str:
    """The results as one JSON array."""
    return json.dumps(
        [
            {
                "step": result.step,
                "start": result.interval.start.isoformat(),
                "end": result.interval.end.isoformat(),
                "status": result.status,
                "rows": result.rows,
                "seconds": round(result.seconds, 2),
                "warnings": result.warnings,
                "runs": {
                    name: {"run_id": run_id, "snapshot_id": snapshot_id}
                    for name, (run_id, snapshot_id) in result.runs.items()
                },
                "error": None if result.error is None else str(result.error),
            }
            for result in results
        ],
        indent=2,
    )


def tell_outcome(results: Sequence[StepResult]) -> int:
    """Every failure with its next step on stderr, a closing line on stdout; the exit code."""
    failed = [each for each in results if each.error is not None]
    blocked = [each for each in results if each.status == "blocked"]
    published = [each for each in results if each.status == "published"]
    skipped = sum(each.status == "skipped" for each in results)
    rows = sum(sum(each.rows.values()) for each in published)
    say(
        f"{counted(len(published), 'step')} published {counted(rows, 'row')} "
        f"in {sum(each.seconds for each in published):.1f} s; {skipped} done already, "
        f"{len(failed)} failed, {len(blocked)} blocked."
    )
    codes = [tell(each.error) for each in failed if isinstance(each.error, RoadsideError)]
    if blocked:
        names = ", ".join(dict.fromkeys(each.step for each in blocked))
        notice(f"Blocked, because what they read failed: {names}. Mend it and run the same command again.")
    return max(codes, default=0)


def tell_plan(planned: Sequence[PlannedStep], waiting: int | None = None) -> None:
    """What a run would do, as a table."""
    shown = [each for each in planned if each.outlook != "not due"]
    print_table(
        ("step", "interval", "would"),
        [(each.step, str(each.interval), each.outlook) for each in shown],
    )
    if waiting is not None:
        say(f"{counted(waiting, 'landed object')} not in the ledger yet would be registered.")
    to_do = sum(each.outlook == "run" for each in shown)
    say(f"Dry run: {counted(to_do, 'step')} would run, nothing was written.")
