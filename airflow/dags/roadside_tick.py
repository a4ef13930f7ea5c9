"""### Every table, fifteen minutes further

`roadside tick` carries what landed along the whole road in one Spark application, and writes the views to
Redis. It makes every tick since the last one, so after an outage one run catches up; nothing is made twice.
`roadside freshness` then says whether every hop is within its budget, however the tick ended. That task
fails alone: what the tick published stays.

**It failed?** The alert has the command to run again; the next run does the same by itself, so this one
tries three times within minutes, and is out of its way.
`roadside status` says what is missing, `roadside quality list --stopping` what a check stopped.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from road_assets import assets, road_tables
from road_defaults import ALL_DONE, CronTriggerTimetable, all_succeeded, of_dag, of_tasks
from road_operator import RoadsideCommand

with DAG(
    "roadside_tick",
    description="The 15-minute tick: landed objects to bronze, silver, tiles, features and Redis",
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC", interval=timedelta(minutes=15)),
    default_args=of_tasks("roadside_live", timedelta(hours=3), retries=2),
    **of_dag(__doc__, "features"),
) as dag:
    tick = RoadsideCommand(
        task_id="tick",
        command=["roadside", "tick", "--until", "{{ tick_end(dag_run) }}", "--json"],
        outlets=assets(road_tables()),
        doc_md="Every table of the tick, and those an outage left out.",
    )
    freshness = RoadsideCommand(
        task_id="freshness",
        command=["roadside", "freshness"],
        trigger_rule=ALL_DONE,
        retry_delay=timedelta(seconds=30),
        pool="roadside_checks",
        execution_timeout=timedelta(minutes=10),
        doc_md="Exit code 1: a hop is over its budget. 6: it cannot tell, and is tried again.",
    )
    tick >> freshness
    all_succeeded(dag)
