"""Logs are closed to others from their first byte, and lines stay whole whoever writes at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from lakehouse import log_folder
from lakehouse.log_folder import append_line, logs_before, write_log

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)

APPENDS = """
import sys
from pathlib import Path
from lakehouse.log_folder import append_line
for number in range(300):
    append_line(Path(sys.argv[1]), sys.argv[2] * 20_000, 0o600)
"""


def test_processes_that_append_at_once_keep_whole_lines(
    tmp_path: Path, start_python: Callable[..., Popen[str]]
) -> None:
    path = tmp_path / "lines"
    others = [start_python(APPENDS, path, letter) for letter in "abc"]
    assert [each.wait(60) for each in others] == [0, 0, 0]
    lines = path.read_text().splitlines()
    assert sorted(lines) == [letter * 20_000 for letter in "abc" for _ in range(300)]


def test_a_line_that_is_written_in_parts_is_written_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write: Any = os.write
    monkeypatch.setattr(log_folder.os, "write", lambda file, data: write(file, data[:7]))
    append_line(tmp_path / "lines", "ein längeres Wort", 0o600)
    append_line(tmp_path / "lines", "und noch eines", 0o600)
    assert (tmp_path / "lines").read_text() == "ein längeres Wort\nund noch eines\n"


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


def test_a_log_is_for_its_owner_alone_whatever_the_umask_and_what_was_there(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    asked = os.umask(0)
    try:
        log = write_log(home, "silver.jobs.log", "Spark's own words")
        assert (mode(log.parent), mode(log), log.read_text()) == ("700", "600", "Spark's own words")
        log.parent.chmod(0o755)
        log.chmod(0o644)
        assert write_log(home, log.name, "other words") == log
    finally:
        os.umask(asked)
    assert (mode(log.parent), mode(log), log.read_text()) == ("700", "600", "other words")
    assert list(log.parent.iterdir()) == [log]


def test_a_log_is_never_open_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    opened: Any = os.open
    made: Any = os.mkdir

    def watched(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        if flags & os.O_CREAT:
            seen.append(f"{mode:o}")
        return int(opened(path, flags, mode, **more))

    def making(path: Any, mode: int = 0o777) -> None:
        seen.append(f"{mode:o}")
        made(path, mode)

    monkeypatch.setattr(os, "open", watched)
    monkeypatch.setattr(os, "mkdir", making)
    write_log(tmp_path, "silver.jobs.log", "Spark's own words")
    assert seen[-2:] == ["700", "600"], "the folder, then the file"


def test_logs_are_told_by_when_they_were_last_written(tmp_path: Path) -> None:
    names = ("old.log", "runs-2026-03-09.jsonl", "young.log", "note.txt")
    logs = [write_log(tmp_path, name, "four") for name in names]
    for log, age in zip(logs, (2, 1, 0, 9), strict=True):
        os.utime(log, (stamp := (NOON - timedelta(hours=age)).timestamp(), stamp))
    assert logs_before(tmp_path, NOON) == {logs[0]: 4, logs[1]: 4}
    assert logs_before(tmp_path / "nothing", NOON) == {}
