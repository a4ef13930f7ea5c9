"""How long what is kept is kept, in calendar months or days, back from a day of known time.

A table's is in its contract (`Table.retention`). Days of known time go whole, and only what lies before the
first day that is kept.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Retention:
    """So many calendar months, or so many days."""

    months: int = 0
    days: int = 0

    def first_kept(self, day: date) -> date:
        """The first day that is kept on that day; of a month without it, the month's last.

        >>> str(Retention(months=13).first_kept(date(2026, 3, 31)))
        '2025-02-28'
        >>> str(Retention(days=35).first_kept(date(2026, 3, 31)))
        '2026-02-24'
        """
        month = day.year * 12 + day.month - 1 - self.months
        year, month = divmod(month, 12)
        last = monthrange(year, month + 1)[1]
        return date(year, month + 1, min(day.day, last)) - timedelta(days=self.days)

    def __str__(self) -> str:
        """As a person reads it.

        >>> str(Retention(months=1)), str(Retention(days=35))
        ('1 month', '35 days')
        """
        count, unit = (self.days, "day") if self.days else (self.months, "month")
        return f"{count} {unit}{'s' if count > 1 else ''}"


LANDING = Retention(days=35)
"""Landed objects that are accounted for: they hold names and places in the clear."""
LOGS = Retention(days=35)
"""Logs of runs and failures since they were last written: Spark's own words may quote what landed."""
LEDGERS = Retention(months=24)
"""Rows of the ledgers about known time: as long as bronze, which they tell of."""
