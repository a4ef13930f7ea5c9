"""What goes and what is kept, told from metadata and ledgers alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import In
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DateType, NestedField, StringType

from lakehouse.catalog_reader import CatalogReader, DaySize
from lakehouse.expiries import HELD_DAYS, KEPT_FROM, was_dropped
from lakehouse.landed_accounts import OldObjects, delete_marked
from lakehouse.landing_ledger import LandingLedger, ObjectOutcome, ObjectStatus
from lakehouse.leases import Leases
from lakehouse.object_store import LandedObject, put_object
from lakehouse.ops import Ops
from lakehouse.quarantine_ledger import Answer, QuarantineLedger
from lakehouse.run_ledger import Run, RunLedger, RunStatus
from lakehouse.run_search import Wanted, newest_runs
from lakehouse.settings import Settings
from lakehouse.step_timings import StepTiming, StepTimings
from lakehouse.tables import Lakehouse
from roadside import retention, table_maintenance
from roadside.retention import (
    LEDGER,
    LOG,
    Held,
    OldRows,
    carry_out,
    counted_from,
    expiring,
    names_of,
    planned,
    standing_still,
    still_old,
)
from roadside.table_maintenance import Maintenance
from validation.clocks import Interval, tick_end
from validation.contract import Table
from validation.errors import Busy, NotReady, UnknownName, Unreachable
from validation.sources import SOURCES

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
BEGUN = datetime(2026, 1, 12, tzinfo=UTC)
TOLD = (KEPT_FROM, HELD_DAYS)
OFFERS, REFUSED = "silver.offers", "quarantine.gps_pings"
SCHEMA = Schema(NestedField(1, "source_object", StringType()), NestedField(2, "known_date", DateType()))
BY_DATE = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "known_date"))


@pytest.fixture
def ops(settings: Settings) -> Ops:
    settings.home.mkdir(parents=True)
    (settings.home / "landing").mkdir()
    return Ops(settings.ops_url)


def hold(settings: Settings, name: str, *days: date, kept_from: str = "") -> None:
    """A table with one row a day; it may have dropped days before."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{settings.catalog_path}", warehouse=settings.warehouse_uri)
    catalog.create_namespace_if_not_exists(name.partition(".")[0])
    table = catalog.create_table_if_not_exists(name, SCHEMA, partition_spec=BY_DATE)
    rows = [{"source_object": "a", "known_date": day} for day in days]
    table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))
    if kept_from:
        with table.transaction() as changed:
            changed.set_properties({KEPT_FROM: kept_from})
    catalog.engine.dispose()


def close(ops: Ops, through: datetime, *names: str) -> None:
    for source in names or [source.name for source in SOURCES]:
        LandingLedger(ops).close(source, through)


def test_horizons_count_from_the_tick_that_every_source_has_closed(ops: Ops) -> None:
    with pytest.raises(NotReady, match="Nothing has been ingested yet"):
        counted_from(ops, NOW)
    close(ops, AT)
    assert counted_from(ops, NOW) == AT
    close(ops, AT + timedelta(days=30), "gps_pings")  # the others stand still
    assert counted_from(ops, NOW) == AT
    close(ops, NOW + timedelta(days=400))
    assert counted_from(ops, NOW) == NOW


def test_a_source_that_stands_still_is_named(ops: Ops, run: Callable) -> None:
    close(ops, AT, "gps_pings")
    close(ops, AT + timedelta(days=1), "traffic_speeds")
    assert standing_still(ops, AT + timedelta(days=2)) == {}
    assert standing_still(ops, AT + timedelta(days=3)) == {"gps_pings": AT}
    told = " ".join(run("retention").err.split())
    assert "note: gps_pings closed no tick since" in told
    assert "closed no tick" not in run("retention", "--at", "2026-03-31").err


def test_what_no_run_reads_is_named_and_left(settings: Settings, ops: Ops, run: Callable) -> None:
    close(ops, AT)
    landing = settings.home / "landing"
    hour = landing / "gps_pings/2026/03/10/17"
    for folder in (landing / "gps_ping", hour):
        folder.mkdir(parents=True)
    for name, age in ((".old.7.part", 25), (".new.7.part", 23)):
        (hour / name).write_bytes(b"")
        os.utime(hour / name, (stamp := (AT - timedelta(hours=age)).timestamp(), stamp))
    plan = planned(settings, AT, ["landing.gps_pings"])
    assert plan.unread == ("landing/gps_ping/", "landing/gps_pings/2026/03/10/17/.old.7.part")
    assert planned(settings, AT, [OFFERS]).unread == ()
    told = " ".join(run("retention", "--json").err.split())
    assert "kept: 2 things among the landed objects, the first landing/gps_ping/" in told


def test_days_before_the_first_one_kept_go(settings: Settings, ops: Ops) -> None:
    """13 months before 31 March is 28 February."""
    hold(settings, OFFERS, date(2025, 2, 26), date(2025, 2, 27), date(2025, 2, 28), date(2026, 3, 31))
    (old,) = planned(settings, AT, [OFFERS]).tables
    assert (old.before, sorted(old.days)) == (date(2025, 2, 28), [date(2025, 2, 26), date(2025, 2, 27)])
    assert (old.size.rows, old.size.files) == (2, 2)
    assert old.size.bytes > 0


def test_known_time_expires_where_there_was_any(settings: Settings, ops: Ops) -> None:
    """Of a history that began later nothing is past its retention, so nothing is refused."""
    runs = RunLedger(ops, lambda: NOW)

    def made(name: str, start: datetime) -> None:
        runs.finish(runs.begin(name, Interval(start, AT), "code").run_id, snapshot_id=1, rows=0)

    made("silver.jobs", datetime(2025, 1, 1, tzinfo=UTC))
    made("silver.assignments", datetime(2025, 3, 1, tzinfo=UTC))
    hold(settings, OFFERS, date(2025, 2, 1))
    plan = planned(settings, AT, names_of(()))
    assert expiring(ops, plan) == dict.fromkeys(["silver.jobs", OFFERS], datetime(2025, 2, 28, tzinfo=UTC))


def test_a_known_time_once_expired_moves_on_without_rows(settings: Settings, ops: Ops) -> None:
    hold(settings, OFFERS, date(2025, 2, 1))
    carry_out(settings, planned(settings, AT, [OFFERS]), lambda _old: True, lambda: NOW)
    next_month = planned(settings, AT + timedelta(days=30), [OFFERS])
    assert expiring(ops, next_month) == {OFFERS: datetime(2025, 3, 30, tzinfo=UTC)}


def test_a_table_that_dropped_days_tells_a_new_ledger_so(settings: Settings, ops: Ops) -> None:
    hold(settings, OFFERS, date(2026, 3, 1), kept_from="2025-01-28")
    hold(settings, "silver.jobs", date(2026, 3, 1))
    plan = planned(settings, AT, [OFFERS, "silver.jobs"])
    assert expiring(ops, plan) == {OFFERS: datetime(2025, 2, 28, tzinfo=UTC)}


def test_what_is_expired_is_kept_in_the_ledger_before_the_first_row_goes(
    settings: Settings, ops: Ops
) -> None:
    hold(settings, OFFERS, date(2025, 2, 1))

    def killed(_old: object) -> bool:
        raise KeyboardInterrupt

    plan = planned(settings, AT, [OFFERS])
    with pytest.raises(KeyboardInterrupt):
        carry_out(settings, plan, killed, lambda: NOW)
    assert planned(settings, AT, [OFFERS]) == plan
    assert expiring(ops, planned(settings, AT - timedelta(days=300), [OFFERS])) != {}


def test_lines_of_a_release_that_was_begun_stay_and_unanswered_ones_are_counted(
    settings: Settings, ops: Ops
) -> None:
    stamps = [datetime(2026, 1, day, 12, tzinfo=UTC) for day in (10, 11, 12)]
    hold(settings, REFUSED, *[stamp.date() for stamp in stamps])
    keys = [f"landing/gps_pings/{at:%Y/%m/%d/%H}/gps_pings-{at:%Y-%m-%d-%H-%M-%S}-a.gz" for at in stamps]
    for key, stamp in zip(keys, stamps, strict=True):
        LandingLedger(ops).register("gps_pings", [LandedObject(key, stamp, 1)], tick_end(stamp))
    answers = QuarantineLedger(ops)
    answers.begin(
        Answer("begun", "gps_pings", "landing/x", "ada", "late", NOW, is_done=False), [(keys[0], 1)]
    )
    answers.begin(Answer("done", "gps_pings", None, "ada", "late", NOW, is_done=True), [(keys[1], 1)])
    plan = planned(settings, AT, [REFUSED])
    (old,) = plan.tables
    assert old.held == {date(2026, 1, 10): Held.BEGUN}
    assert sorted(old.days) == [date(2026, 1, 11), date(2026, 1, 12)]
    assert plan.unanswered == {REFUSED: 1}


def test_objects_are_judged_once_more_before_they_go(
    settings: Settings, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the tables that hold their lines stand still; of two one landed again since the plan."""
    at, ledger, runs = datetime(2026, 1, 10, 12, tzinfo=UTC), LandingLedger(ops), RunLedger(ops, lambda: NOW)
    for name in "ab":
        key = f"landing/gps_pings/{at:%Y/%m/%d/%H}/gps_pings-{at:%Y-%m-%d-%H-%M-%S}-{name}.json.gz"
        put_object(settings.landing_uri, key, b"1")
        ledger.register("gps_pings", [LandedObject(key, at, 1)], tick_end(at))
        ledger.record_outcome(ObjectOutcome(key, ObjectStatus.EMPTY, 0, 0, 0, {}, 1, 1))
    for table in ("bronze.gps_pings", REFUSED):
        runs.finish(runs.begin(table, Interval(at, AT), "code").run_id, snapshot_id=1, rows=0)
    plan = planned(settings, AT, ["landing.gps_pings"])
    assert len(plan.landed[0].due) == 2
    put_object(settings.landing_uri, key, b"12")
    monkeypatch.setattr(retention, "PATIENCE", timedelta(0))
    with Leases(ops, lambda: NOW).publishing(REFUSED):
        done = carry_out(settings, plan, lambda _old: False, lambda: NOW)
    assert (done.objects, isinstance(done.failed["landing.gps_pings"], Busy)) == ({}, True)
    assert len(list(settings.home.rglob("*.gz"))) == 2
    assert carry_out(settings, plan, lambda _old: False, lambda: NOW).objects == {"gps_pings": 1}
    assert [path.name[-9:] for path in settings.home.rglob("*.gz")] == ["b.json.gz"]
    both = newest_runs(ops, Wanted(tables=("retention.landing.gps_pings",)), 9)
    done, busy = sorted(both, key=lambda run: run.error_kind is not None)
    assert (busy.status, busy.error_kind) == (RunStatus.FAILED, "Busy")
    assert (done.status, dict(done.counts)) == (RunStatus.PUBLISHED, {"objects_dropped": 1})
    assert done.interval == Interval(at, datetime(2026, 2, 24, tzinfo=UTC))


def test_objects_that_went_are_kept_with_their_bytes_and_a_killed_end_is_gone_on_with(
    settings: Settings, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed behind the last object: nothing is to go any more, and the next retention says it is done."""
    at, ledger, runs = datetime(2026, 1, 10, 12, tzinfo=UTC), LandingLedger(ops), RunLedger(ops, lambda: NOW)
    key = f"landing/gps_pings/{at:%Y/%m/%d/%H}/gps_pings-{at:%Y-%m-%d-%H-%M-%S}-a.json.gz"
    put_object(settings.landing_uri, key, b"123")
    ledger.register("gps_pings", [LandedObject(key, at, 3)], tick_end(at))
    ledger.record_outcome(ObjectOutcome(key, ObjectStatus.EMPTY, 0, 0, 0, {}, 3, 1))
    for table in ("bronze.gps_pings", REFUSED):
        runs.finish(runs.begin(table, Interval(at, AT), "code").run_id, snapshot_id=1, rows=0)

    passed = count()

    def retain() -> Run:
        plan = planned(settings, AT, ["landing.gps_pings"])
        carry_out(settings, plan, lambda _old: False, lambda: NOW + timedelta(seconds=next(passed)))
        found = runs.last_run("retention.landing.gps_pings")
        assert found is not None
        return found

    def killed(settings: Settings, *args: Any) -> None:
        delete_marked(settings, *args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(retention, "delete_marked", killed)
        with pytest.raises(KeyboardInterrupt):
            retain()
    died = runs.last_run("retention.landing.gps_pings")
    assert died is not None
    assert (died.status, died.error_kind) == (RunStatus.FAILED, "KeyboardInterrupt")
    done = retain()
    assert (done.status, done.interval) == (RunStatus.PUBLISHED, died.interval)
    assert retain().run_id == done.run_id, "nothing to go, nothing undone: no run is kept"
    put_object(settings.landing_uri, key, b"123")
    assert dict(retain().counts) == {"objects_dropped": 1, "bytes_dropped": 3}


def test_old_rows_of_ledgers_go_in_a_run(settings: Settings, ops: Ops) -> None:
    old = datetime(2024, 1, 1, tzinfo=UTC)
    StepTimings(ops).record(
        StepTiming("bronze.gps_pings", Interval(old, old + timedelta(days=1)), 1.0, 2, old)
    )
    runs = RunLedger(ops, lambda: NOW)
    for _ in range(2):
        carry_out(settings, planned(settings, AT, [LEDGER]), lambda _old: False, lambda: NOW)
    (run,) = newest_runs(ops, Wanted(tables=("retention.ledgers",)), 9)
    assert dict(run.counts) == {"step_timings_dropped": 1}
    assert run.interval.end == datetime(2024, 3, 31, tzinfo=UTC)
    assert runs.last_run("retention.landing.gps_pings") is None


def land(settings: Settings, ops: Ops, day: date, *, refused: int = 0) -> str:
    """An object of the day's noon that was read, with one line, published in bronze and quarantine."""
    at, ledger, runs = datetime.combine(day, time(12), UTC), LandingLedger(ops), RunLedger(ops, lambda: BEGUN)
    key = f"landing/gps_pings/{at:%Y/%m/%d/%H}/gps_pings-{at:%Y-%m-%d-%H-%M-%S}-a.json.gz"
    put_object(settings.landing_uri, key, b"1")
    ledger.register("gps_pings", [LandedObject(key, at, 1)], tick_end(at), archive=True)
    ledger.record_outcome(ObjectOutcome(key, ObjectStatus.OK, 1, 1 - refused, refused, {}, 1, 1))
    for table in ("bronze.gps_pings", REFUSED):
        runs.finish(runs.begin(table, Interval(at, tick_end(at)), "code").run_id, snapshot_id=1, rows=0)
    return key


def test_lines_that_come_between_plan_and_drop_stay(
    settings: Settings, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive of a planned day, made while the plan waits: nobody could look at its lines."""
    days = [date(2026, 1, 10), date(2026, 1, 11)]
    hold(settings, REFUSED, *days)
    (old,) = planned(settings, AT, [REFUSED]).tables
    assert (list(old.days), still_old(ops, old)) == (days, old)
    late, ledger, runs = datetime(2026, 1, 11, 12, tzinfo=UTC), LandingLedger(ops), RunLedger(ops, lambda: AT)
    key = f"landing/gps_pings/{late:%Y/%m/%d/%H}/gps_pings-{late:%Y-%m-%d-%H-%M-%S}-late.gz"
    ledger.register("gps_pings", [LandedObject(key, late, 1)], tick_end(late), archive=True)
    ledger.record_outcome(ObjectOutcome(key, ObjectStatus.OK, 1, 0, 1, {}, 1, 1))
    runs.finish(runs.begin(REFUSED, Interval(late, AT), "code").run_id, snapshot_id=1, rows=1)
    now = still_old(ops, old)
    assert (list(now.days), now.held) == (days[:1], {days[1]: Held.YOUNG})

    def drop_days(_lake: object, _table: Table, asked: Mapping, _before: date, held: Mapping) -> bool:
        with pytest.raises(Busy), Leases(ops, lambda: NOW).publishing(REFUSED):
            pass
        return (list(asked), list(held)) == (days[:1], days[1:])

    monkeypatch.setattr(table_maintenance, "drop_days", drop_days)
    monkeypatch.setattr(Maintenance, "_clear", lambda *_: None)
    assert Maintenance(
        cast(Lakehouse, SimpleNamespace(exists=bool, head=lambda _table: None)), ops, lambda: NOW
    ).drop(old)


def test_an_object_whose_refused_lines_are_not_held_stays_night_after_night(
    settings: Settings, ops: Ops
) -> None:
    """Quarantine lost the one line of a day; of another day it holds it. Its days go every night."""
    lost, whole = date(2026, 1, 10), date(2026, 1, 11)
    kept, _ = (land(settings, ops, day, refused=1) for day in (lost, whole))
    hold(settings, REFUSED, whole)
    for night in range(3):
        plan = planned(settings, AT + timedelta(days=night), names_of(()))
        (old,) = [each for each in plan.tables if each.table.name == REFUSED]
        assert (lost not in old.days, old.held) == (True, {lost: Held.SHORT})
        carry_out(settings, plan, lambda old: drop(settings, old), lambda: NOW)
        assert [path.name for path in settings.home.rglob("*.gz")] == [Path(kept).name]
    assert was_dropped(whole, *(CatalogReader(settings).property(old.table, name) for name in TOLD))


def drop(settings: Settings, old: OldRows) -> bool:
    """The days dropped as the platform does, without Spark."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{settings.catalog_path}", warehouse=settings.warehouse_uri)
    if old.days:
        table = catalog.load_table(old.table.name)
        with table.transaction() as both:
            both.delete(In("known_date", [day.isoformat() for day in old.days]))
            held = ",".join(day.isoformat() for day in old.held)
            both.set_properties({KEPT_FROM: old.before.isoformat(), HELD_DAYS: held})
    catalog.engine.dispose()
    return bool(old.days)


def test_a_day_of_bronze_that_is_short_is_held_with_its_objects(settings: Settings, ops: Ops) -> None:
    day = date(2026, 1, 10)
    land(settings, ops, day)
    hold(settings, "bronze.gps_pings", day, day)
    in_two_years = AT.replace(year=2028)
    (old,) = planned(settings, in_two_years, ["bronze.gps_pings"]).tables
    assert (old.days, old.held) == ({}, {day: Held.SHORT})


def test_nobody_is_kept_from_publishing_while_objects_are_listed_and_deleted(
    settings: Settings, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(settings, ops, date(2026, 1, 10))
    hold(settings, "bronze.gps_pings", date(2026, 1, 10))
    plan, free = planned(settings, AT, ["landing.gps_pings"]), []

    def watched(name: str) -> Callable:
        real = getattr(retention, name)

        def call(*arguments: Any) -> Any:
            for table in ("bronze.gps_pings", REFUSED):
                with Leases(ops, lambda: NOW).publishing(table):
                    free.append(name)
            return real(*arguments)

        return call

    for name in ("lying_before", "delete_marked"):
        monkeypatch.setattr(retention, name, watched(name))
    assert carry_out(settings, plan, lambda _old: False, lambda: NOW).objects == {"gps_pings": 1}
    assert free == ["lying_before", "lying_before", "delete_marked", "delete_marked"]


def test_what_is_broken_keeps_nothing_else_back(
    settings: Settings, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that others work on, a table whose metadata is gone, one that breaks as it is dropped."""
    for name in (OFFERS, "silver.jobs", "silver.assignments"):
        hold(settings, name, date(2025, 2, 1))
    land(settings, ops, date(2026, 1, 10))
    hold(settings, "bronze.gps_pings", date(2026, 1, 10))
    for path in settings.home.rglob("silver/jobs/**/*.metadata.json"):
        path.unlink()
    monkeypatch.setattr(retention, "PATIENCE", timedelta(0))
    plan = planned(settings, AT, names_of(()))
    assert list(plan.failed) == ["silver.jobs"]

    def drop_one(old: OldRows) -> bool:
        if old.table.name == OFFERS:
            raise OSError("disk")
        return bool(old.days)

    with Leases(ops, lambda: NOW).publishing(REFUSED):
        done = carry_out(settings, plan, drop_one, lambda: NOW)
    assert (list(done.failed), done.tables) == (["landing.gps_pings", OFFERS], ("silver.assignments",))


def test_a_source_that_cannot_be_listed_keeps_its_bronze_and_quarantine(
    settings: Settings, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(settings, REFUSED, date(2026, 1, 10))
    hold(settings, OFFERS, date(2025, 2, 1))

    def broken(_settings: Settings, _ops: Ops, source: str, before: datetime) -> OldObjects:
        if source == "gps_pings":
            raise Unreachable("The store does not answer.")
        return OldObjects(source, before)

    monkeypatch.setattr(retention, "old_objects", broken)
    plan = planned(settings, AT, [REFUSED, OFFERS])
    assert set(plan.failed) == {"landing.gps_pings", REFUSED}
    assert [each.table.name for each in plan.tables] == [OFFERS]


def test_what_is_broken_is_told_and_ends_the_command_by_its_kind(
    settings: Settings, ops: Ops, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    close(ops, AT)

    def broken(_reader: CatalogReader, table: Table) -> dict[date, DaySize]:
        if table.name in (OFFERS, "silver.jobs"):
            raise Unreachable("The catalog does not answer.", "Wait.")
        return {}

    monkeypatch.setattr(CatalogReader, "sizes_by_day", broken)
    answer = run("retention", "--json")
    assert answer.code == Unreachable.exit_code
    assert json.loads(answer.out)["failed"] == {"silver.jobs": "Unreachable", OFFERS: "Unreachable"}
    assert answer.err.count("The catalog does not answer.") == 1
    assert "kept: silver.offers, silver.jobs; the others" in answer.err


def test_days_of_lines_that_are_readable_lately_stay(settings: Settings, ops: Ops) -> None:
    """An archive of two days read on one evening; counted from 35 days later, both go."""
    days, ledger = [date(2026, 1, 10), date(2026, 1, 11)], LandingLedger(ops)
    hold(settings, REFUSED, *days)
    for day, refused in zip(days, (1, 0), strict=True):
        at = datetime.combine(day, time(12), UTC)
        key = f"landing/gps_pings/{at:%Y/%m/%d/%H}/gps_pings-{at:%Y-%m-%d-%H-%M-%S}-a.gz"
        ledger.register("gps_pings", [LandedObject(key, at, 1)], tick_end(at), archive=True)
        ledger.record_outcome(ObjectOutcome(key, ObjectStatus.OK, 1, 1 - refused, refused, {}, 1, 1))
    evening = datetime(2026, 2, 24, 20, tzinfo=UTC)  # AT is 35 days and 16 hours later
    runs = RunLedger(ops, lambda: evening)
    made = runs.begin(REFUSED, Interval(datetime(2026, 1, 1, tzinfo=UTC), AT), "code")
    runs.finish(made.run_id, snapshot_id=1, rows=1)
    (old,) = planned(settings, AT, [REFUSED]).tables
    assert (old.held, list(old.days)) == ({days[0]: Held.YOUNG}, [days[1]])
    (old,) = planned(settings, AT + timedelta(days=1), [REFUSED]).tables
    assert (old.held, list(old.days)) == ({}, days)


def test_datasets_are_not_asked_for(ops: Ops) -> None:
    names = names_of(())
    assert [name for name in names if name.startswith("training.")] == []
    assert {"landing.gps_pings", OFFERS, LEDGER, LOG} <= set(names)
    with pytest.raises(UnknownName, match=r"training\.eta_v1"):
        names_of(["training.eta_v1"])


def test_the_command_tells_and_writes_nothing(settings: Settings, ops: Ops, run: Callable) -> None:
    hold(settings, OFFERS, date(2025, 2, 1))
    close(ops, AT)
    answer = run("retention", "--json")
    told = json.loads(answer.out)
    (offers,) = [each for each in told["tables"] if each["table"] == OFFERS]
    assert (answer.code, told["counted_from"], offers["before"], offers["rows"]) == (
        0,
        "2026-03-31T12:00:00Z",
        "2025-02-28",
        1,
    )
    told = run("retention", "--table", OFFERS)
    assert (told.code, OFFERS in told.out, "13 months" in told.out) == (0, True, True)
    assert told.out.endswith("Dry run: nothing was deleted. Do it: --execute.\n")
    assert expiring(ops, planned(settings, AT - timedelta(days=300), [OFFERS])) == {}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--at", "2999-01-01"], 2, "lies in the future"),
        (["--at", "2026-03-31T12:07Z"], 2, "15-minute grid"),
        (["--table", "silver.offer"], 2, "Did you mean silver.offers"),
        ([], 1, "Nothing has been ingested yet"),
    ],
)
def test_what_cannot_be_is_refused(ops: Ops, run: Callable, words: list[str], code: int, said: str) -> None:
    answer = run("retention", *words)
    assert (answer.code, said in answer.err) == (code, True)
