"""### History made again, in chunks

Of a range of known time: what is missing, or was made by other code. Each Monday the week before; any other
range by hand, whole:

    airflow dags trigger roadside_replay --conf '{"from": "2026-01-01", "to": "2026-04-01"}'

or week by week, of which the dates name the Mondays that end them: here from 29 December to 6 April. Left to
itself, Airflow's backfill passes over each week whose run is there, and each Monday's is:

    airflow backfill create --dag-id roadside_replay --max-active-runs 1 \\
        --reprocess-behavior completed --from-date 2026-01-05 --to-date 2026-04-07

`plan` asks `roadside backfill` for the chunks, each `chunk` is one of them, in order, one at a time;
`rest` makes what a chunk that came late sent to be made again. What stands is left alone, so a run that was
stopped, killed or cleared goes on where it was. Live ticks go on meanwhile.

**Before you start one:** `roadside backfill --from DAY --to DAY` says what it takes: time, dollars, disk.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param

from road_assets import assets, road_tables
from road_defaults import CronTriggerTimetable, of_dag, of_tasks
from road_operator import RoadsideCommand

DAY = r"^20\d\d-\d\d-\d\d(T\d\d:\d\dZ)?$"
RANGE = "{{ replayed(dag_run, params) }}"
VIEWS = "{{ repeated('--view', params.views) }}"


def chunks(plan: dict[str, Any]) -> list[list[str]]:
    """--from and --to of each chunk of a plan."""
    return [["--from", chunk["start"], "--to", chunk["end"]] for chunk in plan["chunks"]]


with DAG(
    "roadside_replay",
    description="Missing or stale history made again, chunk by chunk, beside the live ticks",
    schedule=CronTriggerTimetable("0 12 * * 1", timezone="UTC", interval=timedelta(days=7)),
    default_args=of_tasks("roadside_replay", timedelta(hours=6)),
    params={
        "from": Param(None, type=["null", "string"], pattern=DAY, description="Start of known time."),
        "to": Param(None, type=["null", "string"], pattern=DAY, description="End, not included."),
        "chunk_days": Param(
            None, type=["null", "integer"], minimum=1, description="Days of a chunk; what takes least."
        ),
        "views": Param(
            [],
            type="array",
            items={"type": "string", "pattern": r"^[a-z0-9_.]+$"},
            description="Only these views or tables, with all they read.",
        ),
    },
    **of_dag(__doc__, "history"),
):
    plan = RoadsideCommand(
        task_id="plan",
        command=[
            "roadside",
            "backfill",
            RANGE,
            VIEWS,
            "{{ repeated('--chunk-days', [params.chunk_days] if params.chunk_days else []) }}",
            "--plan",
            "--json",
        ],
        returns=chunks,
        execution_timeout=timedelta(minutes=30),
        doc_md="What is to be made, and in which chunks; writes nothing.",
    )
    chunk = RoadsideCommand.partial(
        task_id="chunk",
        command=["roadside", "backfill", VIEWS, "--execute", "--json"],
        outlets=assets(road_tables()),
        max_active_tis_per_dagrun=1,
        waits=True,
        doc_md="One chunk. Exit code 1: what it looks back to is not made yet, and it is tried again.",
    ).expand(arguments=plan.output)
    rest = RoadsideCommand(
        task_id="rest",
        command=["roadside", "backfill", RANGE, VIEWS, "--execute", "--json"],
        outlets=assets(road_tables()),
        trigger_rule="none_failed",
        doc_md="What is still missing or stale after the chunks: nothing, as a rule.",
    )
    chunk >> rest
