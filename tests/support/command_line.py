"""`roadside` in a process of its own: several lines, one Spark."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from validation.clocks import TICK

STAMP = "%Y-%m-%dT%H:%MZ"

DISPATCH_STEPS = (
    "bronze.dispatch_events",
    "silver.dispatch_events",
    "silver.lifecycle",
    "tiles.dispatch_15m",
    "tiles.dispatch_1d",
)
"""The road from dispatch records to their tiles."""

PROGRAM = """
import contextlib, io, json, shlex, sys
from roadside.cli import main
for line in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(shlex.split(line))
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


@dataclass(frozen=True)
class Answer:
    """How a line ended and what it printed."""

    code: int
    out: str
    err: str


def answers_to(lines: Sequence[str], environment: Mapping[str, str]) -> list[Answer]:
    """How each line ended, one after the other; the environment is added to this process's."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(list(lines))],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [Answer(*json.loads(line)) for line in done.stdout.splitlines()]


@dataclass
class Actor:
    """Lines of the command line in a process that is killed after so many seconds, then begun again."""

    lines: list[str]
    environment: dict[str, str]
    lives: list[float]
    kills: int = 0
    answers: list[Answer] = field(default_factory=list)

    def act(self) -> None:
        """Until every line was answered in one life."""
        for life in [*self.lives, None]:
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, json.dumps(self.lines)],
                env={**os.environ, **self.environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Spark goes with it, as with a machine
            )
            try:
                told, _ = process.communicate(timeout=life)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                self.kills += 1
            else:
                self.answers = [Answer(*json.loads(line)) for line in told.splitlines()]
                return


def environment_of(home: Path, **more: str) -> dict[str, str]:
    """Settings of a small platform in a home of its own."""
    return {
        "ROADSIDE_HOME": str(home),
        "ROADSIDE_SPARK_MEMORY": "1g",
        "ROADSIDE_SHUFFLE_PARTITIONS": "2",
        "ROADSIDE_SPARK_COMPILES": "false",
        **more,
    }


def copy_landing(home: Path, elsewhere: Path) -> Path:
    """The landing and the vault that sealed it (a killed process leaves part of it in a file beside it)."""
    shutil.copytree(home / "landing", elsewhere / "landing")
    for path in (*home.glob("vault.db*"), home / "platform.key"):
        shutil.copy(path, elsewhere / path.name)
    return elsewhere


def run_line(start: object, end: object, steps: Sequence[str], more: str = "") -> str:
    """A run of some steps, that answers in JSON."""
    return " ".join([f"run --start {start} --end {end} --json", *(f"--step {name}" for name in steps), more])


def tick_lines(start: datetime, count: int, steps: Sequence[str]) -> list[str]:
    """A run for each of so many ticks."""
    ticks = [(start + n * TICK, start + (n + 1) * TICK) for n in range(count)]
    return [run_line(f"{first:{STAMP}}", f"{end:{STAMP}}", steps) for first, end in ticks]
