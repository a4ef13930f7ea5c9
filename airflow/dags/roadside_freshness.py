"""### Whether every table and Redis is as fresh as promised

Four times an hour, five minutes after a tick is due everywhere, `roadside freshness --at now` holds every hop
to its budget by the clock on the wall, from the landed objects to Redis. It waits for no tick and takes no
slot from one: a tick that hangs, fails or never began pages all the same. It writes nothing. Where the data
end in the past, as in a demo, nothing is fresh.

**It failed?** Exit code 1: a hop is over its budget, and the task's log says at which hop the minutes were
lost. If no tick goes on, look at `roadside_tick`; `roadside status` says what is missing. 6: it cannot tell,
and is tried again.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from road_defaults import CronTriggerTimetable, of_dag, of_tasks
from road_operator import RoadsideCommand

with DAG(
    "roadside_freshness",
    description="How fresh every hop is by now, whatever became of the ticks",
    schedule=CronTriggerTimetable("10-55/15 * * * *", timezone="UTC"),
    default_args=of_tasks("roadside_checks", timedelta(minutes=10), retries=2),
    **of_dag(__doc__, "features"),
) as dag:
    RoadsideCommand(
        task_id="freshness",
        command=["roadside", "freshness", "--at", "now"],
        retry_delay=timedelta(seconds=30),
        doc_md="Exit code 1: a hop is over its budget. 6: it cannot tell, and is tried again.",
    )
