"""An old object goes only if its lines are accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DateType, NestedField

from lakehouse import landed_accounts
from lakehouse.expiries import HELD_DAYS, KEPT_FROM, expire_known_time
from lakehouse.landed_accounts import (
    OldObjects,
    Unaccounted,
    delete_marked,
    deleted_within,
    mark_deleted,
    old_objects,
)
from lakehouse.landing_ledger import LandingLedger, ObjectOutcome, ObjectStatus, Refusal
from lakehouse.object_store import LandedObject, delete_object
from lakehouse.ops import Ops
from lakehouse.quality_ledger import KeptFinding, QualityLedger
from lakehouse.quarantine_ledger import Answer, QuarantineLedger
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings, load_settings
from validation.clocks import TICK, Interval, tick_end

SOURCE = "gps_pings"
DATED = Schema(NestedField(1, "known_date", DateType()))
BY_DATE = PartitionSpec(PartitionField(1, 1000, IdentityTransform(), "known_date"))
OLD = datetime(2026, 1, 20, 12, tzinfo=UTC)
BEFORE = datetime(2026, 2, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 10, tzinfo=UTC)
DAY = timedelta(days=1)
REFUSED = {"lines": 1, "quarantined_rows": 1}


@dataclass
class Home:
    """Landed objects with what the ledgers know of them; no table holds a row."""

    settings: Settings
    ops: Ops

    def put(self, stamp: datetime, name: str) -> LandedObject:
        key = f"landing/{SOURCE}/{stamp:%Y/%m/%d/%H}/{SOURCE}-{stamp:%Y-%m-%d-%H-%M-%S}-{name}.json.gz"
        path = self.settings.home / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
        return LandedObject(key, stamp, 5)

    def land(self, name: str, stamp: datetime = OLD, *, read: bool = True, **outcome: int) -> LandedObject:
        """An object in the ledger; read, without a line unless told."""
        landed = self.put(stamp, name)
        ledger = LandingLedger(self.ops)
        ledger.register(SOURCE, [landed], tick_end(stamp))
        if read:
            counts = {"lines": 0, "bronze_rows": 0, "quarantined_rows": 0} | outcome
            ledger.record_outcome(
                ObjectOutcome(
                    landed.key, ObjectStatus.OK, **counts, reasons={}, size_bytes=5, contract_version=1
                )
            )
        return landed

    def publish(self, interval: Interval, *layers: str, at: datetime = OLD + DAY) -> None:
        runs = RunLedger(self.ops, lambda: at)
        for layer in layers or ("bronze", "quarantine"):
            run = runs.begin(f"{layer}.{SOURCE}", interval, "code")
            runs.finish(run.run_id, snapshot_id=None, rows=0)

    def old(self) -> OldObjects:
        return old_objects(self.settings, self.ops, SOURCE, BEFORE)

    def holds(self, layer: str, *days: date) -> None:
        """The layer's table has one row on each of the days."""
        with self.table(layer) as table:
            rows = [{"known_date": day} for day in days]
            table.append(pa.Table.from_pylist(rows, schema=table.schema().as_arrow()))

    def dropped(self, layer: str, *held: date) -> None:
        """The layer's table says that it dropped every day before BEFORE, save those that were held."""
        with self.table(layer) as table, table.transaction() as changed:
            told = ",".join(day.isoformat() for day in held)
            changed.set_properties({KEPT_FROM: f"{BEFORE:%Y-%m-%d}", HELD_DAYS: told})

    @contextmanager
    def table(self, layer: str) -> Iterator[IcebergTable]:
        name, uri = f"{layer}.{SOURCE}", f"sqlite:///{self.settings.catalog_path}"
        catalog = SqlCatalog("lake", uri=uri, warehouse=self.settings.warehouse_uri)
        catalog.create_namespace_if_not_exists(layer)
        yield catalog.create_table_if_not_exists(name, DATED, partition_spec=BY_DATE)
        catalog.engine.dispose()

    def end(self) -> int:
        """What is due marked and deleted; how many."""
        marked = mark_deleted(self.ops, SOURCE, self.old().due, NOW)
        delete_marked(self.settings, marked)
        return len(marked)

    def why(self, landed: LandedObject) -> Unaccounted | None:
        """What keeps the object; None if it is to go."""
        old = self.old()
        (reason,) = [None] * (landed in old.due) + [r for r, kept in old.kept.items() if landed in kept]
        return reason

    def there(self) -> set[str]:
        return {path.name for path in (self.settings.home / "landing").rglob("*.gz")}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    settings = load_settings({"ROADSIDE_HOME": str(tmp_path)})
    made = Home(settings, Ops(settings.ops_url))
    made.publish(Interval(OLD - DAY, OLD + DAY))
    return made


def test_an_object_that_was_read_goes_and_one_of_a_kept_day_stays(home: Home) -> None:
    read = home.land("read")
    home.land("new", NOW)
    last = home.land("last", BEFORE - timedelta(seconds=1))
    home.publish(Interval(BEFORE - TICK, BEFORE))
    first = home.land("first", BEFORE)
    assert home.old().due == (read, last)
    assert home.old().kept == {}
    assert first not in home.old().due


def test_what_no_run_has_read_is_kept_with_the_reason(home: Home) -> None:
    assert home.why(home.put(OLD, "unknown")) is Unaccounted.UNREGISTERED
    assert home.why(home.land("unread", read=False)) is Unaccounted.UNREAD
    assert home.why(home.land("short", lines=3, bronze_rows=1, quarantined_rows=1)) is Unaccounted.UNBALANCED
    stray = home.settings.home / f"landing/{SOURCE}/2026/01/20/12/notes.txt"
    stray.write_text("")
    assert [each.key for each in home.old().kept[Unaccounted.MISNAMED]] == [
        f"landing/{SOURCE}/2026/01/20/12/notes.txt"
    ]


def test_rows_that_a_table_does_not_hold_keep_the_day_s_objects(home: Home) -> None:
    other_day = home.land("other", OLD - timedelta(hours=18))
    landed, beside = home.land("read", lines=1, bronze_rows=1), home.land("beside")
    assert home.why(landed) is home.why(beside) is Unaccounted.NOT_HELD
    assert home.why(other_day) is None


def test_refused_lines_that_quarantine_does_not_hold_keep_them_too(home: Home) -> None:
    assert home.why(home.land("read", lines=1, quarantined_rows=1)) is Unaccounted.NOT_HELD


def test_a_day_is_asked_for_until_the_table_dropped_it_however_old_it_is(home: Home) -> None:
    """Past its retention every night; and left by the drop, as objects were kept for it."""
    landed, day = home.land("read", lines=1, quarantined_rows=1), OLD.date()
    expire_known_time(home.ops, {f"quarantine.{SOURCE}": BEFORE}, NOW)
    assert home.why(landed) is Unaccounted.NOT_HELD
    home.dropped("quarantine", day)
    assert home.why(landed) is Unaccounted.NOT_HELD
    home.dropped("quarantine")
    assert home.why(landed) is None


def test_refused_lines_keep_their_object_until_they_were_readable_for_as_long(home: Home) -> None:
    """A tick that is read so late: an archive, an outage caught up."""
    plain, refusing = home.land("plain", OLD + 2 * DAY), home.land("refusing", OLD + 3 * DAY, **REFUSED)
    home.holds("quarantine", (OLD + 3 * DAY).date())
    home.publish(Interval(OLD + DAY, OLD + 4 * DAY), at=BEFORE)
    assert (home.why(plain), home.why(refusing)) == (None, Unaccounted.YOUNG)
    later = old_objects(home.settings, home.ops, SOURCE, BEFORE + DAY)
    assert refusing in later.due


def test_lines_that_were_made_again_are_as_old_as_when_they_were_first_readable(home: Home) -> None:
    landed = home.land("refusing", **REFUSED)
    home.holds("quarantine", OLD.date())
    home.publish(Interval(OLD, OLD + DAY), at=BEFORE + DAY)
    assert home.why(landed) is None


def test_an_object_that_was_turned_away_lately_stays(home: Home) -> None:
    landed = home.land("refusing", **REFUSED)
    home.holds("quarantine", OLD.date())
    LandingLedger(home.ops).refuse([Refusal(landed.key, SOURCE, "run", "ada", "wrong", BEFORE)])
    assert home.why(landed) is Unaccounted.YOUNG


def test_objects_that_a_run_goes_on_over_wait_for_its_end(home: Home) -> None:
    landed, runs = home.land("read"), RunLedger(home.ops, lambda: OLD + DAY)
    going_on = runs.begin(f"bronze.{SOURCE}", Interval(OLD, OLD + DAY), "newer")
    assert home.why(landed) is Unaccounted.RUNNING
    runs.finish(going_on.run_id, snapshot_id=None, rows=0)
    assert home.why(landed) is None


def test_objects_that_a_run_begins_over_as_they_are_marked_stay_and_are_read(
    home: Home,
) -> None:
    """Of bronze and quarantine, begun before they read: one of four weeks that ends with the tick."""
    landed, beside = home.land("read"), home.land("beside", OLD + DAY - TICK)
    due, runs = home.old().due, RunLedger(home.ops, lambda: NOW)
    assert due == (landed, beside)
    names = [f"bronze.{SOURCE}", f"quarantine.{SOURCE}"]
    for run in runs.begin_all(names, Interval(OLD - 28 * DAY, OLD + TICK), "newer"):
        assert home.why(landed) is Unaccounted.RUNNING
        assert mark_deleted(home.ops, SOURCE, due, NOW) == [beside]
        assert deleted_within(home.ops, SOURCE, Interval(OLD, OLD + TICK)) is None
        runs.fail(run.run_id, "Killed")
    assert mark_deleted(home.ops, SOURCE, due, NOW + DAY) == [landed, beside]


def test_bronze_that_was_made_again_without_quarantine_keeps_the_tick_s_objects(home: Home) -> None:
    """Killed between the two, and since then quarantine dropped that day, with fewer lines than were read.
    Of all objects the tick can be made again.
    """
    landed, plain = home.land("read", **REFUSED), home.land("plain")
    home.dropped("quarantine")
    assert home.why(landed) is None
    home.publish(Interval(OLD, OLD + DAY), "bronze", at=OLD + 2 * DAY)
    assert home.why(landed) is home.why(plain) is Unaccounted.OUTRUN
    home.publish(Interval(OLD, OLD + DAY), "quarantine", at=OLD + 2 * DAY)
    assert home.why(landed) is None


def test_an_object_that_landed_again_under_its_name_stays(home: Home) -> None:
    landed = home.land("again")
    (home.settings.home / landed.key).write_bytes(b"123456")
    assert home.why(replace(landed, size=6)) is Unaccounted.CHANGED


def test_an_object_of_a_begun_release_stays_until_it_is_written(home: Home) -> None:
    """The header of its lines stands there only."""
    landed, ledger = home.land("released", **REFUSED), QuarantineLedger(home.ops)
    home.holds("quarantine", OLD.date())
    answer = Answer("answer", SOURCE, "landing/new", "ada", "mended", NOW, is_done=False)
    ledger.begin(answer, [(landed.key, 1)])
    assert home.why(landed) is Unaccounted.BEGUN
    ledger.finish("answer")
    assert home.why(landed) is None


def test_a_day_of_which_some_objects_are_deleted_goes_on(home: Home) -> None:
    """Rows of several of its ticks; what is left begins in the middle of it."""
    landed = [home.land("read", OLD + n * TICK, lines=1, bronze_rows=1) for n in range(3)]
    for _ in landed:
        home.holds("bronze", OLD.date())
    marked = mark_deleted(home.ops, SOURCE, home.old().due[:2], NOW)
    delete_marked(home.settings, marked)
    assert marked == landed[:2]
    assert home.old() == OldObjects(SOURCE, BEFORE, (landed[2],), {})


@pytest.mark.parametrize("layer", ["bronze", "quarantine"])
def test_a_tick_that_was_published_in_one_table_only_keeps_its_objects(home: Home, layer: str) -> None:
    later = OLD + timedelta(days=3)
    landed = home.land("half", later)
    home.publish(Interval(tick_end(later) - TICK, tick_end(later)), layer)
    assert home.why(landed) is Unaccounted.UNPUBLISHED


def test_a_tick_that_a_check_stopped_keeps_its_objects_until_it_is_accepted(home: Home) -> None:
    landed = home.land("stopped")
    tick = tick_end(OLD)
    ledger = QualityLedger(home.ops)
    finding = KeptFinding(SOURCE, tick, "volume", "", "fail", 9, 0.9, 0.1, "few", "run1")
    ledger.record_findings(SOURCE, Interval(tick - TICK, tick), [finding])
    assert home.why(landed) is Unaccounted.STOPPED
    ledger.accept([finding], "ada", "a holiday", NOW, timedelta(0))
    assert home.why(landed) is None


def test_a_straggler_s_time_counts_from_the_tick_that_found_it(home: Home) -> None:
    LandingLedger(home.ops).close(SOURCE, NOW)
    landed = home.put(OLD, "late")
    LandingLedger(home.ops).register(SOURCE, [landed], NOW)
    assert (home.old().due, home.old().kept) == ((), {})


def test_objects_are_deleted_and_a_deletion_that_was_killed_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed = [home.land(name) for name in "abc"]
    kept = home.land("kept", read=False)
    deletions = count()

    def killed(root: str, key: str) -> None:
        if next(deletions):
            raise KeyboardInterrupt
        delete_object(root, key)

    with monkeypatch.context() as patch:
        patch.setattr(landed_accounts, "delete_object", killed)
        with pytest.raises(KeyboardInterrupt):
            home.end()
    assert len(home.there()) == 3
    assert home.old().due == tuple(landed[1:])  # the others lie there, marked
    assert deleted_within(home.ops, SOURCE, Interval(OLD, OLD + TICK)) == (3, OLD + TICK)

    assert home.end() == 2
    assert home.there() == {Path(kept.key).name}
    assert home.end() == 0
