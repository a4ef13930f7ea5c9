"""What was said twice, by source and day: again in one object, and again in another.

The first is counted while objects are read. The second is what bronze has and silver has not, for silver
keeps the first known copy of each record; of days that silver was made for as far as bronze.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from lakehouse.catalog_reader import CatalogReader
from lakehouse.ops import Ops
from lakehouse.quality_ledger import QualityLedger
from lakehouse.run_history import Made, gaps, made_by_table
from roadside.quality_report.scope import Scope
from validation.clocks import Interval, known_date
from validation.contracts import table_named
from validation.feed_checks import RepeatShare, pair_of
from validation.source import Source
from validation.sources import source_named


@dataclass(frozen=True)
class Repeats:
    """One source on one UTC day of known time.

    Attributes:
        rows, in_object: rows that were counted, and those whose id another row of the object had.
        bronze, left_out: rows of the whole day in bronze, and those silver knows already; None where silver
            was not made of all of it.
    """

    day: date
    rows: int
    in_object: int
    bronze: int | None
    left_out: int | None


@dataclass(frozen=True)
class Duplicates:
    """One source; is_counted: whether it declares what a record's id is."""

    source: str
    is_counted: bool
    days: tuple[Repeats, ...]


def duplicates(reader: CatalogReader, ops: Ops, scope: Scope) -> tuple[Duplicates, ...]:
    """Each of the scope's sources."""
    made, ledger = made_by_table(ops), QualityLedger(ops)
    return tuple(
        _of_source(reader, ledger, made, source_named(name), scope.interval) for name in scope.sources
    )


def _of_source(
    reader: CatalogReader, ledger: QualityLedger, made: Mapping[str, Made], source: Source, interval: Interval
) -> Duplicates:
    check = next((each for each in source.checks if isinstance(each, RepeatShare)), None)
    if check is None:
        return Duplicates(source.name, False, ())
    rows: Counter[date] = Counter()
    again: Counter[date] = Counter()
    for tick, counts in ledger.counts(source, interval).items():
        repeated, looked_at = pair_of(check, "", counts)
        rows[known_date(tick)] += looked_at
        again[known_date(tick)] += repeated
    names = [f"{layer}.{source.name}" for layer in ("bronze", "silver")]
    bronze, silver = (reader.rows_by_day(table_named(name)) for name in names)
    days = []
    for day in interval.known_dates():
        is_made = _is_made(made, names, day)
        days.append(
            Repeats(
                day,
                rows[day],
                again[day],
                bronze.get(day, 0) if is_made else None,
                bronze.get(day, 0) - silver.get(day, 0) if is_made else None,
            )
        )
    return Duplicates(source.name, True, tuple(days))


def _is_made(made: Mapping[str, Made], names: Sequence[str], day: date) -> bool:
    """Whether both tables are made of the same known time of that day, and of some."""
    midnight = datetime.combine(day, time(0), UTC)
    whole = [Interval(midnight, midnight + timedelta(days=1))]
    missing = [gaps(whole, made.get(name, Made()).intervals) for name in names]
    return missing[0] == missing[1] and missing[0] != whole
