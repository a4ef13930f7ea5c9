"""`roadside publish` as a user types it, to a bucket and to Snowflake, both on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakehouse.settings import load_settings
from roadside.cli import main
from support import feature_lake
from support.command_line import Answer
from support.object_server import BUCKET, CREDENTIALS, ObjectServer, object_server
from support.small_publications import build_eta_v1, put_features
from support.snowflake_server import SnowflakeServer, snowflake_server
from validation.contracts.features.driver_state_15m import DRIVER_STATE_15M
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M

pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result")  # fakesnow's

ACTIVITY = "features.provider_activity_15m"
Run = Callable[[str], Answer]


@pytest.fixture
def snowflake() -> Iterator[SnowflakeServer]:
    with snowflake_server() as running:
        yield running


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with object_server() as running:
        yield running


@pytest.fixture
def home(
    snowflake: SnowflakeServer, objects: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A home with a dataset, an open table and a restricted one; the environment names both servers."""
    for name in [name for name in os.environ if name.startswith("ROADSIDE_")]:
        monkeypatch.delenv(name)
    given = {
        "ROADSIDE_HOME": str(tmp_path / "home"),
        "ROADSIDE_PUBLISH_URI": f"s3://{BUCKET}",
        "ROADSIDE_S3_ENDPOINT": objects.endpoint,
        "ROADSIDE_SNOWFLAKE_CONNECTION": "loading",
        "ROADSIDE_SNOWFLAKE_DATABASE": "LAKE",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", snowflake.connections())
    settings = load_settings(given)
    settings.home.mkdir()
    build_eta_v1(settings)
    put_features(settings, PROVIDER_ACTIVITY_15M)
    feature_lake.put(settings, DRIVER_STATE_15M)
    return settings.home


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`roadside` with these words."""

    def answer(line: str) -> Answer:
        capsys.readouterr()
        code = main(line.split())
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return answer


def test_all_that_may_leave_goes_everywhere_and_the_rest_is_told(run: Run, home: Path) -> None:
    dry = run("publish --all --dry-run --json")
    assert {each["status"] for each in json.loads(dry.out) if each["to"]} == {"would be created"}
    first = run("publish --all")
    assert first.code == 0
    assert f"s3://{BUCKET}/training/eta_v1/" in first.out
    assert "LAKE.ML.ETA_V1" in first.out
    assert first.out.count("created") == 4
    assert "features.driver_state_15m is restricted and never leaves the platform" in first.out
    not_made = first.out.partition("Not made yet: ")[2]
    assert {"eta_v2", "features.zone_demand_15m"} <= set(
        not_made.replace("\n", " ").replace(",", " ").split()
    )
    assert "LAKE.ML.ETA_V1: copying 5 rows" in first.err
    again = json.loads(run("publish --all --json").out)
    assert [each["status"] for each in again if each["to"]] == ["unchanged"] * 4
    assert not list((home / "publishing").glob("*/*.parquet")), "what waited is gone"


def test_json_names_each_outcome(run: Run) -> None:
    told = json.loads(run(f"publish {ACTIVITY} eta_v1 --to snowflake --json").out)
    assert [(each["name"], each["to"], each["status"], each["rows"]) for each in told] == [
        (ACTIVITY, "snowflake", "created", 4),
        ("eta_v1", "snowflake", "created", 5),
    ]
    assert [each["where"] for each in told] == ["LAKE.features.provider_activity_15m", "LAKE.ML.ETA_V1"]


def test_what_fails_does_not_keep_the_rest_and_gives_the_exit_code(
    run: Run, snowflake: SnowflakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SNOWFLAKE_CONNECTIONS", snowflake.connections(password="a guess"))
    answer = run(f"publish eta_v1 {ACTIVITY}")
    assert answer.code == 2
    assert answer.out.count("created") == 2
    assert answer.out.count("failed") == 2
    assert "error: Snowflake does not accept user loader" in answer.err
    assert "a guess" not in answer.out + answer.err


def test_settings_alone_point_a_process_at_the_server(
    home: Path, snowflake: SnowflakeServer, tmp_path: Path
) -> None:
    """By connections.toml in SNOWFLAKE_HOME, as for any program over the connector."""
    folder = tmp_path / "snowflake"
    folder.mkdir()
    (folder / "connections.toml").write_text(snowflake.connections())
    (folder / "connections.toml").chmod(0o600)
    environment = {**os.environ, "SNOWFLAKE_HOME": str(folder)}
    del environment["SNOWFLAKE_CONNECTIONS"]
    done = subprocess.run(
        [sys.executable, "-m", "roadside.cli", "publish", "eta_v1", "--to", "snowflake"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "created" in done.stdout
    assert len(snowflake.sql("SELECT * FROM LAKE.ML.ETA_V1")) == 5


def test_it_can_be_tried_without_an_account(home: Path) -> None:
    """fakesnow and moto as they are, and nothing but settings."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "roadside.cli", "publish", "eta_v1", "--json"]
    done = subprocess.run(
        [sys.executable, str(root / "scripts" / "loopback.py"), *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [(each["to"], each["status"], each["rows"]) for each in json.loads(done.stdout)]
    assert told == [("s3", "created", 5), ("snowflake", "created", 5)]
