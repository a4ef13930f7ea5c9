"""The examples run as their docstrings say, and say what they found honestly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.made_dataset import eta_dataset

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / "first_model.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=EXAMPLES.parent)


def test_the_first_model_is_held_against_promise_and_median(tmp_path: Path) -> None:
    """In the made dataset the median is the truth but for its noise: the model cannot beat it."""
    done = run(str(eta_dataset(tmp_path / "eta_v1", days=30, per_day=60)))
    assert done.returncode == 0, done.stderr
    told = {line.strip().partition(": the model")[0]: line for line in done.stdout.splitlines()}
    assert "arrivals to train on" in done.stdout
    assert told["constant: median of train"].endswith(": better")
    assert not told["median of area and service"].endswith(": better")
    assert "provider's promise" in told


def test_a_dataset_that_was_never_built_is_told_in_a_line(tmp_path: Path) -> None:
    done = run(str(tmp_path / "eta_v1"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"A dataset was never built in {tmp_path / 'eta_v1'}."
