"""A JVM that is killed within a shuffle leaves rows where nobody else reads them, until the next session."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse.processes import lives
from lakehouse.settings import Settings

SHUFFLES = """
import os
from lakehouse.settings import load_settings
from lakehouse.spark import java_class, spark_session

spark = spark_session(load_settings())
print(java_class(spark, "java.lang.ProcessHandle").current().pid(), flush=True)
while True:
    spark.range(3_000_000).selectExpr("id", "'44.8378 -0.5792' AS place").repartition(2, "id").count()
"""
SECONDS = 120


class Shuffling:
    """A process with a small session that shuffles for as long as it lives."""

    def __init__(self, settings: Settings) -> None:
        given = {name: value for name, value in settings.environment().items() if value}
        given |= {"ROADSIDE_SPARK_CORES": "1", "ROADSIDE_SPARK_MEMORY": "512m"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SHUFFLES],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | given,
        )
        assert self.process.stdout is not None
        self.jvm = int(self.process.stdout.readline())

    def kill(self) -> None:
        """The JVM first: one whose Python is gone ends tidily."""
        os.kill(self.jvm, signal.SIGKILL)
        self.process.kill()
        self.process.communicate()


def shuffled(root: Path) -> set[Path]:
    """The folders of processes in which files of a shuffle lie, as soon as there is one that lives."""
    by = time.monotonic() + SECONDS
    while time.monotonic() < by:
        found = {root / path.relative_to(root).parts[0] for path in root.rglob("shuffle_*.data*")}
        if any(lives(path.name) for path in found):
            return found
        time.sleep(0.05)
    raise AssertionError("nothing was shuffled")


@pytest.mark.slow(minutes=1)
def test_what_a_killed_shuffle_leaves_is_closed_and_goes_when_the_next_session_begins(
    spark_settings: Settings, tmp_path: Path
) -> None:
    settings = replace(spark_settings, home=tmp_path, warehouse_uri=(tmp_path / "warehouse").as_uri())
    root = tmp_path / "scratch"
    first = Shuffling(settings)
    try:
        (left,) = shuffled(root)
    finally:
        first.kill()
    assert lives(left.name) is False
    assert list(left.rglob("shuffle_*")), "what was killed could not remove it"
    assert [f"{path.stat().st_mode & 0o777:o}" for path in (root, left)] == ["700", "700"]
    kinds = {path.name.partition("-")[0] for path in left.iterdir()}
    assert {"artifacts", "blockmgr", "spark"} <= kinds, "all that the JVM calls temporary"
    second = Shuffling(settings)
    try:
        assert shuffled(root) == {path for path in root.iterdir() if path != left}
        assert not left.exists()
    finally:
        second.kill()
