"""What was made of an interval, released: features tables and the newest instant that readers get of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

from lakehouse.catalog_reader import CatalogReader
from lakehouse.completeness import Completeness
from lakehouse.ops import Ops
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.graph import Step, sources_read
from roadside.holds import completeness_of
from validation.clocks import TICK, TICK_DELAY, Interval, daily_available_at
from validation.contract import Table


class Heads(Protocol):
    """What knows the published state of a table."""

    def head(self, table: Table) -> int | None:
        """Its snapshot id; None while nothing was published."""
        ...


def release_features(
    heads: Heads,
    completeness: Completeness,
    releases: Releases,
    runs: RunLedger,
    interval: Interval,
    steps: Sequence[Step],
) -> None:
    """Release the steps' features tables as they are now, unless all that was made of them is out.

    For the last tick of the interval (daily views: its last cut) at which no source holds the view: rows of
    earlier ticks come out with it, and at a held one there are none. Views held all along are not released.
    """
    out: dict[tuple[ReleaseKind, datetime], list[Step]] = {}
    for step, kind, at in _instants(completeness, interval, steps):
        out.setdefault((kind, at), []).append(step)
    newest = releases.newest_ticks()
    for (kind, at), whole in sorted(out.items(), key=lambda each: each[0][1]):
        names = [name for step in whole for name in step.writes]
        if all(_is_out(releases, runs, name, newest.get(name), at) for name in names):
            continue
        found = {table.name: heads.head(table) for step in whole for table in step.tables}
        tables = {name: head for name, head in found.items() if head is not None}
        if tables:
            releases.publish(kind, at, _promised(kind, at), tables)


def release_left(settings: Settings, interval: Interval, steps: Sequence[Step]) -> None:
    """Release what of the steps was made through the interval's end and is not out. Needs no Spark.

    A command that died, or failed, behind its last commit leaves such; a view that was not made at its last
    instant is not released there.
    """
    ops = Ops(settings.ops_url)
    runs, completeness = RunLedger(ops, _wall_clock), completeness_of(settings, ops)
    made = [
        step
        for step, _, at in _instants(completeness, interval, steps)
        if not any(runs.never_made(name, _tick(at)) for name in step.writes)
    ]
    releases = Releases(ops, _wall_clock)
    release_features(CatalogReader(settings), completeness, releases, runs, interval, made)


def _instants(
    completeness: Completeness, interval: Interval, steps: Sequence[Step]
) -> Iterator[tuple[Step, ReleaseKind, datetime]]:
    """Of each view that is not held all along, its last free instant in the interval."""
    last: dict[tuple[ReleaseKind, tuple[str, ...]], datetime | None] = {}
    for step in (each for each in steps if each.is_features):
        kind = ReleaseKind.DAILY if step.is_daily else ReleaseKind.TICK
        sources = sources_read(step)
        if (kind, sources) not in last:
            last[kind, sources] = _last_free(completeness, sources, interval, kind)
        at = last[kind, sources]
        if at is not None:
            yield step, kind, at


def _is_out(releases: Releases, runs: RunLedger, table: str, newest: datetime | None, at: datetime) -> bool:
    """Whether a release holds the instant, and what the table's last run left it at."""
    if newest is None or newest < at:
        return False
    release, run = releases.for_table(table), runs.last_published(table)
    return release is not None and (run is None or release.tables[table] == run.snapshot_id)


def _promised(kind: ReleaseKind, at: datetime) -> datetime:
    return daily_available_at(at) if kind is ReleaseKind.DAILY else at + TICK_DELAY


def _last_free(
    completeness: Completeness, sources: Sequence[str], interval: Interval, kind: ReleaseKind
) -> datetime | None:
    """The last instant of the interval that none of the sources holds; None if they hold all of them."""
    if kind is ReleaseKind.DAILY:
        cuts = reversed(interval.cuts())
        return next((cut for cut in cuts if not completeness.held_ticks(sources, _tick(cut))), None)
    if not completeness.held_ticks(sources, _tick(interval.end)):
        return interval.end
    free = completeness.last_complete_tick(sources, interval.end)
    return free if interval.holds(free) else None


def _tick(end: datetime) -> Interval:
    return Interval(end - TICK, end)


def _wall_clock() -> datetime:
    return datetime.now(UTC)
