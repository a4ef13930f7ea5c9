"""`airflow dags test` over a small simulated city: real Airflow, real commands, real Spark.

One home, made through 10 March 2026 06:45 UTC by `roadside run`. The DAGs then make the next tick, the night
of 10 March with one dataset, and a replay of the day before the history begins. What Airflow says of the
tables is held against the platform's own ledger of runs.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.airflow_home import DAGS, AirflowHome, roadside_program
from support.command_line import Answer, answers_to, environment_of

pytestmark = [pytest.mark.slow(minutes=5), pytest.mark.timeout(1800)]

CITY = (
    "simulate --start 2026-03-08 --days 3 --providers 6 --jobs-per-day 20 --pings-days 1 --ping-seconds 120"
)
HISTORY = "run --start 2026-03-09 --end 2026-03-10T06:45Z --json"
DATASET = "matching_acceptance_v1"
"""Its labels close a day after; those of the others two days after, for which there is no history here."""
REPLAYED = {"from": "2026-03-08", "to": "2026-03-10", "chunk_days": 1, "views": ["zone_demand_15m"]}


@dataclass
class Night:
    """The platform's home, Airflow's, how each `dags test` ended, and how fresh the tick left its tables."""

    home: Path
    airflow: AirflowHome
    told: dict[str, str]
    fresh_by_data: Answer

    def states(self, dag_id: str) -> dict[str, str]:
        """By task (and map index), how it ended."""
        query = (
            "SELECT task_id, map_index, state FROM task_instance WHERE dag_id = ? ORDER BY task_id, map_index"
        )
        rows = self._asked(query, dag_id)
        return {task if index < 0 else f"{task}.{index}": state for task, index, state in rows}

    def run_state(self, dag_id: str) -> str:
        """How its run ended."""
        ((state,),) = self._asked("SELECT state FROM dag_run WHERE dag_id = ?", dag_id)
        return state

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
    others = ["--mark-success-pattern", f"(dataset_(?!{DATASET})|quality_).*"]
    asked: tuple[tuple[str, str, dict[str, Any], list[str]], ...] = (
        ("roadside_tick", "2026-03-10T07:00:00", {}, []),
        ("roadside_freshness", "2026-03-10T07:10:00", {}, []),
        ("roadside_daily", "2026-03-10T07:05:00", {"dataset_days": 1}, others),
        ("roadside_replay", "2026-03-09T12:00:00", REPLAYED, []),
    )
    told = {}
    for dag_id, at, conf, more in asked:
        done = airflow.airflow("dags", "test", dag_id, at, "--conf", json.dumps(conf), *more)
        told[dag_id] = done.stdout + done.stderr
        if dag_id == "roadside_tick":
            (fresh,) = answers_to(["freshness"], settings)
    return Night(home, airflow, told, fresh)


def test_a_tick_is_made(night: Night) -> None:
    assert night.states("roadside_tick") == {"tick": "success"}
    told = night.told["roadside_tick"]
    assert "roadside tick --until 2026-03-10T07:00Z --json" in told
    assert "tick 2026-03-10T07:00Z" in told, "what the command says stands in the task's log"


def test_what_is_fresh_by_its_data_is_not_by_the_clock_on_the_wall(night: Night) -> None:
    """A tick that stands still is told, though what the last one made is as fresh as its data."""
    assert night.fresh_by_data.code == 0, night.fresh_by_data.out
    assert night.states("roadside_freshness") == {"freshness": "failed"}
    told = night.told["roadside_freshness"]
    assert "roadside freshness --at now: something that is due is not there (exit code 1)" in told


@pytest.mark.parametrize("dag_id", ["roadside_tick", "roadside_daily", "roadside_replay"])
def test_each_event_says_what_the_ledger_says_of_its_run(night: Night, dag_id: str) -> None:
    events = [event for of_table in night.events(dag_id).values() for event in of_table]
    assert events
    for event in events:
        runs = [night.run_of(run_id) for run_id in event["run_ids"]]
        assert {table for table, _, _ in runs} == {event["table"]}
        assert event["snapshot_id"] == runs[-1][1], event["table"]
        assert event["rows"] == sum(rows for _, _, rows in runs), event["table"]


def test_only_tables_that_came_out_have_an_event(night: Night) -> None:
    """The tick of the cut makes all there are; five minutes later the night finds them made."""
    tick, daily = night.events("roadside_tick"), night.events("roadside_daily")
    assert {"bronze.gps_pings", "silver.jobs", "features.provider_performance_1d"} <= set(tick)
    assert all(len(events) == 1 for events in tick.values())
    assert "Every tick through 2026-03-10T07:00Z is made already." in night.told["roadside_daily"]
    assert [*daily] == [f"training.{DATASET}"]


def test_the_night_builds_the_dataset_and_asks_of_the_promise(night: Night) -> None:
    """Which is broken: nobody makes March's features by 06:00 today."""
    states = night.states("roadside_daily")
    assert states["through_the_cut"] == states[f"dataset_{DATASET}"] == "success"
    assert (states["promise"], states["all_succeeded"]) == ("failed", "upstream_failed")
    assert night.run_state("roadside_daily") == "failed"
    (built,) = night.events("roadside_daily")[f"training.{DATASET}"]
    assert (built["interval_start"], built["rows"] > 0) == ("2026-03-09", True)


def test_what_failed_is_told_with_the_command_to_run_again(night: Night) -> None:
    (line,) = [each for each in night.told["roadside_daily"].splitlines() if '"alert": "task failed"' in each]
    told = json.loads(line[line.index("{") : line.rindex("}") + 1])
    assert told["run_again"] == "roadside promise check --date 2026-03-10 --as-if-due --no-publication"
    assert (told["dag"], told["task"], told["exit_code"]) == ("roadside_daily", "promise", 1)
    assert "something that is due is not there (exit code 1)" in told["error"]
    assert "The promise of 06:00 ET on 2026-03-10" in night.told["roadside_daily"], "what the check said"


def test_a_replay_is_planned_made_chunk_by_chunk_and_leaves_nothing(night: Night) -> None:
    """`dags test` takes the chunks in any order, as no scheduler does: then the last task has work to do."""
    states = night.states("roadside_replay")
    assert states == dict.fromkeys(("plan", "chunk.0", "chunk.1", "rest"), "success")
    again = f"backfill --from {REPLAYED['from']} --to {REPLAYED['to']} --view zone_demand_15m --json"
    (plan,) = answers_to([again], environment_of(night.home))
    assert json.loads(plan.out)["chunks"] == []


def test_airflow_s_own_backfill_takes_the_weeks_that_the_replay_s_page_says(night: Night) -> None:
    """Of each the beginning, seven days before the Monday on which it runs."""
    told = weeks_of(night, documented())
    assert (told[0], told[-1], len(told)) == ("2025-12-29", "2026-03-30", 14)


def test_a_week_whose_run_is_there_is_taken_again_as_that_page_says(night: Night) -> None:
    """Of 9 March the night made one; left to itself, Airflow's backfill passes over it."""
    words = documented()
    dates = ["--from-date", "2026-03-09", "--to-date", "2026-03-24"]
    at = words.index("--reprocess-behavior")
    kept = [*words[: words.index("--from-date")], *dates]
    assert weeks_of(night, kept) == ["2026-03-02", "2026-03-09", "2026-03-16"]
    assert weeks_of(night, [*kept[:at], *kept[at + 2 :]]) == ["2026-03-02", "2026-03-16"]


def documented() -> list[str]:
    """The words of the backfill on the replay's page, behind `airflow`."""
    page = ast.get_docstring(ast.parse((DAGS / "roadside_replay.py").read_text())) or ""
    (command,) = re.findall(r"^ +airflow (backfill create (?:.*\\\n)*.*)$", page, re.MULTILINE)
    return shlex.split(command.replace("\\\n", " "))


def weeks_of(night: Night, words: list[str]) -> list[str]:
    """The days on which the weeks begin that a backfill would run, if it were no rehearsal."""
    told = night.airflow.airflow(*words, "--dry-run")
    assert told.returncode == 0, told.stderr
    return re.findall(r"(\d{4}-\d\d-\d\d)[T ]12:00:00\+00:00", told.stdout)


def test_the_events_of_a_chunk_are_of_the_views_asked_for_and_what_they_read(night: Night) -> None:
    assert set(night.events("roadside_replay")) == {
        "bronze.dispatch_events", "quarantine.dispatch_events", "silver.dispatch_events",
        "silver.dispatch_events_precise", "silver.offers", "silver.assignments", "silver.job_milestones",
        "silver.jobs", "silver.job_waits", "tiles.dispatch_15m", "features.zone_demand_15m",
    }  # fmt: skip
