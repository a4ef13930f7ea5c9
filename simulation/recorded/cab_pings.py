"""Cab positions of May 2008 as gps_pings, and their free/occupied flag as provider_status.

The recording is sorted by cab; the replay goes day by day (UTC) and holds one day's pings and the
few that land after it. Wild fixes far outside the Bay Area and gaps of days stay in. The recording
has no speed, heading or accuracy: the fields are absent.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulation.landing import LandingWriter
from simulation.recorded.arrival_lags import arrival_lags, paired_keys
from simulation.recorded.replay_summary import Progress, ReplayCounts
from simulation.recorded.slots import SLOT_SECONDS, Stream, joined, utc_texts

FILE = "cabspotting/pings_2008-05-17_05-31.parquet"
OBJECT_ID = "cabspotting"
WEEKS_SHIFTED = 522
SHIFT_SECONDS = WEEKS_SHIFTED * 7 * 86_400
DAY_SECONDS = 86_400
COMPANY_COUNT = 24


@dataclass(frozen=True)
class Pings:
    """Pings side by side, in some order; times in epoch seconds, already shifted."""

    row: np.ndarray
    cab: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray
    occupied: np.ndarray
    event_at: np.ndarray

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: np.ndarray) -> Pings:
        """The pings at these positions, or where a mask holds."""
        return Pings(*(getattr(self, field.name)[rows] for field in fields(self)))


def followed_by(pings: list[Pings]) -> Pings:
    """All pings of a list, in its order."""
    return Pings(*(np.concatenate([getattr(part, field.name) for part in pings]) for field in fields(Pings)))


class CabPings:
    """The recording: its cabs, and its pings a day at a time."""

    def __init__(self, path: Path) -> None:
        self.file = pq.ParquetFile(path)
        self.cabs: list[str] = []
        self._codes: dict[str, int] = {}
        self._number_cabs()

    def days(self, first: int, last: int) -> Iterator[tuple[int, Pings]]:
        """(end of the day, pings) of each UTC day with pings in epoch seconds [first, last)."""
        earliest, latest = self.span()
        for day in range(earliest - earliest % DAY_SECONDS, latest + 1, DAY_SECONDS):
            pings = self._pings(max(day, first), min(day + DAY_SECONDS, last))
            if len(pings):
                yield day + DAY_SECONDS, pings

    def span(self) -> tuple[int, int]:
        """The first and the last second of the recording, shifted."""
        columns = self.file.schema_arrow.names
        groups = [self.file.metadata.row_group(n) for n in range(self.file.num_row_groups)]
        times = [group.column(columns.index("epoch_s")).statistics for group in groups]
        return (
            min(time.min for time in times) + SHIFT_SECONDS,
            max(time.max for time in times) + SHIFT_SECONDS,
        )

    def _number_cabs(self) -> None:
        for number in range(self.file.num_row_groups):
            cabs = self.file.read_row_group(number, columns=["cab_id"])["cab_id"]
            for name in pc.unique(pc.cast(cabs, pa.string())).to_pylist():
                if name not in self._codes:
                    self._codes[name] = len(self.cabs)
                    self.cabs.append(name)

    def _pings(self, first: int, last: int) -> Pings:
        parts, offset = [], 0
        for number in range(self.file.num_row_groups):
            table = self.file.read_row_group(number)
            event_at = table["epoch_s"].to_numpy() + SHIFT_SECONDS
            rows = np.flatnonzero((event_at >= first) & (event_at < last))
            wanted = table.take(rows)
            parts.append(
                Pings(
                    rows + offset,
                    self._cab_codes(wanted["cab_id"]),
                    wanted["latitude"].to_numpy(),
                    wanted["longitude"].to_numpy(),
                    wanted["occupied"].to_numpy(),
                    event_at[rows],
                )
            )
            offset += table.num_rows
        return followed_by(parts)

    def _cab_codes(self, cabs: pa.ChunkedArray) -> np.ndarray:
        encoded = pc.dictionary_encode(pc.cast(cabs, pa.string())).combine_chunks()
        if not len(encoded):
            return np.empty(0, dtype=np.int64)
        of_entry = np.array([self._codes[name] for name in encoded.dictionary.to_pylist()], dtype=np.int64)
        return of_entry[encoded.indices.to_numpy()]


def replay_cab_pings(
    path: Path, writer: LandingWriter, counts: ReplayCounts, first: int, last: int, progress: Progress
) -> None:
    """Write the gps_pings and provider_status objects of the cabs, a day at a time."""
    recording = CabPings(path)
    cab_facts = pa.array([_cab_facts(cab) for cab in recording.cabs], pa.string())
    cab_keys = np.array([zlib.crc32(cab.encode()) for cab in recording.cabs], dtype=np.uint64)
    was_occupied = np.full(len(recording.cabs), -1, dtype=np.int8)
    pings_stream = Stream(writer, counts, "gps_pings", OBJECT_ID)
    status_stream = Stream(writer, counts, "provider_status", OBJECT_ID)
    waiting: list[tuple[np.ndarray, np.ndarray, Pings]] = []
    total = recording.file.metadata.num_rows
    for day_end, pings in recording.days(first, last):
        counts.rows_read[FILE] += len(pings)
        arrived_at = pings.event_at + _lags(cab_keys[pings.cab], pings.event_at)
        has_changed = _occupancy_changes(pings, was_occupied)
        waiting.append((arrived_at, has_changed, pings))
        waiting = [_write_until(day_end, waiting, cab_facts, pings_stream, status_stream)]
        progress(FILE, counts.rows_read[FILE], total)
    if waiting:
        _write_until(np.iinfo(np.int64).max, waiting, cab_facts, pings_stream, status_stream)


def company_of(cab: str) -> str:
    """The constructed company of a cab: one of 24, by a hash of its id."""
    return f"sf-cabs-{zlib.crc32(cab.encode()) % COMPANY_COUNT:02d}"


def driver_of(cab: str) -> str:
    """The constructed driver of a cab: whoever drove it."""
    return f"cab-{cab}"


def _cab_facts(cab: str) -> str:
    return f'","provider_id":"{company_of(cab)}","driver_id":"{driver_of(cab)}",'


def _lags(cab_keys: np.ndarray, event_at: np.ndarray) -> np.ndarray:
    """One lag per cab and slot: what a cab sends in 5 minutes travels together."""
    return arrival_lags(paired_keys(cab_keys, event_at // SLOT_SECONDS))


def _occupancy_changes(pings: Pings, was_occupied: np.ndarray) -> np.ndarray:
    """Where a cab's flag is not what it was at its last ping; `was_occupied` moves on.

    The pings are those of whole cabs, each in time order; a cab's first ping counts as a change.
    """
    is_first = np.diff(pings.cab, prepend=-1) != 0
    before = np.concatenate([pings.occupied[:1], pings.occupied[:-1]])
    before = np.where(is_first, was_occupied[pings.cab], before)
    is_last = np.diff(pings.cab, append=-1) != 0
    was_occupied[pings.cab[is_last]] = pings.occupied[is_last]
    return pings.occupied != before


def _write_until(
    end: int,
    waiting: list[tuple[np.ndarray, np.ndarray, Pings]],
    cab_facts: pa.StringArray,
    pings_stream: Stream,
    status_stream: Stream,
) -> tuple[np.ndarray, np.ndarray, Pings]:
    """Write what arrives before a second that no later ping can precede; return the rest."""
    arrived_at = np.concatenate([arrivals for arrivals, _, _ in waiting])
    has_changed = np.concatenate([changes for _, changes, _ in waiting])
    pings = followed_by([part for _, _, part in waiting])
    is_due = arrived_at < end
    order = np.lexsort((pings.row, arrived_at))
    order = order[is_due[order]]
    pings_stream.write_sorted(
        arrived_at[order], lambda begin, stop: _ping_lines(pings.take(order[begin:stop]), cab_facts)
    )
    changes = order[has_changed[order]]
    status_stream.write_sorted(
        arrived_at[changes], lambda begin, stop: _status_lines(pings.take(changes[begin:stop]), cab_facts)
    )
    return arrived_at[~is_due], has_changed[~is_due], pings.take(~is_due)


def _ping_lines(pings: Pings, cab_facts: pa.StringArray) -> pa.StringArray:
    return joined(
        f'{{"event_id":"{OBJECT_ID}-',
        _texts(pings.row),
        cab_facts.take(pa.array(pings.cab)),
        '"latitude":',
        _texts(pings.latitude),
        ',"longitude":',
        _texts(pings.longitude),
        ',"event_timestamp":"',
        utc_texts(pings.event_at),
        '"}\n',
    )


def _status_lines(pings: Pings, cab_facts: pa.StringArray) -> pa.StringArray:
    statuses = pa.array(["available", "on_job"])
    return joined(
        f'{{"event_id":"{OBJECT_ID}-',
        _texts(pings.row),
        cab_facts.take(pa.array(pings.cab)),
        '"status":"',
        statuses.take(pa.array(pings.occupied)),
        '","event_timestamp":"',
        utc_texts(pings.event_at),
        '"}\n',
    )


def _texts(numbers: np.ndarray) -> pa.StringArray:
    return pc.cast(pa.array(numbers), pa.string())
