"""One table's interval, published: staged, judged, moved to main, and kept in the ledger of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

from pyspark.sql import DataFrame

from lakehouse.branches import Moved, Overtaken, Staged, overtaken
from lakehouse.expiries import expired
from lakehouse.leases import Lease, Leases
from lakehouse.ops import Ops
from lakehouse.run_ledger import Run, RunLedger
from lakehouse.tables import Lakehouse, Published
from roadside.expired import require_kept
from roadside.table_gate import Copies, table_gated
from validation.clocks import Interval
from validation.contract import Table
from validation.errors import CheckFailed

PUBLISH_ATTEMPTS = 5
"""How often an interval is staged, or made, anew because others published its table meanwhile."""


@dataclass(frozen=True)
class Readers:
    """What is made of an interval's rows.

    Attributes:
        outdate: marks it in the ledger as to be made again.
        is_new: part of the interval was never published, so that its first rows outdate it too.
    """

    outdate: Callable[[], None]
    is_new: bool


@dataclass(frozen=True)
class Order:
    """Rows to stand in a table's interval: the frame's; without one, those that stand there already.

    Attributes:
        run: of the table, begun before anything was read for it.
        is_empty: the frame is known to have no rows.
        warnings: what was found before there was a frame.
    """

    run: Run
    table: Table
    frame: DataFrame | None
    readers: Readers
    is_empty: bool
    copies: Copies | None = None
    warnings: Mapping[str, int] = field(default_factory=dict)

    @property
    def interval(self) -> Interval:
        """Known time that the run is over."""
        return self.run.interval


class TablePublisher:
    """Publishes orders, each with its run. `leases` says who publishes which table."""

    def __init__(self, ops: Ops, lakehouse: Lakehouse, runs: RunLedger, leases: Leases) -> None:
        self._ops = ops
        self._lakehouse = lakehouse
        self._runs = runs
        self._leases = leases

    def publish(self, order: Order, lease: Lease | None) -> Published:
        """The order's rows, on main, and its run with them. Without a lease, it is taken here.

        Whole days are staged without the table's lease, so that ticks go on; from the second time on with it.

        Raises:
            Overtaken: what the rows were made of is no more; nothing was published.
            Moved: others published the table again and again meanwhile; nothing was published.
            CheckFailed: a check may stop the run, and did.
            UserError: the interval came to be past its retention meanwhile.
        """
        for attempt in range(PUBLISH_ATTEMPTS):
            try:
                with ExitStack() as alone:
                    held = lease
                    if held is None and (attempt or not order.interval.is_whole_days()):
                        held = alone.enter_context(self._leases.publishing(order.table.name))
                    return self._published(order, held)
            except Overtaken:
                raise
            except Moved as error:
                came_between = error
        raise came_between

    def _published(self, order: Order, lease: Lease | None) -> Published:
        name, run = order.table.name, order.run
        with ExitStack() as publishing:
            staged = self._staged(order)
            warnings = self._judged(order, staged) if isinstance(staged, Staged) else {}
            if lease is None:
                publishing.enter_context(self._leases.publishing(name))
            else:
                self._leases.renew(lease)
            self._require_wanted(order)
            is_other = order.readers.is_new or self._runs.died_publishing(run)
            published = staged if isinstance(staged, Published) else self._on_main(order, staged)
            if is_other or published.is_changed:  # again, for what was made of the old rows meanwhile
                order.readers.outdate()
            told = {**published.warnings, **warnings, **order.warnings}
            self._runs.finish(
                run.run_id,
                snapshot_id=published.snapshot_id,
                rows=published.rows,
                counts=told,
                files=published.files,
                size_bytes=published.size_bytes,
            )
        return replace(published, warnings=told, run_id=run.run_id)

    def _require_wanted(self, order: Order) -> None:
        """That the rows may take the place of those that are there. Asked under the lease.

        Raises:
            Overtaken: others came since the run began: of features, whose new rows are a revision of what is
                out; of any table, where these rows are made of what was replaced meanwhile.
            UserError: the interval is past its retention by now.
        """
        table, run = order.table, order.run
        is_made_of_the_old = table.layer == "features" or self._runs.is_outdated(run.run_id)
        if is_made_of_the_old and self._runs.published_since(run):
            raise overtaken(table)
        if table.layer != "quarantine":  # which goes with the landed objects that it tells of
            require_kept(expired(self._ops), table.name, order.interval)

    def _on_main(self, order: Order, staged: Staged) -> Published:
        """The staged rows, on main. What is made of the old ones is outdated before readers have the new."""
        if staged.is_changed:
            self._runs.publishing(order.run.run_id)
            order.readers.outdate()
        return self._lakehouse.publish(staged)

    def _staged(self, order: Order) -> Staged | Published:
        """The interval's rows, written and checked; or what stays published, if there is nothing to write."""
        table, interval, run_id = order.table, order.interval, order.run.run_id
        if order.frame is None:
            kept = self._lakehouse.read_known(table, interval).count()
            return Published(self._lakehouse.head(table), kept, is_changed=False)
        if order.is_empty and not self._runs.may_hold_rows(table.name, interval, before=run_id):
            return Published(self._lakehouse.head(table), 0, is_changed=False)
        return self._lakehouse.stage(
            table, interval, order.frame, run_id, partial(self._runs.running, table.name)
        )

    def _judged(self, order: Order, staged: Staged) -> dict[str, int]:
        """The gate's warnings; what it stops of inputs that were replaced meanwhile is made again instead."""
        table, run_id = order.table, order.run.run_id
        try:
            return table_gated(self._ops, table, order.interval, staged, order.copies, partial(str, run_id))
        except CheckFailed:
            if self._runs.is_outdated(run_id):
                raise overtaken(table) from None
            raise
