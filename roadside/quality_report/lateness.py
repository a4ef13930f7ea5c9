"""How long after it happened a row was known, per source: a curve, its hundredths, and what is too late.

Two clocks: `known_at`, the end of the tick that first saw the object, and `landed_at`, the stamp in its
name. The platform acts on the first; the second is what the producer's own checks are about, and `ahead`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

import duckdb
import pyarrow as pa

from lakehouse.catalog_reader import CatalogReader
from lakehouse.landed_counts import not_lived
from lakehouse.ops import Ops
from roadside.quality_report.scope import Scope
from validation.clocks import Interval
from validation.contracts import table_named
from validation.source import Source
from validation.sources import source_named

LONGEST = timedelta(days=30)
"""The end of the axis."""
MINUTE = timedelta(minutes=1)
_STEPS_A_DECADE = 20

_LAGS = """
SELECT known, landed, grouping(known) AS is_landed, count(*) AS rows
FROM (
    SELECT ceil((epoch_us(known_at) - epoch_us(event_timestamp)) / 6e7)::BIGINT AS known,
           ceil((epoch_us(landed_at) - epoch_us(event_timestamp)) / 6e7)::BIGINT AS landed
    FROM bronze
    {where}
)
GROUP BY GROUPING SETS ((known), (landed))
"""
_LIVED = "WHERE source_object NOT IN (SELECT source_object FROM left_out)"


@dataclass(frozen=True)
class Curve:
    """The share of rows within so many minutes of their event, and the whole minutes that hold 50, 95 and
    99 of 100."""

    minutes: tuple[int, ...]
    shares: tuple[float, ...]
    p50: int
    p95: int
    p99: int


@dataclass(frozen=True)
class Lateness:
    """One source over the range.

    Attributes:
        rows: rows of bronze; left_out: objects not among them, archives and lines that a person released.
        known, landed: by each clock; None without rows.
        late, ahead: what the source's contract declares.
        beyond_late: rows known later than `late` after they happened: they enter no feature.
        ahead_rows: rows that happened after the stamp of their object, within `ahead`.
    """

    source: str
    rows: int
    left_out: int
    known: Curve | None
    landed: Curve | None
    late: timedelta
    ahead: timedelta
    beyond_late: int
    ahead_rows: int


def lateness(reader: CatalogReader, ops: Ops, scope: Scope) -> tuple[Lateness, ...]:
    """Each of the scope's sources, by one query of its rows in bronze."""
    return tuple(_of_source(reader, ops, source_named(name), scope.interval) for name in scope.sources)


def curve_of(lags: Mapping[int, int], ahead: timedelta) -> Curve | None:
    """The curve of rows by lag in whole minutes, rounded up; None without rows.

    >>> curve = curve_of({0: 1, 5: 2, 90: 1}, timedelta(hours=1))
    >>> curve.p50, curve.p95, dict(zip(curve.minutes, curve.shares))[10]
    (5, 90, 0.75)
    """
    rows = sum(lags.values())
    if not rows:
        return None
    minutes = grid(ahead)
    ordered = sorted(lags.items())
    shares, reached, place = [], 0, 0
    for minute in minutes:
        while place < len(ordered) and ordered[place][0] <= minute:
            reached += ordered[place][1]
            place += 1
        shares.append(reached / rows)
    return Curve(minutes, tuple(shares), *(_quantile(ordered, rows, q) for q in (50, 95, 99)))


def grid(ahead: timedelta) -> tuple[int, ...]:
    """Minutes at which a curve is told: before the event, and twenty a decade until 30 days."""
    early = ahead // MINUTE
    before = [-early * n // 4 for n in (4, 3, 2, 1)] if early else []
    last = LONGEST // MINUTE
    after = {min(round(10 ** (n / _STEPS_A_DECADE)), last) for n in range(_STEPS_A_DECADE * 5)}
    return (*dict.fromkeys([*before, 0]), *sorted(after | {last}))


def _of_source(reader: CatalogReader, ops: Ops, source: Source, interval: Interval) -> Lateness:
    left_out = not_lived(ops, source.name, interval)
    known, landed = _lags(reader, source, interval, left_out)
    return Lateness(
        source=source.name,
        rows=sum(known.values()),
        left_out=len(left_out),
        known=curve_of(known, source.ahead),
        landed=curve_of(landed, source.ahead),
        late=source.late,
        ahead=source.ahead,
        beyond_late=sum(rows for minutes, rows in known.items() if minutes > source.late / MINUTE),
        ahead_rows=sum(rows for minutes, rows in landed.items() if minutes < 0),
    )


def _lags(
    reader: CatalogReader, source: Source, interval: Interval, left_out: Sequence[str]
) -> tuple[dict[int, int], dict[int, int]]:
    """Rows by the whole minutes, rounded up, until they were known, and until their object's stamp."""
    columns = ["event_timestamp", "known_at", "landed_at", *(["source_object"] if left_out else [])]
    days = interval.known_dates()
    where = (
        f"known_date >= '{days[0]}' AND known_date <= '{days[-1]}' "
        f"AND known_at > '{interval.start.isoformat()}' AND known_at <= '{interval.end.isoformat()}'"
    )
    rows = reader.batches(table_named(f"bronze.{source.name}"), columns, where)
    known: dict[int, int] = {}
    landed: dict[int, int] = {}
    if rows is None:
        return known, landed
    with duckdb.connect() as connection:
        connection.register("bronze", rows)
        connection.register("left_out", pa.table({"source_object": pa.array(left_out, pa.string())}))
        query = _LAGS.format(where=_LIVED if left_out else "")
        for by_known, by_landed, is_landed, count in connection.execute(query).fetchall():
            (landed if is_landed else known)[by_landed if is_landed else by_known] = count
    return known, landed


def _quantile(ordered: Sequence[tuple[int, int]], rows: int, hundredths: int) -> int:
    """The lag at rank ceil(q n)."""
    rank, reached = ceil(hundredths * rows / 100), 0
    for minutes, count in ordered:
        reached += count
        if reached >= rank:
            return minutes
    raise AssertionError("a rank is at most the number of rows")
