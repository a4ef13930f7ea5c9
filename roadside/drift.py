"""Drift of features: the rows of a day against those of days like it, by PSI. A warning, never a gate.

A day is a UTC day of known time, the partition of a feature table. It is compared with the same weekday of
four weeks before; of a younger view, with the fourteen days before. A feature whose window reaches back
behind the first day of its table is still filling up there, and is not compared; nor are names and places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd

from lakehouse.catalog_reader import CatalogReader
from lakehouse.quality_ledger import KeptFinding
from training_datasets.feature_statistics import DRIFT_BINS, DRIFTED, population_stability_index, values_of
from validation.clocks import Interval
from validation.contract import Column, Sensitivity, Severity, Table
from validation.contracts.features.feature_table import feature_columns
from validation.feature_kinds import LISTS, window_of

WEEKS, DAYS, LEAST_DAYS = 4, 14, 3
LEAST_ROWS = 200
"""Rows a side: of fewer, which depend on one another, PSI tells of the few entities."""
_DAY, _WEEK = timedelta(days=1), timedelta(weeks=1)
_CLOCK = "event_timestamp"


@dataclass(frozen=True)
class FeatureDrift:
    """How far a feature's values of a day lie from those of days like it.

    Attributes:
        rows, rows_before: of the day, and of the days it is compared with.
        psi: 0 equal, above 0.25 another distribution, less what so few rows would show by chance
            ((bins - 1)(1/n + 1/m)); None where it is not compared.
        why_not: why it is not, as a phrase; empty where it is.
    """

    view: str
    feature: str
    day: date
    rows: int
    rows_before: int
    days_before: tuple[date, ...]
    psi: float | None
    why_not: str = ""

    @property
    def is_drifted(self) -> bool:
        """Whether the distribution is another one."""
        return self.psi is not None and self.psi > DRIFTED


def drift(reader: CatalogReader, table: Table, day: date | None = None) -> list[FeatureDrift]:
    """Every feature of the view that can be compared by numbers, in the contract's order.

    Args:
        day: the newest whole day of the table, if not given.

    Returns nothing where the table has no rows of the day.
    """
    days = list(reader.rows_by_day(table))
    day = day_compared(days, day)
    if day is None:
        return []
    columns = [column for column in feature_columns(table) if _is_compared(column)]
    like_it = days_like(day, days)
    now = _rows(reader, table, columns, [day])
    before = _rows(reader, table, columns, like_it)
    return list(_compared(table, columns, day, days[0], like_it, now, before))


def days_like(day: date, days: Sequence[date]) -> tuple[date, ...]:
    """Of the days that have rows, those that the day is compared with, oldest first.

    >>> few = [date(2026, 3, 1) + n * _DAY for n in range(10)]
    >>> days_like(date(2026, 3, 10), few)[0], len(days_like(date(2026, 3, 10), few))
    (datetime.date(2026, 3, 1), 9)
    >>> many = [date(2026, 3, 1) + n * _DAY for n in range(40)]
    >>> [f"{each:%m-%d}" for each in days_like(date(2026, 4, 5), many)]
    ['03-08', '03-15', '03-22', '03-29']
    """
    weeks = [day - n * _WEEK for n in range(1, WEEKS + 1)]
    found = sorted(each for each in weeks if each in days)
    if len(found) < LEAST_DAYS:
        found = [each for each in days if day - DAYS * _DAY <= each < day]
    return tuple(found)


def day_compared(days: Sequence[date], asked: date | None) -> date | None:
    """The day asked for, if it has rows; without one the newest whole day: the last may still be growing."""
    day = max(days[:-1], default=None) if asked is None else asked
    return day if day in days else None


def day_of(day: date) -> Interval:
    """The day as an interval of known time."""
    start = datetime.combine(day, time(), UTC)
    return Interval(start, start + _DAY)


def findings_of(compared: Sequence[FeatureDrift]) -> list[KeptFinding]:
    """The drifted ones as the quality ledger keeps them, at the end of their day."""
    return [
        KeptFinding(
            f"features.{each.view}",
            day_of(each.day).end,
            f"drift_{each.feature}",
            "",
            Severity.WARN.value,
            each.rows,
            round(each.psi, 4),
            0.0,
            f"drift_{each.feature}: PSI {each.psi:.2f} of {each.rows:,} rows against {each.rows_before:,} "
            f"of {len(each.days_before)} days like it.",
            "",
        )
        for each in compared
        if each.psi is not None and each.is_drifted
    ]


def _is_compared(column: Column) -> bool:
    is_name = column.name.endswith("_id") or column.name == "tick_at"
    return column.type not in LISTS and not is_name and column.sensitivity is not Sensitivity.PRECISE_LOCATION


def _rows(
    reader: CatalogReader, table: Table, columns: Sequence[Column], days: Sequence[date]
) -> pd.DataFrame:
    names = (_CLOCK, *(column.name for column in columns))
    parts = [reader.rows(table, names, f"known_date = '{day}'").to_pandas() for day in days]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)


def _compared(
    table: Table,
    columns: Sequence[Column],
    day: date,
    first: date,
    like_it: tuple[date, ...],
    now: pd.DataFrame,
    before: pd.DataFrame,
) -> Iterator[FeatureDrift]:
    for column in columns:
        psi, why_not = None, ""
        if len(like_it) < LEAST_DAYS:
            why_not = "fewer than three days like it"
        elif like_it[0] < first + (window_of(column) or timedelta(0)):
            why_not = "its window was still filling up"
        elif min(len(now), len(before)) < LEAST_ROWS:
            why_not = "too few rows"
        else:
            old, new = (values_of(side[column.name], side[_CLOCK]) for side in (before, now))
            found = population_stability_index(old, new)
            by_chance = (DRIFT_BINS - 1) * (1 / len(now) + 1 / len(before))
            psi = None if found is None else max(0.0, found - by_chance)
        yield FeatureDrift(table.short_name, column.name, day, len(now), len(before), like_it, psi, why_not)
