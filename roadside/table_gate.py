"""The gate behind silver: bronze = silver + copies, tick by tick, and a table's dirt held to its own past."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lakehouse.branches import Staged
from lakehouse.landed_counts import landed_by_tick
from lakehouse.ops import Ops
from lakehouse.quality_ledger import QualityLedger
from roadside.feed_gate import gated
from roadside.graph import Step
from transforms.silver.deduplication import duplicate_counts
from validation.clocks import Interval
from validation.contract import Table
from validation.errors import CheckFailed
from validation.feed_checks import LANDED, ROWS, Counts
from validation.table_checks import CONFLICTING, RESENT, lost, watch_of

Copies = Callable[[], Mapping[datetime, Counts]]
"""The interval's later copies, by tick and kind; asked only where bronze has more rows than silver."""


def copies_of(step: Step, inputs: Mapping[str, DataFrame], interval: Interval) -> Copies | None:
    """Of a step whose rows are bronze rows, each once; None of others."""
    if step.identity is None:
        return None
    (bronze,) = (inputs[name] for name in step.reads)
    return partial(_copies, duplicate_counts(bronze, interval, step.identity))


def table_gated(
    ops: Ops,
    table: Table,
    interval: Interval,
    staged: Staged,
    copies: Copies | None,
    stopped: Callable[[], str],
) -> dict[str, int]:
    """Reconcile and judge a staged interval, keep its counts and findings; warnings by check.

    Where objects have no outcome, as in a ledger that was rebuilt, `not_reconciled` says how many.

    Args:
        stopped: as of `roadside.feed_gate.gated`.

    Raises:
        CheckFailed: bronze rows are neither in silver nor copies; or a check that may stop a run alarms.
    """
    watch = watch_of(table, has_copies=copies is not None)
    if watch is None:
        return {}
    counts: Mapping[datetime, Counts] = staged.counted
    told: dict[str, int] = {}
    if copies is not None:
        ticks = landed_by_tick(ops, [table.short_name], interval)
        unread = sum(each.unread for each in ticks)
        if unread:
            told = {"not_reconciled": unread}
        else:
            landed = {each.known_at: each.bronze_rows for each in ticks}
            counts = _reconciled(table, interval, counts, landed, copies)
    return told | gated(QualityLedger(ops), watch, interval, counts, stopped)


def _reconciled(
    table: Table,
    interval: Interval,
    counts: Mapping[datetime, Counts],
    landed: Mapping[datetime, int],
    copies: Copies,
) -> dict[datetime, Counts]:
    """The counts with what landed and its copies.

    Raises:
        CheckFailed: they do not add up.
    """
    kept = {tick: each.get(ROWS, 0) for tick, each in counts.items()}
    found = {} if kept == {tick: rows for tick, rows in landed.items() if rows} else copies()
    ticks = sorted({*landed, *kept})
    together: dict[datetime, Counts] = {
        tick: {**counts.get(tick, {}), **found.get(tick, {}), LANDED: landed.get(tick, 0)} for tick in ticks
    }
    gone = {
        tick: lost(each[LANDED], kept.get(tick, 0), (each.get(RESENT, 0), each.get(CONFLICTING, 0)))
        for tick, each in together.items()
    }
    wrong = [tick for tick in ticks if gone[tick]]
    if wrong:
        raise CheckFailed(
            f"{table.name}: bronze = silver + copies does not hold at {len(wrong)} of {len(ticks)} ticks of "
            f"{interval}, first {wrong[0]:%Y-%m-%dT%H:%MZ}: {abs(gone[wrong[0]])} rows too "
            f"{'few' if gone[wrong[0]] > 0 else 'many'} in silver.",
            "Nothing was published. Run bronze and silver of the interval again with --force; "
            "if it stays, it is ours to mend.",
        )
    return together


def _copies(counted: DataFrame) -> Mapping[datetime, Counts]:
    rows = counted.select(
        F.unix_seconds("known_at").alias("tick"), "resend_count", "conflict_count"
    ).collect()
    found: dict[datetime, Counts] = {}
    for row in rows:
        of_tick = {RESENT: row.resend_count, CONFLICTING: row.conflict_count}
        found[datetime.fromtimestamp(row.tick, UTC)] = of_tick
    return found
