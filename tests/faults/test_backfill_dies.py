"""`roadside backfill --execute` is killed while it makes bronze, silver and features, and given again: the
history made day by day, to the bit. Readers meanwhile have a day whole or not at all.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event, Thread

import pytest
from pyspark.sql import SparkSession

from lakehouse.catalog_reader import CatalogReader
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings, load_settings
from lakehouse.spark import CATALOG
from lakehouse.tables import digests
from roadside.cli import main
from roadside.graph import STEPS
from roadside.runner import Runner, StepResult
from roadside.unmade import upstream
from simulation.city import SimulationConfig, simulate
from support.command_line import answers_to, copy_landing, environment_of
from support.victims import Deed, Victim
from validation.clocks import Interval
from validation.contract import Table
from validation.errors import RoadsideError

pytestmark = [pytest.mark.slow(minutes=1), pytest.mark.timeout(1800)]

START = date(2026, 3, 8)
VIEW = "zone_demand_15m"


@dataclass
class Readings:
    """How many rows of each day every table had, whenever a reader looked; by (table, day) in order."""

    environment: dict[str, str]
    tables: Sequence[Table]
    seen: dict[tuple[str, date], list[int]] = field(default_factory=dict)
    looks: int = 0

    def look(self, is_over: Event) -> None:
        """Until that."""
        while not is_over.is_set():
            reader = CatalogReader(load_settings(self.environment))
            for table in self.tables:
                try:
                    found = reader.rows_by_day(table)
                except RoadsideError:
                    continue  # no state of the table was read
                known = {day for name, day in self.seen if name == table.name}
                for day in known | found.keys():
                    rows = found.get(day, 0)  # a day that was there and is not
                    of_day = self.seen.setdefault((table.name, day), [])
                    of_day.extend([rows] if of_day[-1:] != [rows] else [])
            self.looks += 1
            time.sleep(0.2)


@contextmanager
def read_meanwhile(environment: dict[str, str], tables: Sequence[Table]) -> Iterator[Readings]:
    """A reader looks on."""
    readings, is_over = Readings(environment, tables), Event()
    looking = Thread(target=readings.look, args=(is_over,))
    looking.start()
    try:
        yield readings
    finally:
        is_over.set()
        looking.join()


def city(home: Path, days: int, pings: int = 0) -> None:
    """So many days from START."""
    simulate(
        SimulationConfig(
            start=START, days=days, providers=8, jobs_per_day=40, ping_seconds=300, pings_days=pings
        ),
        home,
    )


def day(number: int) -> Interval:
    return Interval(*(datetime(2026, 3, 8 + number + more, tzinfo=UTC) for more in (0, 1)))


def was_whole_or_not_at_all(readings: Readings, made_before: set[date]) -> None:
    """Of a day made before, readers always had the same rows; of another none, and then all."""
    assert readings.looks > 10
    for (table, of_day), counts in readings.seen.items():
        assert len(counts) == 1, (table, of_day, counts)
    assert made_before < {of_day for _, of_day in readings.seen}


def test_a_killed_backfill_is_gone_on_with_by_the_same_command(
    spark: SparkSession,
    spark_settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    city(tmp_path, 2)
    environment = environment_of(
        spark_settings.home,  # whose catalog this process reads too
        ROADSIDE_LANDING_URI=tmp_path.as_uri(),
        ROADSIDE_OPS_URL=f"sqlite:///{tmp_path}/ops.db",
        ROADSIDE_VAULT_URL=f"sqlite:///{tmp_path}/vault.db",
        ROADSIDE_PLATFORM_KEY_FILE=str(tmp_path / "platform.key"),
    )
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(os.environ)
    steps = upstream([VIEW])
    tables = [table for step in steps for table in step.tables]
    runner = Runner(settings, spark)
    whole(runner.run(day(0), steps))
    line = f"backfill --from 2026-03-09 --to 2026-03-10 --view {VIEW} --execute"
    victim = Victim(line, environment, [Deed("silver.")])
    assert victim.lives_on() is None
    with read_meanwhile(environment, tables) as readings:
        assert main(shlex.split(line)) == 0
    was_whole_or_not_at_all(readings, {START})
    assert RunLedger(runner.ops, _no_clock).running("silver.dispatch_events") == set()
    capsys.readouterr()
    assert main(shlex.split(line.replace("--execute", "--json"))) == 0
    assert json.loads(capsys.readouterr().out)["chunks"] == [], "nothing is left"
    assert main(shlex.split(line)) == 0
    found = digests(runner.lakehouse, tables)
    for table in tables:
        spark.sql(f"DROP TABLE {CATALOG}.{table.name} PURGE")
    cold = Runner(replace(settings, ops_url=f"sqlite:///{tmp_path}/cold.db"), spark)
    for number in range(2):
        whole(cold.run(day(number), steps))
    assert found == digests(cold.lakehouse, tables)
    assert not [name for name, each in found.items() if each.startswith("0-") and "quarantine" not in name]
    for table in [table for step in STEPS for table in step.tables]:
        spark.sql(f"DROP TABLE IF EXISTS {CATALOG}.{table.name} PURGE")


@pytest.mark.long
def test_the_whole_road_killed_in_every_layer_equals_the_history_made_day_by_day(tmp_path: Path) -> None:
    home, cold = tmp_path / "home", tmp_path / "cold"
    cold.mkdir()
    city(home, 5, pings=5)
    here = environment_of(home)
    first, *others = (f"run --start {day(n).start:%Y-%m-%d} --end {day(n).end:%Y-%m-%d}" for n in range(5))
    assert [each.code for each in answers_to([first], here)] == [0]
    copy_landing(home, cold)
    tables = [table for step in STEPS for table in step.tables]
    victim = Victim(
        "backfill --from 2026-03-09 --to 2026-03-13 --chunk-days 1 --parallel-chunks 2 --execute",
        here,
        [Deed("bronze."), Deed("silver."), Deed("features.")],
    )
    with read_meanwhile(here, tables) as readings:
        answer = victim.act()
    assert (answer.code, victim.deeds) == (0, []), answer.err
    was_whole_or_not_at_all(readings, {START})
    digest = f"digest {' '.join(table.name for table in tables)} --json"
    *undisturbed, expected = answers_to([first, *others, digest], environment_of(cold))
    assert [each.code for each in undisturbed] == [0] * 5
    plan, found = answers_to(["backfill --from 2026-03-08 --to 2026-03-13 --json", digest], here)
    assert json.loads(plan.out)["chunks"] == []
    assert json.loads(found.out) == json.loads(expected.out)


def whole(results: Sequence[StepResult]) -> None:
    assert {each.status for each in results} <= {"published", "not due"}, results


def _no_clock() -> datetime:
    raise AssertionError("Reading the ledger asks for no time.")
