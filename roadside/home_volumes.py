"""The volumes of a home's tables and landed objects, from manifests, ledgers and the objects' names."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache

from lakehouse.catalog_reader import CatalogReader
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.graph import sources_read, step_named
from roadside.landed_backlog import STRAGGLER_HORIZON, backlog
from roadside.volumes import LANDING, DailyVolumes, Volume, VolumeOf
from validation.clocks import Interval, known_date, tick_end
from validation.contracts import table_named
from validation.sources import source_named


def volumes_of(settings: Settings, within: Interval) -> VolumeOf:
    """The volumes of a home, asked for inside that known time. Each table is read once, when first asked for.

    Raises, when asked:
        Unreachable: the catalog, a ledger or the landed objects cannot be read.
    """
    ops = Ops(settings.ops_url)
    # Never finishes a run, so asks no clock that matters.
    reader, runs = CatalogReader(settings), RunLedger(ops, lambda: datetime.now(UTC))

    @cache
    def landed(source: str) -> dict[date, Volume]:
        return _landed_by_day(settings, LandingLedger(ops), source, within)

    @cache
    def by_day(name: str) -> DailyVolumes:
        if name.startswith(LANDING):
            return DailyVolumes(landed(name.removeprefix(LANDING)))
        sizes = reader.sizes_by_day(table_named(name))
        sources: dict[date, float] = {}
        for source in sources_read(step_named(name)):
            for day, volume in landed(source).items():
                sources[day] = sources.get(day, 0.0) + volume.bytes
        return DailyVolumes(
            {day: Volume(size.rows, size.bytes) for day, size in sizes.items()},
            runs.never_made(name, within),
            sources,
        )

    return lambda name, interval: by_day(name).of(interval)


def _landed_by_day(
    settings: Settings, ledger: LandingLedger, source: str, within: Interval
) -> dict[date, Volume]:
    """What landed by day of the tick that knows it; rows by how many lines a byte held so far.

    What no run has registered yet becomes known in the tick of its stamp, if that is not closed.
    """
    (so_far,) = ledger.reconcile([source])
    lines_a_byte = so_far.lines / so_far.size_bytes if so_far.size_bytes else None
    closed = ledger.closed_through(source)
    look_back = max(STRAGGLER_HORIZON, closed - within.start) if closed else STRAGGLER_HORIZON
    waiting = backlog(settings, ledger, source_named(source), within.end, look_back).waiting
    sizes = [(each.known_at, each.size) for each in ledger.objects(source, within)]
    for each in waiting:
        known_at = tick_end(each.landed_at)
        if within.holds(known_at) and (closed is None or known_at > closed):
            sizes.append((known_at, each.size))
    by_day: dict[date, int] = {}
    for known_at, size in sizes:
        by_day[known_date(known_at)] = by_day.get(known_date(known_at), 0) + size
    if lines_a_byte is None:
        return {day: Volume(0.0, size, is_known=False) for day, size in by_day.items()}
    return {day: Volume(size * lines_a_byte, size, size * lines_a_byte) for day, size in by_day.items()}
