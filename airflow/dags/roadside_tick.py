"""### Every table, fifteen minutes further

`roadside tick` carries what landed along the whole road in one Spark application, and writes the views to
Redis. It makes every tick since the last one, so after an outage one run catches up; nothing is made twice.
Whether the tables are fresh is asked beside it, by `roadside_freshness`: a tick that hangs answers nothing.

A try ends after 45 minutes, which is three ticks: a tick takes minutes, a whole day of an outage less than
half an hour on the cluster that is planned for (ninety days in 36 hours). One that takes longer hangs, as a
rule, and the night needs its slot. Ended so, a catch-up loses no more than what it was about to publish:
each table keeps what was published of it, and the next try goes on from there. Where one table alone takes
longer over a day, as on a small machine, catch up by hand: `roadside tick --until now` has no limit.

**It failed?** The alert has the command to run again; the next run does the same by itself, so this one
tries three times, and is out of its way. Each try that failed is told as a warning, this one as an error.
`roadside status` says what is missing, `roadside quality list --stopping` what a check stopped.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from road_assets import assets, road_tables
from road_defaults import CronTriggerTimetable, of_dag, of_tasks
from road_operator import RoadsideCommand

with DAG(
    "roadside_tick",
    description="The 15-minute tick: landed objects to bronze, silver, tiles, features and Redis",
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC", interval=timedelta(minutes=15)),
    default_args=of_tasks("roadside_live", timedelta(minutes=45), retries=2),
    **of_dag(__doc__, "features"),
) as dag:
    RoadsideCommand(
        task_id="tick",
        command=["roadside", "tick", "--until", "{{ tick_end(dag_run) }}", "--json"],
        outlets=assets(road_tables()),
        doc_md="Every table of the tick, and those an outage left out.",
    )
