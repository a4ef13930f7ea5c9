"""Which known time is past its retention: of every table, and of every source's landed objects.

Kept before the first row goes, and never taken back. Such known time is neither missing nor there: it is not
made again, and nothing is made of what is left of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import select

from lakehouse.database import replace_rows
from lakehouse.ops import Ops, expiries
from validation.clocks import Interval
from validation.contracts import table_named
from validation.retention import LANDING

LANDED = "landing."
"""Begins the name under which a source's landed objects expire: landing.<source>."""

KEPT_FROM = "roadside.kept_from"
"""Property of a table that dropped days: the first day that it kept; an operational database may be lost."""
HELD_DAYS = "roadside.held_days"
"""Property beside it: the days before that one which were not dropped, joined by commas."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Expiries:
    """The moments before which known time is past its retention, by table or landing.<source>."""

    before: Mapping[str, datetime] = field(default_factory=dict)

    def part(self, name: str) -> list[Interval]:
        """The known time that is past its retention; none where nothing was dropped yet."""
        before = self.before.get(name)
        return [] if before is None else [Interval(_BEGINNING, before)]

    def reaches(self, name: str, since: datetime) -> bool:
        """Whether known time from that moment on is past its retention, in part."""
        before = self.before.get(name)
        return before is not None and since < before

    def told(self, name: str) -> str:
        """What is no more, as a sentence without its end."""
        kept = LANDING if name.startswith(LANDED) else table_named(name).retention
        return f"{name} before {self.before[name]:%Y-%m-%d} is past its retention of {kept}"


NOTHING_GONE = Expiries()


def expired(ops: Ops) -> Expiries:
    """What is past its retention now."""
    with ops.read() as connection:
        rows = connection.execute(select(expiries)).all()
    return Expiries({row.name: row.before for row in rows})


def was_dropped(day: date, kept_from: str | None, held: str | None) -> bool:
    """Whether a table whose properties say so dropped the day.

    >>> [was_dropped(date(2026, 3, day), "2026-03-03", "2026-03-01") for day in (1, 2, 3)]
    [False, True, False]
    """
    return kept_from is not None and f"{day}" < kept_from and f"{day}" not in (held or "").split(",")


def expire_known_time(ops: Ops, before: Mapping[str, datetime], now: datetime) -> None:
    """Keep that known time before these moments is past its retention; what was so before stays so."""
    with ops.write() as connection:
        rows = connection.execute(select(expiries)).all()
        earlier = {row.name: row.before for row in rows}
        moved = {name: at for name, at in before.items() if name not in earlier or at > earlier[name]}
        replace_rows(
            connection,
            expiries,
            [{"name": name, "before": at, "recorded_at": now} for name, at in sorted(moved.items())],
        )
