"""Five minutes of arrivals are one landing object, stamped on their last second.

A replay of a push feed writes an object for every slot between its first and its last arrival, a
heartbeat where nothing arrived. A feed that was really polled, or really silent, does not use
heartbeats it never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from simulation.landing import CSV_SOURCES, TRAFFIC_COLUMNS, LandingWriter
from simulation.recorded.replay_summary import ReplayCounts

SLOT_SECONDS = 300
SLOTS_RENDERED = 96
SLOTS_A_DAY = 86_400 // SLOT_SECONDS
CSV_HEADER = (",".join(TRAFFIC_COLUMNS) + "\n").encode()


class Arrival(NamedTuple):
    """One JSON line and the second it arrives."""

    arrived_at: int
    event_id: str
    line: bytes


class Stream:
    """One recording's flow into one source: an object a slot, heartbeats between if it has them."""

    def __init__(
        self,
        writer: LandingWriter,
        counts: ReplayCounts,
        source: str,
        object_id: str,
        *,
        has_heartbeats: bool = True,
    ) -> None:
        self.writer, self.counts, self.source, self.object_id = writer, counts, source, object_id
        self.has_heartbeats = has_heartbeats
        self._next_slot: int | None = None

    def write(self, slot: int, records: int, blocks: Iterable[bytes]) -> None:
        """Write the object of a slot; slots come in rising order."""
        if self.has_heartbeats and self._next_slot is not None:
            for silent in range(self._next_slot, slot):
                self._publish(silent, 0, ())
        self._publish(slot, records, blocks)
        self._next_slot = slot + 1

    def write_arrivals(self, arrivals: list[Arrival]) -> None:
        """Write arrivals in the order (arrived_at, event_id), a slot an object."""
        for slot, group in groupby(sorted(arrivals), key=lambda arrival: slot_of(arrival.arrived_at)):
            lines = [arrival.line for arrival in group]
            self.write(slot, len(lines), (b"".join(lines),))

    def write_sorted(self, arrived_at: np.ndarray, lines: Callable[[int, int], pa.StringArray]) -> None:
        """Write rows sorted by arrival, a slot an object; lines(first, last) renders some of them."""
        for ranges in _batches(list(slot_ranges(arrived_at))):
            offset = ranges[0][1]
            text = lines(offset, ranges[-1][2])
            for slot, first, last in ranges:
                self.write(slot, last - first, (as_bytes(text.slice(first - offset, last - first)),))

    def _publish(self, slot: int, records: int, blocks: Iterable[bytes]) -> None:
        header = (CSV_HEADER,) if self.source in CSV_SOURCES else ()
        stamp = stamp_of(slot)
        self.writer.write_blocks(self.source, stamp, self.object_id, (*header, *blocks))
        self.counts.landed(self.source, stamp, records)


def write_heartbeats_between(
    writer: LandingWriter, counts: ReplayCounts, sources: Iterable[str], object_id: str
) -> None:
    """Give each source a heartbeat in every slot in which it has no object while any source goes on.

    From the first to the last arrival of a run of days: a day without any arrival ends it. So a
    source whose recording begins later or ends earlier than another's is known to be silent.
    """
    arrived = {source: {_slot_stamped(stamp) for stamp in stamps} for source, stamps in counts.stamps.items()}
    for first, last in _runs(sorted(set().union(*arrived.values()))):
        for source in sources:
            for slot in range(first, last + 1):
                if slot not in arrived.get(source, ()):
                    Stream(writer, counts, source, object_id).write(slot, 0, ())


def _runs(slots: list[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of the slots that follow one another within a day.

    >>> list(_runs([1, 2, 280, 1000]))
    [(1, 280), (1000, 1000)]
    """
    first = slots[0] if slots else 0
    for before, slot in pairwise(slots):
        if slot - before > SLOTS_A_DAY:
            yield first, before
            first = slot
    if slots:
        yield first, slots[-1]


def slot_of(arrived_at: int) -> int:
    """The number of the 5 minutes that hold a second."""
    return arrived_at // SLOT_SECONDS


def stamp_of(slot: int) -> datetime:
    """The last second of a slot: everything in it has arrived, and it lies inside its own tick.

    >>> stamp_of(0).isoformat()
    '1970-01-01T00:04:59+00:00'
    """
    return datetime.fromtimestamp((slot + 1) * SLOT_SECONDS - 1, UTC)


def _slot_stamped(stamp: datetime) -> int:
    return slot_of(int(stamp.timestamp()))


def slot_ranges(arrived_at: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """(slot, first row, row after the last) of rows sorted by arrival.

    >>> list(slot_ranges(np.array([10, 299, 300, 900])))
    [(0, 0, 2), (1, 2, 3), (3, 3, 4)]
    """
    slots = arrived_at // SLOT_SECONDS
    bounds = [*np.flatnonzero(np.diff(slots, prepend=-1)).tolist(), len(slots)]
    for first, last in pairwise(bounds):
        yield int(slots[first]), first, last


def _batches(ranges: list[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """The ranges some slots at a time, so that no more text than theirs is in memory."""
    for first in range(0, len(ranges), SLOTS_RENDERED):
        yield ranges[first : first + SLOTS_RENDERED]


def json_line(record: dict[str, Any]) -> bytes:
    """A record as a landing line; fields that are None are left out."""
    present = {name: value for name, value in record.items() if value is not None}
    line = orjson.dumps(present, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
    return bytes(memoryview(line))  # orjson's own bytes hold on to 4 KB each; lines wait by the 100,000


def joined(*parts: pa.Array | str) -> pa.StringArray:
    """Texts put together row by row, constants among them."""
    return pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")


def utc_texts(epoch_seconds: np.ndarray) -> pa.StringArray:
    """ISO-8601 UTC texts.

    >>> utc_texts(np.array([1211018404])).to_pylist()
    ['2008-05-17T10:00:04Z']
    """
    spaced = pc.cast(pa.array(epoch_seconds, pa.timestamp("s")), pa.string())
    return joined(pc.replace_substring(spaced, " ", "T"), "Z")


def as_bytes(lines: pa.StringArray) -> bytes:
    """The bytes of all lines, one after the other."""
    _, offset_buffer, text = lines.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)
    first, last = offsets[lines.offset], offsets[lines.offset + len(lines)]
    return text.slice(int(first), int(last - first)).to_pybytes()
