"""Naive oracle, part 2: landed files read back, without the lines that the platform refuses."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

from support.oracle_records import Landed, parse_time

AHEAD = timedelta(hours=1)
EARLIEST, FARTHEST = datetime(2000, 1, 1, tzinfo=UTC), timedelta(days=5 * 366)
REQUIRED = {
    "dispatch_events": ("event_id", "job_id", "event_type", "event_timestamp"),
    "provider_status": ("event_id", "provider_id", "driver_id", "status", "event_timestamp"),
    "gps_pings": ("event_id", "provider_id", "driver_id", "latitude", "longitude", "event_timestamp"),
    "service_outcomes": ("claim_id", "job_id", "provider_id", "submitted_at", "source_updated_at"),
    "traffic_speeds": ("feed", "segment_id", "latitude", "longitude", "measured_at"),
}
NUMBERS = {  # with their lowest and highest value
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "active_job_count": (-(2.0**31), 2.0**31 - 1),
}
NUMBERS_OF_SOURCE = {
    "gps_pings": {"speed_kmh": (0.0, inf), "accuracy_m": (-inf, inf), "heading": (-inf, inf)},
    "traffic_speeds": {"speed_kmh": (-inf, 400), "free_flow_kmh": (-inf, 400), "sample_count": (0, 1e6)},
    "service_outcomes": {"billed_usd": (0, 1e6), "tow_km": (0, 1e5), "nps": (0, 10)},
}
PAST = ("source_updated_at", "submitted_at", "measured_at", "event_timestamp")
LISTS = ("equipment",)
LONGEST_LINE = 1 << 20
SOURCES = tuple(REQUIRED)


def records_from_landing(
    root: Path, sources: Iterable[str] = SOURCES, known_at: dict[str, datetime] | None = None
) -> list[Landed]:
    """The good records of the objects under root/landing, in key order.

    Lines that the platform quarantines (truncated, not JSON, not an object, a required field absent
    or of another type, out of bounds, more than an hour ahead) are left out. known_at overrides, by
    object key, the tick that the stamp gives.
    """
    records = []
    for source in sources:
        for path in sorted((root / "landing" / source).rglob(f"{source}-*.gz")):
            key = path.relative_to(root).as_posix()
            landed_at = stamp_of(key)
            for number, data in _records(path):
                if data is None or not is_valid(source, data, landed_at):
                    continue
                landed = Landed(source, data, landed_at, key, number)
                if known_at and key in known_at:
                    landed = replace(landed, known_at=known_at[key])
                records.append(landed)
    return records


def stamp_of(key: str) -> datetime:
    """The landing time in an object's name."""
    match = re.search(r"-(\d{4}-\d{2}-\d{2}-\d{2}-\d{2}-\d{2})-", key.rsplit("/", 1)[-1])
    if match is None:
        raise ValueError(f"{key} has no stamp")
    return datetime.strptime(match[1], "%Y-%m-%d-%H-%M-%S").replace(tzinfo=UTC)


def is_valid(source: str, data: dict[str, Any], landed_at: datetime) -> bool:
    """Whether the platform takes the record into bronze."""
    for name in REQUIRED[source]:
        if data.get(name) is None:
            return False
    numbers = NUMBERS | NUMBERS_OF_SOURCE.get(source, {})
    for name, value in data.items():
        if value is None:
            continue
        if name.endswith(("_timestamp", "_at", "scheduled_for")):
            latest = landed_at + (AHEAD if name in PAST else FARTHEST)
            if not _is_time_within(value, EARLIEST, latest):
                return False
        if name.endswith(("_id", "_type")) and not isinstance(value, str):
            return False
        if name in numbers and not _is_number_within(value, *numbers[name]):
            return False
        if name in LISTS and not _is_list_of_texts(value):
            return False
    return True


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """(number, record) of every line; None for a line that is no record. A CSV's header is not a line."""
    lines = _lines(path.read_bytes())
    if path.name.endswith(".json.gz"):
        for number, line in enumerate(lines, start=1):
            yield number, _parsed(line)
    elif path.name.endswith(".csv.gz"):
        header = next(lines, b"")
        names = header.decode().strip().split(",")
        for number, line in enumerate(lines, start=1):
            if line.rstrip() != header.rstrip():  # objects may be joined on their way, headers and all
                yield number, _row(names, line)


def _row(names: list[str], line: bytes) -> dict[str, Any] | None:
    """A CSV line, numbers where the column is one; None if its cells are not as many as the names."""
    try:
        (cells,) = csv.reader([line.decode().rstrip("\r")], strict=True)
    except (ValueError, csv.Error):
        return None
    if len(cells) != len(names):
        return None
    numbers = NUMBERS | NUMBERS_OF_SOURCE["traffic_speeds"]
    return {
        name: _number(cell) if name in numbers else cell
        for name, cell in zip(names, cells, strict=True)
        if cell
    }


def _number(text: str) -> float | str:
    """The number; text that is none stays text, and is refused."""
    try:
        return float(text)
    except ValueError:
        return text


def _lines(payload: bytes) -> Iterator[bytes]:
    """The whole lines of a gzip object, of which the end, or everything, may be missing."""
    try:
        text = gzip.decompress(payload)
        truncated = False
    except (OSError, EOFError, zlib.error):
        text = _readable_part(payload)
        truncated = True
    text = text.removeprefix(b"\xef\xbb\xbf")
    *whole, rest = text.split(b"\n")
    yield from whole
    if rest and not truncated:
        yield rest


def _readable_part(payload: bytes) -> bytes:
    text = b""
    while payload:
        member = zlib.decompressobj(31)
        try:
            for position in range(len(payload)):
                text += member.decompress(payload[position : position + 1])
                if member.eof:
                    break
        except zlib.error:
            return text
        if not member.eof:
            return text
        payload = payload[position + 1 :]
    return text


def _parsed(line: bytes) -> dict[str, Any] | None:
    if len(line) > LONGEST_LINE:
        return None
    try:
        data = json.loads(line.decode("utf-8"))
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _is_time_within(value: Any, earliest: datetime, latest: datetime) -> bool:
    try:
        return earliest <= parse_time(value) <= latest
    except (TypeError, ValueError, OverflowError):
        return False


def _is_number_within(value: Any, lowest: float, highest: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and lowest <= value <= highest


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
