"""Ninety days made day by day, as they were lived, and ninety days replayed through three kills: the same."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from roadside.graph import STEPS
from simulation.city import SimulationConfig, simulate
from support.command_line import Actor, answers_to, copy_landing, environment_of, run_line

pytestmark = [pytest.mark.long, pytest.mark.timeout(5400)]

START, DAYS = date(2025, 12, 20), 90
"""New York's clocks change on the 79th day."""
END = START + timedelta(days=DAYS)
TABLES = tuple(table.name for step in STEPS for table in step.tables)
REPLAY = f"backfill --from {START} --to {END} --chunk-days 15 --execute --json"
LIVES = (60.0, 100.0, 140.0)
"""Seconds that the replay lives until it is killed; then it is begun again."""


def digests(home: Path) -> dict[str, str]:
    (answer,) = answers_to([f"digest {' '.join(TABLES)} --json"], environment_of(home))
    found: dict[str, str] = json.loads(answer.out)
    return found


def test_a_quarter_replayed_through_three_kills_is_the_history_that_was_lived(tmp_path: Path) -> None:
    lived, replayed = tmp_path / "lived", tmp_path / "replayed"
    city = SimulationConfig(start=START, days=DAYS, providers=5, jobs_per_day=25, ping_seconds=900)
    simulate(city, lived)
    days = [START + timedelta(days=n) for n in range(DAYS)]
    answers = answers_to([run_line(day, day + timedelta(days=1), ()) for day in days], environment_of(lived))
    assert [each.code for each in answers] == [0] * DAYS, [each.err for each in answers if each.code]
    actor = Actor([REPLAY], environment_of(copy_landing(lived, replayed)), list(LIVES))
    actor.act()
    assert (actor.kills, [each.code for each in actor.answers]) == (3, [0]), actor.answers
    made = digests(replayed)
    assert made == digests(lived)
    assert not [name for name, digest in made.items() if digest.startswith("0-")], made
