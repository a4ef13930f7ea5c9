"""The two grids on which features are computed: 15-minute ticks and business-day cuts.

A grid numbers its instants by integers. An event enters at the first instant strictly after it
and leaves a window of n instants n later, so that an instant T sees [T - n, T).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from validation.clocks import TICK_SECONDS, Interval


class Grid(ABC):
    """Instants numbered by integers."""

    @abstractmethod
    def after(self, moment: Column) -> Column:
        """Number of the first instant strictly after the moment."""

    @abstractmethod
    def known(self, known_at: Column) -> Column:
        """Number of the first instant at or after a known tick."""

    @abstractmethod
    def instant(self, number: Column) -> Column:
        """The instant itself, UTC."""

    @abstractmethod
    def available(self, number: Column) -> Column:
        """When values of the instant may first be read."""

    @abstractmethod
    def bounds(self, interval: Interval) -> tuple[int, int]:
        """Numbers (a, b] of the instants inside an interval of known time; a == b if none is."""


@dataclass(frozen=True)
class Ticks(Grid):
    """Every 15 minutes, UTC; usable 5 minutes later."""

    def after(self, moment: Column) -> Column:
        micros = F.unix_micros(moment)
        span = F.lit(TICK_SECONDS * 1_000_000)
        return ((micros - F.pmod(micros, span)) / span).cast("bigint") + 1

    def known(self, known_at: Column) -> Column:
        return (F.unix_seconds(known_at) / TICK_SECONDS).cast("bigint")

    def instant(self, number: Column) -> Column:
        return F.timestamp_seconds(number * TICK_SECONDS)

    def available(self, number: Column) -> Column:
        return self.instant(number) + F.expr("INTERVAL 5 MINUTES")

    def bounds(self, interval: Interval) -> tuple[int, int]:
        return int(interval.start.timestamp()) // TICK_SECONDS, int(interval.end.timestamp()) // TICK_SECONDS


@dataclass(frozen=True)
class BusinessDays(Grid):
    """03:00 in New York, every day; usable at 06:00. Numbered by days since 1970-01-01."""

    def after(self, moment: Column) -> Column:
        local = F.from_utc_timestamp(moment, "America/New_York") - F.expr("INTERVAL 3 HOURS")
        return F.unix_date(F.to_date(local)).cast("bigint") + 1

    def known(self, known_at: Column) -> Column:
        return self.after(known_at - F.expr("INTERVAL 1 MICROSECOND"))

    def instant(self, number: Column) -> Column:
        return self._local(number, 3)

    def available(self, number: Column) -> Column:
        return self._local(number, 6)

    def bounds(self, interval: Interval) -> tuple[int, int]:
        cuts = interval.cuts()
        if not cuts:
            return 0, 0
        numbers = [(cut.date().toordinal() - _EPOCH_ORDINAL) for cut in cuts]
        return numbers[0] - 1, numbers[-1]

    def _local(self, number: Column, hour: int) -> Column:
        midnight = F.date_from_unix_date(number.cast("int")).cast("timestamp")
        return F.to_utc_timestamp(midnight + F.expr(f"INTERVAL {hour} HOURS"), "America/New_York")


_EPOCH_ORDINAL = 719163
"""date(1970, 1, 1).toordinal()"""

TICKS = Ticks()
BUSINESS_DAYS = BusinessDays()
