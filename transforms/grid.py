"""The two grids on which features are computed: 15-minute ticks and business-day cuts.

A grid numbers its instants by integers. An event enters at the first instant strictly after it
and leaves a window of n instants n later, so that an instant T sees [T - n, T).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
from pyspark.sql import Column
from pyspark.sql import functions as F

from validation.clocks import TICK, TICK_SECONDS, Interval, business_date_et, business_day_start

HELD_MEMORY = timedelta(days=2)
"""How far back of a tick the last one that was not held is looked for: a reader's TTL."""
HELD_MEMORY_DAILY = timedelta(days=8, hours=1)
"""The same of a cut, over a day of 25 hours."""


class Grid(ABC):
    """Instants numbered by integers.

    Attributes:
        memory: how many instants a row is read at most: what is written at an instant is compared with
            what was served at the last one that was not held, if that lies no further back. Beyond it
            no reader sees a row any more, and every live entity gets one.
    """

    memory: int

    @abstractmethod
    def after(self, moment: Column) -> Column:
        """Number of the first instant strictly after the moment."""

    @abstractmethod
    def first_after(self, micros: np.ndarray) -> np.ndarray:
        """The same in numpy, of microseconds."""

    @abstractmethod
    def micros(self, numbers: np.ndarray) -> np.ndarray:
        """The instants themselves, in microseconds."""

    def first_from(self, micros: np.ndarray) -> np.ndarray:
        """Numbers of the first instants at or after some moments."""
        return self.first_after(micros - 1)

    @abstractmethod
    def known(self, known_at: Column) -> Column:
        """Number of the first instant at or after a known tick (or an instant)."""

    @abstractmethod
    def instant(self, number: Column) -> Column:
        """The instant itself, UTC."""

    @abstractmethod
    def available(self, number: Column) -> Column:
        """When values of the instant may first be read."""

    @abstractmethod
    def bounds(self, interval: Interval) -> tuple[int, int]:
        """Numbers (a, b] of the instants inside an interval of known time; a == b if none is."""

    @abstractmethod
    def moment(self, number: int) -> datetime:
        """The instant itself, in Python."""

    @abstractmethod
    def number(self, instant: datetime) -> int:
        """Its number."""

    def instants(self, interval: Interval, held: Collection[datetime] = ()) -> Instants:
        """The instants of the interval that are not held, after the last one before it that is not."""
        first, last = self.bounds(interval)
        inside = [n for n in range(first + 1, last + 1) if self.moment(n) not in held]
        if not inside:
            return Instants((first,))
        oldest = inside[0] - self.memory
        before = next((n for n in range(first, oldest - 1, -1) if self.moment(n) not in held), None)
        numbers = (inside[0] - 1 if before is None else before, *inside)
        gaps = [after - earlier for earlier, after in pairwise(numbers)]
        anew = [place for place, gap in enumerate(gaps, 1) if gap > self.memory]
        return Instants(numbers, (1, *anew) if before is None else tuple(anew))


@dataclass(frozen=True)
class Instants:
    """Instants at which rows may be written, by number, behind the one they are compared with.

    Attributes:
        numbers: ascending; the first is the last instant before the interval that was not held.
        anew: places among the numbers, from 1, that have nothing to be compared with, for longer was
            held than a row is read: there every live entity has a row, and no dead one.
    """

    numbers: tuple[int, ...]
    anew: tuple[int, ...] = ()

    @property
    def first(self) -> int:
        """The instant compared with."""
        return self.numbers[0]

    @property
    def last(self) -> int:
        """The last instant."""
        return self.numbers[-1]

    @property
    def is_empty(self) -> bool:
        """Whether no row may be written."""
        return len(self.numbers) == 1


def counts_in(instants: Instants) -> Column:
    """Whether a span reaches some of the instants."""
    return (
        (F.col("enter") < F.col("leave"))
        & (F.col("enter") <= instants.last)
        & (F.col("leave") > instants.first)
    )


@dataclass(frozen=True)
class Ticks(Grid):
    """Every 15 minutes, UTC; usable 5 minutes later."""

    memory: int = 2 * 96

    def after(self, moment: Column) -> Column:
        micros = F.unix_micros(moment)
        span = F.lit(TICK_SECONDS * 1_000_000)
        return ((micros - F.pmod(micros, span)) / span).cast("bigint") + 1

    def first_after(self, micros: np.ndarray) -> np.ndarray:
        return micros // _TICK_MICROS + 1

    def micros(self, numbers: np.ndarray) -> np.ndarray:
        return numbers * _TICK_MICROS

    def known(self, known_at: Column) -> Column:
        return (F.unix_seconds(known_at) / TICK_SECONDS).cast("bigint")

    def instant(self, number: Column) -> Column:
        return F.timestamp_seconds(number * TICK_SECONDS)

    def available(self, number: Column) -> Column:
        return self.instant(number) + F.expr("INTERVAL 5 MINUTES")

    def bounds(self, interval: Interval) -> tuple[int, int]:
        return int(interval.start.timestamp()) // TICK_SECONDS, int(interval.end.timestamp()) // TICK_SECONDS

    def moment(self, number: int) -> datetime:
        return _EPOCH + number * TICK

    def number(self, instant: datetime) -> int:
        return (instant - _EPOCH) // TICK


@dataclass(frozen=True)
class BusinessDays(Grid):
    """03:00 in New York, every day; usable at 06:00. Numbered by days since 1970-01-01."""

    memory: int = 8

    def after(self, moment: Column) -> Column:
        local = F.from_utc_timestamp(moment, "America/New_York") - F.expr("INTERVAL 3 HOURS")
        return F.unix_date(F.to_date(local)).cast("bigint") + 1

    def first_after(self, micros: np.ndarray) -> np.ndarray:
        if not len(micros):
            return micros
        first, last = (
            int(edge) // _DAY_MICROS + shift for edge, shift in ((micros.min(), -1), (micros.max(), 2))
        )
        cuts = self.micros(np.arange(first, last + 1))
        return first + np.searchsorted(cuts, micros, side="right")

    def micros(self, numbers: np.ndarray) -> np.ndarray:
        listed, places = np.unique(numbers, return_inverse=True)
        cuts = [int(self.moment(int(number)).timestamp()) * 1_000_000 for number in listed]
        return np.asarray(cuts, np.int64)[places]

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

    def moment(self, number: int) -> datetime:
        return business_day_start(date.fromordinal(number + _EPOCH_ORDINAL))

    def number(self, instant: datetime) -> int:
        return business_date_et(instant).toordinal() - _EPOCH_ORDINAL

    def _local(self, number: Column, hour: int) -> Column:
        midnight = F.date_from_unix_date(number.cast("int")).cast("timestamp")
        return F.to_utc_timestamp(midnight + F.make_dt_interval(hours=F.lit(hour)), "America/New_York")


_TICK_MICROS = TICK_SECONDS * 1_000_000
_DAY_MICROS = 24 * 3600 * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = 719163
"""date(1970, 1, 1).toordinal()"""

TICKS = Ticks()
BUSINESS_DAYS = BusinessDays()
