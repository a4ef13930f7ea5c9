"""Naive oracle, part 1: landed records, when they became known, and which of them count.

Written from the semantics alone, without a look at any Spark code: plain loops, clarity first.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

TICK = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EASTERN = ZoneInfo("America/New_York")
AHEAD = timedelta(hours=1)
LATE = {
    "dispatch_events": timedelta(days=8),
    "provider_status": timedelta(days=2),
    "gps_pings": timedelta(days=2),
    "service_outcomes": timedelta(days=400),
}
EVENT_TIME = {
    "dispatch_events": "event_timestamp",
    "provider_status": "event_timestamp",
    "gps_pings": "event_timestamp",
    "service_outcomes": "source_updated_at",
}
IDENTITY = {
    "dispatch_events": "event_id",
    "provider_status": "event_id",
    "gps_pings": "event_id",
    "service_outcomes": "claim_id",
}
REQUIRED = {
    "dispatch_events": ("event_id", "job_id", "event_type", "event_timestamp"),
    "provider_status": ("event_id", "provider_id", "driver_id", "status", "event_timestamp"),
    "gps_pings": ("event_id", "provider_id", "driver_id", "latitude", "longitude", "event_timestamp"),
    "service_outcomes": ("claim_id", "job_id", "provider_id", "submitted_at", "source_updated_at"),
}
NUMBERS = {"latitude": 90.0, "longitude": 180.0}  # with their largest absolute value
LONGEST_LINE = 1 << 20


# Clocks, restated here so that the oracle also checks the platform's own.


def tick_end(moment: datetime) -> datetime:
    """End of the tick [T - 15 min, T) that holds the moment; on a tick means the next one."""
    return EPOCH + ((moment - EPOCH) // TICK + 1) * TICK


def business_day_start(day: date) -> datetime:
    """03:00 in New York on the day, in UTC."""
    return datetime(day.year, day.month, day.day, 3, tzinfo=EASTERN).astimezone(UTC)


def business_date(moment: datetime) -> date:
    """The day D with 03:00 ET on D <= moment < 03:00 ET on D + 1."""
    day = moment.astimezone(EASTERN).date()
    return day if moment >= business_day_start(day) else day - timedelta(days=1)


def parse_time(text: str) -> datetime:
    """An ISO-8601 time with a zone, in UTC; ValueError if it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment.astimezone(UTC)


@dataclass(frozen=True)
class Landed:
    """One landed record: what it says, where it stood, and when the platform first knew it."""

    source: str
    data: dict[str, Any]
    landed_at: datetime
    source_object: str
    source_line: int
    known_at: datetime = field(default=EPOCH)

    def __post_init__(self) -> None:
        if self.known_at == EPOCH:
            object.__setattr__(self, "known_at", tick_end(self.landed_at))

    @cached_property
    def event_timestamp(self) -> datetime:
        """When it was true in the world."""
        return parse_time(self.data[EVENT_TIME[self.source]])

    @property
    def identity(self) -> tuple[str, datetime]:
        """What a resend has in common with its first delivery."""
        return self.data[IDENTITY[self.source]], self.event_timestamp

    @property
    def is_late(self) -> bool:
        """Older, when it became known, than its source's late horizon."""
        return self.known_at - self.event_timestamp > LATE[self.source]


def ledger_known_at(landed_at: datetime, last_closed_tick: datetime | None) -> datetime:
    """Known time of an object seen when the source's ticks up to last_closed_tick were closed."""
    if last_closed_tick is None:
        return tick_end(landed_at)
    return max(tick_end(landed_at), last_closed_tick + TICK)


def records_from_landing(
    root: Path, sources: Iterable[str] = tuple(REQUIRED), known_at: dict[str, datetime] | None = None
) -> list[Landed]:
    """The good records of the objects under root/landing, in key order.

    Lines that the platform quarantines (truncated, not JSON, not an object, a required field absent
    or of another type, more than an hour ahead) are left out. known_at overrides, by object key, the
    tick that the stamp gives.
    """
    records = []
    for source in sources:
        for path in sorted((root / "landing" / source).rglob(f"{source}-*.json.gz")):
            key = path.relative_to(root).as_posix()
            landed_at = stamp_of(key)
            for number, line in enumerate(_lines(path.read_bytes()), start=1):
                data = _parsed(line)
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
    for name, value in data.items():
        if value is None:
            continue
        if name.endswith(("_timestamp", "_at", "scheduled_for")) and not _is_time(value):
            return False
        if name.endswith(("_id", "_type")) and not isinstance(value, str):
            return False
        if name in NUMBERS and not _is_number_within(value, NUMBERS[name]):
            return False
    return parse_time(data[EVENT_TIME[source]]) - landed_at <= AHEAD


def counted(records: Iterable[Landed], source: str) -> list[Landed]:
    """The source's records that enter states and features: first known of each identity, not late."""
    first: dict[tuple[str, datetime], Landed] = {}
    for record in sorted(records, key=lambda each: (each.known_at, each.source_object, each.source_line)):
        if record.source == source:
            first.setdefault(record.identity, record)
    return [record for record in first.values() if not record.is_late]


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


def _is_time(value: Any) -> bool:
    try:
        parse_time(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_number_within(value: Any, bound: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= bound
