"""What is past its retention, and its end: landed objects, rows of tables, rows of the ledgers.

Counted back from known time, not from the wall clock: what nothing followed is not old (docs/decisions/0030).
Each part is done again until it is done, so a retention that was killed is finished by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy import select

from lakehouse.catalog_reader import CatalogReader, DaySize
from lakehouse.expiries import KEPT_FROM, LANDED, Expiries, expire_known_time, expired
from lakehouse.landed_accounts import OldObjects, begun_releases, delete_objects, old_objects, readable_since
from lakehouse.landing_ledger import LandingLedger
from lakehouse.leases import PATIENCE, Leases
from lakehouse.ledger_upkeep import drop_ledger_rows, old_ledger_rows
from lakehouse.object_store import LandedObject, list_objects, never_read
from lakehouse.ops import Ops, answered_lines, landing_objects
from lakehouse.run_history import reach_by_table
from lakehouse.run_ledger import RETENTION, RunLedger
from lakehouse.settings import Settings
from roadside.handling import LEDGER, handled, known_before, undone
from roadside.landed_backlog import has_landing
from roadside.lineage import lineage_of
from validation.clocks import Interval, known_date, tick_start
from validation.contract import Table
from validation.contracts import TABLES
from validation.errors import NotReady, UnknownName
from validation.retention import LANDING, LEDGERS, Retention
from validation.sources import SOURCES

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_STANDS_STILL = timedelta(days=2)
_UPLOADED_WITHIN = timedelta(days=1)


@dataclass(frozen=True)
class Horizons:
    """How long each thing is kept: as declared, unless a caller says otherwise.

    Attributes:
        layers: in place of what the contracts of a layer's tables say.
    """

    landing: Retention = LANDING
    ledgers: Retention = LEDGERS
    layers: Mapping[str, Retention] = field(default_factory=dict)

    def of(self, table: Table) -> Retention:
        """How long the table's rows are kept."""
        return self.layers.get(table.layer, table.retention)


DECLARED = Horizons()


class Held(StrEnum):
    """Why a day is kept although its time is over."""

    BEGUN = "a release of their lines was begun, which the next `roadside quarantine replay` writes"
    YOUNG = f"their lines have been readable for less than {LANDING}"


@dataclass(frozen=True)
class OldRows:
    """Days of a table that are past its retention.

    Attributes:
        before: the first day that is kept.
        held: days kept all the same, in order.
        has_dropped: whether the table says itself that it dropped days.
    """

    table: Table
    kept: Retention
    before: date
    days: Mapping[date, DaySize] = field(default_factory=dict)
    held: Mapping[date, Held] = field(default_factory=dict)
    has_dropped: bool = False

    @property
    def size(self) -> DaySize:
        """All days together."""
        sizes = self.days.values()
        return DaySize(*(sum(getattr(each, name) for each in sizes) for name in ("rows", "bytes", "files")))


@dataclass(frozen=True)
class OldLedgerRows:
    """How many rows of each ledger tell of known time before a day."""

    kept: Retention
    before: date
    rows: Mapping[str, int]


@dataclass(frozen=True)
class RetentionPlan:
    """What goes, and what is kept although its time is over.

    Attributes:
        counted_from: the known time that the horizons are counted back from.
        unanswered: refused lines that go without that anybody answered, by quarantine table.
        unread: what lies among the landed objects, and no run reads nor retention ends.
        behind: sources that no tick closed for days, by their last: `counted_from` waits for them.
    """

    counted_from: datetime
    landed: tuple[OldObjects, ...]
    tables: tuple[OldRows, ...]
    ledgers: OldLedgerRows | None
    landing_kept: Retention
    unanswered: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    behind: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to go."""
        rows = [] if self.ledgers is None else self.ledgers.rows.values()
        return not (
            any(each.due for each in self.landed) or any(each.days for each in self.tables) or any(rows)
        )


def names_of(wanted: Sequence[str]) -> tuple[str, ...]:
    """The names that retention can be asked for: of tables, of landed sources, `ledgers`; all without any.

    Raises:
        UnknownName: there is no such name, or it is a dataset's, whose days are kept for good.
    """
    known = [
        *(f"{LANDED}{source.name}" for source in SOURCES),
        *(table.name for table in TABLES if table.layer != "training"),
        LEDGER,
    ]
    for name in wanted:
        if name not in known:
            raise UnknownName("table, landed source or ledger with a retention", name, known)
    return tuple(name for name in known if not wanted or name in wanted)


def counted_from(ops: Ops, now: datetime) -> datetime:
    """The known time that horizons count from: the last tick closed of every source, but not of the future.

    Raises:
        NotReady: nothing was ingested yet.
    """
    through = _closed(ops)
    if not through:
        raise NotReady("Nothing has been ingested yet, so nothing is old.", "Run `roadside run` first.")
    return min(*through.values(), now)


def standing_still(ops: Ops, now: datetime) -> dict[str, datetime]:
    """The sources that no tick closed for two days, with their last: nothing gets old while one stands."""
    return {source: at for source, at in _closed(ops).items() if now - at > _STANDS_STILL}


def _closed(ops: Ops) -> dict[str, datetime]:
    """The last tick closed of every source that ever was."""
    ledger = LandingLedger(ops)
    closed = {source.name: ledger.closed_through(source.name) for source in SOURCES}
    return {source: at for source, at in closed.items() if at is not None}


def planned(
    settings: Settings, at: datetime, names: Collection[str], horizons: Horizons = DECLARED
) -> RetentionPlan:
    """What of these names is past its retention, counted from `at`. Starts no Spark, writes nothing.

    Raises:
        Unreachable: the ledgers, the catalog or the landed objects cannot be read.
    """
    ops, day = Ops(settings.ops_url), known_date(at)
    landed = tuple(
        old_objects(settings, ops, source.name, _midnight(horizons.landing.first_kept(day)))
        for source in SOURCES
        if f"{LANDED}{source.name}" in names and has_landing(settings)
    )
    reader = CatalogReader(settings)
    tables = tuple(
        _old_rows(ops, reader, table, horizons.of(table), day) for table in TABLES if table.name in names
    )
    unread: tuple[str, ...] = ()
    if landed:
        sources = [source.name for source in SOURCES]
        unread = tuple(never_read(settings.landing_uri, sources, at - _UPLOADED_WITHIN))
    plan = RetentionPlan(at, landed, tables, None, horizons.landing, _unanswered(ops, tables), unread)
    if LEDGER not in names:
        return plan
    return replace(plan, ledgers=_old_ledgers(settings, ops, horizons.ledgers, plan))


def expiring(ops: Ops, plan: RetentionPlan) -> dict[str, datetime]:
    """The known time that is past its retention from now on, by table and landing.<source>.

    Of what there was before it: where a history begins later, nothing is missing.
    """
    known, reach = expired(ops).before, reach_by_table(ops)
    found = {}
    for each in plan.tables:
        before, first = _midnight(each.before), reach.get(each.table.name)
        is_known = each.table.name in known or each.has_dropped
        if is_known or each.days or (first is not None and first[0] < before):
            found[each.table.name] = before
    for objects in plan.landed:
        name = f"{LANDED}{objects.source}"
        if name in known or objects.due:
            found[name] = objects.before
    return found


@dataclass(frozen=True)
class Dropped:
    """What went.

    Attributes:
        objects: landed objects by source.
        tables: names of the tables that lost days.
        rows: of the ledgers.
    """

    objects: Mapping[str, int]
    tables: tuple[str, ...]
    rows: Mapping[str, int]


DropDays = Callable[[OldRows], bool]
"""Drops the days of a table, and what of its files no reader needs; whether it had such days."""


def carry_out(
    settings: Settings, plan: RetentionPlan, drop: DropDays, now: Callable[[], datetime]
) -> Dropped:
    """The plan done: landed objects first, while quarantine still holds the lines that account for them.

    Runs of retention.landing.<source> and retention.ledgers are kept of it where there is something to drop,
    of known time as far as is dropped. `drop` keeps those of tables.

    Raises:
        Busy: another publishes a table. What was done before stays, and the next retention goes on.
    """
    ops = Ops(settings.ops_url)
    runs = RunLedger(ops, now, lineage_of(settings))
    expire_known_time(ops, expiring(ops, plan), now())
    objects = {each.source: _objects_ended(settings, ops, runs, each, now) for each in plan.landed}
    tables = tuple(each.table.name for each in plan.tables if drop(each))
    rows = {} if plan.ledgers is None else _ledgers_ended(settings, ops, runs, plan.ledgers)
    return Dropped(objects, tables, rows)


def _objects_ended(
    settings: Settings, ops: Ops, runs: RunLedger, old: OldObjects, now: Callable[[], datetime]
) -> int:
    """As `_ended`, kept as a run where objects are to go, or a run died that was to delete such."""
    name = f"{RETENTION}.{LANDED}{old.source}"
    interval = undone(runs, name)
    if old.due:
        interval = Interval(tick_start(min(each.landed_at for each in old.due)), old.before)
    with handled(runs, name, interval) as work:
        deleted = _ended(settings, ops, old, now)
        size = {"bytes_dropped": sum(each.size for each in old.due)} if deleted == len(old.due) else {}
        work.leaves(counts={"objects_dropped": deleted, **size})
    return deleted


def _ledgers_ended(settings: Settings, ops: Ops, runs: RunLedger, old: OldLedgerRows) -> Mapping[str, int]:
    """The rows dropped of each ledger, kept as a run where such are planned, or a run died that was to."""
    name, before = f"{RETENTION}.{LEDGER}", _midnight(old.before)
    interval = known_before(ops, old.before) if any(old.rows.values()) else undone(runs, name)
    with handled(runs, name, interval) as work:
        rows = drop_ledger_rows(ops, before, expired(ops), _lying(settings, before))
        work.leaves(counts={f"{ledger}_dropped": count for ledger, count in rows.items() if count})
    return rows


def _ended(settings: Settings, ops: Ops, old: OldObjects, now: Callable[[], datetime]) -> int:
    """The objects deleted that are still to go, judged while nobody can publish their tables; how many."""
    if not old.due:
        return 0
    leases = Leases(ops, now, patience=PATIENCE)
    with leases.publishing(f"bronze.{old.source}"), leases.publishing(f"quarantine.{old.source}"):
        still = set(old_objects(settings, ops, old.source, old.before).due)
        return delete_objects(settings, ops, [each for each in old.due if each in still], now())


def _old_rows(ops: Ops, reader: CatalogReader, table: Table, kept: Retention, day: date) -> OldRows:
    before = kept.first_kept(day)
    sizes = {each: size for each, size in reader.sizes_by_day(table).items() if each < before}
    due = _held(ops, table, min(sizes), before) if sizes and table.layer == "quarantine" else {}
    held = {each: due[each] for each in sizes if each in due}
    days = {each: size for each, size in sizes.items() if each not in held}
    return OldRows(table, kept, before, days, held, reader.property(table, KEPT_FROM) is not None)


def _held(ops: Ops, table: Table, first: date, before: date) -> dict[date, Held]:
    """The days of refused lines that nobody had the time to look at, or whose release was begun."""
    span = Interval(_midnight(first), _midnight(before))
    since = readable_since(ops, table.short_name, span)
    young = {known_date(tick): Held.YOUNG for tick, at in since.items() if at >= span.end}
    begun = {known_date(tick): Held.BEGUN for tick in begun_releases(ops, table.short_name).values()}
    return young | begun


def _unanswered(ops: Ops, tables: Sequence[OldRows]) -> dict[str, int]:
    """Of the quarantine days that go, the lines that nobody released or settled."""
    found = {}
    for each in tables:
        if each.table.layer == "quarantine" and each.days:
            first, last = _midnight(min(each.days)), _midnight(max(each.days) + timedelta(days=1))
            query = (
                select(answered_lines.c.source_object)
                .join(landing_objects, landing_objects.c.object_key == answered_lines.c.source_object)
                .where(
                    landing_objects.c.source == each.table.short_name,
                    landing_objects.c.known_at > first,
                    landing_objects.c.known_at <= last,
                )
            )
            with ops.read() as connection:
                answered = len(connection.execute(query).all())
            found[each.table.name] = max(0, each.size.rows - answered)
    return {name: count for name, count in found.items() if count}


def _old_ledgers(settings: Settings, ops: Ops, kept: Retention, plan: RetentionPlan) -> OldLedgerRows:
    before = kept.first_kept(known_date(plan.counted_from))
    gone = Expiries({**expired(ops).before, **expiring(ops, plan)})
    rows = old_ledger_rows(ops, _midnight(before), gone, _lying(settings, _midnight(before)))
    return OldLedgerRows(kept, before, rows)


def _lying(settings: Settings, before: datetime) -> list[str]:
    """Keys of the landed objects stamped before that moment that are there."""
    if not has_landing(settings):
        return []
    return [
        each.key
        for source in SOURCES
        for each in list_objects(settings.landing_uri, source.name, _BEGINNING, before)
        if isinstance(each, LandedObject)
    ]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)
