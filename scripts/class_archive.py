"""Writes an archive of the Java classes that a run of the road loads; a JVM that maps it starts faster.

python scripts/class_archive.py .tools/classes.jsa

`lakehouse.spark` names the archive to every JVM it starts. One that was made by another Java, or with other
jars, the JVM leaves alone. Carries a small city along a part of the road, and takes about half a minute.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path

CITY = (
    "simulate --start 2026-03-09 --days 1 --providers 3 --jobs-per-day 20 --pings-days 1 --ping-seconds 600"
)
STEPS = (
    "bronze.dispatch_events",
    "silver.dispatch_events",
    "silver.lifecycle",
    "tiles.dispatch_15m",
    "features.zone_demand_15m",
)
ROAD = f"run --start 2026-03-09 --end 2026-03-10 {' '.join(f'--step {name}' for name in STEPS)}"
JARS = "ROADSIDE_JARS_DIR"
SECONDS = 120
"""How long a JVM may take to write the archive as it ends."""


def main(target: Path) -> int:
    """0 if the archive is there."""
    written = target.with_suffix(".part")
    for path in (target, written):
        path.unlink(missing_ok=True)
    for name in [name for name in os.environ if name.startswith("ROADSIDE_") and name != JARS]:
        del os.environ[name]  # a home of its own, whatever platform the caller's settings name
    os.environ["ROADSIDE_LOG"] = "off"
    os.environ["JDK_JAVA_OPTIONS"] = f"-XX:ArchiveClassesAtExit={written} -Xlog:cds=off -Xlog:cds+dynamic=off"
    from pyspark import SparkContext

    from roadside.cli import main as roadside

    with tempfile.TemporaryDirectory() as home:
        os.environ["ROADSIDE_HOME"] = home
        codes = [roadside(shlex.split(line)) for line in (CITY, ROAD)]
        gateway = SparkContext._gateway
        if any(codes) or gateway is None:
            return 1
        gateway.proc.stdin.close()  # it ends when nobody can tell it anything
        gateway.proc.wait(SECONDS)
    if not written.exists():
        return 1
    written.replace(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
