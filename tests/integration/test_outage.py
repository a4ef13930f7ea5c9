"""Four ticks of an outage over the cut of a business day, made again and again from one history: one by one,
as one run, with a tick that cannot be made, and by two commands at once.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from lakehouse.pinning import NEVER, Publications
from lakehouse.settings import Settings
from lakehouse.spark import CATALOG
from lakehouse.tables import Lakehouse, digests
from roadside.graph import STEPS, Step, step_named
from roadside.runner import Runner, StepResult
from roadside.ticks import run_ticks, ticks_due
from simulation.city import SimulationConfig, simulate
from support.command_line import DISPATCH_STEPS
from validation.clocks import TICK, Interval
from validation.errors import CheckFailed

pytestmark = [pytest.mark.slow(minutes=2), pytest.mark.timeout(900)]

VIEWS = ("features.provider_activity_15m", "features.zone_demand_15m", "features.provider_area_1d")
STEPS_RUN = tuple(step for step in STEPS if step.name in (*DISPATCH_STEPS, *VIEWS))
TABLES = [table for step in STEPS_RUN for table in step.tables]
DAWN = datetime(2026, 3, 9, tzinfo=UTC)
WENT_DOWN = datetime(2026, 3, 10, 6, 30, tzinfo=UTC)
CAME_BACK = WENT_DOWN + 4 * TICK
TICKS = [Interval(end - TICK, end) for end in Interval(WENT_DOWN, CAME_BACK).ticks()]
CUT = datetime(2026, 3, 10, 7, tzinfo=UTC)


@dataclass
class Outage:
    """A history until the outage, to which tables and ledgers are taken back for each test.

    Attributes:
        late: objects that landed during the outage: one stamped before it, one stamped in its second tick.
    """

    settings: Settings
    spark: SparkSession
    heads: dict[str, int | None]

    def again(self, name: str, steps: tuple[Step, ...] = STEPS_RUN) -> Road:
        """The road as the outage left it, with a ledger of that name."""
        lakehouse = Lakehouse(self.spark)
        for table in TABLES:
            head = self.heads[table.name]
            if head is None:
                self.spark.sql(f"DELETE FROM {lakehouse.identifier(table)}")
            else:
                self.spark.sql(f"CALL {CATALOG}.system.set_current_snapshot('{table.name}', {head})")
        with sqlite3.connect(self.settings.home / "begun.db") as begun:
            with sqlite3.connect(self.settings.home / f"{name}.db") as ledger:
                begun.backup(ledger)
            ledger.close()
        begun.close()
        settings = replace(self.settings, ops_url=f"sqlite:///{self.settings.home}/{name}.db")
        return Road(Runner(settings, self.spark), steps)


@dataclass
class Road:
    runner: Runner
    steps: tuple[Step, ...]

    def catch_up(self) -> list[StepResult]:
        due = ticks_due(self.runner.ops, CAME_BACK, self.steps)
        return run_ticks(self.runner, due, lambda _span, _done: None, self.steps)

    def digests(self) -> dict[str, str]:
        return digests(self.runner.lakehouse, TABLES)


@pytest.fixture(scope="module")
def outage(
    spark: SparkSession, spark_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outage]:
    home = tmp_path_factory.mktemp("outage")
    simulate(
        SimulationConfig(start=date(2026, 3, 9), days=2, providers=8, jobs_per_day=400, pings_days=0), home
    )
    settings = replace(
        spark_settings,
        home=home,
        landing_uri=home.as_uri(),
        ops_url=f"sqlite:///{home}/begun.db",
        vault_url=f"sqlite:///{home}/vault.db",
        platform_key_file=home / "platform.key",
    )
    late = [_stamped(home, WENT_DOWN - timedelta(minutes=20)), _stamped(home, WENT_DOWN + 2 * TICK)]
    for path in late:
        shutil.move(path, home / path.name)
    runner = Runner(settings, spark)
    for result in runner.run(Interval(DAWN, WENT_DOWN), STEPS_RUN):
        assert result.error is None, result.error
    for path in late:
        shutil.move(home / path.name, path)
    lakehouse = runner.lakehouse
    yield Outage(settings, spark, {table.name: lakehouse.head(table) for table in TABLES})
    for table in TABLES:
        spark.sql(f"DROP TABLE IF EXISTS {CATALOG}.{table.name} PURGE")


def _stamped(home: Path, moment: datetime) -> Path:
    """The last object of dispatch records stamped before the moment that has some."""
    stamped = sorted(
        path
        for path in (home / "landing" / "dispatch_events").rglob("*.gz")
        if f"{moment - 4 * TICK:%Y-%m-%d-%H-%M}" < path.name[16:32] < f"{moment:%Y-%m-%d-%H-%M}"
    )
    return max(stamped, key=lambda path: path.stat().st_size)


@pytest.fixture(scope="module")
def one_by_one(outage: Outage) -> tuple[dict[str, str], Any]:
    """Digests and releases of the ticks made one after the other."""
    road = outage.again("one_by_one")
    for tick in TICKS:
        for result in road.runner.run(tick, STEPS_RUN):
            assert result.error is None, result.error
    return road.digests(), road.runner.releases.by_table()


def test_an_outage_carried_as_one_run_equals_its_ticks_one_by_one(outage: Outage, one_by_one: Any) -> None:
    road = outage.again("as_one")
    done = road.catch_up()
    assert {str(each.interval) for each in done} == {str(Interval(WENT_DOWN, CAME_BACK))}
    assert {each.status for each in done} == {"published"}
    assert road.digests() == one_by_one[0]
    assert not [name for name, each in one_by_one[0].items() if each.startswith("0-")]
    assert road.catch_up() == [], "given again, nothing is due"


def test_each_row_came_out_with_the_first_release_behind_its_tick(outage: Outage, one_by_one: Any) -> None:
    """One release at the end serves the ticks between, as of one by one each its own."""
    road = outage.again("released")
    road.catch_up()
    ticks = np.array([_micros(tick.end) for tick in TICKS])
    for view in VIEWS:
        instants = np.array([_micros(CUT)]) if view.endswith("_1d") else ticks
        for released in (road.runner.releases.by_table(), one_by_one[1]):
            out = Publications(tuple(released[view])).first_read(instants, instants, np.zeros_like(instants))
            assert (out < NEVER).all(), view
    assert {tick for tick, _ in road.runner.releases.by_table()[VIEWS[0]]} == {WENT_DOWN, CAME_BACK}


def test_a_tick_that_cannot_be_made_holds_what_reads_it_and_no_tick_before(
    outage: Outage, one_by_one: Any
) -> None:
    bad = TICKS[2]
    road = outage.again("bad", tuple(_failing(step, bad.end) for step in STEPS_RUN))
    done = road.catch_up()
    failed = [(each.step, each.interval) for each in done if each.status == "failed"]
    assert failed == [("tiles.dispatch_15m", bad)]
    made = {(each.step, str(each.interval)) for each in done if each.status == "published"}
    assert ("silver.lifecycle", str(Interval(WENT_DOWN, CAME_BACK))) in made
    assert {("features.zone_demand_15m", str(tick)) for tick in TICKS[:2]} <= made
    assert {each.step for each in done if each.interval.end > bad.end} == {
        "bronze.dispatch_events", "silver.dispatch_events", "silver.lifecycle",
        "tiles.dispatch_1d", "features.provider_area_1d",
    }  # fmt: skip
    mended = Road(road.runner, STEPS_RUN)
    assert all(each.error is None for each in mended.catch_up())
    assert mended.digests() == one_by_one[0]


@pytest.mark.long
def test_two_commands_at_once_both_end_well(outage: Outage, one_by_one: Any) -> None:
    road = outage.again("twice")
    other = Road(Runner(road.runner.settings, outage.spark), STEPS_RUN)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(Road.catch_up, [road, other]))
    assert [each.error for done in both for each in done if each.error is not None] == []
    assert road.digests() == one_by_one[0]
    assert road.catch_up() == []


def _failing(step: Step, tick: datetime) -> Step:
    """The step; that of the tiles cannot make the tick."""

    def build(inputs: Any, interval: Interval, edge: Any) -> Any:
        if interval.holds(tick):
            raise CheckFailed("This tick cannot be made.")
        assert step.build is not None
        return step.build(inputs, interval, edge)

    return replace(step, build=build) if step is step_named("tiles.dispatch_15m") else step


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
