"""A home with trouble in it, made by hand and without Spark: each part of the quality report has something
to tell, by numbers that are written here.

The day told of is [2026-03-09T18:00Z, 2026-03-10T18:00Z). At 14:00 the requests of program G1 lose their
zone; pings stop at 17:30; the road is made through 18:00.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog import load_catalog
from pyiceberg.exceptions import NoSuchTableError

from lakehouse.landing_ledger import LandingLedger, ObjectOutcome, ObjectStatus
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from lakehouse.quality_ledger import KeptFinding, QualityLedger
from lakehouse.quarantine_ledger import Answer, QuarantineLedger
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.feed_gate import gated
from support.failed_runs import failed_run
from validation.arrow_schema import arrow_schema
from validation.clocks import TICK, Interval, daily_available_at, known_date
from validation.contracts import FEATURES, TABLES, table_named
from validation.errors import CheckFailed
from validation.sources import SOURCES, source_named

END = datetime(2026, 3, 10, 18, tzinfo=UTC)
DAY = Interval(END - timedelta(days=1), END)
FAULT = datetime(2026, 3, 10, 14, tzinfo=UTC)
BEAT, WEEK = timedelta(minutes=5), timedelta(weeks=1)
PINGS_STOP = END - timedelta(minutes=30)
REQUESTS = "rows[event_type=requested]"


@dataclass
class Wall:
    """A clock that a test sets."""

    now: datetime = END

    def __call__(self) -> datetime:
        return self.now


@dataclass
class TroubledHome:
    """The home, and the run that a check stops."""

    settings: Settings
    stopped_run: str = ""
    failed_run: str = ""

    @property
    def ops(self) -> Ops:
        return Ops(self.settings.ops_url)


def troubled_home(settings: Settings) -> TroubledHome:
    """All of it."""
    home = TroubledHome(replace(settings, heartbeat_minutes="service_outcomes=1440,traffic_speeds=15"))
    for source in SOURCES:
        _land(home, source.name)
    _refuse(home)
    _make(home)
    _judge(home)
    _publish(home)
    _rows(home)
    return home


def feed_counts(tick: datetime, zoneless: int = 0) -> dict[str, int]:
    """Of a tick of dispatch events: 40 requests, 20 of them of program G1, of which some have no zone."""
    by_program = {f"{REQUESTS}{{program_id={name}}}": 20 for name in ("G1", "G2")}
    nulls = {"null_zone_id": zoneless, "null_zone_id{program_id=G1}": zoneless} if zoneless else {}
    repeats = {"repeated": 3} if tick == FAULT else {}
    return {"rows": 100, REQUESTS: 40, **by_program, **nulls, **repeats}


def _land(home: TroubledHome, source: str) -> None:
    """An object every five minutes of two days, ten lines in each; the last hour of traffic is not read."""
    ledger, start = LandingLedger(home.ops), DAY.end - timedelta(days=2)
    end = PINGS_STOP if source == "gps_pings" else DAY.end
    moments = [start + n * BEAT for n in range((end - start) // BEAT)]
    objects = [_object(source, at) for at in moments]
    ledger.register(source, objects, DAY.end)
    read = [
        each
        for each in objects
        if source != "traffic_speeds" or each.landed_at < DAY.end - timedelta(hours=1)
    ]
    ledger.record_outcome(*(_outcome(each.key, 10) for each in read))
    ledger.close(source, DAY.end)


def _object(source: str, at: datetime, name: str = "beat") -> LandedObject:
    key = f"landing/{source}/{at:%Y/%m/%d/%H}/{source}-{at:%Y-%m-%d-%H-%M-%S}-{name}.json.gz"
    return LandedObject(key, at, 20)


def _outcome(key: str, lines: int, **reasons: int) -> ObjectOutcome:
    refused = sum(reasons.values())
    return ObjectOutcome(key, ObjectStatus.OK, lines, lines - refused, refused, reasons, 20, 1)


def _refuse(home: TroubledHome) -> None:
    """Of one object seven lines lack a field, of another two are no JSON; one of these landed again. Of a
    third a line is lost."""
    ledger = LandingLedger(home.ops)
    renamed = _object("dispatch_events", FAULT)
    broken = _object("gps_pings", FAULT)
    lost = _object("provider_status", FAULT)
    ledger.record_outcome(_outcome(renamed.key, 10, missing_field=7), _outcome(broken.key, 10, not_json=2))
    ledger.record_outcome(replace(_outcome(lost.key, 10), bronze_rows=9))
    answers = QuarantineLedger(home.ops)
    answer = Answer("a1", "gps_pings", "landing/gps_pings/again", "ana", "the producer said so", END, False)
    answers.begin(answer, [(broken.key, 3)])
    _append(
        home.settings,
        "quarantine.gps_pings",
        [_place(broken.key, line, FAULT) | {"reason": "not_json"} for line in (3, 8)],
    )


def _make(home: TroubledHome) -> None:
    """The road is made, but for dispatch events after the fault; a day of a daily view failed."""
    runs = RunLedger(home.ops, Wall(END))
    past = Interval(DAY.start - timedelta(days=40), DAY.end)
    before = Interval(past.start, FAULT)
    for name in (table.name for table in TABLES if table.layer != "training"):
        made = before if name in ("bronze.dispatch_events", "silver.dispatch_events") else past
        runs.finish(runs.begin(name, made, "code").run_id, snapshot_id=None, rows=1)
    mended = Interval(FAULT - 2 * TICK, FAULT - TICK)
    failed_run(runs, "silver.gps_pings", mended, "Unreachable")
    runs.finish(runs.begin("silver.gps_pings", mended, "code").run_id, snapshot_id=None, rows=1)
    home.failed_run = failed_run(runs, "training.eta_v1", Interval(DAY.start, DAY.end), "Py4JJavaError")


def _judge(home: TroubledHome) -> None:
    """The gate itself judges the fault, after five weeks as they should be; Monday's was accepted."""
    ledger, source = QualityLedger(home.ops), source_named("dispatch_events")
    runs = RunLedger(home.ops, Wall(END))
    ticks = [tick for week in range(1, 6) for tick in _of_week(week)]
    ledger.record_counts(source, {tick: feed_counts(tick) for tick in ticks})
    well = {tick: feed_counts(tick) for tick in Interval(DAY.start - timedelta(hours=1), FAULT).ticks()}
    ledger.record_counts(source, well)
    fault = Interval(FAULT, FAULT + timedelta(hours=1))
    counts = {tick: feed_counts(tick, zoneless=15) for tick in fault.ticks()}
    stopped = partial(failed_run, runs, "bronze.dispatch_events", fault, "CheckFailed")
    with pytest.raises(CheckFailed):
        gated(ledger, source, fault, counts, stopped)
    home.stopped_run = next(each.run_id for each in ledger.findings() if each.stops)
    _accepted(ledger, runs)
    ledger.record_findings("features.zone_demand_15m", DAY, [_drifted("requests_60m_count", 0.31, 812),
                           _drifted("oldest_minutes", 1.7, 90)])  # fmt: skip


def _of_week(week: int) -> Iterable[datetime]:
    return Interval(DAY.start - week * WEEK - timedelta(hours=1), DAY.end - week * WEEK).ticks()


def _accepted(ledger: QualityLedger, runs: RunLedger) -> None:
    at = datetime(2026, 3, 10, 6, tzinfo=UTC)
    run_id = failed_run(runs, "bronze.gps_pings", Interval(at - TICK, at), "CheckFailed")
    text = "null_speed_kmh: 62.0% of 900 rows are null, usually 1.0%."
    finding = KeptFinding("gps_pings", at, "null_speed_kmh", "", "fail", 900, 0.62, 0.01, text, run_id)
    warning = KeptFinding(
        "gps_pings", at, "late_60m", "", "warn", 900, 0.4, 0.02, "late_60m: 40.0% of 900.", ""
    )
    ledger.record_findings("gps_pings", Interval(at - TICK, at), [finding, warning])
    ledger.accept(
        [finding], "ben", "new trucks send no speed", at + timedelta(hours=2), timedelta(minutes=45)
    )


def _drifted(feature: str, psi: float, rows: int) -> KeptFinding:
    text = f"drift_{feature}: PSI {psi} of {rows} rows."
    return KeptFinding(
        "features.zone_demand_15m", END, f"drift_{feature}", "", "warn", rows, psi, 0.0, text, ""
    )


def _publish(home: TroubledHome) -> None:
    """Each tick three minutes after it, but for one 4, one 12 and one 40 minutes after the promise, the last
    not at all; the daily views in time."""
    wall = Wall()
    releases = Releases(home.ops, wall)
    views = [table.name for table in FEATURES]
    late = {FAULT: 4, FAULT + TICK: 12, FAULT + 2 * TICK: 40}
    for tick in Interval(DAY.start, DAY.end - TICK).ticks():
        promise = tick + timedelta(minutes=5)
        wall.now = promise + timedelta(minutes=late.get(tick, -2))
        tables = {name: 1 + (tick - DAY.start) // TICK for name in views if name.endswith("_15m")}
        releases.publish(ReleaseKind.TICK, tick, promise, tables)
    (cut,) = DAY.cuts()
    wall.now = daily_available_at(cut) - timedelta(hours=2)
    releases.publish(
        ReleaseKind.DAILY, cut, daily_available_at(cut), {name: 1 for name in views if name.endswith("_1d")}
    )


def _rows(home: TroubledHome) -> None:
    """Of dispatch events 100 rows in bronze, 96 in silver: 90 known 10 minutes after they happened, 9 after
    75, and one nine days after, which is too late. Of pings 8, of which one happened after its stamp."""
    late = [(10, 90), (75, 9), (9 * 24 * 60, 1)]
    rows = [_row("dispatch_events", FAULT, minutes) for minutes, number in late for _ in range(number)]
    _append(home.settings, "bronze.dispatch_events", rows)
    _append(home.settings, "silver.dispatch_events", rows[:96])
    _append(home.settings, "bronze.gps_pings", [_row("gps_pings", FAULT, each) for each in [12] * 6 + [8, 3]])
    _append(home.settings, "silver.gps_pings", [_row("gps_pings", FAULT, 12)] * 8)


def _row(source: str, known_at: datetime, minutes: int) -> dict[str, Any]:
    """A row whose object was stamped 6 minutes before it was known."""
    stamped = known_at - timedelta(minutes=6)
    key = _object(source, stamped).key
    return _place(key, 1, known_at) | {
        "landed_at": stamped,
        "event_timestamp": known_at - timedelta(minutes=minutes),
    }


def _place(key: str, line: int, known_at: datetime) -> dict[str, Any]:
    return {
        "source_object": key, "source_line": line, "known_at": known_at, "known_date": known_date(known_at)
    }  # fmt: skip


def _append(settings: Settings, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows as they are; columns that they do not name are null."""
    uri = f"sqlite:///{settings.catalog_path}"
    settings.home.mkdir(exist_ok=True)
    catalog = load_catalog("lake", type="sql", uri=uri, warehouse=settings.warehouse_uri)
    table = table_named(name)
    schema = arrow_schema(table)
    catalog.create_namespace_if_not_exists(table.layer)
    try:
        made = catalog.load_table((table.layer, table.short_name))
    except NoSuchTableError:
        made = catalog.create_table((table.layer, table.short_name), schema)
        with made.update_spec() as update:
            update.add_identity("known_date")
    made.append(pa.Table.from_pylist([dict(row) for row in rows], schema))
