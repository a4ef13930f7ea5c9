"""The whole road: a small city with its dirt, the afternoon planted in it, landed files to a dataset."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lakehouse.settings import Settings
from lakehouse.spark import CATALOG
from lakehouse.tables import Lakehouse, digests
from roadside.graph import STEPS
from roadside.runner import Runner
from simulation.afternoon import planted_identifiers, write_afternoon
from simulation.city import SimulationConfig, simulate
from simulation.landing import LandingWriter
from support.afternoon import at, expected, zone_ids
from support.oracle import Silver, records_from_landing
from support.oracle_rows import VIEWS, View, row_written
from validation.clocks import Interval
from validation.contract import Table
from validation.contracts import FEATURES, table_named

pytestmark = pytest.mark.slow

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC)
WHOLE = Interval(START, END)
DAY = timedelta(days=1)
AFTERNOON_DAY = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
TABLES = [table for step in STEPS for table in step.tables]


@dataclass
class Road:
    settings: Settings
    runner: Runner

    @property
    def lakehouse(self) -> Lakehouse:
        return self.runner.lakehouse

    def run(self, *chunks: Interval, force: bool = True) -> None:
        """Run the chunks and insist that every step ended well."""
        for result in self.runner.backfill(chunks, force=force):
            if result.error is not None:
                raise result.error
            assert result.status in {"published", "skipped", "not due"}, result

    def digests(self) -> dict[str, str]:
        return digests(self.lakehouse, TABLES)

    def files(self, table: Table, day: date) -> set[str]:
        """Data files of one partition."""
        files = self.lakehouse.spark.sql(
            f"SELECT file_path, partition FROM {CATALOG}.{table.name}.files"
        ).collect()
        return {row.file_path for row in files if row.partition[0] == day}


@pytest.fixture(scope="module")
def road(spark: SparkSession, spark_settings: Settings) -> Iterator[Road]:
    """Eleven days carried along the road as one chunk; ledgers of its own, where no tick is closed."""
    city = SimulationConfig(
        start=date(2026, 3, 9), days=3, providers=8, jobs_per_day=40, ping_seconds=300, pings_days=2
    )
    simulate(city, spark_settings.home)
    plant_broken_objects(spark_settings.home)
    write_afternoon(spark_settings.home, start=START, end=END)
    settings = replace(spark_settings, ops_url=f"sqlite:///{spark_settings.home}/road_ops.db")
    built = Road(settings, Runner(settings, spark))
    built.run(WHOLE)
    yield built
    for table in TABLES:
        spark.sql(f"DROP TABLE IF EXISTS {CATALOG}.{table.name} PURGE")


def plant_broken_objects(root: Path) -> None:
    """Lines and objects that no producer should send, on the afternoon's morning."""
    landing = LandingWriter(root)
    landed_at = datetime(2026, 3, 10, 9, 7, tzinfo=UTC)
    good = (
        b'{"event_id":"x%d","job_id":"JX","event_type":"requested","event_timestamp":"2026-03-10T09:00:00Z"}'
    )
    lines = [good % 1, b"[1, 2]", b"not json", good % 2, b'{"event_id": "x3"}']
    landing.write_bytes("dispatch_events", landed_at, "dirty", gzip.compress(b"\n".join(lines)), "json.gz")
    whole = gzip.compress(b"\n".join(good % n for n in range(1000, 3000)))
    landing.write_bytes("dispatch_events", landed_at, "cut", whole[: len(whole) // 2], "json.gz")
    landing.write_bytes("dispatch_events", landed_at, "nothing", b"", "json.gz")


@pytest.fixture(scope="module")
def silver(road: Road) -> Silver:
    """The oracle's view of the same landed objects."""
    return Silver(records_from_landing(road.settings.home))


def stored_rows(road: Road, view: View, keys: list[str]) -> dict[tuple[str, datetime], dict[str, Any]]:
    rows = road.lakehouse.read(table_named(f"features.{view.name}")).where(F.col(view.key).isin(keys))
    return {
        (row[view.key], row["event_timestamp"].replace(tzinfo=UTC)): {
            name: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
            for name, value in row.asDict().items()
        }
        for row in rows.collect()
    }


def assert_rows_equal(road: Road, silver: Silver, view: View, keys: list[str], window: Interval) -> None:
    """Exactly the oracle's rows, and every value of them."""
    stored = stored_rows(road, view, keys)
    for key in keys:
        for instant in view.instants(window.start, window.end):
            wanted = row_written(silver, view, key, instant)
            found = stored.get((key, instant))
            assert (found is None) == (wanted is None), (view.name, key, instant)
            if wanted is not None and found is not None:
                assert {name: found[name] for name in wanted} == wanted, (view.name, key, instant)


def test_every_landed_line_is_in_bronze_or_in_quarantine(road: Road) -> None:
    for source in road.runner.ledger.reconcile():
        assert source.is_balanced
        bronze = road.lakehouse.count(table_named(f"bronze.{source.source}"))
        quarantined = road.lakehouse.count(table_named(f"quarantine.{source.source}"))
        assert (bronze, quarantined) == (source.bronze_rows, source.quarantined_rows)
        assert source.lines == bronze + quarantined
    dispatch = next(each for each in road.runner.ledger.reconcile() if each.source == "dispatch_events")
    assert set(dispatch.reasons) >= {
        "not_json",
        "not_an_object",
        "missing_field",
        "truncated",
        "empty_object",
    }


def test_the_tick_table_of_the_afternoon(road: Road) -> None:
    """DOMAIN section 7, for the columns of the three views."""
    zones = zone_ids()
    activity = served(road, "provider_activity_15m", "provider_id", ["P1"])
    demand = served(road, "zone_demand_15m", "zone_id", [zones["Z1"], zones["Z2"]])
    for row in expected("ticks"):
        tick = row["tick"]
        p1 = activity("P1", tick)
        assert (p1["offers_60m_count"], p1["declines_60m_count"]) == (
            row["P1_offers_60m"],
            row["P1_declines_60m"],
        )
        for name in ("Z1", "Z2"):
            assert demand(zones[name], tick)["requests_60m_count"] == row[f"{name}_requests_60m"], tick


def served(road: Road, view: str, key: str, keys: list[str]):  # type: ignore[no-untyped-def]
    """The row in force at a tick: the newest at or before it."""
    rows = stored_rows(road, VIEWS[view], keys)

    def at_tick(entity: str, tick: datetime) -> dict[str, Any]:
        return rows[max(place for place in rows if place[0] == entity and place[1] <= tick)]

    return at_tick


def test_s2_a_withdrawn_offer_is_no_answer_and_not_in_the_ratio(road: Road) -> None:
    p1 = served(road, "provider_activity_15m", "provider_id", ["P1"])("P1", at("19:15"))
    assert p1["offer_accept_ratio_24h"] == 0.5
    offers = road.lakehouse.read(table_named("silver.offers")).where("job_id LIKE 'J_' AND offer_seq > 0")
    latest = offers.groupBy("offer_id").agg(F.max_by("offer_outcome", "known_at").alias("outcome")).collect()
    outcomes = {row.offer_id: row.outcome for row in latest}
    assert len(outcomes) == 15
    assert (outcomes["J4#1"], outcomes["J1#1"], outcomes["J1#3"]) == ("withdrawn", "declined", "accepted")


@pytest.mark.parametrize("name", ["provider_activity_15m", "zone_demand_15m"])
def test_the_15_minute_views_equal_the_oracle(road: Road, silver: Silver, name: str) -> None:
    view = VIEWS[name]
    window = Interval(at("16:45"), at("19:30"))
    everyone = sorted(view.entities(silver, at("19:00")))
    planted = [*zone_ids().values()] if view.key == "zone_id" else ["P1", "P2", "P3"]
    others = Random(7).sample([key for key in everyone if key not in planted], 4)
    assert_rows_equal(road, silver, view, [*planted, *others], window)


def test_the_daily_view_equals_the_oracle(road: Road, silver: Silver) -> None:
    view = VIEWS["provider_performance_1d"]
    assert_rows_equal(road, silver, view, sorted(view.entities(silver, END)), WHOLE)


def test_a_second_run_days_in_any_order_and_a_single_tick_change_nothing(road: Road) -> None:
    before = road.digests()
    road.run(WHOLE, force=False)
    assert road.digests() == before

    days = [Interval(START + n * DAY, START + (n + 1) * DAY) for n in range(8, 11)]
    Random(3).shuffle(days)
    after = {table.name: road.files(table, date(2026, 3, 11)) for table in TABLES}
    road.run(*(day for day in days if day.start.day != 11))
    assert {table.name: road.files(table, date(2026, 3, 11)) for table in TABLES} == after
    road.run(*(day for day in days if day.start.day == 11))
    assert road.digests() == before

    road.run(Interval(at("17:30"), at("17:45")))
    assert road.digests() == before


def test_compaction_changes_no_row(road: Road) -> None:
    before = road.digests()
    for table in FEATURES:
        road.lakehouse.compact(table, date(2026, 3, 12))
    assert road.digests() == before


def test_a_run_killed_twice_and_run_again_leaves_the_same_tables(road: Road) -> None:
    before = road.digests()
    for lines in (2, 7):
        kill_after(road.settings, lines)
    road.run(AFTERNOON_DAY)
    assert road.digests() == before


def kill_after(settings: Settings, lines: int) -> None:
    """Start a forced run in a process of its own and kill it once it has told of so many steps."""
    command = [sys.executable, "-m", "roadside.cli", "run", "--force"]
    command += ["--start", "2026-03-10", "--end", "2026-03-11"]
    environment = os.environ | settings.environment()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    try:
        for _ in range(lines):
            assert process.stderr.readline(), "the run ended before it could be killed"
        time.sleep(0.5)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()


def test_no_identity_stands_in_silver_features_or_logs(road: Road) -> None:
    planted = [value for values in planted_identifiers().values() for value in values]
    planted += [
        row["value"]
        for row in pq.read_table(road.settings.truth_dir / "planted_identifiers.parquet").to_pylist()
    ]
    assert len(planted) > 100
    for table in TABLES:
        if table.layer in ("silver", "features"):
            text = table_text(road.lakehouse, table)
            assert not [value for value in set(planted) if f'"{value}"' in text or is_long(value, text)]
    landed = "".join(
        gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        for path in (road.settings.home / "landing").rglob("*afternoon.json.gz")
    )
    assert any(value in landed for value in planted), "the search must be able to find them"


def is_long(value: str, text: str) -> bool:
    """Whether a value too long to occur by chance stands anywhere in the text."""
    return len(value) >= 8 and value in text


def table_text(lakehouse: Lakehouse, table: Table) -> str:
    """Every published row as JSON."""
    rows = lakehouse.read(table)
    return "\n".join(row[0] for row in rows.select(F.to_json(F.struct(*rows.columns))).collect())
