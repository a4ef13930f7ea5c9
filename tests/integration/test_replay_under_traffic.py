"""Ten days of features made while ticks go on and maintenance compacts, each of them killed now and then."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import pytest

from simulation.city import SimulationConfig, simulate
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
from validation.clocks import TICK

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

VIEWS = ("features.provider_activity_15m", "features.zone_demand_15m", "features.provider_area_1d")
START, END = date(2026, 3, 1), date(2026, 3, 11)
LIVE = datetime(2026, 3, 11, 4, tzinfo=UTC)
TICKS = 16  # the business day is cut within them, at 07:00
TABLES = (
    *DISPATCH_STEPS[:2],
    "silver.offers",
    "silver.assignments",
    "silver.jobs",
    *DISPATCH_STEPS[3:],
    *VIEWS,
)


LIVE_LINES = [run_line(END, f"{LIVE:{STAMP}}", VIEWS), *tick_lines(LIVE, TICKS, (*DISPATCH_STEPS, *VIEWS))]
REPLAY = [
    f"backfill --from {START} --to {END} --view {VIEWS[0]} --view {VIEWS[1]} --chunk-days 1 "
    "--parallel-chunks 2 --execute --json",
    run_line(START, END, VIEWS[2:], "--chunk-days 1"),
]
COMPACT = f"compact --before {END}"
TICKS_FLOW = 45
"""Seconds after which the ticks have begun to commit."""


@dataclass(frozen=True)
class Traffic:
    home: Path
    cold: Path
    ticks: Actor
    replay: Actor
    upkeep: Actor


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    """The actors have ended; `cold` holds the same landing, over the same vault, made undisturbed."""
    home, cold = tmp_path_factory.mktemp("traffic"), tmp_path_factory.mktemp("cold")
    simulate(SimulationConfig(start=START, days=11, providers=8, jobs_per_day=40, pings_days=0), home)
    begun = answers_to([run_line(START, f"{LIVE:{STAMP}}", DISPATCH_STEPS)], environment_of(home))
    assert [each.code for each in begun] == [0]
    chance = Random(4)
    here = environment_of(home)
    actors = (
        Actor(LIVE_LINES, here, [chance.uniform(25, 90) for _ in range(3)]),
        Actor(REPLAY, here, [chance.uniform(20, 60) for _ in range(3)]),
        Actor([COMPACT] * 4, here, [chance.uniform(15, 40) for _ in range(2)]),
    )
    with ThreadPoolExecutor(len(actors)) as pool:
        live, *others = actors
        acting = [pool.submit(live.act)]
        time.sleep(TICKS_FLOW)
        acting += [pool.submit(actor.act) for actor in others]
        for done in acting:
            done.result()
    copy_landing(home, cold)
    whole = run_line(START, f"{LIVE + TICKS * TICK:{STAMP}}", (*DISPATCH_STEPS, *VIEWS))
    assert answers_to([whole], environment_of(cold))[0].code == 0
    return Traffic(home, cold, *actors)


def test_everything_was_killed_and_ended_well(traffic: Traffic) -> None:
    for actor, kills in ((traffic.ticks, 2), (traffic.replay, 2), (traffic.upkeep, 1)):
        assert [each.code for each in actor.answers] == [0] * len(actor.lines), actor.answers
        assert actor.kills >= kills


def test_ticks_and_days_were_published_in_turn(traffic: Traffic) -> None:
    """A day of the replay between two ticks, in the history of a table."""
    for view in VIEWS[:2]:
        folder = traffic.home / "warehouse" / view.replace(".", "/") / "metadata"
        newest = max(folder.glob("*.metadata.json"), key=lambda path: path.name)
        snapshots = json.loads(newest.read_text())["snapshots"]
        made = [each["summary"].get("roadside.interval", "") for each in snapshots]
        days = [number for number, each in enumerate(made) if f"{END:%Y-%m}" in each and "T00:00Z)" in each]
        ticks = [number for number, each in enumerate(made) if f"[{END}" in each]
        assert any(ticks[0] < number < ticks[-1] for number in days), (view, made)


def test_no_tick_is_lost(traffic: Traffic) -> None:
    again = answers_to(LIVE_LINES, environment_of(traffic.home))
    statuses = {each["status"] for answer in again for each in json.loads(answer.out)}
    assert statuses == {"skipped", "not due"}


def test_every_digest_is_that_of_the_undisturbed_run(traffic: Traffic) -> None:
    line = f"digest {' '.join(TABLES)} --json"
    found, expected = (
        json.loads(answers_to([line], environment_of(home))[0].out) for home in (traffic.home, traffic.cold)
    )
    assert found == expected
    assert not [name for name, digest in found.items() if digest.startswith("0-")]
