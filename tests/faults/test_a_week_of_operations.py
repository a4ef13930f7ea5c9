"""A week run by the commands that the DAGs run, and the same week with each of them killed, one run twice,
two at once, one without Redis and five hours without any: in the end all is the same.

Objects appear as they would: those stamped before a moment are there at that moment, but for some that come
late in both weeks. At noon the day's ticks are made as one, on one afternoon each by itself.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.ops import Ops
from lakehouse.redis_server import ensure_redis, stop_redis
from lakehouse.releases import Releases
from lakehouse.settings import load_settings
from roadside.graph import STEPS
from simulation.city import SimulationConfig, simulate
from support.command_line import STAMP, Answer, answers_to, environment_of, run_line
from support.object_server import BUCKET, CREDENTIALS, ObjectServer, object_server
from support.online_store import hashes, view_states
from support.oracle_landing import stamp_of
from support.victims import Deed, Victim
from validation.clocks import TICK

pytestmark = [pytest.mark.long, pytest.mark.timeout(2 * 3600)]

BEGUN, START = datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC)
"""Two days of history, then the week. New York's clocks change on the 8th."""
NOONS = [START + timedelta(days=n, hours=12) for n in range(7)]
FINE = NOONS[4]
"""From here on tick by tick for five hours and three quarters."""
TICKS = [FINE + n * TICK for n in range(1, 24)]
AT_ONCE, TWICE, WITHOUT_REDIS = TICKS[:3]
"""Then nobody runs anything for five hours; the last tick catches up."""
LATE = {datetime(2026, 3, 6, 10, 35, tzinfo=UTC), datetime(2026, 3, 10, 9, 5, tzinfo=UTC)}
"""An object of each source stamped in the five minutes after is seen half a day later."""
SPRING = datetime(2026, 4, 20, tzinfo=UTC)
"""When what landed in the week is past its 35 days."""
TABLES = tuple(table.name for step in STEPS for table in step.tables)

KILLED = {
    (NOONS[0], "tick"): [Deed("bronze."), Deed("silver."), Deed("tiles.", publishes=True)],
    (NOONS[1], "tick"): [Deed("features.", publishes=True), Deed("features."), Deed("online.")],
    (NOONS[2], "dataset"): [Deed("training.")],
    (NOONS[3], "compact"): [Deed("compaction of ")],
    (SPRING, "retention"): [Deed("bronze.")],
    (SPRING, "publish"): [Deed("publication of ")],
}


def tick_at(at: datetime) -> str:
    return f"tick --until {at:{STAMP}} --json"


def lines(at: datetime) -> list[str]:
    """What is run at noon: the tick, the dataset of the days that are closed, the upkeep."""
    closed = at.date() - timedelta(days=1)
    dataset = f"dataset build eta_v1 --start {START.date()} --end {closed} --json"
    upkeep = ["compact", f"retention --at {at:{STAMP}} --execute --json"]
    return [tick_at(at), *([dataset] if closed > START.date() else []), *upkeep]


AT_LAST = [f"retention --at {SPRING:{STAMP}} --execute --json", "publish eta_v1 --to s3 --json"]


@dataclass
class Operations:
    """A home, objects that wait to appear in it, and what is done there."""

    home: Path
    staged: Path
    bucket: ObjectServer
    died_at: list[Deed] = field(default_factory=list)
    _seen_through: datetime = BEGUN

    @property
    def environment(self) -> dict[str, str]:
        return environment_of(
            self.home,
            ROADSIDE_VAULT_URL=f"sqlite:///{self.staged}/vault.db",  # the same persons have the same names
            ROADSIDE_PLATFORM_KEY_FILE=str(self.staged / "platform.key"),
            ROADSIDE_PUBLISH_URI=f"s3://{BUCKET}/{self.home.name}/",
            ROADSIDE_S3_ENDPOINT=self.bucket.endpoint,
        )

    def appear(self, until: datetime) -> None:
        """Objects that are seen before that moment."""
        for path in sorted((self.staged / "landing").rglob("*.gz")):
            if self._seen_through <= seen_at(path.name) < until:
                place = self.home / path.relative_to(self.staged)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)
        self._seen_through = until

    def answer(self, line: str, more: Mapping[str, str] | None = None) -> Answer:
        return answers_to([line], {**self.environment, **(more or {})})[0]

    def run(self, *several: str) -> None:
        """One after the other, in one process."""
        for line, each in zip(several, answers_to(several, self.environment), strict=True):
            assert each.code == 0, (line, each.code, each.err[-2000:])

    def run_killed(self, line: str, deeds: list[Deed]) -> None:
        victim = Victim(line, self.environment, list(deeds))
        answer = victim.act()
        self.died_at += victim.died_at
        assert (answer.code, victim.deeds) == (0, []), (line, answer.err[-2000:])

    def begin(self) -> None:
        """Two days of history."""
        self.appear(START)
        self.run(run_line(BEGUN.date(), START.date(), ()))

    def spend_calmly(self) -> None:
        """The week."""
        for at in NOONS:
            self.appear(at)
            self.run(*lines(at))
            if at == FINE:
                self.appear(TICKS[-1])
                self.run(*(tick_at(tick) for tick in TICKS))
        self.run(*AT_LAST)

    def spend_in_trouble(self) -> None:
        """The same week, with faults."""
        for at in NOONS:
            self.appear(at)
            self._carry(at, lines(at))
            if at == FINE:
                self._afternoon()
        self._carry(SPRING, AT_LAST)

    def _carry(self, at: datetime, several: list[str]) -> None:
        for line in several:
            if deeds := KILLED.get((at, line.split()[0])):
                self.run_killed(line, deeds)
            else:
                self.run(line)

    def _afternoon(self) -> None:
        self.appear(AT_ONCE)
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(self.answer, [tick_at(AT_ONCE)] * 2))
        assert 0 in [each.code for each in both], [each.err[-2000:] for each in both]
        self.appear(TWICE)
        self.run(tick_at(TWICE))
        self.run(tick_at(TWICE))
        self.appear(WITHOUT_REDIS)
        assert self.answer(tick_at(WITHOUT_REDIS), {"ROADSIDE_REDIS": "127.0.0.1:1"}).code == 6
        self.appear(TICKS[-1])
        self.run(tick_at(TICKS[-1]))

    def ended(self) -> dict[str, Any]:
        """Digests of tables and of the dataset's days, what Redis, the bucket and the landing hold, and the
        newest tick that each table was released for. A day's file in the bucket is named by its digest."""
        answer = self.answer(f"digest {' '.join(TABLES)} --json")
        manifest = json.loads((self.home / "datasets" / "eta_v1" / "_manifest.json").read_text())
        settings = load_settings({**os.environ, **self.environment})
        online, views = (read(str(ensure_redis(settings))) for read in (hashes, view_states))
        stop_redis(settings)
        prefix = f"{self.home.name}/"
        sent = [key.removeprefix(prefix) for key in self.bucket.listed() if key.startswith(prefix)]
        return {
            "tables": json.loads(answer.out),
            "days": {day: told["digest"] for day, told in manifest["days"].items()},
            "online": online,
            "views": views,
            "published": [key for key in sent if "/_manifests/" not in key],  # which name runs
            "manifests": len([key for key in sent if "/_manifests/" in key]),
            "landed": sorted(path.name for path in (self.home / "landing").rglob("*.gz")),
            "released": Releases(Ops(settings.ops_url), _no_clock).newest_ticks(),
        }


def _no_clock() -> datetime:
    raise AssertionError("Reading releases asks for no time.")


def seen_at(name: str) -> datetime:
    stamp = stamp_of(name)
    is_late = any(late <= stamp < late + timedelta(minutes=5) for late in LATE)
    return stamp + timedelta(hours=12) if is_late else stamp


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with object_server() as running:
        yield running


def test_a_week_with_faults_ends_as_the_week_without(tmp_path: Path, bucket: ObjectServer) -> None:
    staged = tmp_path / "staged"
    city = SimulationConfig(start=date(2026, 3, 3), days=9, providers=8, jobs_per_day=60, ping_seconds=300)
    simulate(city, staged)
    calm, troubled = (Operations(tmp_path / name, staged, bucket) for name in ("calm", "troubled"))
    for each in (calm, troubled):
        each.begin()
    troubled.spend_in_trouble()
    calm.spend_calmly()
    assert troubled.died_at == [deed for deeds in KILLED.values() for deed in deeds]
    expected = calm.ended()
    assert troubled.ended() == expected
    assert len(expected["days"]) > 2
    assert len(expected["online"]) > 100
    assert expected["published"]
    assert 2 * len(expected["landed"]) < len(list((staged / "landing").rglob("*.gz")))
    assert not [
        name
        for name, each in expected["tables"].items()
        if each.startswith("0-") and "quarantine" not in name
    ]
