"""Whether a landed object may go: its lines stand in bronze or in quarantine, and nobody waits for it.

An object that may not go is kept however old it is, and is named with the reason.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update

from lakehouse.catalog_reader import CatalogReader
from lakehouse.database import chunks
from lakehouse.expiries import HELD_DAYS, KEPT_FROM, was_dropped
from lakehouse.landed_counts import landed_by_tick
from lakehouse.object_store import LandedObject, Misnamed, delete_object, list_objects
from lakehouse.ops import (
    Ops,
    answered_lines,
    landing_objects,
    landing_outcomes,
    quarantine_answers,
    refused_objects,
    runs,
)
from lakehouse.quality_ledger import QualityLedger
from lakehouse.run_ledger import IS_RUNNING, WAS_PUBLISHED
from lakehouse.settings import Settings
from validation.clocks import TICK, Interval, known_date, tick_end
from validation.contracts import table_named
from validation.retention import LANDING

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_AT_ONCE = 8
_LAYERS = ("bronze", "quarantine")


class Unaccounted(StrEnum):
    """Why an object is kept although its time is over."""

    MISNAMED = "its name tells no arrival, so no run ever reads it"
    UNREGISTERED = "no run has registered it"
    UNREAD = "no run has read it to the end"
    CHANGED = "it has another size than when it was read: landed again under its name, it was not read since"
    UNBALANCED = "it has lines that are neither in bronze nor in quarantine"
    STOPPED = "a check stopped its tick, and nobody accepted or refused it"
    UNPUBLISHED = "bronze or quarantine of its tick was never published"
    RUNNING = "a run over its tick goes on"
    OUTRUN = "bronze of its tick was published again, and quarantine was not"
    YOUNG = f"its refused lines have been readable for less than {LANDING}"
    BEGUN = "a release of its lines was begun and not written"
    NOT_HELD = "bronze or quarantine does not hold as many rows of its day as were read"


Why = Callable[[LandedObject, Any], Unaccounted | None]
"""What keeps an object, by its row of the ledger (None: it has none)."""


@dataclass(frozen=True)
class OldObjects:
    """A source's landed objects of ticks before a moment.

    Attributes:
        due: those that may go, in order of key.
        kept: those that may not, by the reason.
        short: by table, the days of objects that lie there of which it does not hold as many rows as were
            read; what it dropped in its turn is not asked for.
    """

    source: str
    before: datetime
    due: tuple[LandedObject, ...] = ()
    kept: Mapping[Unaccounted, tuple[LandedObject | Misnamed, ...]] = field(default_factory=dict)
    short: Mapping[str, frozenset[date]] = field(default_factory=dict)


def old_objects(settings: Settings, ops: Ops, source: str, before: datetime) -> OldObjects:
    """What lies there of ticks before that moment, a midnight, each object with what keeps it.

    Raises:
        InputMissing: the landing root is not there.
        Unreachable: the store, the ledger or the catalog does not answer.
    """
    return judged(settings, ops, source, before, lying_before(settings, source, before))


def lying_before(settings: Settings, source: str, before: datetime) -> list[LandedObject | Misnamed]:
    """What lies there with a stamp before that moment, in order of key."""
    return list(list_objects(settings.landing_uri, source, _BEGINNING, before))


def judged(
    settings: Settings, ops: Ops, source: str, before: datetime, listed: Sequence[LandedObject | Misnamed]
) -> OldObjects:
    """What was listed, each object with what keeps it now. The landed objects are not asked."""
    named = [each for each in listed if isinstance(each, LandedObject)]
    misnamed = tuple(each for each in listed if isinstance(each, Misnamed))
    known = _ledger_rows(ops, [each.key for each in named])
    short = _short_days(settings, ops, source, before, [row.known_at for row in known.values()])
    why = _judge(ops, source, before, [row.known_at for row in known.values()], short)
    due: list[LandedObject] = []
    kept: dict[Unaccounted, list[LandedObject | Misnamed]] = {Unaccounted.MISNAMED: list(misnamed)}
    for each in named:
        row = known.get(each.key)
        if (tick_end(each.landed_at) if row is None else row.known_at) > before:
            continue  # a straggler: its time counts from the tick that found it
        reason = why(each, row)
        if reason is None:
            due.append(each)
        else:
            kept.setdefault(reason, []).append(each)
    return OldObjects(source, before, tuple(due), {r: tuple(of) for r, of in kept.items() if of}, short)


def mark_deleted(ops: Ops, source: str, due: Sequence[LandedObject], now: datetime) -> list[LandedObject]:
    """Mark the objects as deleted, save those over whose tick a run goes on by now; those that are marked.

    A marked object is never read again. Runs are looked for once the marks are kept: one that began before is
    seen then, one that begins later can see the marks.
    """
    keys, at = [each.key for each in due], landing_objects.c.deleted_at
    with ops.write() as connection:
        for some in chunks(keys):
            here = update(landing_objects).where(landing_objects.c.object_key.in_(some), at.is_(None))
            connection.execute(here.values(deleted_at=now))
    known = _ledger_rows(ops, keys)
    running = _running(ops, source, [row.known_at for row in known.values()])
    read = {key for key, row in known.items() if row.known_at in running}
    with ops.write() as connection:
        for some in chunks(sorted(read)):
            marked_now = update(landing_objects).where(landing_objects.c.object_key.in_(some), at == now)
            connection.execute(marked_now.values(deleted_at=None))
    return [each for each in due if each.key not in read]


def delete_marked(settings: Settings, marked: Sequence[LandedObject]) -> None:
    """Delete the objects. Killed between, the next retention finds what is left and goes on.

    Raises:
        Unreachable: the store does not answer.
    """
    with ThreadPoolExecutor(_AT_ONCE, "delete") as pool:
        for _ in pool.map(lambda each: delete_object(settings.landing_uri, each.key), marked):
            pass


def deleted_within(ops: Ops, source: str, interval: Interval) -> tuple[int, datetime] | None:
    """How many of the interval's objects were deleted, and the newest tick of such; None if none was."""
    at = landing_objects.c.known_at
    query = select(func.count(), func.max(at)).where(
        landing_objects.c.source == source,
        at > interval.start,
        at <= interval.end,
        landing_objects.c.deleted_at.is_not(None),
    )
    with ops.read() as connection:
        count, newest = connection.execute(query).one()
    return (int(count), newest) if count else None


def _ledger_rows(ops: Ops, keys: Sequence[str]) -> dict[str, Any]:
    key = landing_objects.c.object_key.label("key")
    query = select(key, landing_objects.c.known_at, landing_outcomes).join_from(
        landing_objects,
        landing_outcomes,
        landing_outcomes.c.object_key == landing_objects.c.object_key,
        isouter=True,
    )
    found = {}
    with ops.read() as connection:
        for some in chunks(keys):
            for row in connection.execute(query.where(landing_objects.c.object_key.in_(some))):
                found[row.key] = row
    return found


def begun_releases(ops: Ops, source: str) -> dict[str, datetime]:
    """By key, the known time of the objects with lines whose release was begun and not written."""
    query = (
        select(landing_objects.c.object_key, landing_objects.c.known_at)
        .join_from(
            quarantine_answers,
            answered_lines,
            answered_lines.c.answer_id == quarantine_answers.c.answer_id,
        )
        .join(landing_objects, landing_objects.c.object_key == answered_lines.c.source_object)
        .where(quarantine_answers.c.is_done.is_(False), landing_objects.c.source == source)
        .distinct()
    )
    with ops.read() as connection:
        return {row.object_key: row.known_at for row in connection.execute(query)}


def readable_since(ops: Ops, source: str, interval: Interval) -> dict[datetime, datetime]:
    """By tick with refused lines, since when a person can read them; ticks never published are left out.

    Since quarantine's first run over it ended, however often code made it again, or an object of it was
    turned away later.
    """
    query = (
        select(landing_objects.c.known_at, func.max(refused_objects.c.refused_at).label("turned_away"))
        .join_from(
            landing_objects, landing_outcomes, landing_outcomes.c.object_key == landing_objects.c.object_key
        )
        .join(refused_objects, refused_objects.c.object_key == landing_objects.c.object_key, isouter=True)
        .where(
            landing_objects.c.source == source,
            landing_objects.c.known_at > interval.start,
            landing_objects.c.known_at <= interval.end,
            landing_outcomes.c.quarantined_rows > 0,
        )
        .group_by(landing_objects.c.known_at)
    )
    with ops.read() as connection:
        refused = {row.known_at: row.turned_away for row in connection.execute(query)}
    made = _publications(ops, f"quarantine.{source}", refused)
    return {
        tick: max(made[tick].first, turned_away or _BEGINNING)
        for tick, turned_away in refused.items()
        if tick in made
    }


@dataclass(frozen=True)
class _Publications:
    """When the first and the last of the runs over a tick ended."""

    first: datetime
    last: datetime


def _publications(
    ops: Ops, table: str, ticks: Iterable[datetime], statuses: Sequence[str] = WAS_PUBLISHED
) -> dict[datetime, _Publications]:
    """By tick, the table's runs over it of these statuses; ticks without one are left out."""
    ordered = sorted(set(ticks))
    if not ordered:
        return {}
    ended_at = func.coalesce(runs.c.finished_at, runs.c.started_at)
    query = select(runs.c.interval_start, runs.c.interval_end, ended_at).where(
        runs.c.table_name == table,
        runs.c.status.in_(statuses),
        runs.c.interval_end >= ordered[0],
        runs.c.interval_start < ordered[-1],
    )
    found: dict[datetime, _Publications] = {}
    with ops.read() as connection:
        for start, end, ended in connection.execute(query):
            for tick in ordered[bisect_right(ordered, start) : bisect_right(ordered, end)]:
                known = found.get(tick, _Publications(ended, ended))
                found[tick] = _Publications(min(known.first, ended), max(known.last, ended))
    return found


def _running(ops: Ops, source: str, ticks: Collection[datetime]) -> set[datetime]:
    """Those of the ticks over which a run of bronze or quarantine goes on."""
    tables = [f"{layer}.{source}" for layer in _LAYERS]
    return {tick for name in tables for tick in _publications(ops, name, ticks, IS_RUNNING)}


def _judge(
    ops: Ops,
    source: str,
    before: datetime,
    ticks: Collection[datetime],
    short: Mapping[str, frozenset[date]],
) -> Why:
    if not ticks:
        return lambda _object, _row: Unaccounted.UNREGISTERED
    stopping = {each.known_at for each in QualityLedger(ops).stopping(before) if each.source == source}
    bronze, quarantine = (_publications(ops, f"{layer}.{source}", ticks) for layer in _LAYERS)
    running, begun = _running(ops, source, ticks), begun_releases(ops, source)
    readable = readable_since(ops, source, _whole_days(ticks, before))
    not_held = frozenset().union(*short.values())

    def why(landed: LandedObject, row: Any) -> Unaccounted | None:
        if row is None:
            return Unaccounted.UNREGISTERED
        if row.status is None:
            return Unaccounted.UNREAD
        if row.size_bytes != landed.size:
            return Unaccounted.CHANGED
        if row.lines != row.bronze_rows + row.quarantined_rows:
            return Unaccounted.UNBALANCED
        if row.known_at in stopping:
            return Unaccounted.STOPPED
        if row.known_at in running:
            return Unaccounted.RUNNING
        if row.known_at not in bronze or row.known_at not in quarantine:
            return Unaccounted.UNPUBLISHED
        if quarantine[row.known_at].last < bronze[row.known_at].last:  # all of the tick, to make it again
            return Unaccounted.OUTRUN
        if row.quarantined_rows and readable[row.known_at] >= before:
            return Unaccounted.YOUNG
        if landed.key in begun:
            return Unaccounted.BEGUN
        return Unaccounted.NOT_HELD if known_date(row.known_at) in not_held else None

    return why


def _whole_days(ticks: Collection[datetime], before: datetime) -> Interval:
    first = datetime.combine(known_date(min(ticks)), time(0), UTC)
    return Interval(min(first, before - TICK), before)


def _short_days(
    settings: Settings, ops: Ops, source: str, before: datetime, ticks: Collection[datetime]
) -> dict[str, frozenset[date]]:
    """By table, days of these ticks of which it does not hold as many rows as were read from their objects.

    Asked of the tables' own metadata: the objects are the only other copy. What a table says itself that it
    dropped in its turn is not asked for; that its known time is past its retention says nothing of its rows.
    """
    days = {known_date(tick) for tick in ticks if tick <= before}
    if not days:
        return {}
    reader, short = CatalogReader(settings), {}
    read = landed_by_tick(ops, [source], _whole_days(ticks, before))
    for layer in _LAYERS:
        table = table_named(f"{layer}.{source}")
        held, expected = reader.rows_by_day(table), Counter[date]()
        kept_from, kept = (reader.property(table, name) for name in (KEPT_FROM, HELD_DAYS))
        for each in read:
            rows = each.bronze_rows if layer == "bronze" else each.quarantined_rows
            expected[known_date(each.known_at)] += rows
        missing = {day for day in days if held.get(day, 0) != expected[day]}
        short[table.name] = frozenset(day for day in missing if not was_dropped(day, kept_from, kept))
    return {name: of for name, of in short.items() if of}
