"""The operator tried by the Python of an Airflow: what it makes of a command's end, as JSON.

.tools/airflow/bin/python -P tests/support/operator_trial.py FOLDER '[{"words": [...], "waits": true}]'
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from types import SimpleNamespace
from typing import Any


class Events(dict[str, Any]):
    """Events by name of the asset, as Airflow gives them by asset."""

    def __getitem__(self, asset: Any) -> SimpleNamespace:
        return self.setdefault(asset.name, SimpleNamespace(extra={}))


def tried(
    words: list[str], waits: bool = False, try_number: int = 1, settings: dict[str, str] | None = None
) -> dict[str, Any]:
    """How the task ends, whether it would be tried again, and the events it leaves."""
    os.environ.update(settings or {})
    from road_assets import assets
    from road_operator import RoadsideCommand

    task = RoadsideCommand(
        task_id="t", command=words, waits=waits, outlets=assets(["silver.jobs", "silver.offers"])
    )
    return ended(task, try_number)


def of_dag(dag: str, task: str) -> dict[str, Any]:
    """The same of a task as a DAG's file has it, whose words hold no template."""
    return ended(import_module(dag).dag.get_task(task))


def ended(task: Any, try_number: int = 1) -> dict[str, Any]:
    """How the task ends."""
    from road_operator import AirflowFailException

    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1, try_number=try_number)
    events = Events()
    try:
        returned = task.execute({"ti": ti, "outlet_events": events})
    except Exception as error:
        return {
            "error": str(error),
            "is_final": isinstance(error, AirflowFailException),
            "exit_code": getattr(error, "exit_code", None),
            "run_ids": list(getattr(error, "run_ids", ())),
            "steps": list(getattr(error, "steps", ())),
        }
    return {
        "returned": returned,
        "outlets": [each.name for each in task.outlets],
        "events": {name: event.extra for name, event in events.items()},
    }


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    trials = [of_dag(**each) if "dag" in each else tried(**each) for each in json.loads(sys.argv[2])]
    print(json.dumps(trials))  # noqa: T201, what it is for
