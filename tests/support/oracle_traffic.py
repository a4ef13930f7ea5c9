"""Naive oracle, part 9: how fast traffic and own trucks move, and zone_traffic_15m."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import h3

from support.oracle_fixes import Fix
from support.oracle_records import EPOCH, TICK, Landed, counted
from support.oracle_silver import Silver, grouped
from support.oracle_states import zone_of
from support.oracle_windows import DAY, SPEED_KMH, Window, bucket_quantile, known_of, last, ratio, within

NO_READING = "-101"
LARGEST = Decimal(10) ** 9


@dataclass(frozen=True)
class Reading:
    """A speed measured on a road; a free-flow speed is not always there."""

    zone_id: str
    event_timestamp: datetime
    known_at: datetime
    metres_per_hour: int
    free_flow_metres_per_hour: int | None
    samples: int

    @property
    def tile_start(self) -> datetime:
        """Start of the quarter of an hour."""
        return EPOCH + (self.event_timestamp - EPOCH) // TICK * TICK


def readings_of_zone(silver: Silver) -> dict[str, list[Reading]]:
    """Readings with a speed, of all feeds, in order of event time."""

    def readings() -> dict[str, list[Reading]]:
        landed = sorted(counted(silver.landed, "traffic_speeds"), key=lambda each: each.order)
        return grouped((each for each in map(reading, landed) if each), lambda each: each.zone_id)

    return silver.once("readings", readings)


def reading(landed: Landed) -> Reading | None:
    """What the record says; None for a sentinel or anything else that is no speed."""
    data = landed.data
    speed = metres_per_hour(data.get("speed_kmh"))
    if speed is None or data.get("status") == NO_READING:
        return None
    samples = data.get("sample_count")
    return Reading(
        zone_of((data["latitude"], data["longitude"])),
        landed.event_timestamp,
        landed.known_at,
        speed,
        metres_per_hour(data.get("free_flow_kmh")),
        1 if samples is None else int(samples),
    )


def metres_per_hour(kmh: float | None) -> int | None:
    """Whole metres, half up, of a speed of nine decimals; None for what is none."""
    try:
        exact = Decimal(str(kmh))
        if not 0 <= exact < LARGEST:
            return None
        nine = exact.quantize(Decimal("1e-9"), ROUND_HALF_UP)
        return int((nine * 1000).quantize(Decimal(1), ROUND_HALF_UP))
    except InvalidOperation:
        return None


def speed_ratio(
    silver: Silver, zones: Iterable[str], window: Window, tick: datetime, corrected: bool
) -> float | None:
    """Measured over free-flow speed, weighted by samples, of readings that have both."""
    measured = free = 0
    for zone_id in zones:
        readings = within(readings_of_zone(silver).get(zone_id, []), window)
        for each in known_of(readings, tick, corrected):
            if each.free_flow_metres_per_hour is not None:
                measured += each.metres_per_hour * each.samples
                free += each.free_flow_metres_per_hour * each.samples
    return ratio(measured, free)


def fleet_pings_of_zone(silver: Silver) -> dict[str, list[Fix]]:
    """Plausible fixes with a speed of drivers that were en route, in order of event time."""

    def pings() -> dict[str, list[Fix]]:
        moving = [fix for fix in silver.fixes if fix.speed_kmh is not None and was_en_route(silver, fix)]
        return grouped(moving, lambda each: each.zone_id)

    return silver.once("fleet pings", pings)


def was_en_route(silver: Silver, fix: Fix) -> bool:
    """Whether, by what was known when the fix became known, its driver was en route at its time."""
    in_force = None
    for status in silver.statuses_of_driver.get(silver.token_of(fix.driver_id), []):
        is_known = status.known_at <= fix.known_at
        if is_known and fix.event_timestamp - DAY <= status.event_timestamp <= fix.event_timestamp:
            in_force = status
    return in_force is not None and in_force.data["status"] == "en_route"


def zone_traffic_15m(
    silver: Silver, zone_id: str, tick: datetime, corrected: bool = False
) -> dict[str, Any] | None:
    """Every feature of the zone at the tick; None when it is not live."""
    readings, pings = (
        known_of(within(of_zone.get(zone_id, []), last(DAY, tick)), tick, corrected)
        for of_zone in (readings_of_zone(silver), fleet_pings_of_zone(silver))
    )
    if not readings and not pings:
        return None
    half_hour = last(2 * TICK, tick)
    speeds = [each.speed_kmh for each in within(pings, half_hour)]
    ring1 = h3.grid_disk(zone_id, 1)
    return {
        "tick_at": tick,
        "speed_ratio_15m": speed_ratio(silver, [zone_id], last(TICK, tick), tick, corrected),
        "ring1_speed_ratio_30m": speed_ratio(silver, ring1, half_hour, tick, corrected),
        "readings_30m_count": len(within(readings, half_hour)),
        "last_reading_at": max((each.tile_start for each in readings), default=None),
        "fleet_speed_kmh_p50_30m": bucket_quantile(speeds, 50, SPEED_KMH),
        "fleet_pings_30m_count": len(speeds),
    }
