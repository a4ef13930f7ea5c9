"""Delivery: how records travel, late or twice, and gather into an object each 5 minutes.

A record arrives some time after it happened; what arrives at a source within 5 minutes becomes one
object (more, when large), stamped at the end of those minutes. Every source has an object each 5
minutes: a heartbeat, when nothing arrived. A dead feed is the exception: for 40 minutes its source
lands neither, and then all of it, stamped when it came.
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from typing import Any, NamedTuple

import orjson

from simulation import dirt
from simulation.draws import Draws
from simulation.landing import CSV_HEADER, CSV_SOURCES, SOURCES, LandingWriter
from simulation.moments import DAY_SECONDS, HOUR_SECONDS, moment
from simulation.providers import RELAY
from simulation.rates import rate
from simulation.truth import TruthWriter

SLOT_SECONDS = 300
# Seconds after the full 5 minutes at which a source's objects are stamped. Two of them stamp on the
# tick itself, and so into the next one.
PHASE = {
    "dispatch_events": 20,
    "provider_status": 35,
    "gps_pings": 50,
    "service_outcomes": 0,
    "traffic_speeds": 0,
}
STALL_SECONDS = (5 * 60, 40 * 60)
DAYS_LATE_SECONDS = (HOUR_SECONDS, 7 * DAY_SECONDS)
OBJECT_LATE_SLOTS = (2, 48)
REDELIVERY_SLOTS = 2
DEAD_SOURCES = ("dispatch_events", "provider_status")
DEAD_FEED_STARTS = (12 * HOUR_SECONDS, 21 * HOUR_SECONDS)
TRUNCATED_SHARE = 0.6
PLATFORM_CAUSE = "platform"


class Line(NamedTuple):
    """One line on its way: when it arrives, and what the truth says of it."""

    arrived_at: int
    order: int
    line: bytes
    record_id: str
    event_at: int
    platform: str
    cause: str
    dirt: str | None


Notes = list[tuple[int, Line]]


class DeadFeed(NamedTuple):
    """A source that lands nothing in the slots [first, back), heartbeats included, and then all of it."""

    source: str
    first: int
    back: int


class _Late(NamedTuple):
    """What should have been an object at `due_at`."""

    lines: list[bytes]
    notes: Notes
    due_at: int
    kind: str


def slot_of(source: str, at: int) -> int:
    """The 5 minutes of the source that hold this second."""
    return (at - PHASE[source]) // SLOT_SECONDS


def stamp_of(source: str, slot: int) -> int:
    """When the slot's object is stamped: the end of its 5 minutes."""
    return (slot + 1) * SLOT_SECONDS + PHASE[source]


def dead_feed(seed: int, start: int) -> DeadFeed:
    """The dead feed of a city that starts at this second: once, in the busy hours of its second day."""
    draws = Draws(seed, "dead_feed")
    source = draws.pick(DEAD_SOURCES)
    first = slot_of(source, start + DAY_SECONDS + draws.seconds(*DEAD_FEED_STARTS))
    return DeadFeed(source, first, first + round(rate("dead_feed_minutes") * 60) // SLOT_SECONDS)


def platform_lag(platform: str, draws: Draws) -> tuple[int, str]:
    """Seconds from event to arrival on a platform, and the cause of it."""
    mean = rate("lag_relay_seconds") if platform == RELAY else rate("lag_direct_seconds")
    lag = 1 + round(draws.exponential(mean - 1))
    if platform == RELAY and draws.chance(rate("relay_stalled")):
        return draws.seconds(*STALL_SECONDS), "stalled"
    return lag, PLATFORM_CAUSE


class Objects:
    """Writes the objects of each slot: late ones, truncated ones, heartbeats among them."""

    def __init__(
        self, writer: LandingWriter, truth: TruthWriter, seed: int, largest: int, dead: DeadFeed | None = None
    ) -> None:
        self.writer, self.truth, self.seed, self.largest, self.dead = writer, truth, seed, largest, dead
        self.object_count = self.line_count = 0
        self._held: dict[tuple[str, int], list[_Late]] = defaultdict(list)
        self._serial = 0

    def write_slot(self, source: str, slot: int, lines: list[bytes], notes: Notes) -> None:
        """Write what the slot holds, and what was held back until it.

        `notes` describe the lines that the truth follows, each with its position from 0.
        """
        draws = Draws(self.seed, "objects", source, slot)
        stamp = stamp_of(source, slot)
        self._serial = 0
        if self.dead and source == self.dead.source and self.dead.first <= slot < self.dead.back:
            self._hold(source, self.dead.back, lines, notes, stamp, "withheld")
            self._held[source, self.dead.back] += self._held.pop((source, slot), [])
            return
        for first in range(0, len(lines), self.largest):
            part = lines[first : first + self.largest]
            noted = [(at - first, note) for at, note in notes if first <= at < first + self.largest]
            is_late, is_truncated = draws.chance(rate("object_late")), draws.chance(rate("object_truncated"))
            if is_late:
                self._hold(source, slot + draws.seconds(*OBJECT_LATE_SLOTS), part, noted, stamp, "late")
            elif is_truncated:
                self._truncated(source, stamp, part)
                self._hold(source, slot + REDELIVERY_SLOTS, part, noted, stamp, "redelivered")
            else:
                self._whole(source, stamp, part, noted, stamp, "whole")
        for late in self._held.pop((source, slot), ()):
            self._whole(source, stamp, late.lines, late.notes, late.due_at, late.kind)
        if self._serial == 0:
            self._whole(source, stamp, [], [], stamp, "heartbeat")

    def _hold(self, source: str, slot: int, lines: list[bytes], notes: Notes, due_at: int, kind: str) -> None:
        self._held[source, slot].append(_Late(lines, notes, due_at, kind))

    def _whole(
        self, source: str, stamp: int, lines: list[bytes], notes: Notes, due_at: int, kind: str
    ) -> None:
        key = self.writer.write_blocks(source, moment(stamp), self._object_id(), [_payload(source, lines)])
        self._note_object(key, source, stamp, due_at, kind, len(lines))
        self.line_count += len(lines)
        for position, note in notes:
            self._note_line(source, key, stamp, position + 1, note)

    def _truncated(self, source: str, stamp: int, lines: list[bytes]) -> None:
        payload = gzip.compress(_payload(source, lines), mtime=0)
        ext = "csv.gz" if source in CSV_SOURCES else "json.gz"
        cut = payload[: max(12, int(len(payload) * TRUNCATED_SHARE))]
        key = self.writer.write_bytes(source, moment(stamp), self._object_id(), cut, ext)
        self._note_object(key, source, stamp, stamp, "truncated", len(lines))

    def _object_id(self) -> str:
        self._serial += 1
        return f"{self._serial:04d}"

    def _note_object(self, key: str, source: str, stamp: int, due_at: int, kind: str, lines: int) -> None:
        self.object_count += 1
        self.truth.add(
            "objects",
            object_key=key,
            source=source,
            landed_at=stamp,
            due_at=due_at,
            kind=kind,
            line_count=lines,
        )

    def _note_line(self, source: str, key: str, stamp: int, number: int, note: Line) -> None:
        if note.dirt:
            self.truth.add(
                "dirt",
                kind=note.dirt,
                source=source,
                record_id=note.record_id,
                event_timestamp=note.event_at,
                object_key=key,
                line=number,
            )
        if note.dirt in (None, dirt.UNKNOWN_FIELD) and note.cause:
            self.truth.add(
                "delays",
                source=source,
                record_id=note.record_id,
                platform=note.platform,
                event_timestamp=note.event_at,
                arrived_at=note.arrived_at,
                landed_at=stamp,
                cause=note.cause,
            )


class Delivery:
    """Carries the records of the small JSON sources into objects; pings and traffic have their own way."""

    SOURCES = ("dispatch_events", "provider_status", "service_outcomes")

    def __init__(self, objects: Objects, seed: int, start: int) -> None:
        self.objects, self.seed, self.start = objects, seed, start
        self._slots: dict[str, dict[int, list[Line]]] = {source: defaultdict(list) for source in SOURCES}
        self._dirt: dict[str, Draws] = {}
        self._order = 0

    def begin_hour(self, hour_start: int) -> None:
        """Key the dirt of the hour."""
        self._dirt = {source: Draws(self.seed, "dirt", source, hour_start) for source in self.SOURCES}

    def add(
        self,
        source: str,
        record: dict[str, Any],
        record_id: str,
        event_at: int,
        lag: tuple[int, str],
        platform: str,
    ) -> None:
        """Send one record on its way, with whatever happens to it there."""
        if event_at < self.start:
            return
        draws = self._dirt[source]
        lag_seconds, cause = lag
        if draws.chance(rate("days_late")):
            lag_seconds, cause = draws.seconds(*DAYS_LATE_SECONDS), "days_late"
        arrived_at = event_at + lag_seconds
        kind = dirt.kind_of(draws)
        if kind == dirt.UNKNOWN_FIELD:
            record = {**record, "app_build": "7.3.1"}
        good = None if kind != dirt.UNKNOWN_FIELD else kind
        line = _line(record)
        self._push(source, arrived_at, line, record_id, event_at, platform, cause, good)
        if kind == dirt.RESENT:
            again = arrived_at + dirt.resend_delay(draws)
            self._push(source, again, line, record_id, event_at, platform, "", kind)
        elif kind == dirt.CONFLICTING:
            again = arrived_at + dirt.resend_delay(draws)
            other = _line(dirt.contradicted(source, record))
            self._push(source, again, other, record_id, event_at, platform, "", kind)
        elif kind in dirt.MALFORMED:
            broken = dirt.garbled(source, kind, record)
            self._push(source, arrived_at, broken, record_id, event_at, platform, "", kind)

    def write_slot(self, source: str, slot: int) -> int:
        """Write the slot's objects and return how many lines they hold; lines go in order of arrival."""
        lines = sorted(self._slots[source].pop(slot, ()))
        self.objects.write_slot(source, slot, [line.line for line in lines], list(enumerate(lines)))
        return len(lines)

    def _push(self, source: str, arrived_at: int, line: bytes, *rest: Any) -> None:
        self._order += 1
        self._slots[source][slot_of(source, arrived_at)].append(Line(arrived_at, self._order, line, *rest))


def _payload(source: str, lines: list[bytes]) -> bytes:
    return b"".join((CSV_HEADER if source in CSV_SOURCES else b"", *lines))


def _line(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
