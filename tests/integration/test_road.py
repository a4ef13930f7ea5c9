"""The whole road: a small city with its dirt, the afternoon planted in it, landed files to a dataset."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ingestion.rows import line_context, payload_context
from lakehouse import feast_edge
from lakehouse.redis_server import ensure_redis, stop_redis
from lakehouse.settings import Settings
from lakehouse.spark import CATALOG
from lakehouse.tables import Lakehouse
from lakehouse.vault import handle_of, vault_of
from roadside.corrected import as_corrected
from roadside.failures import INTERRUPTED
from roadside.graph import STEPS, step_named
from roadside.locations import location_opener
from roadside.materialization import materialize, view_names
from roadside.runner import Runner, StepResult, road_version
from simulation.afternoon import write_afternoon
from simulation.city import SimulationConfig, simulate
from simulation.landing import LandingWriter
from support.afternoon import at, expected, zone_ids
from support.identities import Planted, found_in, found_in_bytes, planted_in, readable, redis_bytes
from support.landed_city import forget_city
from support.oracle import Silver, records_from_landing
from support.oracle_rows import row_written
from support.oracle_views import VIEWS, View, parts_of
from support.tokens import driver_tokens
from training_datasets.build import build
from training_datasets.specs.eta_v1 import ETA_V1
from validation.clocks import Interval
from validation.contracts import table_named
from validation.contracts.training.row_index import ROW_INDEX
from validation.errors import InputMissing

# The warnings are Feast's and pyspark's own.
pytestmark = [pytest.mark.slow(minutes=8), pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 12, tzinfo=UTC)
WHOLE = Interval(START, END)
LAST_DAY = Interval(datetime(2026, 3, 11, tzinfo=UTC), END)
TABLES = [table for step in STEPS for table in step.tables]


@dataclass
class Road:
    """A road that was carried to its end, and what happened on it.

    Attributes:
        interrupted: exit code of the interrupted run, and what it told then.
        failure: what became of the step whose object was missing.
    """

    settings: Settings
    runner: Runner
    interrupted: tuple[int, str] = (0, "")
    failure: StepResult | None = None

    @property
    def lakehouse(self) -> Lakehouse:
        return self.runner.lakehouse

    def run(self, *chunks: Interval, force: bool = True) -> None:
        """Run the chunks and insist that every step ended well."""
        for result in self.runner.backfill(chunks, force=force):
            if result.error is not None:
                raise result.error
            assert result.status in {"published", "skipped", "not due"}, result


@pytest.fixture(scope="module")
def road(spark: SparkSession, spark_settings: Settings) -> Iterator[Road]:
    """Ten days carried along the road as one chunk, then the last day: interrupted, failed for want of
    an object, and run on to its end. Ledgers of its own, where no tick is closed.
    """
    city = SimulationConfig(
        start=date(2026, 3, 9), days=3, providers=8, jobs_per_day=40, ping_seconds=300, pings_days=2
    )
    simulate(city, spark_settings.home)
    plant_broken_objects(spark_settings.home)
    write_afternoon(spark_settings.home, start=START, end=END)
    settings = replace(spark_settings, ops_url=f"sqlite:///{spark_settings.home}/road_ops.db")
    built = Road(settings, Runner(settings, spark))
    built.run(Interval(START, LAST_DAY.start))
    built.interrupted = interrupted_after(settings, 2)
    built.failure = fail_for_want_of_an_object(built)
    built.run(LAST_DAY, force=False)
    yield built
    forget_city(spark_settings.home)
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
    """The oracle's view of the same landed objects; drivers by the tokens of the road's vault."""
    return Silver(records_from_landing(road.settings.home), driver_tokens(road.settings))


def stored_rows(road: Road, view: View, keys: list[Any]) -> dict[tuple[Any, datetime], dict[str, Any]]:
    """The stored rows of these entities, by entity (as the oracle names it) and instant."""
    rows = road.lakehouse.read(table_named(f"features.{view.name}"))
    return by_entity(rows.where(F.col(view.keys[0]).isin([parts_of(key)[0] for key in keys])), view)


def by_entity(rows: DataFrame, view: View) -> dict[tuple[Any, datetime], dict[str, Any]]:
    found = {}
    for row in rows.collect():
        values = {name: in_utc(value) for name, value in row.asDict().items()}
        parts = tuple(values[name] for name in view.keys)
        found[parts if len(parts) > 1 else parts[0], values["event_timestamp"]] = values
    return found


def in_utc(value: Any) -> Any:
    """Spark gives moments without their zone."""
    if isinstance(value, list):
        return [in_utc(each) for each in value]
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def assert_rows_equal(road: Road, silver: Silver, view: View, keys: list[Any], window: Interval) -> int:
    """Exactly the oracle's rows, and every value of them. How many rows were compared."""
    stored = stored_rows(road, view, keys)
    compared = 0
    for key in keys:
        for instant in view.instants(window.start, window.end):
            wanted = row_written(silver, view, key, instant)
            found = stored.get((key, instant))
            assert (found is None) == (wanted is None), (view.name, key, instant)
            if wanted is not None and found is not None:
                assert {name: found[name] for name in wanted} == wanted, (view.name, key, instant)
                compared += 1
    return compared


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
    """DOMAIN section 7, every column: as served from the stored rows, as corrected from the tiles."""
    zones = zone_ids()
    activity = served(road, "provider_activity_15m", ["P1"])
    demand = served(road, "zone_demand_15m", [zones["Z1"], zones["Z2"]])
    fleet, fleet_corrected = served(road, "provider_fleet_15m", ["P1"]), corrected(road, "provider_fleet_15m")
    area, area_corrected = (
        served(road, "area_dispatch_15m", [zones["A1"]]),
        corrected(road, "area_dispatch_15m"),
    )
    for row in expected("ticks"):
        tick, a1 = row["tick"], zones["A1"]
        p1 = activity("P1", tick)
        assert p1["offers_60m_count"] == row["P1_offers_60m"]
        assert p1["declines_60m_count"] == row["P1_declines_60m"]
        for name in ("Z1", "Z2"):
            assert demand(zones[name], tick)["requests_60m_count"] == row[f"{name}_requests_60m"], tick
        assert fleet("P1", tick)["drivers_available_count"] == row["P1_available"], tick
        assert fleet_corrected("P1", tick)["drivers_available_count"] == row["P1_available_corrected"], tick
        for of_area, suffix in ((area(a1, tick), ""), (area_corrected(a1, tick), "_corrected")):
            arrivals, on_time = row[f"arrivals_60m{suffix}"], row[f"on_time_60m{suffix}"]
            assert of_area["arrivals_60m_count"] == arrivals, tick
            assert of_area["on_time_ratio_60m"] == (on_time / arrivals if arrivals else None), tick
            assert of_area["overdue_assignment_count"] == (row[f"overdue{suffix}"] is not None), tick
            waiting = row["waiting_in_A1"]
            assert of_area["open_unassigned_count"] == (waiting is not None), tick
            assert of_area["unassigned_age_minutes_p90"] == (waiting and int(waiting.split()[1])), tick


InForce = Callable[[str, datetime], dict[str, Any]]
"""From entity and tick to the row in force there: the newest at or before it."""


def served(road: Road, view: str, keys: list[str]) -> InForce:
    return in_force(stored_rows(road, VIEWS[view], keys))


def corrected(road: Road, view: str) -> InForce:
    afternoon = Interval(at("16:00"), at("20:30"))
    return in_force(by_entity(as_corrected(road.lakehouse, view, afternoon), VIEWS[view]))


def in_force(rows: dict[tuple[Any, datetime], dict[str, Any]]) -> InForce:
    def at_tick(entity: str, tick: datetime) -> dict[str, Any]:
        return rows[max(place for place in rows if place[0] == entity and place[1] <= tick)]

    return at_tick


def test_s2_a_withdrawn_offer_is_no_answer_and_not_in_the_ratio(road: Road) -> None:
    p1 = served(road, "provider_activity_15m", ["P1"])("P1", at("19:15"))
    assert p1["offer_accept_ratio_24h"] == 0.5
    offers = road.lakehouse.read(table_named("silver.offers")).where("job_id LIKE 'J_' AND offer_seq > 0")
    latest = offers.groupBy("offer_id").agg(F.max_by("offer_outcome", "known_at").alias("outcome")).collect()
    outcomes = {row.offer_id: row.outcome for row in latest}
    assert len(outcomes) == 15
    assert (outcomes["J4#1"], outcomes["J1#1"], outcomes["J1#3"]) == ("withdrawn", "declined", "accepted")


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_view_equals_the_oracle(road: Road, silver: Silver, name: str) -> None:
    view = VIEWS[name]
    window = WHOLE if view.is_daily else Interval(at("16:45"), at("19:30"))
    everyone = sorted(view.entities(silver, window.end), key=parts_of)
    planted = {*zone_ids().values(), "P1", "P2", "P3", "J1", "J7", ("P1", "tow")}
    wanted = [key for key in everyone if key in planted]
    others = [key for key in everyone if key not in planted]
    wanted += Random(7).sample(others, min(len(others), 12))
    assert assert_rows_equal(road, silver, view, wanted, window) > 10


def test_an_interrupt_ends_a_run_and_says_how_to_go_on(road: Road) -> None:
    code, told = road.interrupted
    assert code == INTERRUPTED
    assert told.splitlines()[-1].startswith("Interrupted. What was published stays")
    assert "Traceback" not in told


@pytest.mark.long
def test_a_second_run_a_day_alone_and_a_single_tick_change_nothing(road: Road) -> None:
    """Not a file: rows that would be the same are not published again. So the day that was interrupted
    and the day made in one go are the same.
    """
    before = {table.name: road.lakehouse.head(table) for table in TABLES}
    road.run(WHOLE, force=False)
    road.run(LAST_DAY)
    road.run(Interval(at("17:30"), at("17:45")))
    assert {table.name: road.lakehouse.head(table) for table in TABLES} == before
    assert all(road.runner.runs.published(table.name, LAST_DAY, road_version()) for table in TABLES), (
        "what reads them still stands"
    )


@pytest.fixture(scope="module")
def online(road: Road) -> Iterator[bytes]:
    """Every byte that Redis serves, once the views are written there; a dataset was built as well."""
    with ensure_redis(road.settings).client(answer_seconds=60) as client:
        feast_edge.apply(road.settings)
        store = feast_edge.feature_store(road.settings)
        materialize(road.settings, store, view_names())
        held = redis_bytes(client)
        client.save()
    build(
        road.settings,
        road.lakehouse,
        store,
        ETA_V1,
        date(2026, 3, 9),
        date(2026, 3, 10),
        location_of=location_opener(handle_of(road.settings)),
    )
    yield held
    stop_redis(road.settings)
    shutil.rmtree(road.settings.datasets_dir)
    for table in (ETA_V1.table, ROW_INDEX):
        road.lakehouse.spark.sql(f"DROP TABLE {CATALOG}.{table.name} PURGE")


def interrupted_after(settings: Settings, lines: int) -> tuple[int, str]:
    """Start a forced run in a process of its own, and interrupt it once it has told of so many steps.

    Returns its exit code and what it told after the signal.
    """
    command = [sys.executable, "-m", "roadside.cli", "run", "--force"]
    command += ["--start", "2026-03-11", "--end", "2026-03-12"]
    environment = os.environ | settings.environment()
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stderr is not None
    with process, process.stderr:
        for _ in range(lines):
            assert process.stderr.readline(), "the run ended before the signal"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()
    return process.returncode, told


def fail_for_want_of_an_object(road: Road) -> StepResult:
    """Ingest the day while an object with members in it is away; it is back afterwards."""
    landed = (road.settings.home / "landing" / "dispatch_events").glob("2026/03/11/17/*.json.gz")
    away = max(landed, key=lambda path: path.stat().st_size)
    hidden = away.rename(away.with_name("away"))
    (result,) = road.runner.run(LAST_DAY, [step_named("bronze.dispatch_events")], force=True)
    hidden.rename(away)
    return result


@pytest.fixture(scope="module")
def planted(road: Road) -> Planted:
    return planted_in(road.settings.home)


def test_the_search_finds_what_landed_and_what_compression_hides(
    road: Road, planted: Planted, tmp_path: Path
) -> None:
    assert (len(planted.long) > 300, len(planted.short)) == (True, 11)
    landing = road.settings.home / "landing" / "dispatch_events"
    landed = found_in(planted, landing.rglob("*.json.gz"))
    assert landed >= {repr(value) for value in landed_vins(road, planted, forever=True)}
    name = b"Wilhelmina Osterbridge"
    pq.write_table(
        pa.table({"a": [name.decode()], "b": ["88110"]}), tmp_path / "x.parquet", compression="zstd"
    )
    assert found_in(planted, [tmp_path / "x.parquet"]) == {repr(name), "88110"}


@pytest.mark.parametrize(
    ("folder", "witness"),
    [
        ("warehouse/silver", b"J1#3"),
        ("warehouse/features", b"offers_60m_count"),
        ("warehouse/training", b"label_status"),
        ("warehouse/bronze", b"J1#3"),
        ("warehouse/quarantine", b"truncated"),
        ("datasets", b"waterfall"),
        ("logs", b"InputMissing"),
        ("redis", b"REDIS"),
    ],
)
def test_no_identity_stands_in_a_file(
    road: Road, planted: Planted, online: bytes, folder: str, witness: bytes
) -> None:
    """Of every snapshot, branch and metadata file still there; the witness shows that they were read."""
    files = [path for path in (road.settings.home / folder).rglob("*") if path.is_file()]
    assert any(witness in part for path in files for part in readable(path))
    assert found_in(planted, files) == set()


def test_no_identity_stands_in_a_database(road: Road, planted: Planted, online: bytes) -> None:
    databases = sorted(path for path in road.settings.home.glob("*.db*") if path.stat().st_size)
    assert {"catalog.db", "road_ops.db", "registry.db", "vault.db"} <= {path.name for path in databases}
    assert found_in(planted, databases) == set()


def test_no_identity_stands_in_redis(planted: Planted, online: bytes) -> None:
    assert b"P1" in online
    assert found_in_bytes(planted, online) == set()


def test_no_identity_is_told_with_a_failure(road: Road, planted: Planted) -> None:
    assert road.failure is not None
    assert (road.failure.status, type(road.failure.error)) == ("failed", InputMissing)
    told = f"{road.failure.error} {road.interrupted}".encode()
    assert found_in_bytes(planted, told) == set()


def test_bronze_and_quarantine_hold_it_sealed(road: Road, planted: Planted) -> None:
    """The same search, after the vault has opened what was sealed, finds every name, phone and VIN."""
    vault = vault_of(handle_of(road.settings))
    opened = b""
    for table, column, context in (
        ("bronze.dispatch_events", "sealed_payload", payload_context("dispatch_events")),
        ("quarantine.dispatch_events", "sealed_line", line_context("dispatch_events")),
    ):
        rows = road.lakehouse.read(table_named(table)).select(column).where(F.col(column).isNotNull())
        opened += b"\n".join(vault.open(bytes(row[0]), context) for row in rows.collect())
    vins = landed_vins(road, planted)
    assert found_in_bytes(planted, opened) >= {repr(value) for value in vins}


def landed_vins(road: Road, planted: Planted, *, forever: bool = False) -> set[bytes]:
    """The planted VINs that some record states; only those known by the end, unless `forever`."""
    records = records_from_landing(road.settings.home, ["dispatch_events"])
    landed = json.dumps([each.data for each in records if forever or each.known_at <= END]).encode()
    vins = {value for value in planted.long if value.startswith(b"7ZZ") and value in landed}
    assert len(vins) > 100
    return vins
