"""What Airflow makes of the DAG files, as JSON: run by the Python of an Airflow, in which nothing else is.

    .tools/airflow/bin/python tests/support/dag_facts.py FOLDER

Commands are told as rendered for a run that began by its time, with the data interval [2026-03-03T12:00Z,
2026-03-10T12:00Z).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import process_time
from types import SimpleNamespace
from typing import Any, NamedTuple

START, END = datetime(2026, 3, 3, 12, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC)


class Ended(NamedTuple):
    """As much of a task instance as decides how its run ended."""

    task_id: str
    state: str = "success"


def facts(folder: str) -> dict[str, Any]:
    """Import errors, seconds of processor time by file, and the DAGs."""
    import airflow

    bag, seconds = _bag(folder)
    return {
        "airflow": airflow.__version__,
        "errors": dict(bag.import_errors),
        "warnings": {str(file): list(said) for file, said in bag.captured_warnings.items()},
        "seconds": seconds,
        "imported": sorted({name.partition(".")[0] for name in sys.modules}),
        "dags": {name: _dag(dag) for name, dag in bag.dags.items()},
    }


def _bag(folder: str) -> tuple[Any, dict[str, float]]:
    """The DAGs, and the processor time by file of DAGs: others may use the machine too."""
    sys.path.append(folder)  # as every part of Airflow has it
    options = {}
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow before 3.2
        from airflow.models.dagbag import DagBag

        options = {"include_examples": False}
    seconds: dict[str, float] = {}

    class Timed(DagBag):  # type: ignore[misc]
        def process_file(self, filepath: str, *arguments: Any, **named: Any) -> Any:
            began = process_time()
            found = super().process_file(filepath, *arguments, **named)
            if found:
                seconds[filepath] = process_time() - began
            return found

    return Timed(folder, **options), seconds


def _dag(dag: Any) -> dict[str, Any]:
    return {
        "schedule": _of(_clock(dag), "expression", "_expression"),
        "zone": _of(_clock(dag), "timezone", "_timezone"),
        "next_run": _next_run(dag),
        "started_by": _started_by(dag),
        "start_date": dag.start_date and dag.start_date.isoformat(),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "doc_md": dag.doc_md,
        "description": dag.description,
        "has_deadline": bool(getattr(dag, "deadline", None)),
        "decided_by": _decided_by(dag),
        "tasks": {task.task_id: _task(dag, task) for task in dag.tasks},
    }


def _clock(dag: Any) -> Any:
    """The timetable by which a DAG runs, also of one that assets start as well."""
    return getattr(dag.timetable, "timetable", dag.timetable)


def _next_run(dag: Any) -> str | None:
    """The next run by time after the one of END, as the scheduler reads it in the database."""
    import pendulum
    from airflow.serialization import serialized_objects
    from airflow.timetables.base import DataInterval, TimeRestriction

    named = "DagSerialization" if hasattr(serialized_objects, "DagSerialization") else "SerializedDAG"
    kept = getattr(serialized_objects, named)  # SerializedDAG before 3.2
    found = kept.from_dict(kept.to_dict(dag)).timetable.next_dagrun_info(
        last_automated_data_interval=DataInterval.exact(pendulum.instance(END)),
        restriction=TimeRestriction(earliest=None, latest=None, catchup=True),
    )
    return found and found.run_after.isoformat()


def _started_by(dag: Any) -> dict[str, list[str]]:
    """The assets whose events start it, by whether one is enough (AssetAny)."""
    condition = getattr(dag.timetable, "asset_condition", None)
    names = sorted(each.name for each in getattr(condition, "objects", ()))
    return {type(condition).__name__: names} if names else {}


def _decided_by(dag: Any) -> list[str]:
    """The tasks by which Airflow tells how a run ended."""
    from airflow.models.dagrun import DagRun

    every: Any = [Ended(task.task_id) for task in dag.tasks]
    asked: Any = None  # of a run nothing is asked but its tasks
    return sorted(each.task_id for each in DagRun._tis_for_dagrun_state(asked, dag=dag, tis=every))


def _task(dag: Any, task: Any) -> dict[str, Any]:
    return {
        "owner": task.owner,
        "retries": task.retries,
        "retry_seconds": _seconds(task.retry_delay),
        "backs_off": bool(task.retry_exponential_backoff),
        "longest_retry_seconds": _seconds(task.max_retry_delay),
        "timeout_seconds": _seconds(task.execution_timeout),
        "pool": task.pool,
        "doc_md": task.doc_md,
        "tells_failure": _names(task.on_failure_callback),
        "tells_retry": _names(task.on_retry_callback),
        "outlets": sorted(each.name for each in _given(task, "outlets")),
        "upstream": sorted(task.upstream_task_ids),
        "trigger_rule": task.trigger_rule.value,
        "at_once": task.max_active_tis_per_dagrun,
        "words": list(_words(dag, task)),
    }


def _names(callbacks: Any) -> list[str]:
    given = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    return [each.__name__ for each in given if each is not None]


def _words(dag: Any, task: Any) -> Iterator[str]:
    run = SimpleNamespace(
        data_interval_start=START, data_interval_end=END, run_after=END, run_type="scheduled"
    )
    context = {"dag_run": run, "params": dict(dag.params), **dag.user_defined_macros}
    environment = dag.get_template_env()
    for word in _given(task, "command"):
        yield from environment.from_string(word).render(**context).splitlines()


def _of(timetable: Any, *names: str) -> str | None:
    """An attribute under the name that this Airflow has for it."""
    found = [str(getattr(timetable, name)) for name in names if hasattr(timetable, name)]
    return found[0].removeprefix("Timezone('").removesuffix("')") if found else None


def _given(task: Any, name: str) -> Any:
    return task.partial_kwargs.get(name, ()) if hasattr(task, "partial_kwargs") else getattr(task, name, ())


def _seconds(span: timedelta | float | None) -> float | None:
    return span.total_seconds() if isinstance(span, timedelta) else span


if __name__ == "__main__":
    print(json.dumps(facts(sys.argv[1])))  # noqa: T201, what it is for
