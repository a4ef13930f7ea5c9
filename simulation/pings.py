"""Pings: where every tracked truck on duty says it is, five minutes at a time, in arrays.

Memory holds one slot of 5 minutes and what is under way to later slots, whatever the day's volume.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from simulation import dirt
from simulation.delivery import (
    DAYS_LATE_SECONDS,
    PHASE,
    SLOT_SECONDS,
    STALL_SECONDS,
    Line,
    Objects,
    stamp_of,
)
from simulation.draws import Draws, generator
from simulation.geography import CENTRE_LATITUDE, CENTRE_LONGITUDE, DETOUR, KM_PER_DEGREE, KM_PER_DEGREE_EAST
from simulation.moments import moment
from simulation.providers import RELAY, Provider
from simulation.rates import rate
from simulation.shifts import Duty
from simulation.truth import TruthWriter

SOURCE = "gps_pings"
FIX_ERROR_METRES = 6.0
INACCURATE_METRES = (200.0, 1500.0)
JUMP_KM = (3.0, 10.0)
BUFFERED_SECONDS = (300, 3600)

PING = np.dtype(
    [
        ("at", "i8"),
        ("arrived_at", "i8"),
        ("driver", "i8"),
        ("latitude", "f8"),
        ("longitude", "f8"),
        ("speed_kmh", "f8"),
        ("heading", "i8"),
        ("accuracy_m", "f8"),
        ("dirt", "i1"),
    ]
)
# What the truth knows of a ping; numbers, because they travel in arrays.
CLEAN, RESENT, CONFLICTING, UNKNOWN_FIELD, MALFORMED, JUMP, BUFFERED, DAYS_LATE = range(8)
_NOTED = {
    RESENT: dirt.RESENT,
    CONFLICTING: dirt.CONFLICTING,
    UNKNOWN_FIELD: dirt.UNKNOWN_FIELD,
    JUMP: "fix_jump",
}

_RECORD = (
    '{"event_id":"%016x","provider_id":"%s","driver_id":"%s","latitude":%.6f,"longitude":%.6f,'
    '"speed_kmh":%.1f,"heading":%d,"accuracy_m":%.1f,"event_timestamp":"%s"}\n'
)


@dataclass
class Legs:
    """Columns of the stretches of time that trucks spend in one slot: [low, high) of each leg."""

    driver: np.ndarray
    begun: np.ndarray
    seconds: np.ndarray
    low: np.ndarray
    high: np.ndarray
    origin: np.ndarray  # east, north in kilometres
    way: np.ndarray  # from origin to target


class PingFeed:
    """The gps_pings source: makes the positions of each slot and delivers them."""

    def __init__(
        self, objects: Objects, truth: TruthWriter, seed: int, every: int, providers: list[Provider]
    ) -> None:
        self.objects, self.truth, self.seed, self.every = objects, truth, seed, every
        drivers = [(driver, provider) for provider in providers for driver in provider.drivers]
        self._driver_ids = np.array([driver.driver_id for driver, _ in drivers], dtype=object)
        self._provider_ids = np.array([provider.provider_id for _, provider in drivers], dtype=object)
        self._is_relay = np.array([provider.platform == RELAY for _, provider in drivers])
        self._slots: dict[int, list[np.ndarray]] = defaultdict(list)
        self.ping_count = 0

    def make(self, start: int, duties: Iterable[Duty]) -> None:
        """Send the positions of [start, start + 5 min) on their way."""
        legs = _legs(start, start + SLOT_SECONDS, duties)
        if legs is None:
            return
        chance = generator(self.seed, "pings", start)
        pings = _positions(legs, self.every, chance)
        self.ping_count += pings.size
        _blur(pings, chance)
        self._travel(pings, chance)
        is_twice = np.isin(pings["dirt"], (RESENT, CONFLICTING))
        again = pings[is_twice]
        again["arrived_at"] += 300 + chance.exponential(3600, again.size).astype(np.int64)
        again["speed_kmh"] += np.where(again["dirt"] == CONFLICTING, 7.0, 0.0)
        pings["dirt"][is_twice] = CLEAN
        self._send(pings)
        self._send(again)

    def write_slot(self, slot: int) -> int:
        """Write the slot's objects and return how many pings they hold."""
        parts = self._slots.pop(slot, [])
        pings = np.concatenate(parts) if parts else np.empty(0, PING)
        pings = pings[np.argsort(pings["arrived_at"], kind="stable")]
        lines = self._lines(pings)
        lines, notes = self._soil(pings, lines, Draws(self.seed, "ping_dirt", slot))
        self.objects.write_slot(SOURCE, slot, lines, notes)
        if pings.size:
            self._note_slot(slot, pings)
        return len(lines)

    def _travel(self, pings: np.ndarray, chance: np.random.Generator) -> None:
        """Set the arrival of each ping, and what else befalls it on the way."""
        is_relay = self._is_relay[pings["driver"]]
        mean = np.where(is_relay, rate("lag_relay_seconds"), rate("lag_direct_seconds"))
        lag = 1 + (chance.exponential(1.0, pings.size) * (mean - 1)).round()
        stalled = is_relay & (chance.random(pings.size) < rate("relay_stalled"))
        lag = np.where(stalled, chance.uniform(*STALL_SECONDS, pings.size), lag)
        buffered, hold = _buffered(pings["driver"], chance)
        lag = np.where(buffered, hold, lag)
        pings["dirt"][buffered] = BUFFERED
        late = chance.random(pings.size) < rate("days_late")
        lag = np.where(late, chance.uniform(*DAYS_LATE_SECONDS, pings.size), lag)
        pings["dirt"][late] = DAYS_LATE
        pings["arrived_at"] = pings["at"] + lag.astype(np.int64)
        point, edge = chance.random(pings.size), 0.0
        jumps = pings["dirt"] == JUMP
        for name, code in (
            ("resent", RESENT),
            ("conflicting", CONFLICTING),
            ("unknown_field", UNKNOWN_FIELD),
            ("malformed", MALFORMED),
        ):
            hit = (point >= edge) & (point < edge + rate(name)) & ~jumps
            pings["dirt"][hit] = code
            edge += rate(name)

    def _send(self, pings: np.ndarray) -> None:
        if not pings.size:
            return
        slots: np.ndarray = (pings["arrived_at"] - PHASE[SOURCE]) // SLOT_SECONDS
        order = np.argsort(slots, kind="stable")
        found, first = np.unique(slots[order], return_index=True)
        for slot, part in zip(found.tolist(), np.split(pings[order], first[1:]), strict=True):
            self._slots[slot].append(part)

    def _lines(self, pings: np.ndarray) -> list[bytes]:
        times, which = np.unique(pings["at"], return_inverse=True)
        texts = np.array([f"{moment(at):%Y-%m-%dT%H:%M:%SZ}" for at in times.tolist()], dtype=object)
        columns = (
            self._event_ids(pings),
            self._provider_ids[pings["driver"]].tolist(),
            self._driver_ids[pings["driver"]].tolist(),
            pings["latitude"].tolist(),
            pings["longitude"].tolist(),
            pings["speed_kmh"].tolist(),
            pings["heading"].tolist(),
            pings["accuracy_m"].tolist(),
            texts[which].tolist() if pings.size else [],
        )
        return [(_RECORD % row).encode() for row in zip(*columns, strict=True)]

    def _event_ids(self, pings: np.ndarray) -> list[int]:
        """64 well-mixed bits of driver and second (splitmix64), the same for a seed."""
        mixed = (pings["driver"].astype(np.uint64) << np.uint64(34)) ^ pings["at"].astype(np.uint64)
        mixed += np.uint64((self.seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return (mixed ^ (mixed >> np.uint64(31))).tolist()

    def _soil(
        self, pings: np.ndarray, lines: list[bytes], draws: Draws
    ) -> tuple[list[bytes], list[tuple[int, Line]]]:
        """The lines with their dirt, and a note for each dirty one with its position."""
        notes: list[tuple[int, Line]] = []
        inserted = 0
        for place in np.flatnonzero(np.isin(pings["dirt"], (*_NOTED, MALFORMED))).tolist():
            position, code = place + inserted, int(pings["dirt"][place])
            record = orjson.loads(lines[position])
            kind = _NOTED.get(code) or draws.pick(dirt.MALFORMED)
            if code == UNKNOWN_FIELD:
                lines[position] = lines[position].replace(b"}\n", b',"app_build":"7.3.1"}\n')
            elif code == MALFORMED:
                inserted += 1
                position += 1
                lines.insert(position, dirt.garbled(SOURCE, kind, record))
            arrived_at, at = int(pings["arrived_at"][place]), int(pings["at"][place])
            notes.append((position, Line(arrived_at, 0, b"", record["event_id"], at, "", "", kind)))
        return lines, notes

    def _note_slot(self, slot: int, pings: np.ndarray) -> None:
        code = pings["dirt"]
        self.truth.add(
            "ping_slots",
            landed_at=stamp_of(SOURCE, slot),
            ping_count=int(pings.size - np.isin(code, (RESENT, CONFLICTING)).sum()),
            buffered_count=int((code == BUFFERED).sum()),
            days_late_count=int((code == DAYS_LATE).sum()),
            inaccurate_count=int((pings["accuracy_m"] >= INACCURATE_METRES[0]).sum()),
            resent_count=int((code == RESENT).sum()),
        )


def _legs(start: int, end: int, duties: Iterable[Duty]) -> Legs | None:
    rows: list[tuple[Any, ...]] = []
    for duty in duties:
        while len(duty.legs) > 1 and duty.legs[0].end <= start:
            duty.legs.pop(0)
        for leg in duty.legs:
            if leg.start < end and leg.end > start and leg.end > leg.start:
                rows.append((duty.driver.number, leg.start, leg.end, *leg.origin, *leg.target))
    if not rows:
        return None
    table = np.array(rows, dtype=np.float64)
    begun, ended = table[:, 1].astype(np.int64), table[:, 2].astype(np.int64)
    return Legs(
        driver=table[:, 0].astype(np.int64),
        begun=begun,
        seconds=np.maximum(1, ended - begun),
        low=np.maximum(begun, start),
        high=np.minimum(ended, end),
        origin=table[:, 3:5],
        way=table[:, 5:7] - table[:, 3:5],
    )


def _positions(legs: Legs, every: int, chance: np.random.Generator) -> np.ndarray:
    """One ping per driver and `every` seconds, at a second of the driver's own, along the legs."""
    phase = legs.driver * 7919 % every
    first = legs.low + (phase - legs.low) % every
    counts = np.maximum(0, (legs.high - first + every - 1) // every)
    which = np.repeat(np.arange(counts.size), counts)
    nth = np.arange(which.size) - np.repeat(np.cumsum(counts) - counts, counts)
    pings = np.zeros(which.size, PING)
    pings["at"] = first[which] + nth * every
    pings["driver"] = legs.driver[which]
    share = (pings["at"] - legs.begun[which]) / legs.seconds[which]
    east, north = (legs.origin[which] + legs.way[which] * share[:, None]).T
    pings["longitude"], pings["latitude"] = east, north
    way = legs.way[which]
    kmh = np.hypot(way[:, 0], way[:, 1]) * DETOUR / legs.seconds[which] * 3600
    pings["speed_kmh"] = kmh * chance.uniform(0.5, 1.5, kmh.size)
    pings["heading"] = np.degrees(np.arctan2(way[:, 0], way[:, 1])).astype(np.int64) % 360
    return pings


def _blur(pings: np.ndarray, chance: np.random.Generator) -> None:
    """Turn kilometres into degrees, with the error of a receiver."""
    count = pings.size
    accuracy = FIX_ERROR_METRES * chance.lognormal(0.0, 0.4, count)
    bad = chance.random(count) < rate("fix_inaccurate")
    accuracy = np.where(bad, chance.uniform(*INACCURATE_METRES, count), accuracy)
    jump = ~bad & (chance.random(count) < rate("fix_jump") / (1 - rate("fix_inaccurate")))
    error_km = accuracy / 1000 * np.abs(chance.normal(0, 1, count))
    error_km = np.where(jump, chance.uniform(*JUMP_KM, count), error_km)
    angle = chance.uniform(0, 2 * np.pi, count)
    pings["longitude"] = (
        CENTRE_LONGITUDE + (pings["longitude"] + error_km * np.cos(angle)) / KM_PER_DEGREE_EAST
    )
    pings["latitude"] = CENTRE_LATITUDE + (pings["latitude"] + error_km * np.sin(angle)) / KM_PER_DEGREE
    pings["accuracy_m"] = accuracy
    pings["dirt"][jump] = JUMP


def _buffered(drivers: np.ndarray, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Which pings wait for reception, and how long: all of a driver's pings in a slot alike."""
    found, which = np.unique(drivers, return_inverse=True)
    is_held = chance.random(found.size) < rate("pings_buffered")
    return is_held[which], chance.uniform(*BUFFERED_SECONDS, found.size)[which]
