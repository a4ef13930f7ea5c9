"""### Datasets and daily features to Snowflake and S3

Runs when a dataset or a daily features table came out; events that come while it runs make one more run.
And at 05:30 Eastern whatever came: a task that fails sends no event, though it may have made a table or a
newer day before, and that is promised for 06:00 as well. `roadside publish --all` sends what the targets do
not hold yet and leaves the rest alone, so it may run at any time. Then, whatever was sent, the whole promise
is checked, with what readers outside have of it: at 05:30 as if it were 06:00, so that half an hour is left;
by a run that an event began as of then, for the night's other builds go on.

**It failed?** `roadside publish --all --dry-run` says what is left to send. Exit code 1: nothing that is
published was made yet.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, AssetAny

from road_assets import ROAD, assets, daily_features, publications
from road_defaults import (
    ALL_DONE,
    AssetOrTimeSchedule,
    CronTriggerTimetable,
    all_succeeded,
    of_dag,
    of_tasks,
)
from road_operator import RoadsideCommand

DATASETS = [dataset["table"] for dataset in ROAD["datasets"].values()]

with DAG(
    "roadside_publication",
    description="Datasets and features to Snowflake and S3, as they come out and before 06:00 Eastern",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("30 5 * * *", timezone="America/New_York"),
        assets=AssetAny(*assets([*DATASETS, *daily_features()])),
    ),
    default_args=of_tasks("roadside_publish", timedelta(hours=3)),
    **of_dag(__doc__, "publication"),
) as dag:
    publish = RoadsideCommand(
        task_id="publish",
        command=["roadside", "publish", "--all", "--json"],
        outlets=publications(),
        doc_md="Each target the settings name; what is there already is left alone.",
    )
    promise = RoadsideCommand(
        task_id="promise",
        command=[
            "roadside",
            "promise",
            "check",
            "--date",
            "{{ business_date(dag_run) }}",
            "{{ as_if_due(dag_run) }}",
        ],
        trigger_rule=ALL_DONE,
        pool="roadside_checks",
        execution_timeout=timedelta(minutes=10),
        doc_md="Exit code 1: something promised for 06:00 Eastern is not out, or came out after it.",
    )
    publish >> promise
    all_succeeded(dag)
