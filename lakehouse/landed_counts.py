"""What landed, counted in the database: by source and tick, and by the reasons that objects' lines were
refused for. The landing ledger keeps what is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from lakehouse.object_store import RELEASED
from lakehouse.ops import Ops, landing_objects, landing_outcomes
from validation.clocks import Interval

_L, _O = landing_objects.c, landing_outcomes.c


@dataclass(frozen=True)
class LandedTick:
    """One source at one tick.

    Attributes:
        unread: objects in the ledger that no run has read to the end.
        unbalanced: objects with a line that is neither in bronze nor in quarantine.
    """

    source: str
    known_at: datetime
    objects: int
    unread: int
    lines: int
    bronze_rows: int
    quarantined_rows: int
    unbalanced: int


@dataclass(frozen=True)
class RefusingObject:
    """An object with lines that were refused, and how many for each reason."""

    source: str
    key: str
    known_at: datetime
    reasons: Mapping[str, int]


def landed_by_tick(ops: Ops, sources: Sequence[str], interval: Interval) -> list[LandedTick]:
    """The ticks of the interval at which an object became known, by source and tick."""
    balanced = _O.lines == _O.bronze_rows + _O.quarantined_rows
    query = (
        select(
            _L.source,
            _L.known_at,
            func.count(),
            func.sum(case((_O.object_key.is_(None), 1), else_=0)),
            func.coalesce(func.sum(_O.lines), 0),
            func.coalesce(func.sum(_O.bronze_rows), 0),
            func.coalesce(func.sum(_O.quarantined_rows), 0),
            func.sum(case((or_(_O.object_key.is_(None), balanced), 0), else_=1)),
        )
        .join_from(landing_objects, landing_outcomes, _O.object_key == _L.object_key, isouter=True)
        .where(_of(sources, interval))
        .group_by(_L.source, _L.known_at)
        .order_by(_L.source, _L.known_at)
    )
    with ops.read() as connection:
        return [
            LandedTick(source, known_at, *(int(each) for each in counts))
            for source, known_at, *counts in connection.execute(query)
        ]


def landed_size(ops: Ops, source: str, interval: Interval) -> tuple[int, int]:
    """How many objects of the source are known in the interval, and their bytes as they landed."""
    query = select(func.count(), func.coalesce(func.sum(_L.size_bytes), 0)).where(_of([source], interval))
    with ops.read() as connection:
        objects, size = connection.execute(query).one()
    return int(objects), int(size)


def refusing_objects(ops: Ops, sources: Sequence[str], interval: Interval) -> Iterator[RefusingObject]:
    """The interval's objects with refused lines, by source, tick and key."""
    query = (
        select(_L.source, _L.object_key, _L.known_at, _O.reasons)
        .join_from(landing_objects, landing_outcomes, _O.object_key == _L.object_key)
        .where(_of(sources, interval), _O.quarantined_rows > 0)
        .order_by(_L.source, _L.known_at, _L.object_key)
    )
    with ops.read() as connection:
        rows = connection.execute(query).all()
    return (RefusingObject(*row) for row in rows)


def not_lived(ops: Ops, source: str, interval: Interval) -> list[str]:
    """Keys of the interval's archives, and of the lines that a person released: what no producer sent at
    their tick."""
    is_released = _L.object_key.contains(f"-{RELEASED}", autoescape=True)
    query = select(_L.object_key).where(_of([source], interval), or_(_L.is_archive, is_released))
    with ops.read() as connection:
        return list(connection.execute(query.order_by(_L.object_key)).scalars())


def _of(sources: Sequence[str], interval: Interval) -> ColumnElement[bool]:
    return and_(_L.source.in_(sources), _L.known_at > interval.start, _L.known_at <= interval.end)
