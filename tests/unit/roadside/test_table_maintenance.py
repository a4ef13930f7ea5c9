"""Compactions and retentions of a table, each a run with the snapshots before and after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from lakehouse.catalog_reader import DaySize
from lakehouse.ops import Ops
from lakehouse.run_ledger import Run, RunLedger, RunStatus
from lakehouse.run_search import Wanted, newest_runs
from lakehouse.tables import Lakehouse
from roadside import table_maintenance
from roadside.retention import OldRows
from roadside.table_maintenance import Maintenance
from support.frames import frame_of
from validation.clocks import TICK, Interval
from validation.contracts.tiles.traffic_15m import TRAFFIC_15M as TABLE

pytestmark = pytest.mark.slow(minutes=0.5)

FIRST, SECOND, THIRD = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3))
COMPACTION, RETENTION = f"compaction.{TABLE.name}", f"retention.{TABLE.name}"


@dataclass
class Lake:
    """The table with two days of two files each and a third one, all made by a run of the ledger."""

    lakehouse: Lakehouse
    ops: Ops

    def __post_init__(self) -> None:
        passed = count()
        self.runs = RunLedger(self.ops, lambda: datetime(2026, 11, 1, tzinfo=UTC))
        self.heard: list[Run] = []
        wall = lambda: datetime.now(UTC) + timedelta(seconds=next(passed))  # noqa: E731
        self.maintenance = Maintenance(self.lakehouse, self.ops, wall, heard=self.heard.append)
        self.lakehouse.create(TABLE)
        for day, hour in ((FIRST, 0), (FIRST, 1), (SECOND, 0), (SECOND, 1), (THIRD, 0)):
            start = day + timedelta(hours=hour)
            self.replace(Interval(start, start + timedelta(hours=1)))
        made = self.runs.begin(TABLE.name, Interval(FIRST, THIRD + timedelta(days=1)), "code")
        self.runs.finish(made.run_id, snapshot_id=self.head, rows=5)

    def replace(self, interval: Interval) -> None:
        at = interval.start + TICK
        row = {"zone_id": "z", "amount": 1, "known_at": at, "tile_at": at, "counts_at": at}
        self.lakehouse.replace(TABLE, interval, frame_of(self.lakehouse.spark, TABLE, [row]), f"{at:%d%H}")

    @property
    def head(self) -> int | None:
        return self.lakehouse.head(TABLE)

    def of(self, name: str) -> list[Run]:
        return newest_runs(self.ops, Wanted(tables=(name,)), 9)[::-1]

    def old(self, *days: datetime) -> OldRows:
        sizes = {each.date(): DaySize(2, 100, 2) for each in days}
        return OldRows(TABLE, TABLE.retention, date(2026, 3, 3), sizes)


@pytest.fixture
def lake(lakehouse: Lakehouse, tmp_path: Path) -> Lake:
    return Lake(lakehouse, Ops(f"sqlite:///{tmp_path}/ops.db"))


def test_a_compaction_is_a_run_from_the_snapshot_before_to_its_own(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of which a tick that is published beside it is no part."""
    before = lake.head
    compact, own = table_maintenance.compact, list[int | None]()

    def beside(*args: object) -> int:
        rewritten = compact(*args)  # type: ignore[arg-type]
        own.append(lake.head)
        lake.replace(Interval(THIRD + timedelta(hours=5), THIRD + timedelta(hours=6)))
        return rewritten

    with monkeypatch.context() as patch:
        patch.setattr(table_maintenance, "compact", beside)
        assert lake.maintenance.compact(TABLE, date(2026, 3, 3)) == 4
    (run,) = lake.of(COMPACTION)
    assert (run.status, run.interval) == (RunStatus.PUBLISHED, Interval(FIRST, THIRD))
    assert (run.inputs, [run.snapshot_id]) == ({TABLE.name: before}, own)
    assert own != [lake.head]
    assert (run.rows, dict(run.counts), run.files) == (None, {"files_rewritten": 4}, 2)
    assert run.size_bytes is not None
    assert run.size_bytes > 0
    assert [each.status for each in lake.heard] == [RunStatus.RUNNING, RunStatus.PUBLISHED]
    assert lake.maintenance.compact(TABLE, date(2026, 3, 3)) == 0
    again = lake.of(COMPACTION)[-1]
    assert (again.snapshot_id, again.files, again.size_bytes) == (lake.head, 0, 0)


def test_dropped_days_are_a_run_with_the_rows_files_and_bytes_that_went(lake: Lake) -> None:
    before = lake.head
    assert lake.maintenance.drop(lake.old(FIRST, SECOND))
    (run,) = lake.of(RETENTION)
    assert (run.status, run.interval) == (RunStatus.PUBLISHED, Interval(FIRST, THIRD))
    assert (run.inputs, run.snapshot_id) == ({TABLE.name: before}, lake.head)
    assert (run.counts["rows_dropped"], run.counts["files_dropped"]) == (4, 4)
    assert run.counts["bytes_dropped"] > 0
    assert not lake.maintenance.drop(lake.old())
    assert len(lake.of(RETENTION)) == 1, "where nothing is old no run is kept"


def test_a_retention_killed_behind_its_drop_is_told_so_and_the_next_goes_on_with_its_known_time(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(table_maintenance, "expire", killed)
        with pytest.raises(KeyboardInterrupt):
            lake.maintenance.drop(lake.old(FIRST, SECOND))
    (died,) = lake.of(RETENTION)
    assert (died.status, died.error_kind) == (RunStatus.FAILED, "KeyboardInterrupt")
    assert not lake.maintenance.drop(lake.old()), "its days are gone"
    done = lake.of(RETENTION)[-1]
    assert (done.status, done.interval, dict(done.counts)) == (RunStatus.PUBLISHED, died.interval, {})
    assert done.snapshot_id == lake.head
