"""Naive oracle, part 6: GPS fixes, and which of them a driver can have come by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import h3

from support.oracle_records import TICK, Landed, first_copies
from support.oracle_states import area_of, zone_of

EARTH_METRES = 6_371_007.18  # mean radius, as H3 uses it
FASTEST_KMH = 200
JUMP_MEMORY = 2 * TICK
LEAST_SECONDS = 1


@dataclass(frozen=True)
class Fix:
    """A ping that counts: where a driver was."""

    driver_id: str
    provider_id: str
    event_timestamp: datetime
    known_at: datetime
    order: tuple[datetime, datetime, str, int]
    place: tuple[float, float]
    speed_kmh: float | None
    accuracy_m: float | None

    @cached_property
    def zone_id(self) -> str:
        """H3 r7 cell."""
        return zone_of(self.place)

    @property
    def area_id(self) -> str:
        """H3 r6 cell."""
        return area_of(self.zone_id)

    @property
    def shown_place(self) -> tuple[float, float]:
        """Centre of the H3 r9 cell: no finer position is served."""
        return h3.cell_to_latlng(h3.latlng_to_cell(*self.place, 9))


def plausible_fixes(records: Iterable[Landed]) -> list[Fix]:
    """The pings that are neither late nor implausible jumps, in the total order of records."""
    of_driver: dict[str, list[Landed]] = {}
    for ping in first_copies(records, "gps_pings"):
        of_driver.setdefault(ping.data["driver_id"], []).append(ping)
    fixes = [_fix(ping) for pings in of_driver.values() for ping in _plausible(pings)]
    return sorted(fixes, key=lambda each: each.order)


def _plausible(pings: list[Landed]) -> Iterator[Landed]:
    """Each ping is compared with the one known before it, late and implausible ones included."""
    before = None
    for ping in sorted(pings, key=lambda each: (each.known_at, each.event_timestamp, each.data["event_id"])):
        if not ping.is_late and not (before and is_implausible_jump(before, ping)):
            yield ping
        before = ping


def is_implausible_jump(before: Landed, ping: Landed) -> bool:
    """Whether a driver known to be there, at most two ticks earlier, came faster than 200 km/h."""
    if before.known_at < ping.known_at - JUMP_MEMORY:
        return False
    seconds = abs(ping.event_timestamp - before.event_timestamp) / timedelta(seconds=1)
    metres = metres_between(_place(before), _place(ping))
    return metres * 3.6 > max(seconds, LEAST_SECONDS) * FASTEST_KMH


def metres_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance (haversine)."""
    north1, east1, north2, east2 = (math.radians(degrees) for degrees in (*one, *other))
    half = (
        math.sin((north2 - north1) / 2) ** 2
        + math.cos(north1) * math.cos(north2) * math.sin((east2 - east1) / 2) ** 2
    )
    return 2 * EARTH_METRES * math.asin(math.sqrt(half))


def _place(ping: Landed) -> tuple[float, float]:
    return ping.data["latitude"], ping.data["longitude"]


def _fix(ping: Landed) -> Fix:
    return Fix(
        ping.data["driver_id"],
        ping.data["provider_id"],
        ping.event_timestamp,
        ping.known_at,
        ping.order,
        _place(ping),
        ping.data.get("speed_kmh"),
        ping.data.get("accuracy_m"),
    )
