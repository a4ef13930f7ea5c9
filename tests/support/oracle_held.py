"""Naive oracle, part 18: ticks that are held because a source had gone silent, by its landed objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from support.oracle_landing import SOURCES, stamp_of
from support.oracle_records import TICK, tick_end
from support.oracle_views import View

SLOT = timedelta(minutes=5)


@dataclass(frozen=True)
class LandedObject:
    """An object as it landed, with records or without."""

    source: str
    landed_at: datetime
    known_at: datetime


def objects_from_landing(
    root: Path, sources: Iterable[str] = SOURCES, known_at: dict[str, datetime] | None = None
) -> list[LandedObject]:
    """The objects under root/landing; known_at overrides, by object key, the tick that the stamp gives."""
    objects = []
    for source in sources:
        for path in sorted((root / "landing" / source).rglob(f"{source}-*")):
            key = path.relative_to(root).as_posix()
            landed_at = stamp_of(key)
            objects.append(LandedObject(source, landed_at, (known_at or {}).get(key, tick_end(landed_at))))
    return objects


def is_complete(
    objects: Iterable[LandedObject], source: str, tick: datetime, heartbeat: timedelta = SLOT
) -> bool:
    """Whether each heartbeat of the tick holds an object of the source that is known at the tick.

    The stamp in the object's name says where it lies. One heartbeat that is longer than a tick ends with
    it. A source of which nothing is known yet is not connected, and nobody waits for it.
    """
    known = [each.landed_at for each in objects if each.source == source and each.known_at <= tick]
    slots = [tick - (n + 1) * heartbeat for n in range(max(1, TICK // heartbeat))]
    return not known or all(any(slot <= stamp < slot + heartbeat for stamp in known) for slot in slots)


def held_instants(
    objects: Iterable[LandedObject], view: View, start: datetime, end: datetime, heartbeat: timedelta = SLOT
) -> frozenset[datetime]:
    """The instants T of the view with start < T <= end at which one of its sources is incomplete."""
    of_source = {source: [each for each in objects if each.source == source] for source in view.sources}
    return frozenset(
        instant
        for instant in view.instants(start, end)
        if not all(is_complete(landed, source, instant, heartbeat) for source, landed in of_source.items())
    )
