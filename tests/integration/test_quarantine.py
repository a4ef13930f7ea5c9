"""Refused lines: seen, released into a landing object of their own, settled; nothing lost, nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from ingestion import quarantine
from lakehouse.access_log import AccessLog
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.quarantine_ledger import QuarantineLedger
from lakehouse.settings import Settings
from lakehouse.tables import Lakehouse
from roadside import cli
from roadside.graph import step_named
from roadside.holds import completeness_of
from roadside.runner import Runner
from simulation.landing import LandingWriter
from validation.clocks import TICK, Interval
from validation.contracts import table_named
from validation.errors import CheckFailed

DISPATCH, TRAFFIC = "dispatch_events", "traffic_speeds"
START = datetime(2026, 3, 10, 10, tzinfo=UTC)
LANDED = START + timedelta(minutes=7)
AHEAD = START + timedelta(hours=3)
LATER = START + timedelta(hours=6, minutes=2)
STEPS = [step_named(f"bronze.{DISPATCH}"), step_named(f"bronze.{TRAFFIC}")]


def event(event_id: str, at: datetime = START, **more: Any) -> dict[str, Any]:
    named = {"event_id": event_id, "job_id": "J1", "event_type": "requested", "event_timestamp": at}
    return named | {"member": {"name": "Ada Lovelace"}} | more


def reading(segment: str, at: datetime = START) -> dict[str, Any]:
    return {
        "feed": "a, b",
        "segment_id": segment,
        "latitude": 43.6,
        "longitude": -116.2,
        "speed_kmh": 50,
        "free_flow_kmh": 60,
        "measured_at": at,
    }


@dataclass
class Home:
    settings: Settings
    runner: Runner
    lakehouse: Lakehouse
    answer: Callable[..., Any]

    def ingest(self, until: datetime) -> None:
        for result in self.runner.backfill([Interval(START, until)], STEPS, force=True):
            assert (result.status, result.error) == ("published", None)

    def bronze(self, source: str) -> list[Any]:
        return (
            self.lakehouse.read(table_named(f"bronze.{source}"))
            .orderBy("known_at", "event_timestamp")
            .collect()
        )

    def landed(self) -> set[str]:
        root = Path(self.settings.landing_uri.removeprefix("file://"))
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def home(
    spark: SparkSession,
    spark_settings: Settings,
    lakehouse: Lakehouse,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Home:
    settings = replace(
        spark_settings, landing_uri=tmp_path.as_uri(), ops_url=f"sqlite:///{tmp_path}/ops.db", principal="ada"
    )
    writer = LandingWriter(tmp_path)
    records = [event("good"), event("ahead", AHEAD), event("typed", latitude="north")]
    lines = [*(json.dumps(each, default=lambda at: at.isoformat()) for each in records), "no json"]
    writer.write_blocks(DISPATCH, LANDED, "o1", ["\n".join(lines).encode()])
    writer.write(TRAFFIC, LANDED, "o1", [reading("S1"), reading("S2", AHEAD)])
    writer.write_bytes(DISPATCH, LANDED + timedelta(minutes=1), "o2", b"", "json.gz")
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def answer(line: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert cli.main(["quarantine", *line.split()]) == code
        said = capsys.readouterr()
        return json.loads(said.out) if "--json" in line else said.out + said.err

    home = Home(settings, Runner(settings, spark), lakehouse, answer)
    home.ingest(START + TICK)
    return home


def waiting(home: Home) -> dict[tuple[str, str, str | None], int]:
    return {
        (each["source"], each["reason"], each["field"]): each["lines"] for each in home.answer("list --json")
    }


STAY = {
    (DISPATCH, "empty_object", None): 1,
    (DISPATCH, "not_json", None): 1,
    (DISPATCH, "wrong_type", "latitude"): 1,
}


def test_released_lines_land_again_once_and_are_known_from_then_on(home: Home) -> None:
    may_pass = {(DISPATCH, "ahead", "event_timestamp"): 1, (TRAFFIC, "ahead", "measured_at"): 1}
    assert waiting(home) == STAY | may_pass
    assert "Look at the producer's clock" in home.answer("list")

    before = home.landed()
    told = home.answer(f"replay {DISPATCH} --at {LATER.isoformat()} --dry-run --json")
    assert (told["passing"], told["objects"]) == (1, [])
    assert told["staying"] == {"empty_object": 1, "not_json": 1, "wrong_type": 1}
    assert (home.landed(), waiting(home)) == (before, STAY | may_pass)

    read_by = {DISPATCH: "features.job_state_15m", TRAFFIC: "features.zone_traffic_15m"}
    for source, view in read_by.items():
        told = home.answer(f"replay {source} --at {LATER.isoformat()} --why late_clock --json")
        assert (told["passing"], told["first_event_at"]) == (1, "2026-03-10T13:00:00Z")
        assert view in told["tables"]
        again = home.answer(f"replay {source} --at {LATER.isoformat()} --why late_clock --json")
        assert (again["passing"], again["objects"]) == (0, [])
    assert len(home.landed() - before) == 2
    assert waiting(home) == STAY

    home.ingest(START + timedelta(hours=6, minutes=15))
    (_, event), (_, fix) = home.bronze(DISPATCH), home.bronze(TRAFFIC)
    for row in (event, fix):
        assert row.event_timestamp.replace(tzinfo=UTC) == AHEAD
        assert row.known_at.replace(tzinfo=UTC) == datetime(2026, 3, 10, 16, 15, tzinfo=UTC)
        assert "-released_" in row.source_object
    assert fix.feed == "a, b"
    for account in LandingLedger(Ops(home.settings.ops_url)).reconcile():
        assert account.is_balanced
        assert account.lines == account.bronze_rows + account.quarantined_rows


def test_a_release_is_no_heartbeat(home: Home) -> None:
    """It is known at 16:15, in whose quarter of an hour no producer sent anything."""
    home.answer(f"replay {DISPATCH} --at {LATER.isoformat()} --why clock")
    tick = Interval(START + timedelta(hours=6), START + timedelta(hours=6, minutes=15))
    home.ingest(tick.end)
    assert [row.event_id for row in home.bronze(DISPATCH)] == ["good", "ahead"]
    (lack,) = completeness_of(home.settings, home.runner.ops).incomplete(DISPATCH, tick)
    assert (lack.found_objects, lack.last_object_at) == (0, LANDED + timedelta(minutes=1))


def test_a_release_that_died_before_it_was_written_is_written_by_the_next_call(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    before = home.landed()
    with monkeypatch.context() as patched:
        patched.setattr(quarantine, "put_object", dies)
        home.answer(f"replay {TRAFFIC} --at {LATER.isoformat()} --why clock", 130)
    assert home.landed() == before
    (landed,) = [key for key in before if key.startswith(f"landing/{TRAFFIC}/")]
    header = Path(home.settings.landing_uri.removeprefix("file://")) / landed
    header.rename(aside := header.parent / ".aside")
    said = home.answer(
        f"replay {TRAFFIC} --at {(LATER + TICK).isoformat()} --why clock", CheckFailed.exit_code
    )
    assert "The header of 1 lines released into" in said
    assert all(TRAFFIC not in key or key.endswith(".aside") for key in home.landed())
    aside.rename(header)
    said = home.answer(f"replay {TRAFFIC} --at {(LATER + TICK).isoformat()} --why clock")
    (written,) = home.landed() - before
    assert f"A release begun before was finished: {written}" in said
    assert f"{LATER:%Y-%m-%d-%H-%M-%S}" in written
    (answer,) = QuarantineLedger(Ops(home.settings.ops_url)).answers(TRAFFIC)
    assert (answer.is_done, answer.principal, answer.why, answer.object_key) == (
        True,
        "ada",
        "clock",
        written,
    )
    home.ingest(START + timedelta(hours=7))
    assert len(home.bronze(TRAFFIC)) == 2


def test_a_line_is_opened_for_a_purpose_alone_and_that_is_kept(home: Home) -> None:
    shown = home.answer(f"show {DISPATCH} --reason wrong_type")
    assert "latitude: The value is of another type" in shown
    assert "Ada" not in shown
    assert "Say what it is opened for" in home.answer(f"show {DISPATCH} --open", 5)
    assert AccessLog(home.runner.ops).reads() == []
    opened = home.answer(f"show {DISPATCH} --reason wrong_type --open --purpose ticket-1 --json")
    assert json.loads(opened[0]["opened"])["member"] == {"name": "Ada Lovelace"}
    (read,) = AccessLog(home.runner.ops).reads()
    assert (read.principal, read.purpose, read.service) == ("ada", "ticket-1", f"quarantine.{DISPATCH}")


def test_lines_that_need_not_enter_are_settled_on_record(home: Home) -> None:
    (empty,) = home.answer(f"show {DISPATCH} --reason empty_object --json")
    home.answer(f"settle {DISPATCH} --object {empty['object']} --why landed-again")
    assert (DISPATCH, "empty_object", None) not in waiting(home)
    assert (DISPATCH, "not_json", None) in waiting(home)
    assert "No line of" in home.answer(f"settle {DISPATCH} --object {empty['object']} --why again", 2)


def test_wrong_lines_are_told(home: Home) -> None:
    for line, said in (
        ("list --source gps_ping", "Did you mean gps_pings"),
        ("list --reason wrong_tpye", "Did you mean wrong_type"),
        (f"replay {DISPATCH}", "Say why"),
        (f"replay {DISPATCH} --at soon --why x", "--at 'soon' is not a date or a time"),
    ):
        assert said in home.answer(line, 2), line
