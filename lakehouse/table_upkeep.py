"""Upkeep of Iceberg tables: small files rewritten, days dropped, what no reader needs any more removed.

A snapshot is kept for as long as somebody may be reading it: it is what `main` was within the last hours, or
what a branch of a running run came from, or the caller says so. By its own age, as Iceberg's own expiry goes,
a snapshot that was the newest for a week would go the moment another follows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from lakehouse.branches import drop_branches, moved
from lakehouse.expiries import KEPT_FROM
from lakehouse.spark import CATALOG, java_class
from lakehouse.tables import Lakehouse
from validation.contract import Table

READERS_GO_ON = timedelta(hours=24)
"""A reader that began so long ago still finds its files."""
STRAYS_AFTER = timedelta(days=3)
"""A file so old that no snapshot names was left by a run that died: none takes so long."""


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


def drop_before(lakehouse: Lakehouse, table: Table, before: date, held: Collection[date] = ()) -> bool:
    """Drop the days before that one, save those that are held; whether there were any.

    Whole files leave the table, and none is read or written: a file that also has a row of another day is
    refused by Iceberg. The caller holds the table's lease.
    """
    listed = ", ".join(f"DATE '{day}'" for day in sorted(held))
    where = f"{table.partition} < DATE '{before}'" + (
        f" AND {table.partition} NOT IN ({listed})" if held else ""
    )
    iceberg, due = lakehouse.iceberg(table), lakehouse.expression(table, where)
    if not iceberg.newScan().filter(due).planFiles().iterator().hasNext():
        return False
    both = iceberg.newTransaction()
    both.updateProperties().set(KEPT_FROM, before.isoformat()).commit()
    both.newDelete().deleteFromRowFilter(due).commit()
    both.commitTransaction()
    return True


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
        kept: ids of snapshots that readers were told of.
    """
    iceberg = lakehouse.iceberg(table)
    due = sorted(_left_by(iceberg, _milliseconds(now - readers)) - _still_named(iceberg) - set(kept))
    if due:
        forget = iceberg.expireSnapshots().expireOlderThan(0)  # by age none: a snapshot's own says little
        for snapshot in due:
            forget = forget.expireSnapshotId(snapshot)
        forget.commit()
    return len(due)


def remove_strays(lakehouse: Lakehouse, table: Table, now: datetime, older: timedelta = STRAYS_AFTER) -> int:
    """Remove files in the table's folder that no snapshot names and that are older; how many."""
    actions = java_class(lakehouse.spark, "org.apache.iceberg.spark.actions.SparkActions").get()
    removed = (
        actions.deleteOrphanFiles(lakehouse.iceberg(table))
        .olderThan(_milliseconds(now - older))
        .usePrefixListing(True)
        .execute()
    )
    return sum(1 for _ in removed.orphanFileLocations())


def drop_dead_branches(lakehouse: Lakehouse, table: Table, alive: Collection[str]) -> None:
    """Drop the branches that runs left behind, save those of the runs that are alive."""
    drop_branches(lakehouse.iceberg(table), alive)


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
