"""How many minutes each hop of the road may take: one table, which sums to what is promised.

A tick T is promised at T + 5 minutes (TICK_DELAY), so the hops of a tick share five minutes; a business-day
cut at 03:00 ET is promised at 06:00 ET, so the hops of a daily view share three hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from validation.clocks import TICK, business_date_et, business_day_start, tick_start
from validation.errors import UnknownName, UserError


@dataclass(frozen=True)
class Budget:
    """What one hop may take, and why so much.

    Attributes:
        hop: as `--budget` names it; those of tables that gain rows once a day end in `_1d`.
    """

    hop: str
    share: timedelta
    why: str


def _minutes(hop: str, minutes: float, why: str) -> Budget:
    return Budget(hop, timedelta(minutes=minutes), why)


BUDGETS: tuple[Budget, ...] = (
    _minutes("source", 15, "beyond a heartbeat: the tick in which the next object has to be there"),
    _minutes("bronze", 2, "it reads every landed object, and is the only hop that reads so much"),
    _minutes("silver", 1, "one tick's rows and a look-back over silver's own partitions"),
    _minutes("tiles", 0.5, "sums of silver's new rows"),
    _minutes("features", 1, "windows over tiles, for each entity that lives"),
    _minutes("release", 0, "one row in the ledger, written with the features"),
    _minutes("online", 0.5, "only the rows that changed are written to Redis"),
    _minutes("tiles_1d", 117, "through 05:00 ET: a night's cut is made again at leisure, and once more"),
    _minutes("features_1d", 60, "through 06:00 ET, the promise of the daily views"),
    _minutes("release_1d", 0, "as of a tick"),
    _minutes("online_1d", 5, "rows usable from 06:00 ET go to Redis with the tick of 06:00, due at 06:05"),
    _minutes("hold", 30, "one held tick may be one late object, which the next makes good; two are a feed"),
    _minutes("hold_1d", 180, "a held cut is not made good before the next day: over at 06:00 ET"),
)

ROAD = ("bronze", "silver", "tiles", "features", "release", "online")
"""The hops of a tick, in order; tables of a business day leave it at tiles for the hops in `_1d`."""

_MOST_MINUTES = 100_000

LEAST_COVERAGE = 0.95
"""Of the entities that live, the share that has a value which may still be read.

A living entity gets a row a day and a value lives for two (eight in a daily view), so nothing but rows that
were not written makes the share less than all; one in twenty is worth a page, one in a hundred a look."""


@dataclass(frozen=True)
class Budgets:
    """The budgets in force."""

    table: tuple[Budget, ...] = BUDGETS

    def share(self, hop: str) -> timedelta:
        """What the hop itself may take.

        Raises:
            UnknownName: there is no such hop.
        """
        for each in self.table:
            if each.hop == hop:
                return each.share
        raise UnknownName("hop with a budget", hop, [each.hop for each in self.table])

    def deadline(self, hop: str, *, is_daily: bool) -> timedelta:
        """How long after a tick (or a cut) the hop is due to have it: its share and those before it.

        >>> Budgets().deadline("features", is_daily=False)
        datetime.timedelta(seconds=270)
        """
        before = ROAD[: ROAD.index(hop) + 1]
        names = [f"{each}_1d" if is_daily and each not in ("bronze", "silver") else each for each in before]
        return sum((self.share(each) for each in names), timedelta(0))

    def due(self, hop: str, at: datetime, *, is_daily: bool) -> datetime:
        """The last tick (or cut) that the hop is due to have at that moment."""
        latest = at - self.deadline(hop, is_daily=is_daily)
        return last_cut(latest) if is_daily else tick_start(latest)

    def longest_age(self, hop: str, through: datetime | None, *, is_daily: bool) -> timedelta:
        """How old `through` is when the next tick (or cut) is due: the age at which the hop is late."""
        deadline = self.deadline(hop, is_daily=is_daily)
        if not is_daily:
            return TICK + deadline
        return deadline + (timedelta(days=1) if through is None else next_cut(through) - through)


def budgets_with(changes: Sequence[str]) -> Budgets:
    """The declared budgets, with those of `HOP=MINUTES` instead.

    Raises:
        UnknownName: there is no such hop.
        UserError: a text is no HOP=MINUTES, or the minutes are less than none.
    """
    table = {each.hop: each for each in BUDGETS}
    for text in changes:
        hop, is_pair, number = text.partition("=")
        if is_pair and hop not in table:
            raise UnknownName("hop with a budget", hop, table)
        table[hop] = Budget(hop, _share_asked(text, number), "asked for")
    return Budgets(tuple(table.values()))


def _share_asked(text: str, number: str) -> timedelta:
    try:
        minutes = float(number)
    except ValueError:
        minutes = -1.0
    if not 0 <= minutes <= _MOST_MINUTES:
        raise UserError(f"--budget '{text}' is no HOP=MINUTES.", "Write --budget online=5, say.")
    return timedelta(minutes=minutes)


def last_cut(moment: datetime) -> datetime:
    """The last business-day cut (03:00 ET) at or before the moment."""
    return business_day_start(business_date_et(moment))


def next_cut(moment: datetime) -> datetime:
    """The first business-day cut after the moment."""
    return business_day_start(business_date_et(moment) + timedelta(days=1))
