"""A week run by the commands that the DAGs run, and the same week with every task killed, run twice, beside
itself, without Redis and through an outage: in the end every table, dataset and key of Redis is the same.

Objects appear as they would: those stamped before a moment are there at that moment, but for some that come
late in both weeks.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.redis_server import ensure_redis, stop_redis
from lakehouse.settings import load_settings
from roadside.graph import STEPS
from simulation.city import SimulationConfig, simulate
from support.command_line import STAMP, Actor, answers_to, environment_of, run_line
from support.online_store import hashes
from support.oracle_landing import stamp_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(5400)]

BEGUN, START, END = (datetime(2026, 3, day, tzinfo=UTC) for day in (3, 5, 12))
"""Two days of history, then the week. New York's clocks change on the 8th."""
HALF_DAY = timedelta(hours=12)
MOMENTS = [START + n * HALF_DAY for n in range(1, 15)]
LATE = {datetime(2026, 3, 6, 20, 35, tzinfo=UTC), datetime(2026, 3, 10, 15, 5, tzinfo=UTC)}
"""An object of each source stamped in the five minutes after is seen half a day later."""
TABLES = tuple(table.name for step in STEPS for table in step.tables)

KILLED = {MOMENTS[1]: "tick", MOMENTS[2]: "dataset", MOMENTS[3]: "compact", MOMENTS[5]: "retention"}
KILLED |= {MOMENTS[6]: "materialize"}
TWICE, AT_ONCE, WITHOUT_REDIS = MOMENTS[7], MOMENTS[8], MOMENTS[9]
OUTAGE = MOMENTS[11]
"""Nobody runs anything then; the next moment catches up."""
LIVES = {"tick": 25.0, "dataset": 18.0, "compact": 15.0, "retention": 15.0, "materialize": 14.0}


def lines(at: datetime) -> list[str]:
    """What is run at a moment: the tick, at noon the datasets of the days before, at midnight the upkeep."""
    tick, materialize = f"tick --until {at:{STAMP}} --json", f"materialize --until {at:{STAMP}}"
    if at.hour:
        return [tick, f"dataset build eta_v1 --start {START.date()} --end {at.date()} --json", materialize]
    return [tick, "compact", f"retention --at {at:{STAMP}} --execute --json"]


def word(line: str) -> str:
    return line.split()[0]


@dataclass
class Operations:
    """A home, objects that wait to appear in it, and what is done there."""

    home: Path
    objects: Sequence[Path]
    staged: Path
    kills: list[str] = field(default_factory=list)
    codes: dict[str, list[int]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(self.home)

    def appear(self, since: datetime, until: datetime) -> None:
        for path in self.objects:
            if since <= seen_at(path.name) < until:
                place = self.home / path.relative_to(self.staged)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)

    def run(self, line: str, environment: Mapping[str, str] | None = None) -> int:
        (answer,) = answers_to([line], {**self.environment, **(environment or {})})
        self.codes.setdefault(word(line), []).append(answer.code)
        assert answer.code in (0, 4, 6), (line, answer.err)
        return answer.code

    def undisturbed(self, at: datetime) -> None:
        assert [self.run(line) for line in lines(at)] == [0] * len(lines(at))

    def disturbed(self, at: datetime) -> None:
        if at == OUTAGE:
            return
        if at == WITHOUT_REDIS:
            assert self.run(lines(at)[0], {"ROADSIDE_REDIS": "127.0.0.1:1"}) == 6
        if at == AT_ONCE:
            with ThreadPoolExecutor(2) as pool:
                codes = list(pool.map(self.run, [lines(at)[0]] * 2))
            assert 0 in codes, codes
        for line in lines(at):
            if KILLED.get(at) == word(line):
                actor = Actor([line], self.environment, [LIVES[word(line)]])
                actor.act()
                self.kills += [word(line)] * actor.kills
                assert [each.code for each in actor.answers] == [0], actor.answers
            else:
                assert self.run(line) == 0
            if at == TWICE:
                assert self.run(line) == 0


def seen_at(name: str) -> datetime:
    stamp = stamp_of(name)
    is_late = any(late <= stamp < late + timedelta(minutes=5) for late in LATE)
    return stamp + HALF_DAY if is_late else stamp


def ended(home: Path) -> tuple[dict[str, str], dict[str, str], dict[bytes, dict[bytes, bytes]]]:
    """Digests of tables, digests of the dataset's days, and what Redis holds."""
    (answer,) = answers_to([f"digest {' '.join(TABLES)} --json"], environment_of(home))
    manifest = json.loads((home / "datasets" / "eta_v1" / "_manifest.json").read_text())
    days = {day: told["digest"] for day, told in manifest["days"].items()}
    settings = load_settings({**os.environ, **environment_of(home)})
    online = hashes(str(ensure_redis(settings)))
    stop_redis(settings)
    return json.loads(answer.out), days, online


def begin(home: Path, staged: Path) -> Operations:
    """A home with two days of history."""
    operations = Operations(home, sorted((staged / "landing").rglob("*.gz")), staged)
    operations.appear(BEGUN, START)
    assert operations.run(run_line(BEGUN.date(), START.date(), ())) == 0
    return operations


def test_a_week_with_faults_ends_as_the_week_without(tmp_path: Path) -> None:
    staged, calm, stormy = (tmp_path / name for name in ("staged", "calm", "stormy"))
    city = SimulationConfig(
        start=date(2026, 3, 3), days=9, providers=8, jobs_per_day=60, ping_seconds=300, pings_days=9
    )
    simulate(city, staged)
    undisturbed = begin(calm, staged)
    since = START
    for at in MOMENTS:
        undisturbed.appear(since, at)
        undisturbed.undisturbed(at)
        since = at
    stormy.mkdir()
    for path in (*calm.glob("vault.db*"), calm / "platform.key"):  # the same persons have the same names
        shutil.copy(path, stormy / path.name)
    disturbed = begin(stormy, staged)
    since = START
    for at in MOMENTS:
        disturbed.appear(since, at)
        disturbed.disturbed(at)
        since = at
    assert sorted(disturbed.kills) == sorted(KILLED.values())
    expected, found = ended(calm), ended(stormy)
    assert found == expected
    tables, days, online = expected
    assert len(days) > 2
    assert len(online) > 100
    assert not [name for name, each in tables.items() if each.startswith("0-") and "quarantine" not in name]
