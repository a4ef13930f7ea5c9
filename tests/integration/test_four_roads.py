"""Four roads, one digest: in one go; tick by tick; shuffled chunks on other cores; with resends and kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from simulation.city import SimulationConfig, simulate
from simulation.landing import LandingWriter
from simulation.recorded.canberra import HEARTBEAT_MINUTES, replay_canberra
from support.command_line import (
    DISPATCH_STEPS,
    STAMP,
    Actor,
    answers_to,
    copy_landing,
    environment_of,
    run_line,
    tick_lines,
)
from support.oracle_landing import stamp_of
from validation.clocks import TICK

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

STEPS = (
    *DISPATCH_STEPS,
    "features.provider_activity_15m",
    "features.zone_demand_15m",
    "features.job_state_15m",
    "features.provider_area_1d",
)
TABLES = ("silver.offers", "silver.assignments", "silver.job_milestones", "silver.jobs", *STEPS[3:])
DAYS = 3
TICKS = 36
"""Ticks made one by one at the end of the last day."""

SHUFFLED = """
import json, os, sys
from datetime import datetime
from lakehouse.settings import load_settings
from roadside.graph import step_named
from roadside.spark_runner import open_runner
from validation.clocks import Interval
chunks = [Interval(*map(datetime.fromisoformat, each)) for each in json.loads(sys.argv[1])]
for result in open_runner(load_settings(os.environ)).backfill(chunks, [step_named(n) for n in sys.argv[2:]]):
    assert not result.is_broken, result
"""


@dataclass(frozen=True)
class Recording:
    """Three days of landing objects, the vault that sealed them, and the digests of one go."""

    home: Path
    start: datetime
    heartbeats: str
    one_go: Mapping[str, str]

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=DAYS)

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        return environment_of(home, ROADSIDE_HEARTBEAT_MINUTES=self.heartbeats, **more)

    def digests(self, home: Path) -> dict[str, str]:
        (answer,) = answers_to([f"digest {' '.join(TABLES)} --json"], self.environment(home))
        found: dict[str, str] = json.loads(answer.out)
        return found


def run(lines: Sequence[str], environment: Mapping[str, str]) -> None:
    answers = answers_to(lines, environment)
    assert [each.code for each in answers] == [0] * len(lines), [each.err for each in answers if each.code]


@pytest.fixture(scope="module", params=["simulator", "canberra"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "simulator":
        start, heartbeats = datetime(2026, 3, 7, tzinfo=UTC), ""  # New York's clocks change on the 8th
        simulate(
            SimulationConfig(start=start.date(), days=DAYS, providers=10, jobs_per_day=60, pings_days=0), home
        )
    else:
        start, heartbeats = datetime(2024, 3, 8, tzinfo=UTC), HEARTBEAT_MINUTES
        data = request.getfixturevalue("recorded_data")
        replay_canberra(data, home, start.date(), (start + timedelta(days=DAYS)).date())
    recorded = Recording(home, start, heartbeats, {})
    run([run_line(start.date(), recorded.end.date(), STEPS)], recorded.environment(home))
    found = recorded.digests(home)
    assert not [name for name, digest in found.items() if digest.startswith("0-")], found
    return Recording(home, start, heartbeats, found)


def test_tick_by_tick(recording: Recording, tmp_path: Path) -> None:
    home = copy_landing(recording.home, tmp_path)
    live = recording.end - TICKS * TICK
    lines = [
        run_line(recording.start.date(), f"{live:{STAMP}}", STEPS),
        *tick_lines(live, TICKS, STEPS),
    ]
    run(lines, recording.environment(home))
    assert recording.digests(home) == recording.one_go


def test_shuffled_chunks_with_other_parallelism(recording: Recording, tmp_path: Path) -> None:
    home = copy_landing(recording.home, tmp_path)
    chance = Random(7)
    edges = sorted({0, 96 * DAYS, *(chance.randrange(1, 96 * DAYS) for _ in range(6))})
    moments = [(recording.start + edge * TICK).isoformat() for edge in edges]
    chunks = list(pairwise(moments))
    chance.shuffle(chunks)
    environment = recording.environment(home, ROADSIDE_SPARK_CORES="1", ROADSIDE_SHUFFLE_PARTITIONS="8")
    subprocess.run(
        [sys.executable, "-c", SHUFFLED, json.dumps(chunks), *STEPS],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    assert recording.digests(home) == recording.one_go


def test_resends_kills_and_a_second_run(recording: Recording, tmp_path: Path) -> None:
    """Every object lands again a second later, so that no silence is filled with it."""
    home = copy_landing(recording.home, tmp_path)
    writer = LandingWriter(home)
    objects = [path for path in (home / "landing" / "dispatch_events").rglob("*.gz") if path.stat().st_size]
    for number, path in enumerate(objects):
        again = stamp_of(path.relative_to(home).as_posix()) + timedelta(seconds=1)
        writer.write_bytes("dispatch_events", again, f"again{number}", path.read_bytes(), "json.gz")
    line = run_line(recording.start.date(), recording.end.date(), STEPS, "--chunk-days 1")
    actor = Actor([line, f"{line} --force"], recording.environment(home), [16.0, 24.0])
    actor.act()
    assert (actor.kills, [each.code for each in actor.answers]) == (2, [0, 0]), actor.answers
    assert recording.digests(home) == recording.one_go
