"""What every DAG and task has unless it says otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

try:
    from airflow.sdk import CronTriggerTimetable
except ImportError:  # Airflow before 3.1
    from airflow.timetables.trigger import CronTriggerTimetable

from road_alerts import task_failed
from road_times import MACROS

__all__ = ["CronTriggerTimetable", "of_dag", "of_tasks"]

START = datetime(2026, 1, 1, tzinfo=UTC)


def of_tasks(pool: str, timeout: timedelta) -> dict[str, Any]:
    """Defaults of a DAG's tasks: at most four more tries, 1 minute apart and then twice as long each time."""
    return {
        "owner": "data-engineering",
        "pool": pool,
        "retries": 4,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=15),
        "execution_timeout": timeout,
        "on_failure_callback": task_failed,
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
