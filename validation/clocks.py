"""The two clocks, ticks, intervals of known time, and business days.

`event_timestamp` is when something was true in the world; `known_at` is the end of the
15-minute tick that first saw the landed object (DESIGN idea 1). Everything here is UTC and
pure; no function reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from validation.errors import UserError

TICK = timedelta(minutes=15)
TICK_SECONDS = 900
EASTERN = ZoneInfo("America/New_York")
BUSINESS_DAY_CUT = time(3, 0)
DAILY_AVAILABLE = time(6, 0)
TICK_DELAY = timedelta(minutes=5)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def require_utc(moment: datetime, name: str) -> datetime:
    """The moment in UTC.

    Raises:
        UserError: the moment has no time zone.
    """
    if moment.tzinfo is None:
        raise UserError(f"{name} has no time zone; say which (UTC?).", "Write 2026-03-10T17:00:00Z.")
    return moment.astimezone(UTC)


def tick_start(moment: datetime) -> datetime:
    """Start of the tick [T - 15 min, T) that holds the moment.

    >>> tick_start(datetime(2026, 3, 10, 19, 15, tzinfo=UTC)).isoformat()
    '2026-03-10T19:15:00+00:00'
    """
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return _EPOCH + timedelta(seconds=seconds - seconds % TICK_SECONDS)


def tick_end(moment: datetime) -> datetime:
    """End of the tick that holds the moment; a moment on a tick belongs to the next one.

    >>> tick_end(datetime(2026, 3, 10, 19, 15, tzinfo=UTC)).isoformat()
    '2026-03-10T19:30:00+00:00'
    """
    return tick_start(moment) + TICK


def known_date(known_at: datetime) -> date:
    """UTC date of the start of the tick that ends at known_at: the partition of every table.

    >>> known_date(datetime(2026, 3, 11, 0, 0, tzinfo=UTC)).isoformat()
    '2026-03-10'
    """
    return (known_at - TICK).date()


@dataclass(frozen=True, order=True)
class Interval:
    """A half-open interval [start, end) of known time, aligned to ticks.

    A record belongs to it when its tick lies inside: start < known_at <= end.

    Raises:
        UserError: a bound has no zone or is off the 15-minute grid, or end <= start.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            moment = require_utc(getattr(self, name), name)
            object.__setattr__(self, name, moment)
            if tick_start(moment) != moment:
                raise UserError(
                    f"{name} {moment:%Y-%m-%dT%H:%M:%SZ} is not on the 15-minute grid.",
                    f"The tick that holds it starts {tick_start(moment):%Y-%m-%dT%H:%MZ}.",
                )
        if self.end <= self.start:
            raise UserError(f"The interval {self} is empty: end must be after start.")

    def __str__(self) -> str:
        return f"[{self.start:%Y-%m-%dT%H:%MZ}, {self.end:%Y-%m-%dT%H:%MZ})"

    def ticks(self) -> Iterator[datetime]:
        """The tick ends T with start < T <= end, in order."""
        tick = self.start + TICK
        while tick <= self.end:
            yield tick
            tick += TICK

    def holds(self, known_at: datetime) -> bool:
        """Whether a record known at this tick belongs to the interval."""
        return self.start < known_at <= self.end

    def widened(self, look_back: timedelta) -> Interval:
        """The interval that starts look_back earlier (rounded out to a tick)."""
        return Interval(tick_start(self.start - look_back), self.end)

    def known_dates(self) -> list[date]:
        """Every partition the interval touches, in order."""
        first, last = known_date(self.start + TICK), known_date(self.end)
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]

    def is_whole_days(self) -> bool:
        """Whether the interval covers whole UTC days, and so whole partitions."""
        return self.start.time() == time(0, 0) and self.end.time() == time(0, 0)

    def cuts(self) -> list[datetime]:
        """The business-day cuts (03:00 ET) T with start < T <= end, in order."""
        day = business_date_et(self.start)
        cuts = []
        while (cut := business_day_start(day)) <= self.end:
            if cut > self.start:
                cuts.append(cut)
            day += timedelta(days=1)
        return cuts


def business_date_et(moment: datetime) -> date:
    """The business day [03:00 ET, 03:00 ET) that holds the moment.

    >>> business_date_et(datetime(2026, 3, 10, 6, 59, tzinfo=UTC)).isoformat()
    '2026-03-09'
    """
    local = moment.astimezone(EASTERN).replace(tzinfo=None)
    return (local - timedelta(hours=3)).date()


def business_day_start(day: date) -> datetime:
    """03:00 ET of the day, in UTC: the cut that ends the business day before.

    >>> business_day_start(date(2026, 3, 8)).isoformat()
    '2026-03-08T07:00:00+00:00'
    """
    return datetime.combine(day, BUSINESS_DAY_CUT, EASTERN).astimezone(UTC)


def daily_available_at(cut: datetime) -> datetime:
    """06:00 ET on the day of the cut, in UTC: when a daily view may first be read."""
    day = cut.astimezone(EASTERN).date()
    return datetime.combine(day, DAILY_AVAILABLE, EASTERN).astimezone(UTC)


def parse_moment(text: str, name: str) -> datetime:
    """A moment from the command line: a date (00:00 UTC) or an ISO time with a zone.

    Raises:
        UserError: the text is neither.
    """
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(0), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"{name} '{text}' is not a date or a time.", "Write 2026-03-10 or 2026-03-10T17:00Z."
        ) from None
    return require_utc(moment, name)


def parse_day(text: str, name: str) -> date:
    """A calendar day from the command line.

    Raises:
        UserError: the text is not a day.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"{name} '{text}' is not a day.", "Write 2026-03-10.") from None
