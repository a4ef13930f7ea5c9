"""Moments, days and intervals as the command line gives them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from roadside.rendering import notice
from validation.clocks import Interval, parse_day, parse_moment, tick_start
from validation.errors import UserError

if TYPE_CHECKING:
    from lakehouse.settings import Settings

_MINUTE = "%Y-%m-%dT%H:%MZ"
CLOCKS_DIFFER = timedelta(minutes=1)


def interval_of(start: str, end: str, names: tuple[str, str] = ("--start", "--end")) -> Interval:
    """The interval [start, end) of known time; both on the 15-minute grid.

    Raises:
        UserError: a bound is no moment or off the grid, or end is not after start.
    """
    first, last = parse_moment(start, names[0]), parse_moment(end, names[1])
    if last <= first:
        raise UserError(
            f"{names[1]} {end} is not after {names[0]} {start}.",
            f"The interval is half-open: {names[1]} is the first moment that is not in it.",
        )
    return Interval(first, last)


def days_of(start: str, end: str) -> tuple[date, date]:
    """The days [start, end).

    Raises:
        UserError: a bound is no day, or end is not after start.
    """
    first, last = parse_day(start, "--start"), parse_day(end, "--end")
    if last <= first:
        raise UserError(
            f"--end {end} is not after --start {start}.",
            f"The days are half-open; for {start} alone write --end {first + timedelta(days=1)}.",
        )
    return first, last


def tick_of(text: str, name: str) -> datetime:
    """A moment on the 15-minute grid; `now` is the last tick that ended.

    Raises:
        UserError: the text is no moment, or off the grid.
    """
    if text.strip().lower() == "now":
        return tick_start(datetime.now(UTC))
    moment = parse_moment(text, name)
    if tick_start(moment) != moment:
        raise UserError(
            f"{name} {text} is not on the 15-minute grid.",
            f"The tick that holds it starts {tick_start(moment):%Y-%m-%dT%H:%MZ}.",
        )
    return moment


def length_of(text: str, name: str) -> timedelta:
    """A length of time in minutes, hours or days.

    >>> length_of("36h", "--deadline")
    datetime.timedelta(days=1, seconds=43200)

    Raises:
        UserError: the text is none.
    """
    sizes = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
    number, unit = text[:-1], text[-1:]
    if unit not in sizes or not number.isdigit() or not int(number):
        raise UserError(f"{name} '{text}' is no span.", "Write 90m, 24h or 7d.")
    return int(number) * sizes[unit]


def chunks_of(interval: Interval, days: int | None) -> list[Interval]:
    """The interval cut at UTC midnights into chunks of that many days; uncut without a number.

    >>> from datetime import UTC
    >>> whole = Interval(datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    >>> [str(chunk) for chunk in chunks_of(whole, 2)]
    ['[2026-03-01T12:00Z, 2026-03-03T00:00Z)', '[2026-03-03T00:00Z, 2026-03-04T00:00Z)']
    """
    if days is None:
        return [interval]
    midnight = interval.start.replace(hour=0, minute=0)
    chunks = []
    start = interval.start
    while start < interval.end:
        midnight += timedelta(days=days)
        chunks.append(Interval(start, min(midnight, interval.end)))
        start = midnight
    return chunks


def whole_days_apart(interval: Interval) -> list[Interval]:
    """The interval cut at its first and its last UTC midnight; uncut where no whole day lies between.

    >>> from datetime import UTC
    >>> part = Interval(datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    >>> [str(each) for each in whole_days_apart(part)]
    ['[2026-03-01T12:00Z, 2026-03-02T00:00Z)', '[2026-03-02T00:00Z, 2026-03-04T00:00Z)']
    """
    day = timedelta(days=1)
    last = interval.end.replace(hour=0, minute=0)
    first = interval.start.replace(hour=0, minute=0)
    first += timedelta(0) if first == interval.start else day
    if first >= last:
        return [interval]
    bounds = sorted({interval.start, first, last, interval.end})
    return [Interval(start, end) for start, end in pairwise(bounds)]


def require_ended(settings: Settings, end: datetime, name: str) -> None:
    """Refuse to close ticks that have not ended, where time is the wall clock's (`ROADSIDE_ONLINE_CLOCK`).

    What lands while its tick is closed becomes known in the first one after: all of it, as long as the end
    lies ahead. Where time is the data's, as in a simulation, that is only said.

    Clocks of two machines may differ by a minute.

    Raises:
        UserError: the end, given by that option, is later than that of the last tick that ended.
    """
    last = tick_start(datetime.now(UTC) + CLOCKS_DIFFER)
    if end <= last:
        return
    if settings.online_clock == "wall":
        raise UserError(
            f"{name} {end:{_MINUTE}} lies in the future: its ticks would be closed before they end, "
            "and what lands until then would become known only after it.",
            f"The last tick that ended: {name} {last:{_MINUTE}}.",
        )
    notice(
        f"note: {end:{_MINUTE}} lies in the future. Its ticks are closed now: "
        "what lands in them later becomes known in the first tick after.",
        "yellow",
    )
