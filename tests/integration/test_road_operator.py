"""The operator in two real Airflows: what is tried again, what has an event, what a person reads.

The command is a stand-in that answers and ends as it is told; `test_dag_runs` has the real ones.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.settings import load_settings
from support.airflow_home import DAGS, NEWEST, OLDEST, ROOT, AirflowHome, roadside_program
from support.command_line import environment_of
from validation.sources import SOURCES

Try = Callable[..., list[dict[str, Any]]]
STAND_IN = f"#!{sys.executable}\nimport sys\nprint(sys.argv[2])\nsys.exit(int(sys.argv[1]))\n"
START, END = "2026-03-10T17:45:00+00:00", "2026-03-10T18:00:00+00:00"


def step(table: str, status: str, run_id: str) -> dict[str, Any]:
    """What a command's answer says of a step."""
    runs = {table: {"run_id": run_id, "snapshot_id": 6_917_529_027_641_081_857}}
    return {"step": table, "status": status, "start": START, "end": END, "rows": {table: 7}, "runs": runs}


def ended(code: int, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"words": ["roadside", str(code), json.dumps(steps), "--json"], **more}


@pytest.fixture(scope="module", params=[NEWEST, OLDEST], ids=["newest", "oldest"])
def try_out(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Try:
    """Trials, each the words of a command and what the operator is told beside."""
    folder = tmp_path_factory.mktemp("operator")
    program = folder / "roadside"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    home = AirflowHome(folder, request.param, {"ROADSIDE_PROGRAM": str(program)})

    def tried(*trials: dict[str, Any]) -> list[dict[str, Any]]:
        script = str(ROOT / "tests" / "support" / "operator_trial.py")
        done = home.python("-P", script, str(DAGS), json.dumps(trials))
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return found

    return tried


def test_airflow_tries_again_what_that_may_mend_and_gives_up_on_the_rest(try_out: Try) -> None:
    codes = [1, 2, 3, 4, 5, 6, 70, 137]
    told = try_out(*(ended(code) for code in codes), ended(1, waits=True))
    assert {code: each["is_final"] for code, each in zip(codes, told, strict=False)} == {
        1: True, 2: True, 3: True, 4: False, 5: True, 6: False, 70: False, 137: False,
    }  # fmt: skip
    assert told[-1]["is_final"] is False, "it waits for what is due"
    assert [each["exit_code"] for each in told] == [*codes, 1]


def test_only_what_was_published_has_an_event_and_a_failure_names_its_runs(try_out: Try) -> None:
    skipped, failed = step("silver.jobs", "skipped", "a"), step("silver.offers", "failed", "b")
    published = step("silver.offers", "published", "c")
    first, broken, again, no_json = try_out(
        ended(0, skipped, published),
        ended(4, skipped, failed),
        ended(0, skipped, published, try_number=2),
        {"words": ["roadside", "0", "3 files rewritten."]},
    )
    assert first["outlets"] == list(first["events"]) == ["silver.offers"]
    assert first["events"]["silver.offers"] == {
        "table": "silver.offers",
        "snapshot_id": "6917529027641081857",
        "run_id": "c",
        "run_ids": ["c"],
        "interval_start": START,
        "interval_end": END,
        "rows": 7,
    }
    assert (broken["run_ids"], broken["steps"], broken["exit_code"]) == (["b"], ["silver.offers"], 4)
    assert again["outlets"] == ["silver.jobs", "silver.offers"], "an earlier try may have published it"
    assert (no_json["outlets"], no_json["returned"]) == ([], [])


def test_an_answer_that_is_lost_is_asked_for_again(try_out: Try) -> None:
    """Else it would be a success that no asset hears of."""
    lost, none = try_out(
        {"words": ["roadside", "0", "3 files rewritten.", "--json"]},
        {"words": ["roadside", "0", "", "--json"]},
    )
    assert [(each["is_final"], each["exit_code"]) for each in (lost, none)] == [(False, 0), (False, 0)]
    assert "--json: ended well, but no JSON was read from its stdout; process " in lost["error"]


def test_what_cannot_be_started_is_said_and_not_tried_again(try_out: Try, tmp_path: Path) -> None:
    refused, nowhere, no_job = try_out(
        {"words": ["sh", "-c", "true"]},
        ended(0, settings={"ROADSIDE_PROGRAM": str(tmp_path / "none")}),
        ended(0, settings={"ROADSIDE_RUNS_ON": "emr-serverless"}),
    )
    assert refused["error"] == "A command begins with roadside: sh -c true"
    assert "put roadside on the worker's PATH, or name it in ROADSIDE_PROGRAM" in nowhere["error"]
    assert "needs ROADSIDE_EMR_APPLICATION_ID" in no_job["error"]
    assert [each["is_final"] for each in (refused, nowhere, no_job)] == [True, True, True]


def test_what_the_nightly_retention_keeps_stands_in_the_task_s_log(tmp_path: Path) -> None:
    """The task of the DAG itself, with the real command over a home with a thing that no retention ends."""
    settings = environment_of(tmp_path / "home")
    (tmp_path / "home" / "landing" / "gps_ping").mkdir(parents=True)
    ledger = LandingLedger(Ops(load_settings(settings).ops_url))
    for source in SOURCES:
        ledger.close(source.name, datetime(2026, 3, 31, 12, tzinfo=UTC))
    given = {**settings, "ROADSIDE_PROGRAM": str(roadside_program(tmp_path))}
    script = str(ROOT / "tests" / "support" / "operator_trial.py")
    trial = {"dag": "roadside_upkeep", "task": "retention"}
    done = AirflowHome(tmp_path, NEWEST, given).python("-P", script, str(DAGS), json.dumps([trial]))
    told = " ".join((done.stdout + done.stderr).split())
    assert json.loads(done.stdout.splitlines()[-1])[0].get("returned") == [], told
    assert "kept: 1 thing among the landed objects, the first landing/gps_ping/" in told
    assert "note: gps_pings closed no tick since 2026-03-31T12:00Z" in told
