"""Help that answers at once, errors that say what and what next, dry runs that write nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
import typer.main

from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from roadside import cli
from roadside.commands import landing
from roadside.standing import standing
from simulation.landing import LandingWriter
from validation.contracts import TABLES

HEAVY = ("pyspark", "feast", "pandas", "pyarrow", "sqlalchemy", "pyiceberg")


def commands(
    group: click.Group, words: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


COMMANDS = dict(commands(typer.main.get_command(cli.app)))


def test_help_starts_nothing_heavy() -> None:
    program = (
        "import sys\nfrom roadside.cli import main\ncode = main(['--help'])\n"
        f"sys.stderr.write(str(sorted(set({HEAVY}) & set(sys.modules))))\nsys.exit(code)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stderr == "[]"
    assert "status" in answer.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_with_an_example(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    assert command.help
    assert f"roadside {' '.join(words)}" in command.epilog


@pytest.mark.parametrize(
    "name",
    ["simulate", "replay", "ingest", "build", "run", "tick", "materialize", "compact", "demo", "publish"],
)
def test_what_writes_has_a_dry_run(name: str) -> None:
    assert "--dry-run" in {option for each in COMMANDS[(name,)].params for option in each.opts}


ERRORS = {
    "run --start 2026-03-0x --end 2026-03-02": (2, "--start '2026-03-0x' is not a date or a time."),
    "run --start 2026-03-02 --end 2026-03-01": (2, "--end 2026-03-01 is not after --start 2026-03-02."),
    "run --start 2026-03-01 --end 2026-03-01T10:07Z": (2, "is not on the 15-minute grid."),
    "run --start 2026-03-01T10:00 --end 2026-03-02": (2, "--start has no time zone; say which (UTC?)."),
    "run --start 2026-03-01 --end 2026-03-02": (2, "Nothing has landed in"),
    "run --start 2026-03-01 --end 2026-03-02 --step silver.ofers": (2, "Did you mean silver.offers"),
    "build --start 2026-03-01 --end 2026-03-02 --table bronze.gps_pings": (2, "no step past bronze"),
    "ingest --start 2026-03-01 --end 2026-03-02 --source gps_ping": (2, "Did you mean gps_pings?"),
    "tick --until 2026-03-01T10:07Z": (2, "The tick that holds it starts 2026-03-01T10:00Z."),
    "tick --until soon": (2, "--until 'soon' is not a date or a time."),
    "digest silver.ofers": (2, "Did you mean silver.offers"),
    "digest silver.offers --start 2026-03-01": (2, "--start and --end belong together."),
    "compact --table silver.ofers": (2, "Did you mean silver.offers"),
    "compact": (2, "Nothing has been ingested yet."),
    "materialize": (2, "Nothing was made in"),
    "simulate --days 0": (2, "days is 0; it must be at least 1."),
    "simulate --start tomorrow": (2, "--start 'tomorrow' is not a day."),
    "replay san-fransisco --data /nowhere": (2, "Did you mean san-francisco?"),
    "replay canberra --data /nowhere": (2, "The folder of recorded data /nowhere does not exist."),
    "replay canberra --data / --start 2024-04-02 --end 2024-04-01": (2, "is not after --start 2024-04-02."),
    "online get eta_v1 provider_id=P1": (6, "Start it: roadside redis start."),
    "runs": (2, "Nothing was made in"),
    "runs --status fail": (2, "Did you mean failed?"),
    "runs --start 2026-03-10": (2, "A range has a start and an end."),
    "runs --since 2026-03-10T18:00": (2, "--since has no time zone; say which (UTC?)."),
    "runs show 3f9a0c12d4e5": (2, "Nothing was made in"),
    "freshness": (2, "Nothing was made in"),
    "freshness --source gps_ping": (2, "Did you mean gps_pings?"),
    "freshness --layer feature": (2, "Did you mean features?"),
    "freshness --budget onlin=5": (2, "Did you mean online"),
    "freshness --view zone_demand": (2, "Did you mean zone_demand_15m"),
    "freshness --at 2026-03-10T18:00": (2, "--at has no time zone; say which (UTC?)."),
    "online get eta_v1 provider_id": (2, "'provider_id' is no KEY=VALUE."),
    "dataset build eta_v3 --start 2026-03-10 --end 2026-03-11": (2, "Did you mean eta_v2 or eta_v1?"),
    "dataset build eta_v1 --start 2026-03-11 --end 2026-03-11": (2, "is not after --start 2026-03-11."),
    "dataset show eta_v1": (2, "Build it: roadside dataset build eta_v1"),
    "dataset show eta_v3": (2, "Did you mean eta_v2 or eta_v1?"),
    "dataset card eta_v1": (2, "Build it: roadside dataset build eta_v1"),
    "dataset card eta_v01": (2, "Did you mean eta_v1"),
    "dataset diff eta_v1 eta_v1@1": (2, "eta_v1 was never built in"),
    "skew eta_v1 --day 10.3.2026": (2, "--day '10.3.2026' is not a day."),
    "skew eta_v1 --day 2026-03-10": (2, "Nothing was made in"),
    "skew eta_v1": (2, "Missing option '--day'"),
    "publish": (2, "Nothing was named to be published."),
    "publish eta_v1 --all": (2, "Name what to publish, or say --all, not both."),
    "publish eta_v1": (2, "Set ROADSIDE_PUBLISH_URI for S3;"),
    "publish eta_v1 --to s4": (2, "Did you mean s3?"),
    "publish eta_v1 --to snowflake": (2, "eta_v1 was never built in"),
    "publish features.zone_demand --to s3": (2, "Did you mean features.zone_demand_15m"),
    "publish silver.offers --to s3": (2, "silver.offers is not published"),
    "publish features.driver_state_15m --to s3": (5, "is restricted and never leaves the platform"),
    "publish --all --to s3": (1, "Nothing that is published was made yet."),
    "rum": (2, "No such command 'rum'"),
    "run --start 2026-03-01": (2, "Missing option '--end'"),
}


@pytest.mark.parametrize("line", ERRORS)
def test_an_error_says_what_and_what_next_on_stderr(line: str, run: Callable, home: Path) -> None:
    code, text = ERRORS[line]
    answer = run(*line.split())
    assert answer.code == code
    assert text in answer.err
    assert "Traceback" not in answer.err
    assert not home.exists()


def test_a_wrong_setting_is_told_with_all_others(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADSIDE_SPARK_CORES", "two")
    monkeypatch.setenv("ROADSIDE_REDIS", "nowhere")
    monkeypatch.setenv("ROADSIDE_REDDIS", "localhost:1")
    answer = run("env", "check")
    assert answer.code == 2
    for problem in (
        "ROADSIDE_SPARK_CORES is 'two'",
        "ROADSIDE_REDIS is 'nowhere'",
        "Did you mean ROADSIDE_REDIS?",
    ):
        assert problem in answer.out


def test_a_redis_that_is_set_and_does_not_answer_is_unreachable(
    run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADSIDE_REDIS", "127.0.0.1:1")
    answer = run("online", "get", "eta_v1", "provider_id=P1")
    assert answer.code == 6
    assert "Redis at 127.0.0.1:1 (ROADSIDE_REDIS) does not answer" in answer.err


def test_an_unforeseen_error_keeps_its_values_to_itself(
    run: Callable, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["Maria", "Exempel"]

    def broken(*_arguments: object) -> None:
        raise ValueError(" ".join(names))

    monkeypatch.setattr(landing, "settings_here", broken)
    answer = run("simulate", "--dry-run")
    assert answer.code == 70
    (log,) = (home / "logs").iterdir()
    assert f"{log}" in answer.err
    assert [f"{path.stat().st_mode & 0o777:o}" for path in (log.parent, log)] == ["700", "600"]
    assert "ValueError" in answer.err
    assert "in broken" in log.read_text()
    assert "Exempel" not in answer.err + answer.out + log.read_text()


def test_debug_lets_an_unforeseen_error_through(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise ValueError("told whole")

    monkeypatch.setattr(landing, "settings_here", broken)
    with pytest.raises(ValueError, match="told whole"):
        run("--debug", "simulate", "--dry-run")


def test_simulating_dry_says_where_and_writes_nothing(run: Callable, home: Path) -> None:
    answer = run("simulate", "--days", "2", "--dry-run")
    assert answer.code == 0
    assert f"{home}/landing" in answer.out
    assert not home.exists()


def test_a_simulated_day_waits_for_its_first_run(run: Callable, home: Path) -> None:
    made = run(
        "simulate", "--days", "1", "--providers", "4", "--jobs-per-day", "5", "--pings-days", "0", "--json"
    )
    assert made.code == 0
    landed = json.loads(made.out)["objects"]
    status = run("status", "--json")
    assert status.code == 1
    assert sum(each["waiting"] for each in json.loads(status.out)["sources"]) == landed
    dry = run("run", "--start", "2026-03-01", "--end", "2026-03-02", "--dry-run")
    assert dry.code == 0
    assert f"{landed:,} landed objects not in the ledger yet would be registered." in dry.out
    assert "features.provider_performance_1d" in dry.out
    assert not (home / "ops.db").exists()


def test_a_tick_without_a_cut_leaves_the_daily_view_out(run: Callable, home: Path) -> None:
    answer = run("run", "--start", "2026-03-10T17:00Z", "--end", "2026-03-10T17:15Z", "--dry-run", "--json")
    outlook = {each["step"]: each["would"] for each in json.loads(answer.out)}
    assert outlook["features.provider_performance_1d"] == "not due"
    assert outlook["features.zone_demand_15m"] == "run"


def test_the_way_in_that_status_names_looks_further_back(run: Callable, settings: Settings) -> None:
    noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    LandingWriter(settings.home).write("gps_pings", noon - timedelta(days=3), "late", [])
    LandingLedger(Ops(settings.ops_url)).close("gps_pings", noon)
    words = next(text for text in standing(settings).missing if "roadside ingest" in text)
    words = words.partition("roadside ")[2]
    shorter = words.replace("--look-back-hours 96", "--look-back-hours 48")
    assert "1 landed object" in run(*words.split(), "--dry-run").out
    assert "1 landed object" not in run(*shorter.split(), "--dry-run").out


def test_tables_lists_every_contract(run: Callable) -> None:
    answer = run("tables", "--json")
    assert [each["table"] for each in json.loads(answer.out)] == [table.name for table in TABLES]


@pytest.mark.parametrize(
    ("stores", "described"), [(None, "feature_store.yaml"), ("stock", "feature_store.stock.yaml")]
)
def test_exported_lines_set_what_feast_needs(
    run: Callable, home: Path, monkeypatch: pytest.MonkeyPatch, stores: str | None, described: str
) -> None:
    if stores:
        monkeypatch.setenv("ROADSIDE_FEAST_STORES", stores)
    lines = dict(line.removeprefix("export ").split("=", 1) for line in run("env", "export").out.splitlines())
    assert lines["ROADSIDE_HOME"] == str(home)
    assert lines["TZ"] == "UTC"
    assert lines["ROADSIDE_REGISTRY_URL"] == f"sqlite:///{home}/registry.db"
    assert lines["FEAST_FS_YAML_FILE_PATH"].endswith(f"/feature_repo/{described}")
    assert Path(lines["FEAST_FS_YAML_FILE_PATH"]).is_file()


def test_the_private_redis_starts_answers_and_stops(run: Callable) -> None:
    assert run("redis", "stop").out == "No private Redis was running.\n"
    assert "Redis runs at 127.0.0.1:" in run("redis", "start").out
    assert run("redis", "stop").out == "The private Redis has ended.\n"


def test_the_demo_wipes_only_a_demo(run: Callable, home: Path) -> None:
    assert "the folder is free" in run("demo", "--dry-run").out
    home.mkdir()
    (home / "mine.txt").write_text("kept")
    refused = run("demo")
    assert refused.code == 2
    assert "holds data that is not a demo's" in refused.err
    assert (home / "mine.txt").read_text() == "kept"
    (home / "demo.json").write_text("{}")
    assert "would be wiped first" in run("demo", "--dry-run").out
