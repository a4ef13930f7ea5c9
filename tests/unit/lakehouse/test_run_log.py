"""A line for each run that begins or ends, with what the ledger knows of it, that never fails a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from lakehouse.code_version import code_revision
from lakehouse.ops import Ops
from lakehouse.processes import this_process
from lakehouse.run_ledger import RunLedger
from lakehouse.run_log import RunLog, to_file, to_stderr
from support.failed_runs import failed_run
from validation.clocks import Interval

MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC)
TICK = Interval(datetime(2026, 3, 10, 17, tzinfo=UTC), datetime(2026, 3, 10, 17, 15, tzinfo=UTC))


class Logged:
    """A ledger whose runs are logged; its clock goes on two seconds each time the ledger asks."""

    def __init__(self, folder: Path) -> None:
        self.notes: list[str] = []
        self.home = folder / "home"
        self.wall = MIDNIGHT - timedelta(seconds=3)
        self.log = RunLog(to_file(self.home), lambda: self.wall, self.notes.append)
        self.ops = Ops(f"sqlite:///{folder / 'ops.db'}")
        self.runs = RunLedger(self.ops, self.now, self.log.heard)

    def now(self) -> datetime:
        self.wall += timedelta(seconds=2)
        return self.wall

    def lines(self, day: str) -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in (self.home / "logs" / f"runs-{day}.jsonl").read_text().splitlines()
        ]


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged(tmp_path)


def test_a_run_is_two_lines_each_in_the_file_of_its_day(logged: Logged) -> None:
    inputs = {"silver.jobs": 2**62 + 1, "silver.assignments": None}
    begun = logged.runs.begin("silver.offers", TICK, "c1", inputs=inputs)
    logged.runs.finish(begun.run_id, snapshot_id=7, rows=3, counts={"late": 1}, files=2, size_bytes=4096)
    (began,) = logged.lines("2026-11-01")
    same = {
        "run_id": begun.run_id,
        "table": "silver.offers",
        "interval_start": "2026-03-10T17:00:00Z",
        "interval_end": "2026-03-10T17:15:00Z",
        "code_version": "c1",
        "revision": code_revision(),
        "started_at": "2026-11-01T23:59:59Z",
        "inputs": inputs,
        "error_kind": None,
        "host": this_process().host,
        "pid": os.getpid(),
    }
    assert began == same | {
        "event": "began",
        "at": "2026-11-01T23:59:59Z",
        "status": "running",
        "seconds": None,
        "snapshot_id": None,
        "rows": None,
        "files": None,
        "size_bytes": None,
        "counts": {},
    }
    assert logged.lines("2026-11-02") == [
        same
        | {
            "event": "published",
            "at": "2026-11-02T00:00:01Z",
            "status": "published",
            "seconds": 2.0,
            "snapshot_id": 7,
            "rows": 3,
            "files": 2,
            "size_bytes": 4096,
            "counts": {"late": 1},
        }
    ]
    assert logged.notes == []


def test_a_run_that_failed_or_does_not_stand_says_so(logged: Logged) -> None:
    logged.wall = MIDNIGHT
    failed_run(logged.runs, "silver.offers", TICK, "CheckFailed", "c1")
    outdated = logged.runs.begin("silver.jobs", TICK, "c1")
    logged.runs.supersede({"silver.jobs": TICK})
    logged.runs.finish(outdated.run_id, snapshot_id=8, rows=1)
    assert [(each["event"], each["status"], each["error_kind"]) for each in logged.lines("2026-11-02")] == [
        ("began", "running", None),
        ("failed", "failed", "CheckFailed"),
        ("began", "running", None),
        ("superseded", "superseded", None),
    ]


BEGINS = """
import sys, time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.run_log import RunLog, to_file
from validation.clocks import Interval
noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
now = lambda: datetime(2026, 11, 1, 23, 59, tzinfo=UTC)
ledger = RunLedger(Ops(sys.argv[1]), now, RunLog(to_file(Path(sys.argv[2])), now, print).heard)
ledger.begin("silver.offers", Interval(noon, noon + timedelta(minutes=15)), "c1")
print("begun", flush=True)
time.sleep(60)
"""


def test_a_run_whose_process_was_killed_is_logged_as_failed_by_the_next(
    logged: Logged, start_python: Callable[..., Popen[str]]
) -> None:
    other = start_python(BEGINS, logged.ops.url, logged.home)
    assert other.stdout is not None
    assert other.stdout.readline() == "begun\n"
    other.kill()
    other.wait()
    (begun,) = logged.lines("2026-11-01")
    logged.wall = MIDNIGHT
    logged.runs.begin("silver.jobs", TICK, "c1")
    failed, mine = logged.lines("2026-11-02")
    assert (failed["event"], failed["error_kind"], failed["run_id"]) == (
        "failed",
        "ProcessDied",
        begun["run_id"],
    )
    assert (failed["pid"], failed["seconds"], mine["event"]) == (other.pid, 62.0, "began")


def test_a_log_that_cannot_be_written_fails_no_run_and_is_said_once(logged: Logged) -> None:
    logged.home.write_text("no folder")
    for _ in range(2):
        failed_run(logged.runs, "silver.offers", TICK, "CheckFailed", "c1")
    assert logged.notes == [
        "note: runs cannot be logged (FileExistsError); they go on and are in the ledger."
    ]


def test_the_log_is_for_its_owner_alone(logged: Logged) -> None:
    logged.runs.begin("silver.offers", TICK, "c1")
    (file,) = (logged.home / "logs").iterdir()
    assert f"{file.stat().st_mode & 0o777:o}" == "600"


def test_lines_can_go_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = RunLog(to_stderr, lambda: MIDNIGHT, print)
    ledger = RunLedger(Ops(f"sqlite:///{tmp_path}/ops.db"), lambda: MIDNIGHT, log.heard)
    failed_run(ledger, "silver.offers", TICK, "CheckFailed")
    said = capsys.readouterr()
    assert [json.loads(line)["event"] for line in said.err.splitlines()] == ["began", "failed"]
    assert said.out == ""
