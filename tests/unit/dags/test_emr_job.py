"""The file that an EMR Serverless job runs, as a process: it ends as its command does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import road_commands
from support.airflow_home import ROOT

ENTRY = ROOT / "airflow" / "emr_job.py"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["tick", "--untill", "now"], 2),
        (["tick", "--until", "nonsense"], 2),
    ],
)
def test_a_job_ends_as_its_command_does(words: list[str], code: int, tmp_path: Path) -> None:
    """From a copy elsewhere, as a job has it."""
    entry = tmp_path / ENTRY.name
    entry.write_text(ENTRY.read_text())
    given = {**os.environ, "PYTHONPATH": str(ROOT), "ROADSIDE_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, str(entry), *words],
        env=given,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr


def test_the_settings_of_a_job_name_the_file() -> None:
    assert f"airflow/{ENTRY.name}" in str(road_commands.__doc__)
