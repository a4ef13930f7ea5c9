"""### The daily features and the datasets, by 06:00 Eastern

Starts at 03:05 Eastern, after the business day's cut at 03:00, on daylight-saving days too. It makes the
ticks through the cut if they are not made yet, then each dataset's newest days whose labels are closed; days
that stand already are left alone, `dataset_days` says how many days back to look. Older ones that a longer
trouble left out `roadside status` names, with the command. `roadside_publication` sends all of them on.

A step that a check stopped keeps no dataset back but those that read it: each build asks itself whether its
days are mature. `promise` asks at the end, as if it were 06:00, whether features and datasets are out; so
does the check of 06:00 that needs no scheduler (`airflow/promise-check`).

**It failed?** `roadside promise` says what is left and whether it fits 06:00. The alert has the command to
run again.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from road_alerts import promise_passed
from road_assets import ROAD, assets, road_tables
from road_defaults import ALL_DONE, CronTriggerTimetable, all_succeeded, of_dag, of_tasks
from road_operator import RoadsideCommand

PROMISE = timedelta(hours=2, minutes=55)
"""From 03:05 to 06:00 Eastern, both behind the hour that daylight saving takes or gives."""


def deadline() -> dict[str, Any]:
    """The alert of 06:00 Eastern, where Airflow can call a plain function for it (from 3.2).

    It comes unless the run has ended well by then: Airflow forgets the deadline of such a run alone.

    `airflow dags test` of 3.3 fails on a DAG that has one: ROADSIDE_DEADLINE_ALERTS=off.
    """
    if os.environ.get("ROADSIDE_DEADLINE_ALERTS", "").strip() == "off":
        return {}
    try:
        from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback
    except ImportError:
        return {}
    told = {"promise": "06:00 America/New_York", "look": "roadside promise check --at now"}
    return {
        "deadline": DeadlineAlert(
            reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
            interval=PROMISE,
            callback=SyncCallback(promise_passed, kwargs=told),
        )
    }


with DAG(
    "roadside_daily",
    description="Daily features and training datasets, promised for 06:00 Eastern",
    schedule=CronTriggerTimetable("5 3 * * *", timezone="America/New_York"),
    default_args=of_tasks("roadside_live", timedelta(hours=3)),
    params={
        "dataset_days": Param(3, type="integer", minimum=1, maximum=31, description="Newest days to build.")
    },
    **deadline(),
    **of_dag(__doc__, "features", "datasets"),
) as dag:
    through_the_cut = RoadsideCommand(
        task_id="through_the_cut",
        command=["roadside", "tick", "--until", "{{ cut(dag_run) }}", "--json"],
        outlets=assets(road_tables()),
        execution_timeout=timedelta(hours=1),
        doc_md="The ticks through 03:00 Eastern, the daily views with the last of them. A try ends after an "
        "hour, so that another fits before 06:00 if it hung; what was published stands.",
    )
    for question in ("drift", "references"):
        through_the_cut >> RoadsideCommand(
            task_id=f"quality_{question}",
            command=["roadside", "quality", question],
            trigger_rule=ALL_DONE,
            pool="roadside_checks",
            execution_timeout=timedelta(minutes=30),
            doc_md="Warns and keeps what it found for `roadside quality report`; stops nothing.",
        )
    promise = RoadsideCommand(
        task_id="promise",
        command=[
            "roadside",
            "promise",
            "check",
            "--date",
            "{{ business_date(dag_run) }}",
            "--as-if-due",
            "--no-publication",
        ],
        trigger_rule=ALL_DONE,
        pool="roadside_checks",
        execution_timeout=timedelta(minutes=10),
        doc_md="Exit code 1: something promised for 06:00 Eastern is not out, or came out after it.",
    )
    for name, dataset in ROAD["datasets"].items():
        build = RoadsideCommand(
            task_id=f"dataset_{name}",
            command=[
                "roadside",
                "dataset",
                "build",
                name,
                f"{{{{ dataset_days(dag_run, {dataset['closes_after_days']}, params.dataset_days) }}}}",
                "--json",
            ],
            outlets=assets([dataset["table"]]),
            trigger_rule=ALL_DONE,
            pool="roadside_datasets",
            waits=True,
            doc_md=f"{dataset['question']} Exit code 1: a day is not mature yet, and is tried again.",
        )
        through_the_cut >> build >> promise
    all_succeeded(dag)
