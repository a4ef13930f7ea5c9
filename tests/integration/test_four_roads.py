"""Four roads, one digest: in one go; tick by tick; shuffled chunks on other cores; with resends and kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from roadside.graph import STEPS
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
from validation.sources import SOURCES

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

SOURCE_NAMES = {source.name for source in SOURCES}
DISPATCH = (
    *DISPATCH_STEPS,
    "features.provider_activity_15m",
    "features.zone_demand_15m",
    "features.job_state_15m",
    "features.provider_area_1d",
)
"""What a record of dispatch alone reaches."""
DISPATCH_TABLES = (
    "silver.offers",
    "silver.assignments",
    "silver.job_milestones",
    "silver.jobs",
    *DISPATCH[len(DISPATCH_STEPS) :],
)
ALL_TABLES = tuple(
    table.name for step in STEPS for table in step.tables if table.layer not in ("bronze", "quarantine")
)
AS_LANDED = tuple(
    name for name in ALL_TABLES if name.removeprefix("silver.").removesuffix("_precise") in SOURCE_NAMES
)
"""They count resends, each in its own tick."""
DAYS = 2
LAST_HOURS = 10
"""Hours of the last day: the business day is cut within them, at 07:00 or 08:00."""
TICKS = 16
"""Ticks made one by one before the end, the cut among them."""

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
    """Two days and a half of landing objects, the vault that sealed them, and the digests of one go."""

    home: Path
    start: datetime
    heartbeats: str
    steps: Sequence[str]
    tables: Sequence[str]
    one_go: Mapping[str, str]

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=DAYS, hours=LAST_HOURS)

    def line(self, start: datetime, end: datetime, more: str = "") -> str:
        return run_line(f"{start:{STAMP}}", f"{end:{STAMP}}", self.steps, more)

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        return environment_of(home, ROADSIDE_HEARTBEAT_MINUTES=self.heartbeats, **more)

    def digests(self, home: Path) -> dict[str, str]:
        (answer,) = answers_to([f"digest {' '.join(self.tables)} --json"], self.environment(home))
        found: dict[str, str] = json.loads(answer.out)
        return found


def run(lines: Sequence[str], environment: Mapping[str, str]) -> None:
    answers = answers_to(lines, environment)
    assert [each.code for each in answers] == [0] * len(lines), [each.err for each in answers if each.code]


@pytest.fixture(scope="module", params=["simulator", "canberra"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "simulator":  # every source, one of them silent for a while, every table
        start = datetime(2026, 3, 7, tzinfo=UTC)  # New York's clocks change on the 8th
        city = SimulationConfig(
            start=start.date(), days=DAYS + 1, providers=6, jobs_per_day=50, pings_days=2, dead_feed=True
        )
        simulate(city, home)
        recorded = Recording(home, start, "", (), ALL_TABLES, {})
    else:
        start = datetime(2024, 3, 9, tzinfo=UTC)  # as they do on the 10th
        data = request.getfixturevalue("recorded_data")
        replay_canberra(data, home, start.date(), (start + timedelta(days=DAYS + 1)).date())
        recorded = Recording(home, start, HEARTBEAT_MINUTES, DISPATCH, DISPATCH_TABLES, {})
    run([recorded.line(recorded.start, recorded.end)], recorded.environment(home))
    found = recorded.digests(home)
    assert not [name for name, digest in found.items() if digest.startswith("0-")], found
    return replace(recorded, one_go=found)


def test_tick_by_tick(recording: Recording, tmp_path: Path) -> None:
    home = copy_landing(recording.home, tmp_path)
    live = recording.end - TICKS * TICK
    lines = [recording.line(recording.start, live), *tick_lines(live, TICKS, recording.steps)]
    run(lines, recording.environment(home))
    assert recording.digests(home) == recording.one_go


def test_shuffled_chunks_with_other_parallelism(recording: Recording, tmp_path: Path) -> None:
    home = copy_landing(recording.home, tmp_path)
    chance = Random(7)
    ticks = (recording.end - recording.start) // TICK
    edges = sorted({0, ticks, *(chance.randrange(1, ticks) for _ in range(5))})
    moments = [(recording.start + edge * TICK).isoformat() for edge in edges]
    chunks = list(pairwise(moments))
    chance.shuffle(chunks)
    environment = recording.environment(home, ROADSIDE_SPARK_CORES="1", ROADSIDE_SHUFFLE_PARTITIONS="8")
    steps = recording.steps or [step.name for step in STEPS]
    subprocess.run(
        [sys.executable, "-c", SHUFFLED, json.dumps(chunks), *steps],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    assert recording.digests(home) == recording.one_go


def test_resends_kills_and_a_second_run(recording: Recording, tmp_path: Path) -> None:
    """Every object lands again a second later, so that no silence is filled with it."""
    home = copy_landing(recording.home, tmp_path)
    writer = LandingWriter(home)
    objects = [path for path in (home / "landing").rglob("*.gz") if path.stat().st_size]
    for number, path in enumerate(sorted(objects)):
        key = path.relative_to(home)
        again = stamp_of(key.as_posix()) + timedelta(seconds=1)
        extension = path.name.partition(".")[2]
        writer.write_bytes(key.parts[1], again, f"again{number}", path.read_bytes(), extension)
    line = recording.line(recording.start, recording.end, "--chunk-days 1")
    actor = Actor([line, f"{line} --force"], recording.environment(home), [25.0, 40.0])
    actor.act()
    assert (actor.kills, [each.code for each in actor.answers]) == (2, [0, 0]), actor.answers
    found, expected = (
        {name: digest for name, digest in digests.items() if name not in AS_LANDED}
        for digests in (recording.digests(home), recording.one_go)
    )
    assert found == expected
