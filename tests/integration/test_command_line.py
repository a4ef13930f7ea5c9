"""The command line over the worked afternoon, in one process of its own: land, run, tick, digest, status."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulation.afternoon import write_afternoon
from support.command_line import Answer, answers_to
from support.identities import found_in_bytes, planted_in_the_afternoon, readable

pytestmark = [pytest.mark.slow(minutes=3), pytest.mark.timeout(900)]

START, FROM, TICK = "2026-03-10T16:00Z", "2026-03-10T17:00Z", "2026-03-10T17:15Z"
LINES = (
    f"run --start {START} --end {FROM} --json",
    f"run --start {START} --end {FROM} --json",
    f"tick --until {TICK} --no-online",
    "digest silver.offers features.zone_demand_15m --json",
    f"run --start {FROM} --end {TICK} --force --step silver.lifecycle --step features.zone_demand_15m --json",
    "compact --before 2026-03-10",
    "digest silver.offers features.zone_demand_15m --json",
    f"tick --until {TICK} --no-online",
    "status --json",
    "dataset build eta_v1 --start 2026-03-10 --end 2026-03-11",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("command_line")


@pytest.fixture(scope="module")
def answers(home: Path) -> list[Answer]:
    """How each of LINES ended, run one after the other over the afternoon, with Spark's event log."""
    write_afternoon(
        home, start=datetime(2026, 3, 10, 16, tzinfo=UTC), end=datetime(2026, 3, 10, 17, 15, tzinfo=UTC)
    )
    environment = {
        "ROADSIDE_HOME": str(home),
        "ROADSIDE_SHUFFLE_PARTITIONS": "2",
        "ROADSIDE_SPARK_COMPILES": "false",
    }
    (home / "event_log").mkdir()
    event_log = {"enabled": "true", "compress": "false", "dir": (home / "event_log").as_uri()}
    options = " ".join(f"--conf spark.eventLog.{name}={value}" for name, value in event_log.items())
    return answers_to(LINES, environment | {"PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell"})


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
        "online.provider_fleet_15m",
        "online.provider_activity_15m",
        "online.zone_demand_15m",
        "online.zone_supply_15m",
        "online.zone_traffic_15m",
        "online.area_dispatch_15m",
    }


def test_a_day_that_is_not_mature_is_refused(answers: list[Answer]) -> None:
    assert answers[9].code == 1
    assert "2026-03-10 is not mature" in answers[9].err


def test_no_identity_stands_in_spark_s_event_log_or_in_what_is_told(
    home: Path, answers: list[Answer]
) -> None:
    """Nor does a precise place: the afternoon's requests lie at the centres of its zones."""
    planted = planted_in_the_afternoon()
    log = b"\n".join(path.read_bytes() for path in (home / "event_log").rglob("*") if path.is_file())
    for witness in (b"SparkListenerApplicationEnd", b"SparkListenerSQLExecutionStart", b"sealed_payload"):
        assert witness in log
    assert found_in_bytes(planted, log) == set()
    assert found_in_bytes(planted, repr(answers).encode()) == set()
    landed = b"\n".join(part for path in (home / "landing").rglob("*.gz") for part in readable(path))
    assert len(found_in_bytes(planted, landed)) > 50
