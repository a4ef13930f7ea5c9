"""The command line over the worked afternoon, in one process of its own: land, run, tick, digest, status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulation.afternoon import write_afternoon

pytestmark = pytest.mark.slow

START, FROM, TICK = "2026-03-10T16:00Z", "2026-03-10T17:00Z", "2026-03-10T17:15Z"
LINES = (
    f"run --start {START} --end {FROM} --json",
    f"run --start {START} --end {FROM} --json",
    f"tick --until {TICK} --no-online",
    "digest silver.offers features.zone_demand_15m --json",
    f"run --start {FROM} --end {TICK} --force --json",
    "compact --before 2026-03-10",
    "digest silver.offers features.zone_demand_15m --json",
    f"tick --until {TICK} --no-online",
    "status --json",
    "dataset build eta_v1 --start 2026-03-10 --end 2026-03-11",
)
PROGRAM = """
import contextlib, io, json, sys
from roadside.cli import main
for line in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(line.split())
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Answer]:
    """How each of LINES ended, run one after the other over the afternoon."""
    home: Path = tmp_path_factory.mktemp("command_line")
    write_afternoon(
        home, start=datetime(2026, 3, 10, 16, tzinfo=UTC), end=datetime(2026, 3, 10, 17, 15, tzinfo=UTC)
    )
    environment = os.environ | {"ROADSIDE_HOME": str(home), "ROADSIDE_SHUFFLE_PARTITIONS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(LINES)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Answer(*json.loads(line)) for line in done.stdout.splitlines()]


def test_a_run_publishes_and_the_same_run_again_has_nothing_to_do(answers: list[Answer]) -> None:
    first, again = (json.loads(each.out) for each in answers[:2])
    assert answers[0].code == answers[1].code == 0
    assert {each["status"] for each in first} == {"published", "not due"}
    assert {each["status"] for each in again} == {"skipped", "not due"}


def test_a_tick_goes_on_where_the_run_ended_and_is_made_once(answers: list[Answer]) -> None:
    assert answers[2].code == 0
    assert f"tick {TICK}" in answers[2].err
    assert answers[7].out == f"Every tick through {TICK} is made already.\n"


def test_forcing_and_compacting_leave_every_digest(answers: list[Answer]) -> None:
    assert answers[4].code == answers[5].code == 0
    before, after = json.loads(answers[3].out), json.loads(answers[6].out)
    assert before == after
    assert before["silver.offers"].partition("-")[0] == "4"


def test_status_names_what_redis_lacks_and_nothing_else(answers: list[Answer]) -> None:
    status = json.loads(answers[8].out)
    assert answers[8].code == 1
    sources = {each["source"]: each for each in status["sources"]}
    assert sources["dispatch_events"]["lines"] == sources["dispatch_events"]["bronze"] > 0
    assert {sentence.partition(":")[0] for sentence in status["missing"]} == {
        "dispatch_events",  # the afternoon goes on after the last tick
        "provider_status",
        "online.provider_activity_15m",
        "online.zone_demand_15m",
    }


def test_a_day_that_is_not_mature_is_refused(answers: list[Answer]) -> None:
    assert answers[9].code == 1
    assert "2026-03-10 is not mature" in answers[9].err
