"""`roadside` in a process of its own: several lines, one Spark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
