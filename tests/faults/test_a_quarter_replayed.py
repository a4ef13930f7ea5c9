"""Ninety days made day by day, as they were lived, and ninety days replayed through three kills: the same."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from roadside.graph import STEPS
from simulation.city import SimulationConfig, simulate
from support.command_line import answers_to, environment_of, run_line
from support.victims import Deed, Victim

pytestmark = [pytest.mark.long, pytest.mark.timeout(4 * 3600)]

START, DAYS = datetime(2025, 12, 20, tzinfo=UTC), 90
"""New York's clocks change on the 79th day."""
DATES = [START.date() + timedelta(days=n) for n in range(DAYS + 1)]
TABLES = tuple(table.name for step in STEPS for table in step.tables)
REPLAY = f"backfill --from {DATES[0]} --to {DATES[-1]} --chunk-days 15 --execute --json"
DEATHS = [
    Deed("bronze.", START),
    Deed("silver.", START + timedelta(days=30)),
    Deed("features.", START + timedelta(days=60), publishes=True),
]
"""In the first of the six chunks, the third and the fifth."""
LONGEST = timedelta(hours=1)
"""What the replay may take, with what its three deaths cost; on two cores."""
LIVED_AT_ONCE = 10
"""Days that one process makes, one after the other."""


def home_of(landed: Path, name: str) -> dict[str, str]:
    """A home beside what landed; both homes know every person by the same name."""
    return environment_of(
        landed.parent / name,
        ROADSIDE_LANDING_URI=landed.as_uri(),
        ROADSIDE_VAULT_URL=f"sqlite:///{landed}/vault.db",
        ROADSIDE_PLATFORM_KEY_FILE=str(landed / "platform.key"),
    )


def digests(home: dict[str, str]) -> dict[str, str]:
    (answer,) = answers_to([f"digest {' '.join(TABLES)} --json"], home)
    found: dict[str, str] = json.loads(answer.out)
    return found


def live(home: dict[str, str], days: list[date]) -> None:
    lines = [run_line(day, day + timedelta(days=1), ()) for day in days]
    answers = answers_to(lines, home)
    assert [each.code for each in answers] == [0] * len(lines), [each.err for each in answers if each.code]


def test_a_quarter_replayed_through_three_kills_is_the_history_that_was_lived(tmp_path: Path) -> None:
    landed = tmp_path / "landed"
    city = SimulationConfig(start=DATES[0], days=DAYS, providers=5, jobs_per_day=25, ping_seconds=900)
    simulate(city, landed)
    lived, replayed = home_of(landed, "lived"), home_of(landed, "replayed")
    replay, begun = Victim(REPLAY, replayed, list(DEATHS)), monotonic()
    answer = replay.act()
    took = timedelta(seconds=monotonic() - begun)
    assert (answer.code, replay.died_at) == (0, DEATHS), answer.err
    for first in range(0, DAYS, LIVED_AT_ONCE):
        live(lived, DATES[first : min(first + LIVED_AT_ONCE, DAYS)])
    made = digests(replayed)
    assert made == digests(lived)
    empty = [name for name, digest in made.items() if digest.startswith("0-")]
    assert not [name for name in empty if not name.startswith("quarantine.")]
    assert took < LONGEST
