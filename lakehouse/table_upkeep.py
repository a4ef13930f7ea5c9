"""Upkeep of Iceberg tables: small files rewritten, days dropped, what no reader needs any more removed.

A snapshot is kept for as long as somebody may be reading it: it is what `main` was within the last hours, or
what a branch of a running run came from, or the caller says so. By its own age, as Iceberg's own expiry goes,
a snapshot that was the newest for a week would go the moment another follows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from lakehouse.branches import drop_branches, moved
from lakehouse.expiries import HELD_DAYS, KEPT_FROM
from lakehouse.spark import CATALOG, java_class
from lakehouse.tables import Lakehouse
from validation.contract import Table

READERS_GO_ON = timedelta(hours=24)
"""A reader that began so long ago still finds its files."""
STRAYS_AFTER = timedelta(days=3)
"""A file so old that no snapshot names was left by a run that died: none takes so long."""
STRAYS_REMOVED_ON = "roadside.strays_removed_on"
"""Property of a table: the day on which such files were last looked for."""


def compact(lakehouse: Lakehouse, table: Table, before: date) -> int:
    """Rewrite the small files of partitions before the day. Rows and digest stay as they are.

    Returns the number of files rewritten; they stay for their readers until `expire`.

    Raises:
        Moved: files were replaced meanwhile that were being rewritten; nothing was.
    """
    head = lakehouse.head(table)
    if head is None:
        return 0
    try:
        rewritten = lakehouse.spark.sql(
            f"CALL {CATALOG}.system.rewrite_data_files(table => '{table.name}', "
            f"where => '{table.partition} < DATE \"{before.isoformat()}\"', "
            "options => map('min-input-files', '2', 'rewrite-all', 'false'))"
        ).collect()
    except (Py4JJavaError, PySparkException) as error:
        if lakehouse.head(table) == head:
            raise
        raise moved(table) from error
    return int(rewritten[0]["rewritten_data_files_count"])


def drop_days(
    lakehouse: Lakehouse, table: Table, days: Collection[date], before: date, held: Collection[date] = ()
) -> bool:
    """Drop these days, all before that one; whether the table had any of them.

    The table itself says then which days it dropped: all before that one, save those that it still has and
    those that are held. Whole files leave the table, and none is read or written: a file that also has a row
    of another day is refused by Iceberg. The caller holds the table's lease.
    """
    iceberg = lakehouse.iceberg(table)
    there = _days_before(lakehouse, iceberg, table, before)
    going = there.intersection(days)
    if not going:
        return False
    left = sorted((there | set(held)) - going)
    both = iceberg.newTransaction()
    told = both.updateProperties().set(KEPT_FROM, before.isoformat())
    told.set(HELD_DAYS, ",".join(day.isoformat() for day in left)).commit()
    due = lakehouse.expression(table, f"{table.partition} IN ({_listed(going)})")
    both.newDelete().deleteFromRowFilter(due).commit()
    both.commitTransaction()
    return True


def files_of_dropped(lakehouse: Lakehouse, table: Table) -> int:
    """How many data files of dropped days the table's snapshots still name."""
    dropped = _dropped(lakehouse.iceberg(table), f"partition.{table.partition}")
    if dropped is None:
        return 0
    files = lakehouse.spark.sql(
        f"SELECT count(DISTINCT file_path) AS files FROM {lakehouse.identifier(table)}.all_data_files "
        f"WHERE {dropped}"
    )
    return int(files.collect()[0].files)


def rewritten_since(lakehouse: Lakehouse, table: Table, since: int | None) -> int | None:
    """The newest snapshot of main after that one in which files were rewritten; None if there is none.

    Who publishes beside a compaction may have followed it.
    """
    iceberg = lakehouse.iceberg(table)
    current = iceberg.currentSnapshot()
    for snapshot in _back_from(iceberg, int(current.snapshotId())) if current is not None else ():
        if snapshot == since:
            return None
        if str(iceberg.snapshot(snapshot).operation()) == "replace":
            return snapshot
    return None


def summary_of(lakehouse: Lakehouse, table: Table, snapshot_id: int) -> Callable[[str], int]:
    """What the snapshot's writer summed up, by Iceberg's name for it; 0 of what it did not name."""
    told = lakehouse.iceberg(table).snapshot(snapshot_id).summary()
    return lambda name: int(told.getOrDefault(name, "0"))


def expire(
    lakehouse: Lakehouse,
    table: Table,
    now: datetime,
    kept: Collection[int] = (),
    readers: timedelta = READERS_GO_ON,
) -> int:
    """Forget the snapshots that nobody may be reading, with the files that only they hold; how many.

    Args:
        now: wall clock, as the snapshots are stamped by it.
        kept: ids of snapshots that readers were told of. One that holds days which the table dropped goes
            all the same.
    """
    iceberg = lakehouse.iceberg(table)
    left = _left_by(iceberg, _milliseconds(now - readers)) - _still_named(iceberg)
    told = left.intersection(kept)
    due = sorted(left - told | _holding_dropped(lakehouse, iceberg, table, told))
    if due:
        forget = iceberg.expireSnapshots().expireOlderThan(0)  # by age none: a snapshot's own says little
        for snapshot in due:
            forget = forget.expireSnapshotId(snapshot)
        forget.commit()
    return len(due)


def remove_strays(lakehouse: Lakehouse, table: Table, now: datetime, older: timedelta = STRAYS_AFTER) -> int:
    """Remove files in the table's folder that no snapshot names and that are older; how many.

    It lists the folder, so on a day (UTC) once; asked again on the same day it does nothing.
    """
    iceberg, today = lakehouse.iceberg(table), now.date().isoformat()
    if iceberg.properties().get(STRAYS_REMOVED_ON) == today:
        return 0
    actions = java_class(lakehouse.spark, "org.apache.iceberg.spark.actions.SparkActions").get()
    removed = (
        actions.deleteOrphanFiles(iceberg)
        .olderThan(_milliseconds(now - older))
        .usePrefixListing(True)
        .execute()
    )
    iceberg.updateProperties().set(STRAYS_REMOVED_ON, today).commit()
    return sum(1 for _ in removed.orphanFileLocations())


def drop_dead_branches(lakehouse: Lakehouse, table: Table, alive: Callable[[], Collection[str]]) -> None:
    """Drop the branches that runs left behind, save those of the runs that are alive."""
    drop_branches(lakehouse.iceberg(table), alive)


def _days_before(lakehouse: Lakehouse, iceberg: Any, table: Table, before: date) -> set[date]:
    due = lakehouse.expression(table, f"{table.partition} < DATE '{before}'")
    with closing(iceberg.newScan().filter(due).planFiles()) as tasks:
        files = [task.file() for task in tasks.iterator()]
        paths = {str(iceberg.specs().get(each.specId()).partitionToPath(each.partition())) for each in files}
    return {date.fromisoformat(path.removeprefix(f"{table.partition}=")) for path in paths}


def _dropped(iceberg: Any, day: str) -> str | None:
    """The condition in SQL of the days that the table dropped; None if it dropped none."""
    kept_from, held = (iceberg.properties().get(name) for name in (KEPT_FROM, HELD_DAYS))
    if kept_from is None:
        return None
    left = [date.fromisoformat(each) for each in held.split(",")] if held else []
    return f"{day} < DATE '{kept_from}'" + (f" AND {day} NOT IN ({_listed(left)})" if left else "")


def _holding_dropped(
    lakehouse: Lakehouse, iceberg: Any, table: Table, snapshots: Collection[int]
) -> set[int]:
    """Those of the snapshots that hold days which the table dropped."""
    dropped = _dropped(iceberg, table.partition)
    if dropped is None:
        return set()
    due, found = lakehouse.expression(table, dropped), set()
    for snapshot in snapshots:
        with closing(iceberg.newScan().useSnapshot(snapshot).filter(due).planFiles()) as tasks:
            if tasks.iterator().hasNext():
                found.add(snapshot)
    return found


def _listed(days: Collection[date]) -> str:
    return ", ".join(f"DATE '{day}'" for day in sorted(days))


def _left_by(iceberg: Any, moment: int) -> set[int]:
    """The snapshots that main had left by then, or that never were main's and are older."""
    log = [(int(each.timestampMillis()), int(each.snapshotId())) for each in iceberg.history()]
    left = {snapshot: after for (_, snapshot), (after, _) in pairwise(log)}
    stamped = {int(each.snapshotId()): int(each.timestampMillis()) for each in iceberg.snapshots()}
    newest = log[-1][1] if log else None
    return {
        snapshot
        for snapshot, stamp in stamped.items()
        if snapshot != newest and left.get(snapshot, stamp) < moment
    }


def _still_named(iceberg: Any) -> set[int]:
    """Heads of branches and tags; of a branch that a run still writes, all back to where it left main."""
    heads: Sequence[int] = [int(ref.snapshotId()) for ref in iceberg.refs().values()]
    main = iceberg.currentSnapshot()
    of_main = set(_back_from(iceberg, int(main.snapshotId()))) if main is not None else set()
    named = set()
    for head in heads:
        for snapshot in _back_from(iceberg, head):
            named.add(snapshot)
            if snapshot in of_main:
                break
    return named


def _back_from(iceberg: Any, head: int) -> list[int]:
    """The snapshot and those it came from, as far as they are kept."""
    found = []
    snapshot = iceberg.snapshot(head)
    while snapshot is not None:
        found.append(int(snapshot.snapshotId()))
        parent = snapshot.parentId()
        snapshot = iceberg.snapshot(parent) if parent is not None else None
    return found


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
