"""`roadside promise check` where datasets go on to a bucket and to Snowflake, both on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakehouse.settings import load_settings
from roadside.cli import main
from support.command_line import Answer
from support.object_server import BUCKET, CREDENTIALS, ObjectServer, object_server
from support.promised_nights import Nights, utc
from support.small_publications import DAY, build_eta_v1
from support.snowflake_server import SnowflakeServer, snowflake_server

pytestmark = pytest.mark.filterwarnings("ignore:Arrow output on a DB-API result")  # fakesnow's

Run = Callable[[str], Answer]
CHECK = "promise check --date 2026-03-12 --dataset eta_v1 --json"


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SnowflakeServer, ObjectServer]]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with snowflake_server() as snowflake, object_server() as objects:
        yield snowflake, objects


@pytest.fixture
def run(
    servers: tuple[SnowflakeServer, ObjectServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """A home with the day that is due on 12 March, released in time; the environment names both servers."""
    snowflake, objects = servers
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
    Nights(settings).release_day("eta_v1", DAY, utc("2026-03-12 09:00"), is_built=False)
    build_eta_v1(settings)

    def answer(line: str) -> Answer:
        capsys.readouterr()
        code = main(line.split())
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return answer


def told(answer: Answer) -> dict[str, str]:
    return {each["kind"]: each["state"] for each in json.loads(answer.out)["things"]}


def test_what_was_ever_published_is_promised_there_too(run: Run) -> None:
    """The publication is of the day that the test runs on, and so months after the promise."""
    before = run(CHECK)
    assert (before.code, told(before)) == (0, {"dataset": "kept"})
    assert run("publish eta_v1").code == 0
    after = run(CHECK)
    assert (after.code, told(after)) == (1, {"dataset": "kept", "s3": "late", "snowflake": "late"})
    at_seven = run(f"{CHECK} --at 2026-03-12T11:00Z")
    assert told(at_seven) == {"dataset": "kept", "s3": "missing", "snowflake": "missing"}
    early = run(f"{CHECK} --at 2026-03-12T09:40Z")
    assert (early.code, told(early)) == (
        0, {"dataset": "kept", "s3": "not due yet", "snowflake": "not due yet"},
    )  # fmt: skip
    at_half_past_five = run(f"{CHECK} --at 2026-03-12T09:40Z --as-if-due")
    assert (at_half_past_five.code, told(at_half_past_five)) == (1, told(at_seven))
    alone = run(f"{CHECK} --no-publication")
    assert (alone.code, told(alone)) == (0, {"dataset": "kept"})


def test_a_target_that_does_not_answer_cannot_be_told(
    run: Run, servers: tuple[SnowflakeServer, ObjectServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADSIDE_S3_ENDPOINT", "http://127.0.0.1:9")
    answer = run(CHECK)
    assert answer.code == 6
    assert told(answer) == {"dataset": "kept"}
    assert len(json.loads(answer.out)["cannot_tell"]) == 1
