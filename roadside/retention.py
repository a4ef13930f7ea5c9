"""What is past its retention, and its end: landed objects, rows of tables, rows of the ledgers, logs.

Counted back from known time, not from the wall clock: what nothing followed is not old (docs/decisions/0030).
Each part is done again until it is done, so a retention that was killed is finished by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select

from lakehouse.catalog_reader import CatalogReader, DaySize
from lakehouse.expiries import KEPT_FROM, LANDED, Expiries, expire_known_time, expired
from lakehouse.landed_accounts import (
    OldObjects,
    begun_releases,
    delete_marked,
    judged,
    lying_before,
    mark_deleted,
    old_objects,
    readable_since,
)
from lakehouse.landing_ledger import LandingLedger
from lakehouse.leases import PATIENCE, Leases
from lakehouse.ledger_upkeep import drop_ledger_rows, old_ledger_rows
from lakehouse.log_folder import logs_before
from lakehouse.object_store import LandedObject, list_objects, never_read
from lakehouse.ops import Ops, answered_lines, landing_objects
from lakehouse.run_history import reach_by_table
from lakehouse.run_ledger import RETENTION, RunLedger
from lakehouse.settings import Settings
from roadside.handling import LEDGER, handled, known_before, undone
from roadside.landed_backlog import has_landing
from roadside.run_listeners import heard_of
from validation.clocks import Interval, known_date, tick_start
from validation.contract import Table
from validation.contracts import TABLES
from validation.errors import NotReady, UnknownName
from validation.retention import LANDING, LEDGERS, LOGS, Retention
from validation.sources import SOURCES

Found = TypeVar("Found")
_OF_OBJECTS = ("bronze", "quarantine")
LOG = "logs"
"""The name under which the logs are asked for."""
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
    logs: Retention = LOGS
    layers: Mapping[str, Retention] = field(default_factory=dict)

    def of(self, table: Table) -> Retention:
        """How long the table's rows are kept."""
        return self.layers.get(table.layer, table.retention)


DECLARED = Horizons()


class Held(StrEnum):
    """Why a day is kept although its time is over."""

    BEGUN = "a release of their lines was begun, which the next `roadside quarantine replay` writes"
    YOUNG = f"their lines have been readable for less than {LANDING}"
    SHORT = "it does not hold as many rows of them as were read, and landed objects of them are kept for it"


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
class OldLogs:
    """Logs last written before a day, with their bytes."""

    kept: Retention
    before: date
    files: Mapping[Path, int]


@dataclass(frozen=True)
class RetentionPlan:
    """What goes, and what is kept although its time is over.

    Attributes:
        counted_from: the known time that the horizons are counted back from.
        unanswered: refused lines that go without that anybody answered, by quarantine table.
        unread: what lies among the landed objects, and no run reads nor retention ends.
        behind: sources that no tick closed for days, by their last: `counted_from` waits for them.
        failed: what of it could not be looked at, by name, and so stays.
    """

    counted_from: datetime
    landed: tuple[OldObjects, ...]
    tables: tuple[OldRows, ...]
    ledgers: OldLedgerRows | None
    landing_kept: Retention
    unanswered: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    behind: Mapping[str, datetime] = field(default_factory=dict)
    failed: Mapping[str, Exception] = field(default_factory=dict)
    logs: OldLogs | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to go."""
        rows = [] if self.ledgers is None else self.ledgers.rows.values()
        logs = () if self.logs is None else self.logs.files
        return not (
            any(each.due for each in self.landed)
            or any(each.days for each in self.tables)
            or any(rows)
            or logs
        )


def names_of(wanted: Sequence[str]) -> tuple[str, ...]:
    """The names that retention can be asked for: tables, landed sources, `ledgers`, `logs`; all without any.

    Raises:
        UnknownName: there is no such name, or it is a dataset's, whose days are kept for good.
    """
    known = [
        *(f"{LANDED}{source.name}" for source in SOURCES),
        *(table.name for table in TABLES if table.layer != "training"),
        LEDGER,
        LOG,
    ]
    for name in wanted:
        if name not in known:
            raise UnknownName("table, landed source, ledger or log with a retention", name, known)
    return tuple(name for name in known if not wanted or name in wanted)


def counted_from(ops: Ops, now: datetime) -> datetime:
    """The known time that horizons count from: the last tick closed of every source, but not of the future.

    Raises:
        NotReady: nothing was ingested yet.
    """
    through = closed_by_source(ops)
    if not through:
        raise NotReady("Nothing has been ingested yet, so nothing is old.", "Run `roadside run` first.")
    return min(*through.values(), now)


def standing_still(ops: Ops, now: datetime) -> dict[str, datetime]:
    """The sources that no tick closed for two days, with their last: nothing gets old while one stands."""
    return {source: at for source, at in closed_by_source(ops).items() if now - at > _STANDS_STILL}


def closed_by_source(ops: Ops) -> dict[str, datetime]:
    """The last tick closed of every source that ever was."""
    ledger = LandingLedger(ops)
    closed = {source.name: ledger.closed_through(source.name) for source in SOURCES}
    return {source: at for source, at in closed.items() if at is not None}


def planned(
    settings: Settings, at: datetime, names: Collection[str], horizons: Horizons = DECLARED
) -> RetentionPlan:
    """What of these names is past its retention, counted from `at`. Starts no Spark, writes nothing.

    What cannot be looked at keeps nothing else back. Of a source whose landed objects cannot be, bronze and
    quarantine stay as well.
    """
    ops, day, failed = Ops(settings.ops_url), known_date(at), dict[str, Exception]()
    before, reader = _midnight(horizons.landing.first_kept(day)), CatalogReader(settings)
    objects = each_of(
        {
            source.name: partial(old_objects, settings, ops, source.name, before)
            for source in SOURCES
            if has_landing(settings) and not _named_of(source.name).isdisjoint(names)
        },
        failed,
        LANDED,
    )

    def old_rows(table: Table) -> OldRows:
        if table.layer in _OF_OBJECTS and (why := failed.get(f"{LANDED}{table.short_name}")):
            raise why
        short = objects[table.short_name].short if table.short_name in objects else {}
        return _old_rows(ops, reader, table, horizons.of(table), day, short.get(table.name, ()))

    tables = tuple(
        each_of(
            {table.name: partial(old_rows, table) for table in TABLES if table.name in names}, failed
        ).values()
    )
    landed = tuple(each for source, each in objects.items() if f"{LANDED}{source}" in names)
    plan = RetentionPlan(at, landed, tables, None, horizons.landing, _unanswered(ops, tables), failed=failed)
    if landed:
        sources = [source.name for source in SOURCES]
        unread = partial(never_read, settings.landing_uri, sources, at - _UPLOADED_WITHIN)
        plan = replace(plan, unread=tuple(each_of({"landing": unread}, failed).get("landing", ())))
    if LOG in names:
        logs_until = horizons.logs.first_kept(day)
        logs = each_of({LOG: partial(logs_before, settings.home, _midnight(logs_until))}, failed)
        if LOG in logs:
            plan = replace(plan, logs=OldLogs(horizons.logs, logs_until, logs[LOG]))
    if LEDGER in names:
        ledgers = partial(_old_ledgers, settings, ops, horizons.ledgers, plan)
        plan = replace(plan, ledgers=each_of({LEDGER: ledgers}, failed).get(LEDGER))
    return plan


def _named_of(source: str) -> set[str]:
    """The names of what is judged by the source's landed objects."""
    return {f"{LANDED}{source}", *(f"{layer}.{source}" for layer in _OF_OBJECTS)}


def each_of(
    asked: Mapping[str, Callable[[], Found]], failed: MutableMapping[str, Exception], named: str = ""
) -> dict[str, Found]:
    """What each gives; one that fails is kept with its error and keeps none of the others back."""
    found = {}
    for name, ask in asked.items():
        try:
            found[name] = ask()
        except Exception as error:
            failed[f"{named}{name}"] = error
    return found


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
        failed: what did not go, by name, and why; what was done of it stays, and the next retention goes on.
        logs: files of the folder of logs.
    """

    objects: Mapping[str, int]
    tables: tuple[str, ...]
    rows: Mapping[str, int]
    failed: Mapping[str, Exception] = field(default_factory=dict)
    logs: int = 0


DropDays = Callable[[OldRows], bool]
"""Drops the days of a table, and what of its files no reader needs; whether it had such days."""


def carry_out(
    settings: Settings, plan: RetentionPlan, drop: DropDays, now: Callable[[], datetime]
) -> Dropped:
    """The plan done: landed objects first, while quarantine still holds the lines that account for them.

    Runs of retention.landing.<source> and retention.ledgers are kept of it where there is something to drop,
    of known time as far as is dropped; `drop` keeps those of tables. What fails, or is busy, keeps none of
    the rest back.
    """
    ops, failed = Ops(settings.ops_url), dict[str, Exception]()
    runs = RunLedger(ops, now, heard_of(settings))
    expire_known_time(ops, expiring(ops, plan), now())
    objects = each_of(
        {each.source: partial(_objects_ended, settings, ops, runs, each, now) for each in plan.landed},
        failed,
        LANDED,
    )
    dropped = each_of({each.table.name: partial(drop, each) for each in plan.tables}, failed)
    rows: Mapping[str, int] = {}
    if plan.ledgers is not None:
        ledgers = partial(_ledgers_ended, settings, ops, runs, plan.ledgers)
        rows = each_of({LEDGER: ledgers}, failed).get(LEDGER, {})
    logs = 0
    if plan.logs is not None:
        logs = each_of({LOG: partial(_deleted, settings, plan.logs)}, failed).get(LOG, 0)
    tables = tuple(name for name, had_days in dropped.items() if had_days)
    return Dropped(objects, tables, rows, failed, logs)


def still_old(ops: Ops, old: OldRows) -> OldRows:
    """The same without the days that are held by now: lines may have come since the plan."""
    if not old.days or old.table.layer != "quarantine":
        return old
    due = _held(ops, old.table, min(old.days), old.before)
    held = {day: due[day] for day in old.days if day in due}
    days = {day: size for day, size in old.days.items() if day not in held}
    return replace(old, days=days, held=dict(sorted({**old.held, **held}.items())))


def _deleted(settings: Settings, old: OldLogs) -> int:
    """How many logs went; one that was written to meanwhile stays."""
    still = logs_before(settings.home, _midnight(old.before))
    due = [path for path in old.files if path in still]
    for path in due:
        path.unlink(missing_ok=True)
    return len(due)


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
    """The objects deleted that are still to go, judged while nobody can publish their tables; how many.

    A live tick waits for the leases, so they are held to judge and to mark, not to list nor to delete.
    """
    if not old.due:
        return 0
    leases, listed = Leases(ops, now, patience=PATIENCE), lying_before(settings, old.source, old.before)
    with leases.publishing(f"bronze.{old.source}"), leases.publishing(f"quarantine.{old.source}"):
        still = set(judged(settings, ops, old.source, old.before, listed).due)
        marked = mark_deleted(ops, old.source, [each for each in old.due if each in still], now())
    delete_marked(settings, marked)
    return len(marked)


def _old_rows(
    ops: Ops, reader: CatalogReader, table: Table, kept: Retention, day: date, short: Collection[date]
) -> OldRows:
    before = kept.first_kept(day)
    sizes = {each: size for each, size in reader.sizes_by_day(table).items() if each < before}
    due = _held(ops, table, min(sizes), before) if sizes and table.layer == "quarantine" else {}
    held = {each: why for each, why in due.items() if each in sizes}
    held |= {each: Held.SHORT for each in short if each < before}
    days = {each: size for each, size in sizes.items() if each not in held}
    has_dropped = reader.property(table, KEPT_FROM) is not None
    return OldRows(table, kept, before, days, dict(sorted(held.items())), has_dropped)


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
