"""Whether a source is complete to a tick, judged by the stamps of its landed objects alone.

A producer sends an object each heartbeat, an empty one when it has nothing to say. So silence is
told apart from zero: a tick whose heartbeats did not all arrive by its end is held, and a backfill
next year holds the same ticks, because the ledger is never rewritten. An archive enters ticks that are
over; it has no say here, or it would change what was judged before it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import NamedTuple

from sqlalchemy import ColumnElement, String, and_, func, select, type_coerce

from lakehouse.object_store import RELEASED
from lakehouse.ops import Ops, landing_objects, landing_outcomes
from validation.clocks import TICK, Interval
from validation.sources import source_named

HISTORY_DAYS = 7
"""How many days before a tick say how many records it should hold."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_LOOK = timedelta(days=2)
_MINUTE_CHARACTERS = len("2026-03-10T17:00")


class Stamp(NamedTuple):
    """One landed object: the moment in its name, and the tick it became known at, which is later."""

    landed_at: datetime
    known_at: datetime


@dataclass(frozen=True)
class IncompleteTick:
    """What a source lacks at a tick.

    Attributes:
        last_object_at: the newest stamp known at the tick; None if the caller knew of none.
        expected_objects: heartbeats that should have been known, found_objects: those that were.
    """

    source: str
    tick: datetime
    last_object_at: datetime | None
    expected_objects: int
    found_objects: int


def incomplete_ticks(
    source: str,
    stamps: Iterable[Stamp],
    heartbeat: timedelta,
    interval: Interval,
    last_object_at: datetime | None = None,
) -> list[IncompleteTick]:
    """The interval's ticks T at which a heartbeat is missing among the stamps with known_at <= T, in order.

    Each slot of a heartbeat within [T - 15 min, T) must hold a stamp; one longer than a tick is a
    single slot, [T - heartbeat, T). The heartbeat is whole minutes, and divides a tick or is longer.

    Args:
        stamps: in any order, at least those in the slots of the interval's ticks.
        last_object_at: the newest stamp known at the interval's start, where it is not among them.

    >>> noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    >>> beats = [Stamp(noon + timedelta(minutes=m), noon + TICK) for m in (4, 14)]
    >>> (tick,) = incomplete_ticks("gps_pings", beats, timedelta(minutes=5), Interval(noon, noon + TICK))
    >>> tick.expected_objects, tick.found_objects
    (3, 2)
    """
    known = sorted(stamps, key=lambda stamp: stamp.known_at, reverse=True)
    heard: set[int] = set()
    expected = max(1, TICK // heartbeat)
    incomplete = []
    for tick in interval.ticks():
        while known and known[-1].known_at <= tick:
            landed_at = known.pop().landed_at
            heard.add((landed_at - _EPOCH) // heartbeat)
            last_object_at = max(landed_at, last_object_at or landed_at)
        if heartbeat > TICK:
            found = int(last_object_at is not None and last_object_at >= tick - heartbeat)
        else:
            slot_after = (tick - _EPOCH) // heartbeat
            found = sum(slot in heard for slot in range(slot_after - expected, slot_after))
        if found < expected:
            incomplete.append(IncompleteTick(source, tick, last_object_at, expected, found))
    return incomplete


class Completeness:
    """The verdicts over the landing ledger; `heartbeats` widens those that the sources declare."""

    def __init__(self, ops: Ops, heartbeats: Mapping[str, timedelta] | None = None) -> None:
        self._ops = ops
        self._heartbeats = heartbeats or {}

    def incomplete(self, source: str, interval: Interval) -> list[IncompleteTick]:
        """The interval's ticks that the source holds, in order.

        Not those before its first object became known, archives aside: until then it is not connected.

        Raises:
            UnknownName: there is no such source.
        """
        heartbeat = self._heartbeats.get(source, source_named(source).heartbeat)
        connected_at = self._connected_at(source)
        if connected_at is None or connected_at > interval.end:
            return []
        found = incomplete_ticks(
            source,
            self._stamps(source, interval.widened(heartbeat)),
            heartbeat,
            interval,
            self.last_object_at(source, interval.start),
        )
        return [each for each in found if each.tick >= connected_at]

    def held_ticks(self, sources: Iterable[str], interval: Interval) -> frozenset[datetime]:
        """The interval's ticks that one of the sources holds, or several."""
        return frozenset(each.tick for source in sources for each in self.incomplete(source, interval))

    def last_complete_tick(self, sources: Sequence[str], at: datetime) -> datetime:
        """The last tick, at most `at`, that none of the sources holds.

        There is always one: before its first object a source holds nothing.
        """
        look = _FIRST_LOOK
        while True:
            looked_at = Interval(at - look, at)
            held = self.held_ticks(sources, looked_at)
            complete = [tick for tick in looked_at.ticks() if tick not in held]
            if complete:
                return complete[-1]
            look *= 4

    def last_object_at(self, source: str, tick: datetime) -> datetime | None:
        """The newest stamp among the source's objects known at the tick, archives aside; None without any."""
        at, stamp = landing_objects.c.known_at, landing_objects.c.landed_at
        lived = _lived(source)
        with self._ops.read() as connection:
            newest = connection.execute(select(func.max(at)).where(lived, at <= tick)).scalar_one()
            if newest is None:
                return None
            # A stamp is before its known_at, so a newer stamp than these is known after these stamps.
            query = select(func.max(stamp))
            some = connection.execute(query.where(lived, at == newest)).scalar_one()
            last: datetime = connection.execute(query.where(lived, at > some, at <= tick)).scalar_one()
            return last

    def expected_records(self, source: str, tick: datetime) -> int | None:
        """The median number of records known at this time of day on the 7 days before; None without any."""
        before = [tick - timedelta(days=day) for day in range(1, HISTORY_DAYS + 1)]
        query = (
            select(func.sum(landing_outcomes.c.lines))
            .join_from(
                landing_objects,
                landing_outcomes,
                landing_outcomes.c.object_key == landing_objects.c.object_key,
            )
            .where(landing_objects.c.source == source, landing_objects.c.known_at.in_(before))
            .group_by(landing_objects.c.known_at)
        )
        with self._ops.read() as connection:
            records = [int(lines) for lines in connection.execute(query).scalars()]
        return round(median(records)) if records else None

    def _connected_at(self, source: str) -> datetime | None:
        """The tick at which the source's first object became known."""
        query = select(func.min(landing_objects.c.known_at)).where(_lived(source))
        with self._ops.read() as connection:
            first: datetime | None = connection.execute(query).scalar_one()
        return first

    def _stamps(self, source: str, interval: Interval) -> Iterator[Stamp]:
        """The newest stamp of each minute and tick: all that a heartbeat of whole minutes is judged by.

        One range of the index by source and known_at, however many objects a minute holds.
        """
        at, stamp = landing_objects.c.known_at, landing_objects.c.landed_at
        minute = func.substr(type_coerce(stamp, String), 1, _MINUTE_CHARACTERS)
        query = (
            select(func.max(stamp), at)
            .where(_lived(source), at > interval.start, at <= interval.end)
            .group_by(at, minute)
        )
        with self._ops.read() as connection:
            rows = connection.execute(query).all()
        return (Stamp(landed_at, known_at) for landed_at, known_at in rows)


def _lived(source: str) -> ColumnElement[bool]:
    """Objects that the source's producer sent and that were known at their tick when it was closed.

    No archive, and no lines that a person released from quarantine.
    """
    is_released = landing_objects.c.object_key.contains(f"-{RELEASED}", autoescape=True)
    return and_(landing_objects.c.source == source, landing_objects.c.is_archive.is_(False), ~is_released)
