"""A real Airflow on SQLite, in an environment that has nothing of ours."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "airflow" / "dags"
POOLS = ROOT / "airflow" / "pools.json"
FACTS = ROOT / "tests" / "support" / "dag_facts.py"
KEPT = ("PATH", "HOME", "LANG", "JAVA_HOME", "ROADSIDE_JARS_DIR")
NEWEST, OLDEST = ROOT / ".tools" / "airflow", ROOT / ".tools" / "airflow-oldest"

_PROGRAM = """#!/bin/sh
PYTHONPATH={root} exec {python} -m roadside.cli "$@"
"""


@dataclass
class AirflowHome:
    """A folder with its database; `environment` is added to what every command is given."""

    folder: Path
    tools: Path = NEWEST
    environment: dict[str, str] = field(default_factory=dict)

    def given(self) -> dict[str, str]:
        """The environment of its processes: nothing of this one but where programs are."""
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "JAVA_HOME") if name in os.environ
        }
        return {
            **kept,
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            "TZ": "UTC",
            **self.environment,
        }

    def airflow(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """One `airflow` command."""
        return self._run([str(self.tools / "bin" / "airflow"), *words], more)

    def python(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Its Python."""
        return self._run([str(self.tools / "bin" / "python"), *words], more)

    def facts(self, **more: str) -> dict[str, Any]:
        """What it makes of the DAG files."""
        done = self.python("-P", str(FACTS), str(DAGS), **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def migrate(self) -> None:
        """Make its database, with our pools."""
        for words in (("db", "migrate"), ("pools", "import", str(POOLS))):
            done = self.airflow(*words)
            assert done.returncode == 0, done.stdout + done.stderr

    def _run(self, words: list[str], more: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, env={**self.given(), **more}, capture_output=True, text=True, check=False, cwd=self.folder
        )


def roadside_program(folder: Path) -> Path:
    """`roadside` of this code as one program, for an environment that does not have it."""
    program = folder / "roadside"
    program.write_text(_PROGRAM.format(root=ROOT, python=sys.executable), encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program
