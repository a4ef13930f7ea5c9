"""Days of tables dropped and files rewritten beside live ticks, replays and readers; each kept as a run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from lakehouse.leases import PATIENCE, Leases
from lakehouse.ops import Ops
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.run_ledger import COMPACTION, RETENTION, Heard, RunLedger, unheard
from lakehouse.table_upkeep import (
    READERS_GO_ON,
    STRAYS_AFTER,
    compact,
    drop_days,
    drop_dead_branches,
    expire,
    files_of_dropped,
    remove_strays,
    rewritten_since,
    summary_of,
)
from lakehouse.tables import Lakehouse
from roadside.handling import handled, known_before, undone
from roadside.retention import OldRows, still_old
from validation.clocks import Interval
from validation.contract import Table


class Maintenance:
    """The upkeep of a home's tables. One at a time works on a table; publishers go on beside it."""

    def __init__(
        self,
        lakehouse: Lakehouse,
        ops: Ops,
        now: Callable[[], datetime],
        readers: timedelta = READERS_GO_ON,
        strays: timedelta = STRAYS_AFTER,
        heard: Heard = unheard,
    ) -> None:
        self._lakehouse = lakehouse
        self._ops = ops
        self._now = now
        self._readers = readers
        self._strays = strays
        self._upkeep = Leases(ops, now)
        self._publishers = Leases(ops, now, patience=PATIENCE)
        self._runs = RunLedger(ops, now, heard)
        self._releases = Releases(ops, now)

    def compact(self, table: Table, before: date) -> int:
        """The small files of days before that one rewritten, what no reader needs removed; how many files.

        A run of compaction.<table>, of the known time before the day.

        Raises:
            Busy: other upkeep of the table is going on.
            Moved: files were replaced meanwhile.
        """
        with self._upkeep.publishing(f"compaction of {table.name}"):
            name, interval = f"{COMPACTION}.{table.name}", known_before(self._ops, before, table.name)
            head = self._lakehouse.head(table)
            with handled(self._runs, name, interval, {table.name: head}) as work:
                rewritten = compact(self._lakehouse, table, before)
                work.leaves(**self._rewritten(table, head), counts={"files_rewritten": rewritten})
                self._clear(table)
        return rewritten

    def _rewritten(self, table: Table, since: int | None) -> dict[str, int | None]:
        """The snapshot that a compaction left, and the files that stand in it in place of those rewritten."""
        snapshot = rewritten_since(self._lakehouse, table, since)
        if snapshot is None:
            return {"snapshot_id": since, "files": 0, "size_bytes": 0}
        told = summary_of(self._lakehouse, table, snapshot)
        return {
            "snapshot_id": snapshot,
            "files": told("added-data-files"),
            "size_bytes": told("added-files-size"),
        }

    def drop(self, old: OldRows) -> bool:
        """The planned days dropped that nothing holds by now, with every file that no reader needs; whether
        the table had such days.

        A run of retention.<table>, of the known time from the first of them to the first day kept; none
        where nothing is to be dropped, unless the last one died: then the next goes on with its known time.

        Raises:
            Busy: other upkeep of the table is going on, or it is published for longer than patience lasts.
        """
        table = old.table
        if not self._lakehouse.exists(table):
            return False
        name = f"{RETENTION}.{table.name}"
        with (
            self._upkeep.publishing(f"compaction of {table.name}"),
            handled(self._runs, name, _dropping(old) or undone(self._runs, name)) as work,
        ):
            with self._publishers.publishing(table.name):
                work.read({table.name: self._lakehouse.head(table)})
                now = still_old(self._ops, old)
                dropped = drop_days(self._lakehouse, table, now.days, now.before, now.held)
                work.leaves(**self._after_drop(table, dropped))
            self._clear(table)
        return dropped

    def files_of_dropped(self, table: Table) -> int:
        """How many data files of dropped days the table's snapshots still name."""
        return files_of_dropped(self._lakehouse, table) if self._lakehouse.exists(table) else 0

    def _clear(self, table: Table) -> None:
        drop_dead_branches(self._lakehouse, table, partial(self._runs.running, table.name))
        self._expire(table)
        remove_strays(self._lakehouse, table, self._now(), self._strays)

    def _after_drop(self, table: Table, dropped: bool) -> dict[str, Any]:
        """The snapshot of main, and what went with it if it is that of the drop."""
        head = self._lakehouse.head(table)
        if not dropped or head is None:
            return {"snapshot_id": head}
        told = summary_of(self._lakehouse, table, head)
        gone = {
            "rows_dropped": told("deleted-records"),
            "files_dropped": told("deleted-data-files"),
            "bytes_dropped": told("removed-files-size"),
        }
        return {"snapshot_id": head, "counts": gone}

    def _expire(self, table: Table) -> int:
        return expire(self._lakehouse, table, self._now(), self._released(table), self._readers)

    def _released(self, table: Table) -> set[int]:
        """The snapshots that readers were told of last."""
        newest = [self._releases.latest(kind) for kind in ReleaseKind]
        told = [self._releases.for_table(table.name), *newest]
        return {each.tables[table.name] for each in told if each is not None and table.name in each.tables}


def _dropping(old: OldRows) -> Interval | None:
    """The known time that is to be dropped of the table; None where there is none."""
    if not old.days:
        return None
    first, before = (datetime.combine(day, time(0), UTC) for day in (min(old.days), old.before))
    return Interval(first, before)
