"""What every DAG and task has unless it says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator

try:
    from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable
except ImportError:  # the sdk of 3.0 does not have them
    from airflow.timetables.assets import AssetOrTimeSchedule
    from airflow.timetables.trigger import CronTriggerTimetable

from road_alerts import task_failed, task_tried_again
from road_times import MACROS

__all__ = [
    "ALL_DONE",
    "AssetOrTimeSchedule",
    "CronTriggerTimetable",
    "all_succeeded",
    "of_dag",
    "of_tasks",
]

START = datetime(2026, 1, 1, tzinfo=UTC)
ALL_DONE = "all_done"
"""Of a task that runs however those before it ended: its command itself says whether it can."""


def of_tasks(pool: str, timeout: timedelta, retries: int = 4) -> dict[str, Any]:
    """Defaults of a DAG's tasks: the tries after the first are 1 to 2 minutes later, then twice as long.

    Airflow draws the wait from between one and two times the delay; four more tries take 15 to 30 minutes.
    """
    return {
        "owner": "data-engineering",
        "pool": pool,
        "retries": retries,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=15),
        "execution_timeout": timeout,
        "on_failure_callback": task_failed,
        "on_retry_callback": task_tried_again,
    }


def of_dag(doc: str | None, *tags: str) -> dict[str, Any]:
    """Defaults of a DAG: one run at a time, none made up for (the commands themselves catch up)."""
    return {
        "start_date": START,
        "catchup": False,
        "max_active_runs": 1,
        "doc_md": doc,
        "tags": ["roadside", *tags],
        "user_defined_macros": MACROS,
    }


def all_succeeded(dag: Any) -> None:
    """The last task of a run, to be made last: it runs nothing, and fails with any other of the DAG.

    Airflow tells how a run ended by its last tasks alone. One that runs however those before it ended
    (`ALL_DONE`) hides their failure: the run would be a success, and its deadline forgotten.
    """
    before = list(dag.tasks)
    before >> EmptyOperator(
        task_id="all_succeeded",
        dag=dag,
        pool="roadside_checks",
        doc_md="Runs nothing. The run failed if any task of it did, and so does this one.",
    )
