"""Days of tables dropped and files rewritten beside live ticks, replays and readers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from lakehouse.leases import PATIENCE, Leases
from lakehouse.ops import Ops
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.run_ledger import RunLedger
from lakehouse.table_upkeep import (
    READERS_GO_ON,
    STRAYS_AFTER,
    compact,
    drop_days,
    drop_dead_branches,
    expire,
    files_of_dropped,
    remove_strays,
)
from lakehouse.tables import Lakehouse
from roadside.retention import OldRows, still_old
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
    ) -> None:
        self._lakehouse = lakehouse
        self._now = now
        self._readers = readers
        self._strays = strays
        self._ops = ops
        self._upkeep = Leases(ops, now)
        self._publishers = Leases(ops, now, patience=PATIENCE)
        self._runs = RunLedger(ops, now)
        self._releases = Releases(ops, now)

    def compact(self, table: Table, before: date) -> int:
        """The small files of days before that one rewritten, what no reader needs removed; how many files.

        Raises:
            Busy: other upkeep of the table is going on.
            Moved: files were replaced meanwhile.
        """
        with self._upkeep.publishing(f"compaction of {table.name}"):
            rewritten = compact(self._lakehouse, table, before)
            self._clear(table)
        return rewritten

    def drop(self, old: OldRows) -> bool:
        """The planned days dropped that nothing holds by now, with every file that no reader needs; whether
        the table had such days.

        Raises:
            Busy: other upkeep of the table is going on, or it is published for longer than patience lasts.
        """
        table = old.table
        if not self._lakehouse.exists(table):
            return False
        with self._upkeep.publishing(f"compaction of {table.name}"):
            with self._publishers.publishing(table.name):
                now = still_old(self._ops, old)
                dropped = drop_days(self._lakehouse, table, now.days, now.before, now.held)
            self._clear(table)
        return dropped

    def files_of_dropped(self, table: Table) -> int:
        """How many data files of dropped days the table's snapshots still name."""
        return files_of_dropped(self._lakehouse, table) if self._lakehouse.exists(table) else 0

    def _clear(self, table: Table) -> None:
        drop_dead_branches(self._lakehouse, table, self._runs.running(table.name))
        self._expire(table)
        remove_strays(self._lakehouse, table, self._now(), self._strays)

    def _expire(self, table: Table) -> int:
        return expire(self._lakehouse, table, self._now(), self._released(table), self._readers)

    def _released(self, table: Table) -> set[int]:
        """The snapshots that readers were told of last."""
        newest = [self._releases.latest(kind) for kind in ReleaseKind]
        told = [self._releases.for_table(table.name), *newest]
        return {each.tables[table.name] for each in told if each is not None and table.name in each.tables}
