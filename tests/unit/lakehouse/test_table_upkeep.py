"""Days dropped, snapshots forgotten, strays removed: what is kept stays, for rows, readers and runs."""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame

from lakehouse.catalog_reader import CatalogReader
from lakehouse.expiries import HELD_DAYS, KEPT_FROM
from lakehouse.settings import Settings
from lakehouse.table_upkeep import (
    drop_days,
    drop_dead_branches,
    expire,
    files_of_dropped,
    remove_strays,
)
from lakehouse.tables import Lakehouse
from support.frames import frame_of
from validation.clocks import TICK, Interval
from validation.contracts.tiles.traffic_15m import TRAFFIC_15M as TABLE

pytestmark = pytest.mark.slow(minutes=0.7)

DAY = timedelta(days=1)
FIRST, SECOND, THIRD = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3))
OLD, BEFORE = [FIRST.date(), SECOND.date()], THIRD.date()


class Lake:
    """The table with three days, a row each, the first two in two files."""

    def __init__(self, lakehouse: Lakehouse, settings: Settings) -> None:
        self.lakehouse = lakehouse
        self.folder = Path(settings.warehouse_uri.removeprefix("file://")) / "tiles" / "traffic_15m"
        self.reader = CatalogReader(settings)
        lakehouse.create(TABLE)
        self.replace(FIRST, "expired-zone", FIRST, SECOND)
        self.replace(THIRD, "kept-zone", THIRD)

    def replace(self, start: datetime, zone: str, *days: datetime) -> None:
        interval = Interval(start, days[-1] + DAY)
        self.lakehouse.replace(TABLE, interval, self.rows(zone, *days), f"of{start:%d}")

    def rows(self, zone: str, *days: datetime) -> DataFrame:
        ticks = [day + TICK for day in days]
        return frame_of(
            self.lakehouse.spark,
            TABLE,
            [
                {"zone_id": f"{zone}-{at:%d}", "amount": 1, "known_at": at, "tile_at": at, "counts_at": at}
                for at in ticks
            ],
        )

    def zones(self) -> list[str]:
        return sorted(row.zone_id for row in self.lakehouse.read(TABLE).select("zone_id").collect())

    def in_force(self) -> set[str]:
        found = self.lakehouse.spark.sql(f"SELECT file_path FROM {self.lakehouse.identifier(TABLE)}.files")
        return {Path(row.file_path).name for row in found.collect()}

    def stored(self) -> set[str]:
        return {path.name for path in self.folder.rglob("*.parquet")}

    def holding(self, text: str) -> set[str]:
        """Data files in the folder that hold these bytes."""
        return {path.name for path in self.folder.rglob("*.parquet") if text.encode() in path.read_bytes()}

    def snapshots(self) -> set[int | None]:
        return {int(each.snapshotId()) for each in self.lakehouse.iceberg(TABLE).snapshots()}


@pytest.fixture
def lake(lakehouse: Lakehouse, spark_settings: Settings) -> Lake:
    return Lake(lakehouse, spark_settings)


def tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(hours=25)


def test_days_are_dropped_and_no_file_is_written_again(lake: Lake) -> None:
    kept, before = Interval(THIRD, THIRD + DAY), lake.in_force()
    digest = lake.lakehouse.digest(TABLE, kept)
    assert lake.reader.property(TABLE, KEPT_FROM) is None
    assert drop_days(lake.lakehouse, TABLE, OLD, BEFORE)
    assert lake.zones() == ["kept-zone-03"]
    assert lake.reader.property(TABLE, KEPT_FROM) == "2026-03-03"
    assert lake.in_force() < before
    assert lake.stored() >= before
    assert lake.lakehouse.digest(TABLE, kept) == digest

    head = lake.lakehouse.head(TABLE)
    assert not drop_days(lake.lakehouse, TABLE, OLD, BEFORE)
    assert lake.lakehouse.head(TABLE) == head


def test_a_day_that_is_held_or_was_not_planned_stays_and_the_table_says_so(lake: Lake) -> None:
    """The second came since the plan; the third, held, has no row."""
    held = date(2026, 2, 28)
    assert drop_days(lake.lakehouse, TABLE, [FIRST.date(), date(2026, 2, 27)], BEFORE, held=[held])
    assert lake.zones() == ["expired-zone-02", "kept-zone-03"]
    assert lake.reader.property(TABLE, HELD_DAYS) == "2026-02-28,2026-03-02"
    assert not drop_days(lake.lakehouse, TABLE, [FIRST.date(), held], BEFORE)
    assert drop_days(lake.lakehouse, TABLE, OLD, BEFORE)
    assert (lake.zones(), lake.reader.property(TABLE, HELD_DAYS)) == (["kept-zone-03"], "")


def test_the_files_go_once_no_reader_needs_them_and_one_that_began_before_goes_on(lake: Lake) -> None:
    assert len(lake.holding("expired-zone")) == 2
    reading = lake.reader.snapshot(TABLE)
    drop_days(lake.lakehouse, TABLE, OLD, BEFORE)
    expire(lake.lakehouse, TABLE, datetime.now(UTC))
    assert sum(rows.num_rows for rows in reading.read()) == 3
    assert files_of_dropped(lake.lakehouse, TABLE) == 2

    assert expire(lake.lakehouse, TABLE, tomorrow()) > 0
    assert lake.holding("expired-zone") == set()
    assert lake.stored() == lake.in_force()
    assert files_of_dropped(lake.lakehouse, TABLE) == 0
    assert lake.zones() == ["kept-zone-03"]
    assert (len(lake.snapshots()), expire(lake.lakehouse, TABLE, tomorrow())) == (1, 0)


def test_a_snapshot_counts_as_left_when_another_followed_however_old_it_is(lake: Lake) -> None:
    before = lake.lakehouse.head(TABLE)
    time.sleep(1.5)
    lake.replace(THIRD + DAY, "more", THIRD + DAY)
    history = [int(each.timestampMillis()) for each in lake.lakehouse.iceberg(TABLE).history()]
    left, second = datetime.fromtimestamp(history[-1] / 1000, UTC), timedelta(seconds=1)
    expire(lake.lakehouse, TABLE, left + second / 2, readers=second)
    assert lake.snapshots() == {before, lake.lakehouse.head(TABLE)}
    assert expire(lake.lakehouse, TABLE, left + 2 * second, readers=second) == 1
    assert lake.snapshots() == {lake.lakehouse.head(TABLE)}


def test_what_readers_were_told_of_is_kept_until_it_holds_days_that_were_dropped(lake: Lake) -> None:
    """And until main has left it for as long as a reader may go on."""
    released = lake.lakehouse.head(TABLE)
    assert released is not None
    lake.replace(THIRD, "newer-zone", THIRD)
    expire(lake.lakehouse, TABLE, tomorrow(), kept=[released])
    told = f"SELECT zone_id FROM {lake.lakehouse.identifier(TABLE)} VERSION AS OF {released}"
    assert len(lake.lakehouse.spark.sql(told).collect()) == 3

    drop_days(lake.lakehouse, TABLE, OLD[:1], BEFORE)
    expire(lake.lakehouse, TABLE, datetime.now(UTC), kept=[released])
    assert released in lake.snapshots()
    assert files_of_dropped(lake.lakehouse, TABLE) == 1
    expire(lake.lakehouse, TABLE, tomorrow(), kept=[released])
    assert lake.snapshots() == {lake.lakehouse.head(TABLE)}
    assert (files_of_dropped(lake.lakehouse, TABLE), len(lake.holding("expired-zone-01"))) == (0, 0)
    assert lake.zones() == ["expired-zone-02", "newer-zone-03"]


def test_a_snapshot_of_kept_days_that_readers_were_told_of_stays_beside_dropped_ones(lake: Lake) -> None:
    drop_days(lake.lakehouse, TABLE, OLD, BEFORE)
    released = lake.lakehouse.head(TABLE)
    assert released is not None
    lake.replace(THIRD, "newer-zone", THIRD)
    expire(lake.lakehouse, TABLE, tomorrow(), kept=[released])
    assert lake.snapshots() == {released, lake.lakehouse.head(TABLE)}


def test_as_many_days_as_a_first_retention_finds_are_dropped(lake: Lake) -> None:
    many = [FIRST.date() - n * DAY for n in range(400)]
    assert drop_days(lake.lakehouse, TABLE, [*many, SECOND.date()], BEFORE, held=many[300:])
    assert lake.zones() == ["kept-zone-03"]
    assert files_of_dropped(lake.lakehouse, TABLE) == 2


def test_a_run_that_is_alive_publishes_what_it_had_staged_and_a_dead_one_s_branch_goes(lake: Lake) -> None:
    def stage(start: datetime, run: str):  # type: ignore[no-untyped-def]
        rows = lake.rows(run, start)
        return lake.lakehouse.stage(TABLE, Interval(start, start + DAY), rows, run, lambda: {"alive", "dead"})

    staged = stage(THIRD, "alive")
    stage(THIRD + DAY, "dead")
    drop_days(lake.lakehouse, TABLE, OLD, BEFORE)
    drop_dead_branches(lake.lakehouse, TABLE, lambda: {"alive"})
    assert set(lake.lakehouse.iceberg(TABLE).refs().keySet()) == {"main", "run_alive"}
    expire(lake.lakehouse, TABLE, tomorrow())

    lake.lakehouse.publish(staged)
    assert lake.zones() == ["alive-03"]
    drop_dead_branches(lake.lakehouse, TABLE, set)
    expire(lake.lakehouse, TABLE, tomorrow())
    assert lake.stored() == lake.in_force()


def test_old_files_that_no_snapshot_names_are_removed_and_young_ones_are_left(lake: Lake) -> None:
    old, young = (lake.folder / "data" / f"{name}.parquet" for name in ("old", "young"))
    for stray in (old, young):
        stray.write_bytes(b"stray")
    for stray, age in ((old, 4 * DAY), (young, 2 * DAY)):
        written = (datetime.now(UTC) - age).timestamp()
        os.utime(stray, (written, written))
    now = datetime.now(UTC)
    assert remove_strays(lake.lakehouse, TABLE, now) == 1
    assert (old.exists(), young.exists()) == (False, True)
    written = (now - 4 * DAY).timestamp()
    os.utime(young, (written, written))
    assert remove_strays(lake.lakehouse, TABLE, now) == 0  # the folder is listed once a day
    assert remove_strays(lake.lakehouse, TABLE, now + DAY) == 1
    assert len(lake.zones()) == 3
