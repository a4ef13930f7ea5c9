"""Null shares against the same hour of the weeks before: the spans and the past that the gate judges by.

A point is the span that ends with a tick. Its band is what the check holds it to: the least to the greatest
share of the spans compared, the greatest of all left out, as `validation.feed_checks` leaves it out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lakehouse.ops import Ops
from lakehouse.quality_ledger import KeptFinding, QualityLedger
from roadside.feed_gate import WEEK, WEEKS, Spans, compared
from roadside.quality_report.scope import Scope
from validation.clocks import TICK, Interval
from validation.feed_checks import (
    LEAST_WINDOWS,
    Counts,
    NullShare,
    compared_pairs,
    groups_of,
    pair_of,
)
from validation.source import Source
from validation.sources import source_named

MOST_POINTS = 300
"""Of a longer range every second tick is drawn, or fourth, and each that alarmed."""
_STEPS = (1, 2, 4, 8, 12, 24, 48, 96)
_MIDNIGHT = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class NullPoint:
    """The span that ends with a tick.

    Attributes:
        rows: those that the check looks at, nulls: those without a value.
        low, high, usual: the least and the greatest share of the spans compared, and the pooled one; None
            where too few are known.
        compared: how many spans that is, one left out; is_weeks: whether they are of weeks, or of days.
        alarm: stops | accepted | warns | empty.
    """

    at: datetime
    nulls: int
    rows: int
    low: float | None
    high: float | None
    usual: float | None
    compared: int
    is_weeks: bool
    alarm: str = ""

    @property
    def share(self) -> float | None:
        """Of the rows, those without a value; None of no rows."""
        return self.nulls / self.rows if self.rows else None

    @property
    def above(self) -> float:
        """By how much the share is above its band."""
        return 0.0 if self.share is None or self.high is None else max(self.share - self.high, 0.0)


@dataclass(frozen=True)
class NullSeries:
    """One check of one source, for all rows or for one group."""

    source: str
    check_name: str
    column: str
    group: str
    severity: str
    span: timedelta
    points: tuple[NullPoint, ...]

    @property
    def alarms(self) -> int:
        """Points that alarmed."""
        return sum(bool(each.alarm) for each in self.points)

    @property
    def above(self) -> float:
        """The farthest that a point is above its band."""
        return max((each.above for each in self.points), default=0.0)

    @property
    def nulls(self) -> int:
        """Rows without a value in any of the spans drawn; spans overlap, so no total."""
        return max((each.nulls for each in self.points), default=0)


def null_series(ops: Ops, scope: Scope) -> tuple[NullSeries, ...]:
    """Every null check of the scope's sources with all its groups: what alarmed first, then the farthest
    above its band; within these in the order of the sources."""
    ledger = QualityLedger(ops)
    found = [series for name in scope.sources for series in _of_source(ledger, source_named(name), scope)]
    return tuple(sorted(found, key=lambda each: (-each.alarms, -each.above, not each.nulls)))


def _of_source(ledger: QualityLedger, source: Source, scope: Scope) -> Iterator[NullSeries]:
    back = Interval(scope.interval.start - WEEKS * WEEK - source.checked_over, scope.interval.end)
    counts = ledger.counts(source, back)
    out = ledger.stopped_ticks(source.name, scope.interval.end)
    spans = Spans(counts, round(source.checked_over / TICK))
    alarms = _alarms(ledger.findings([source.name], scope.interval))
    known = [tick for tick in sorted(counts) if scope.interval.holds(tick)]
    ticks = _drawn(known, {tick for tick, _, _ in alarms})
    pasts = {tick: compared(source, tick, spans, out) for tick in ticks}
    for check in source.checks:
        if not isinstance(check, NullShare):
            continue
        for group in sorted({group for tick in ticks for group in groups_of(check, spans.at(tick))}):
            points = []
            for tick in ticks:
                alarm = alarms.get((tick, check.name, group), "")
                points.append(_point(check, group, tick, spans.at(tick), *pasts[tick], alarm))
            severity, span = check.severity.value, source.checked_over
            yield NullSeries(source.name, check.name, check.column, group, severity, span, tuple(points))


def _point(
    check: NullShare,
    group: str,
    tick: datetime,
    span: Counts,
    past: Sequence[Counts],
    apart: timedelta,
    alarm: str,
) -> NullPoint:
    nulls, rows = pair_of(check, group, span)
    pairs = compared_pairs(check, group, past)
    is_judged = len(pairs) >= LEAST_WINDOWS - 1
    shares = [part / whole for part, whole in pairs]
    usual = sum(part for part, _ in pairs) / sum(whole for _, whole in pairs) if is_judged else None
    return NullPoint(
        at=tick,
        nulls=nulls,
        rows=rows,
        low=min(shares) if is_judged else None,
        high=max(shares) if is_judged else None,
        usual=usual,
        compared=len(pairs),
        is_weeks=apart == WEEK,
        alarm=alarm,
    )


def _drawn(ticks: Sequence[datetime], always: Collection[datetime]) -> list[datetime]:
    """Every tick, or every n-th of a day, midnight among them."""
    step = next((each for each in _STEPS if len(ticks) <= each * MOST_POINTS), _STEPS[-1])
    return [tick for tick in ticks if (tick - _MIDNIGHT) // TICK % step == 0 or tick in always]


def _alarms(found: Sequence[KeptFinding]) -> Mapping[tuple[datetime, str, str], str]:
    def state(each: KeptFinding) -> str:
        return "stops" if each.stops else "accepted" if each.severity == "fail" else "warns"

    return {(each.known_at, each.check_name, each.group_name): state(each) for each in found}
