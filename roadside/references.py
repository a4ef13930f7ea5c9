"""Entities that one table names and another should know: of those named on a day, how many are unknown.

Claims of jobs that nobody dispatched, fixes of drivers who were never on duty. An entity that is named on a
day is known if the other table told of it by the end of that day, and no longer before than the contract
says. Entities are counted, not rows: a driver who sends a thousand fixes is one driver. A warning, never a
gate: the other table's source may be what is late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from lakehouse.catalog_reader import CatalogReader
from lakehouse.quality_ledger import KeptFinding, kept_finding
from roadside.drift import day_compared, day_of
from validation.contract import Reference, Table
from validation.contracts import table_named
from validation.feed_checks import LEAST_WINDOWS, ROWS, Counts, ReferenceShare, judged
from validation.table_checks import TableWatch

DAYS = 14
_DAY = timedelta(days=1)
_KNOWN = "known_date"


@dataclass(frozen=True)
class UnknownNamed:
    """How many of the entities named on a day are unknown, and usually are.

    Attributes:
        usual: the share of the days before, all together; None where none was named.
        finding: as the quality ledger keeps it; None where the share is not strange.
    """

    table: Table
    reference: Reference
    day: date
    named: int
    unknown: int
    days_before: int
    usual: float | None
    finding: KeptFinding | None

    @property
    def name(self) -> str:
        """`<table>.<column>`."""
        return watch_of(self.table, self.reference).name

    @property
    def is_judged(self) -> bool:
        """Whether there were enough days before to compare with."""
        return self.days_before >= LEAST_WINDOWS


def watch_of(table: Table, reference: Reference) -> TableWatch:
    """What the reference is held to; its findings stand under `<table>.<column>`."""
    return TableWatch(f"{table.name}.{reference.column}", (ReferenceShare(reference.name),), _DAY)


def references(reader: CatalogReader, table: Table, day: date | None = None) -> list[UnknownNamed]:
    """Every reference of the table, for a UTC day of known time held to the fourteen before.

    Args:
        day: the newest whole day of the table, if not given.

    Returns nothing where the table has no rows of the day.
    """
    days = list(reader.rows_by_day(table))
    day = day_compared(days, day)
    if day is None:
        return []
    before = [each for each in days if day - DAYS * _DAY <= each < day]
    return [
        _judged(table, each, day, _counts(reader, table, each, [*before, day])) for each in table.references
    ]


def _judged(table: Table, reference: Reference, day: date, counts: Mapping[date, Counts]) -> UnknownNamed:
    watch = watch_of(table, reference)
    past = [counts[each] for each in sorted(counts) if each != day and counts[each].get(ROWS)]
    found = judged(watch.checks, counts[day], past)
    named = sum(each[ROWS] for each in past)
    unknown = sum(each[reference.name] for each in past)
    return UnknownNamed(
        table,
        reference,
        day,
        counts[day][ROWS],
        counts[day][reference.name],
        len(past),
        unknown / named if named else None,
        kept_finding(watch, day_of(day).end, found[0], None) if found else None,
    )


def _counts(
    reader: CatalogReader, table: Table, reference: Reference, days: Sequence[date]
) -> dict[date, Counts]:
    """Of each day the entities that it names, and those of them that were not known by its end."""
    first = days[0] - reference.days * _DAY
    told = _days_named(reader, table_named(reference.table), reference.column, first, days[-1])
    counts: dict[date, Counter[str]] = {day: Counter({ROWS: 0, reference.name: 0}) for day in days}
    for entity, named_on in _days_named(reader, table, reference.column, days[0], days[-1]).items():
        for day in named_on:
            since = day - reference.days * _DAY
            is_known = any(since <= at <= day for at in told.get(entity, ()))
            counts[day].update({ROWS: 1, reference.name: 0 if is_known else 1})
    return dict(counts)


def _days_named(
    reader: CatalogReader, table: Table, column: str, first: date, last: date
) -> dict[str, list[date]]:
    """The days on which a row known then names an entity; rows that name none are left out."""
    within = f"{_KNOWN} >= '{first}' AND {_KNOWN} <= '{last}' AND {column} IS NOT NULL"
    rows = reader.rows(table, (column, _KNOWN), within).group_by([column, _KNOWN]).aggregate([])
    found: dict[str, list[date]] = {}
    for entity, day in zip(rows[column].to_pylist(), rows[_KNOWN].to_pylist(), strict=True):
        found.setdefault(entity, []).append(day)
    return found
