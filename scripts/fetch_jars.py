"""Brings the jars of spark_jars.txt to a folder, each checked against its sha256.

Spark resolves them once, with its own Ivy, so that a mirror set in spark-defaults.conf
(`spark.jars.ivySettings`) is honoured. Later sessions read the files by path and need no network.

    python scripts/fetch_jars.py .tools/jars
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).with_name("spark_jars.txt")


@dataclass(frozen=True)
class Jar:
    """One jar by its Maven coordinates, and what its bytes must hash to."""

    coordinates: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name that Spark's Ivy gives the jar: group_artifact-version.jar."""
        group, artifact, version = self.coordinates.split(":")
        return f"{group}_{artifact}-{version}.jar"

    def is_whole(self, folder: Path) -> bool:
        """Whether the jar is in the folder, byte for byte."""
        path = folder / self.file_name
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


def listed_jars() -> list[Jar]:
    """The jars of spark_jars.txt, in its order."""
    lines = (line.split("#")[0].split() for line in LIST.read_text().splitlines())
    return [Jar(*words) for words in lines if words]


def resolve(jars: list[Jar], ivy: Path) -> str:
    """Has Spark download the jars into `ivy`/jars; returns what it printed."""
    options = {
        "spark.jars.packages": ",".join(jar.coordinates for jar in jars),
        "spark.jars.ivy": str(ivy),
        "spark.master": "local[1]",
        "spark.ui.enabled": "false",
    }
    session = f"SparkSession.builder.config(map={options}).getOrCreate()"
    program = f"from pyspark.sql import SparkSession\n{session}.stop()"
    environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}  # the host's own name may not resolve
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return answer.stdout + answer.stderr


def fetch(folder: Path) -> list[str]:
    """Completes the folder, and removes jars that are no longer listed; returns the problems left."""
    jars = listed_jars()
    missing = [jar for jar in jars if not jar.is_whole(folder)]
    folder.mkdir(parents=True, exist_ok=True)
    output = ""
    if missing:
        with tempfile.TemporaryDirectory(dir=folder.parent) as ivy:
            output = resolve(missing, Path(ivy))
            for jar in missing:
                if jar.is_whole(Path(ivy) / "jars"):
                    shutil.move(Path(ivy) / "jars" / jar.file_name, folder / jar.file_name)
    for path in set(folder.glob("*.jar")) - {folder / jar.file_name for jar in jars}:
        path.unlink()
    absent = [jar.coordinates for jar in jars if not jar.is_whole(folder)]
    return [output, f"Spark could not bring: {', '.join(absent)}."] if absent else []


if __name__ == "__main__":
    problems = fetch(Path(sys.argv[1]).resolve())
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    sys.exit(1 if problems else 0)
