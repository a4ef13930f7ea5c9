"""Runs are logged always, unless switched off, and told to lineage where it is set."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings, load_settings
from roadside.run_listeners import heard_of
from roadside.runner import Runner
from support.failed_runs import failed_run
from validation.clocks import Interval
from validation.errors import SettingError

TICK = Interval(datetime(2026, 3, 10, 17, tzinfo=UTC), datetime(2026, 3, 10, 17, 15, tzinfo=UTC))


def now() -> datetime:
    return datetime.now(UTC)


def fail(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    runs = RunLedger(Ops(settings.ops_url), now, heard_of(settings))
    failed_run(runs, "silver.offers", TICK, "CheckFailed", "c1")


def events(paths: Iterable[Path], field: str) -> list[str]:
    return [json.loads(line)[field] for path in sorted(paths) for line in path.read_text().splitlines()]


def test_a_run_is_logged_under_the_home_and_told_to_lineage(settings: Settings, tmp_path: Path) -> None:
    before = now()
    fail(replace(settings, lineage=str(tmp_path / "lineage.jsonl")))
    days = list((settings.home / "logs").iterdir())
    assert {each.name for each in days} <= {f"runs-{day:%Y-%m-%d}.jsonl" for day in (before, now())}
    assert events(days, "event") == ["began", "failed"]
    assert events([tmp_path / "lineage.jsonl"], "eventType") == ["START", "FAIL"]


def test_the_log_goes_to_stderr_or_nowhere_where_that_is_asked(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(replace(settings, log="stderr"))
    assert capsys.readouterr().err.count('"event"') == 2
    fail(replace(settings, log="off"))
    assert capsys.readouterr().err == ""
    assert not (settings.home / "logs").exists()


def test_a_log_that_cannot_be_written_is_said_once_a_process(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.home.mkdir(parents=True)
    (settings.home / "logs").write_text("no folder")
    fail(settings)
    fail(settings)
    assert capsys.readouterr().err.count("note: runs cannot be logged (FileExistsError)") == 1


def test_the_setting_is_one_of_three(tmp_path: Path) -> None:
    assert load_settings({"ROADSIDE_HOME": str(tmp_path)}).log == "file"
    with pytest.raises(SettingError, match="ROADSIDE_LOG is 'syslog'; it must be file or stderr or off"):
        load_settings({"ROADSIDE_HOME": str(tmp_path), "ROADSIDE_LOG": "syslog"})


def test_the_runs_of_the_road_are_logged(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roadside.runner.location_opener", lambda _handle: None)  # needs a session
    settings.home.mkdir(parents=True)
    no_spark: Any = None
    failed_run(Runner(settings, no_spark).runs, "silver.offers", TICK, "CheckFailed", "c1")
    assert events((settings.home / "logs").iterdir(), "event") == ["began", "failed"]
