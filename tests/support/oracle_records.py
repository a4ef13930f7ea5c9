"""Naive oracle, part 1: landed records, when they became known, and which of them count.

Written from the semantics alone, without a look at any Spark code: plain loops, clarity first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

TICK = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EASTERN = ZoneInfo("America/New_York")
LATE = {
    "dispatch_events": timedelta(days=8),
    "provider_status": timedelta(days=2),
    "gps_pings": timedelta(days=2),
    "service_outcomes": timedelta(days=400),
    "traffic_speeds": timedelta(days=1),
}
EVENT_TIME = {
    "dispatch_events": "event_timestamp",
    "provider_status": "event_timestamp",
    "gps_pings": "event_timestamp",
    "service_outcomes": "source_updated_at",
    "traffic_speeds": "measured_at",
}
IDENTITY = {
    "dispatch_events": ("event_id",),
    "provider_status": ("event_id",),
    "gps_pings": ("event_id",),
    "service_outcomes": ("claim_id",),
    "traffic_speeds": ("feed", "segment_id"),
}


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
    def identity(self) -> tuple[Any, ...]:
        """What a resend has in common with its first delivery."""
        return (*(self.data[name] for name in IDENTITY[self.source]), self.event_timestamp)

    @property
    def order(self) -> tuple[datetime, datetime, str, int]:
        """Where the record stands in the total order of its source."""
        return self.event_timestamp, self.known_at, self.source_object, self.source_line

    @property
    def is_late(self) -> bool:
        """Older, when it became known, than its source's late horizon."""
        return self.known_at - self.event_timestamp > LATE[self.source]


def ledger_known_at(landed_at: datetime, last_closed_tick: datetime | None) -> datetime:
    """Known time of an object seen when the source's ticks up to last_closed_tick were closed."""
    if last_closed_tick is None:
        return tick_end(landed_at)
    return max(tick_end(landed_at), last_closed_tick + TICK)


def first_copies(records: Iterable[Landed], source: str) -> list[Landed]:
    """The source's records, first known of each identity, in the order in which they became known."""
    first: dict[tuple[Any, ...], Landed] = {}
    own = [each for each in records if each.source == source]
    for record in sorted(own, key=lambda each: (each.known_at, each.source_object, each.source_line)):
        first.setdefault(record.identity, record)
    return list(first.values())


def counted(records: Iterable[Landed], source: str) -> list[Landed]:
    """The source's records that enter states and features: the first copies that are not late."""
    return [record for record in first_copies(records, source) if not record.is_late]


def known(records: Iterable[Landed], tick: datetime, corrected: bool = False) -> list[Landed]:
    """The records known at the tick; corrected: the ones that had happened by then."""
    if corrected:
        return [each for each in records if each.event_timestamp < tick]
    return [each for each in records if each.known_at <= tick]
