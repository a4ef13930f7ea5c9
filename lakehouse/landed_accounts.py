"""Whether a landed object may go: its lines stand in bronze or in quarantine, and nobody waits for it.

An object that may not go is kept however old it is, and is named with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update

from lakehouse.catalog_reader import CatalogReader
from lakehouse.database import chunks
from lakehouse.expiries import expired
from lakehouse.landed_counts import landed_by_tick
from lakehouse.object_store import LandedObject, Misnamed, delete_object, list_objects
from lakehouse.ops import Ops, landing_objects, landing_outcomes
from lakehouse.quality_ledger import QualityLedger
from lakehouse.run_history import gaps, merged
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from validation.clocks import TICK, Interval, known_date, tick_end
from validation.contracts import table_named

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_A_TIME = 200
"""Objects that are marked in one transaction, then deleted."""


_AT_ONCE = 8


class Unaccounted(StrEnum):
    """Why an object is kept although its time is over."""

    MISNAMED = "its name tells no arrival, so no run ever reads it"
    UNREGISTERED = "no run has registered it"
    UNREAD = "no run has read it to the end"
    UNBALANCED = "it has lines that are neither in bronze nor in quarantine"
    STOPPED = "a check stopped its tick, and nobody accepted or refused it"
    UNPUBLISHED = "bronze or quarantine of its tick was never published"
    NOT_HELD = "bronze or quarantine does not hold as many rows of its day as were read"


@dataclass(frozen=True)
class OldObjects:
    """A source's landed objects of ticks before a moment.

    Attributes:
        due: those that may go, in order of key.
        kept: those that may not, by the reason.
    """

    source: str
    before: datetime
    due: tuple[LandedObject, ...] = ()
    kept: Mapping[Unaccounted, tuple[LandedObject | Misnamed, ...]] = field(default_factory=dict)


def old_objects(settings: Settings, ops: Ops, source: str, before: datetime) -> OldObjects:
    """What lies there of ticks before that moment, a midnight, each object with what keeps it.

    Raises:
        InputMissing: the landing root is not there.
        Unreachable: the store, the ledger or the catalog does not answer.
    """
    listed = list(list_objects(settings.landing_uri, source, _BEGINNING, before))
    named = [each for each in listed if isinstance(each, LandedObject)]
    misnamed = tuple(each for each in listed if isinstance(each, Misnamed))
    known = _ledger_rows(ops, [each.key for each in named])
    why = _judge(settings, ops, source, before, [row.known_at for row in known.values()])
    due: list[LandedObject] = []
    kept: dict[Unaccounted, list[LandedObject | Misnamed]] = {Unaccounted.MISNAMED: list(misnamed)}
    for each in named:
        row = known.get(each.key)
        if (tick_end(each.landed_at) if row is None else row.known_at) > before:
            continue  # a straggler: its time counts from the tick that found it
        reason = why(row)
        if reason is None:
            due.append(each)
        else:
            kept.setdefault(reason, []).append(each)
    return OldObjects(source, before, tuple(due), {r: tuple(of) for r, of in kept.items() if of})


def delete_objects(settings: Settings, ops: Ops, due: Sequence[LandedObject], now: datetime) -> int:
    """Delete the objects, each marked in the ledger before; how many.

    Killed between, the next call finds what is left and goes on: a marked object is never read again.

    Raises:
        Unreachable: the store or the ledger does not answer.
    """
    for start in range(0, len(due), _A_TIME):
        keys = [each.key for each in due[start : start + _A_TIME]]
        unmarked = landing_objects.c.object_key.in_(keys), landing_objects.c.deleted_at.is_(None)
        with ops.write() as connection:
            connection.execute(update(landing_objects).where(*unmarked).values(deleted_at=now))
        with ThreadPoolExecutor(_AT_ONCE, "delete") as pool:
            for _ in pool.map(lambda key: delete_object(settings.landing_uri, key), keys):
                pass
    return len(due)


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


def _judge(
    settings: Settings, ops: Ops, source: str, before: datetime, ticks: Sequence[datetime]
) -> Callable[[Any], Unaccounted | None]:
    """What keeps an object, by its row of the ledger (None: it has none)."""
    if not ticks:
        return lambda _row: Unaccounted.UNREGISTERED
    span = Interval(min(*ticks, before - TICK) - TICK, before)
    stopping = {each.known_at for each in QualityLedger(ops).stopping(before) if each.source == source}
    runs = RunLedger(ops, lambda: before)  # never finishes a run, so asks no clock that matters
    tables = [f"bronze.{source}", f"quarantine.{source}"]
    unpublished = merged(part for table in tables for part in runs.never_made(table, span))
    short = _short_days(settings, ops, source, span)

    def why(row: Any) -> Unaccounted | None:
        if row is None:
            return Unaccounted.UNREGISTERED
        if row.status is None:
            return Unaccounted.UNREAD
        if row.lines != row.bronze_rows + row.quarantined_rows:
            return Unaccounted.UNBALANCED
        if row.known_at in stopping:
            return Unaccounted.STOPPED
        if gaps([Interval(row.known_at - TICK, row.known_at)], unpublished) == []:
            return Unaccounted.UNPUBLISHED
        return Unaccounted.NOT_HELD if known_date(row.known_at) in short else None

    return why


def _short_days(settings: Settings, ops: Ops, source: str, span: Interval) -> set[date]:
    """Days of which a table does not hold as many rows as were read from their objects.

    Asked of the tables' own metadata: the objects are the only other copy. What a table dropped in its turn
    is no longer asked for.
    """
    read, short = landed_by_tick(ops, [source], span), set()
    reader, gone = CatalogReader(settings), expired(ops)
    for layer in ("bronze", "quarantine"):
        name = f"{layer}.{source}"
        held, expected = reader.rows_by_day(table_named(name)), Counter[date]()
        for each in read:
            if not gone.reaches(name, each.known_at - TICK):
                rows = each.bronze_rows if layer == "bronze" else each.quarantined_rows
                expected[known_date(each.known_at)] += rows
        short |= {day for day, rows in expected.items() if held.get(day, 0) != rows}
    return short
