"""S18 and its like: a fault hurts one source, loses no line, and once its lines have landed again nothing of
it is left as corrected. What was served stays as it was served."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import h3
import orjson
import pytest
from pyspark.sql import SparkSession

from ingestion import quarantine
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.settings import Settings
from lakehouse.spark import CATALOG
from lakehouse.tables import Lakehouse, frame_digest
from roadside import runner as road
from roadside.corrected import as_corrected
from roadside.graph import STEPS, Step
from roadside.runner import Runner
from simulation.landing import LandingWriter
from support.afternoon import AFTERNOON_START, LandingObject, afternoon_objects, at, heartbeats, zone_ids
from validation.clocks import TICK, Interval
from validation.contracts import table_named
from validation.source import Source
from validation.sources import SOURCES, source_named

pytestmark = [pytest.mark.slow(minutes=2), pytest.mark.timeout(1200)]

VIEWS = ("driver_state_15m", "zone_demand_15m", "zone_traffic_15m")
_MIDDLE = (
    *("silver.dispatch_events", "silver.lifecycle", "silver.provider_status", "silver.gps_pings"),
    *("silver.traffic_speeds", "tiles.dispatch_15m", "tiles.driver_fixes_15m", "tiles.driver_states_15m"),
    "tiles.traffic_15m",
)
BRONZE = [step for step in STEPS if step.build is None]
FEATURES = [step for step in STEPS if step.name in {f"features.{view}" for view in VIEWS}]
STEPS_RUN = [*BRONZE, *(step for step in STEPS if step.name in _MIDDLE), *FEATURES]
END = at("19:00")
BROKEN, MENDED = at("17:20"), at("18:00")
CHUNKS = (Interval(AFTERNOON_START, at("17:15")), Interval(at("17:15"), END))
LAST = Interval(END, END + TICK)
Record = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What a producer does wrong from 17:20 on, until then, and which records it makes of records.

    Attributes:
        settled: views whose measures of it were settled when something else became known.
        alias: the field's other name; its lines enter by a contract that knows it. Else all land again.
    """

    source: str
    until: datetime
    change: Callable[[list[Record]], list[Record]]
    is_cut: bool = False
    settled: frozenset[str] = frozenset()
    alias: tuple[str, str] | None = None


def renamed(records: list[Record], names: dict[str, str]) -> list[Record]:
    return [{names.get(name, name): value for name, value in each.items()} for each in records]


FAULTS = {
    "latitude renamed": Fault(
        "gps_pings", END, lambda records: renamed(records, {"latitude": "lat"}), alias=("latitude", "lat")
    ),
    "objects cut": Fault("gps_pings", MENDED, lambda records: records, is_cut=True),
    "a count as text": Fault(
        "provider_status",
        MENDED,
        lambda records: [{**each, "active_job_count": "two"} for each in records],
        settled=frozenset({"zone_traffic_15m"}),  # whether a fix is of a driver en route
    ),
    "a clock three hours fast": Fault(
        "dispatch_events",
        MENDED,
        lambda records: [
            {**each, "event_timestamp": each["event_timestamp"] + timedelta(hours=3)} for each in records
        ],
    ),
}


def objects() -> list[LandingObject]:
    """The afternoon with a heartbeat each five minutes and a ping a minute from D1 to D3.

    Statuses land in the minute after: whether a fix is one of a driver en route is settled by the statuses
    known with it (`tiles.traffic_15m`), so one that lands again late would count by a status that came late.
    """
    latitude, longitude = h3.cell_to_latlng(zone_ids()["Z1"])
    drivers = (("D1", "P1"), ("D2", "P1"), ("D3", "P2"))
    pings = []
    for start in (at("16:00") + n * timedelta(minutes=5) for n in range(36)):
        records = [
            {
                "event_id": f"ping-{driver}-{start + m * timedelta(minutes=1):%H%M}",
                "driver_id": driver,
                "provider_id": provider,
                "latitude": latitude,
                "longitude": longitude,
                "speed_kmh": 30.0,
                "event_timestamp": start + m * timedelta(minutes=1),
            }
            for m in range(5)
            for driver, provider in drivers
        ]
        pings.append(LandingObject("gps_pings", start + timedelta(minutes=4, seconds=30), "pings", records))
    afternoon = [in_time(each) for each in afternoon_objects(with_history=False) if each.landed_at < END]
    beats = heartbeats(AFTERNOON_START - timedelta(minutes=11), LAST.end)
    return [*afternoon, *(each for each in pings if each.landed_at < END), *beats]


def in_time(each: LandingObject) -> LandingObject:
    if each.source != "provider_status":
        return each
    happened = max(record["event_timestamp"] for record in each.records)
    return replace(each, landed_at=happened + timedelta(minutes=1))


def is_hit(each: LandingObject, fault: Fault) -> bool:
    return each.source == fault.source and bool(each.records) and BROKEN <= each.landed_at < fault.until


@dataclass
class Lake:
    """One home, run from landing to three views."""

    settings: Settings
    lakehouse: Lakehouse
    runner: Runner
    writer: LandingWriter

    def run(self, *chunks: Interval, steps: Sequence[Step] = STEPS_RUN, force: bool = False) -> None:
        for result in self.runner.backfill(chunks, steps, force=force):
            assert (result.step, result.error) == (result.step, None)

    def corrected(self) -> dict[str, str]:
        whole = Interval(AFTERNOON_START, END)
        return {view: frame_digest(as_corrected(self.lakehouse, view, whole)) for view in VIEWS}

    def served(self) -> dict[str, str]:
        whole = Interval(AFTERNOON_START, END)
        tables = [table for step in FEATURES for table in step.tables]
        return {table.name: self.lakehouse.digest(table, whole) for table in tables}

    def rows(self, table: str) -> int:
        return self.lakehouse.read(table_named(table)).count()

    def land(self, each: LandingObject, fault: Fault | None = None) -> None:
        if fault is None or not is_hit(each, fault):
            self.writer.write(each.source, each.landed_at, each.object_id, each.records)
        elif fault.is_cut:
            lines = b"".join(orjson.dumps(r, option=orjson.OPT_UTC_Z) + b"\n" for r in each.records)
            payload = gzip.compress(lines, mtime=0)
            cut = payload[: len(payload) * 2 // 3]
            self.writer.write_bytes(each.source, each.landed_at, each.object_id, cut, "json.gz")
        else:
            changed = fault.change([dict(record) for record in each.records])
            self.writer.write(each.source, each.landed_at, each.object_id, changed)


@contextmanager
def lake(spark: SparkSession, spark_settings: Settings, root: Path) -> Iterator[Lake]:
    settings = replace(spark_settings, landing_uri=root.as_uri(), ops_url=f"sqlite:///{root}/ops.db")
    lakehouse = Lakehouse(spark)
    try:
        yield Lake(settings, lakehouse, Runner(settings, spark), LandingWriter(root))
    finally:
        for step in STEPS:
            for table in step.tables:
                spark.sql(f"DROP TABLE IF EXISTS {CATALOG}.{table.name} PURGE")


@dataclass(frozen=True)
class Clean:
    """What is true as corrected, and how much silver holds, of the run that never had a fault."""

    corrected: dict[str, str]
    rows: dict[str, int]


SILVER = tuple(name for name in _MIDDLE if name.startswith("silver.") and name != "silver.lifecycle")


@pytest.fixture(scope="module")
def clean(spark: SparkSession, spark_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Clean:
    with lake(spark, spark_settings, tmp_path_factory.mktemp("clean")) as made:
        for each in objects():
            made.land(each)
        made.run(*CHUNKS, LAST)
        return Clean(made.corrected(), {name: made.rows(name) for name in SILVER})


@pytest.mark.parametrize(
    "name",
    ["latitude renamed", *(pytest.param(name, marks=pytest.mark.long) for name in list(FAULTS)[1:])],
)
def test_a_fault_hurts_one_source_and_is_undone_when_its_lines_land_again(
    clean: Clean,
    spark: SparkSession,
    spark_settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    fault = FAULTS[name]
    with lake(spark, spark_settings, tmp_path) as made:
        landed = objects()
        for each in landed:
            made.land(each, fault)
        made.run(*CHUNKS)
        ledger = LandingLedger(Ops(made.settings.ops_url))
        reconciled = ledger.reconcile(interval=Interval(AFTERNOON_START, END))
        assert all(each.is_balanced for each in reconciled)
        assert {each.source for each in reconciled if each.quarantined_rows} == {fault.source}
        served = made.served()
        assert made.corrected() != clean.corrected
        source = source_named(fault.source)
        waiting = quarantine.waiting(made.settings, source, is_sealed_wanted=True)
        assert waiting

        again_at = END + timedelta(minutes=3)
        if fault.alias is None:
            for number, each in enumerate(each for each in landed if is_hit(each, fault)):
                made.land(replace(each, landed_at=again_at, object_id=f"again{number}"))
            quarantine.settle(made.settings, source, waiting, again_at, "landed again")
        else:
            mended = with_alias(source, *fault.alias)
            monkeypatch.setattr(
                road, "source_named", lambda each: mended if each == source.name else source_named(each)
            )
            review = quarantine.reviewed(made.settings, mended, waiting, again_at)
            assert len(review.passing_lines) == len(waiting)
            quarantine.release(made.settings, mended, review, again_at, "contract version 2")
        assert quarantine.waiting(made.settings, source) == []

        made.run(LAST)
        run_over = Interval(AFTERNOON_START, LAST.end)
        assert all(each.is_balanced for each in ledger.reconcile(interval=run_over))
        assert {table: made.rows(table) for table in SILVER} == clean.rows
        corrected = made.corrected()
        assert {view for view in VIEWS if corrected[view] != clean.corrected[view]} == fault.settled
        assert made.served() == served
        made.run(CHUNKS[1], steps=FEATURES, force=True)
        assert made.served() == served


def with_alias(source: Source, path: str, alias: str) -> Source:
    """The next version of the contract, which knows the field by its new name as well."""
    fields = tuple(replace(each, aliases=(alias,)) if each.path == path else each for each in source.fields)
    return replace(source, version=source.version + 1, fields=fields)


def test_all_sources_are_run() -> None:
    assert {step.name for step in BRONZE} == {f"bronze.{source.name}" for source in SOURCES}
