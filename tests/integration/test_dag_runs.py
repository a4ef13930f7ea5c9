"""`airflow dags test` over a small simulated city: real Airflow, real commands, real Spark.

One home, made through 10 March 2026 06:45 UTC by `roadside run`; the tick of 07:00 and the night of 10 March are
made by their DAGs, then a replay of the day before the history begins. What Airflow says of the tables is held
against the ledger of runs.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.airflow_home import AirflowHome, roadside_program
from support.command_line import answers_to, environment_of

pytestmark = [pytest.mark.slow(minutes=5), pytest.mark.timeout(900)]

CITY = (
    "simulate --start 2026-03-08 --days 3 --providers 6 --jobs-per-day 20 --pings-days 1 --ping-seconds 120"
)
HISTORY = "run --start 2026-03-09 --end 2026-03-10T06:30Z --json"
REPLAYED = {"from": "2026-03-08", "to": "2026-03-10", "chunk_days": 1, "views": ["zone_demand_15m"]}


@dataclass
class Night:
    """The platform's home, Airflow's, and how each `dags test` ended."""

    home: Path
    airflow: AirflowHome
    told: dict[str, str]

    def states(self, dag_id: str) -> dict[str, str]:
        """By task (and map index), how it ended."""
        query = (
            "SELECT task_id, map_index, state FROM task_instance WHERE dag_id = ? ORDER BY task_id, map_index"
        )
        rows = self._asked(query, dag_id)
        return {task if index < 0 else f"{task}.{index}": state for task, index, state in rows}

    def events(self, dag_id: str) -> dict[str, list[dict[str, Any]]]:
        """By table, what its events say, those of one DAG."""
        query = (
            "SELECT asset.name, event.extra FROM asset_event event JOIN asset ON asset.id = event.asset_id "
            "WHERE event.source_dag_id = ? ORDER BY event.id"
        )
        found: dict[str, list[dict[str, Any]]] = {}
        for table, extra in self._asked(query, dag_id):
            found.setdefault(table, []).append(json.loads(extra))
        return found

    def run_of(self, run_id: str) -> tuple[str, str | None, int]:
        """Table, snapshot id and rows of a run, as the platform's ledger has them."""
        with closing(sqlite3.connect(self.home / "ops.db")) as ledger:
            query = "SELECT table_name, snapshot_id, rows FROM runs WHERE run_id = ?"
            table, snapshot, rows = ledger.execute(query, (run_id,)).fetchone()
        return table, None if snapshot is None else str(snapshot), rows

    def _asked(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.airflow.folder / "airflow.db")) as database:
            return database.execute(query, values).fetchall()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """All of it, in the order of a day."""
    folder = tmp_path_factory.mktemp("dag_runs")
    home = folder / "home"
    settings = environment_of(home)
    for answer in answers_to([CITY, HISTORY], settings):
        assert answer.code == 0, answer.err
    airflow = AirflowHome(folder / "airflow", environment={
        **settings,
        "ROADSIDE_PROGRAM": str(roadside_program(folder)),
        "ROADSIDE_DEADLINE_ALERTS": "off",
    })  # fmt: skip
    airflow.folder.mkdir()
    airflow.migrate()
    asked = (
        ("roadside_tick", "2026-03-10T06:45:00", {}),
        ("roadside_daily", "2026-03-10T07:05:00", {"dataset_days": 1}),
        ("roadside_replay", "2026-03-09T12:00:00", REPLAYED),
    )
    told = {}
    for dag_id, at, conf in asked:
        done = airflow.airflow("dags", "test", dag_id, at, "--conf", json.dumps(conf))
        told[dag_id] = done.stdout + done.stderr
    return Night(home, airflow, told)
