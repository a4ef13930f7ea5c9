"""### Small files, old snapshots, and what is kept too long

Each night after the promise: `roadside compact` rewrites small files of closed days, expires old
snapshots and clears what dead runs left; `roadside retention` then removes what has passed its time (landing
35 days, bronze and ledger 24 months, silver and tiles 13, features 12) and the files that nothing refers to.
Rows that stay are the same before and after. Ticks and replays go on meanwhile; neither waits for the other
to succeed. What is kept although its time is over stands in the log of `retention`, with the reason: lines
that begin with "kept" or "note".

**It failed?** What is broken or busy keeps nothing else back, and the log names it. `roadside retention
--dry-run` says what would go. Both may be run again at any time.
`roadside runs --status failed` says what of it died, and on which table.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from road_defaults import ALL_DONE, CronTriggerTimetable, all_succeeded, of_dag, of_tasks
from road_operator import RoadsideCommand

with DAG(
    "roadside_upkeep",
    description="Compaction of closed days, expiry of snapshots, retention",
    schedule=CronTriggerTimetable("0 8 * * *", timezone="America/New_York"),
    default_args=of_tasks("roadside_upkeep", timedelta(hours=4)),
    **of_dag(__doc__, "upkeep"),
) as dag:
    compact = RoadsideCommand(
        task_id="compact",
        command=["roadside", "compact"],
        doc_md="Days before the last closed tick's day; the open day is never touched.",
    )
    retention = RoadsideCommand(
        task_id="retention",
        command=["roadside", "retention", "--execute", "--json"],
        trigger_rule=ALL_DONE,
        doc_md="Removes what has passed its time, in every layer, and proves it gone.",
    )
    compact >> retention
    all_succeeded(dag)
