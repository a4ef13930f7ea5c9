"""What the checks of feeds counted and found, and what a person accepted all the same.

Counts are kept by source and tick, as they add up over the tick's objects; findings by source, tick, check
and group. Both are replaced when the tick is read again; what was accepted stays accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from lakehouse.database import changed_rows, chunks, replace_rows
from lakehouse.ops import Ops, feed_counts, quality_findings
from validation.clocks import Interval
from validation.feed_checks import Counts, Finding

_F = quality_findings.c


@dataclass(frozen=True)
class KeptFinding:
    """A finding of one tick, and who accepted it, when and why.

    Attributes:
        known_at: the tick that ends the hour it is about.
        text: one sentence; of a row's values it holds the group's alone.
    """

    source: str
    known_at: datetime
    check_name: str
    group_name: str
    severity: str
    rows: int
    found: float
    usual: float
    text: str
    run_id: str
    accepted_by: str | None = None
    accepted_why: str | None = None
    accepted_at: datetime | None = None

    @property
    def stops(self) -> bool:
        """Whether its tick may not be published."""
        return self.severity == "fail" and self.accepted_at is None


class QualityLedger:
    """Counts and findings of every source."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops

    def record_counts(self, source: str, by_tick: Mapping[datetime, Counts]) -> None:
        """Keep the counts of ticks; those kept of the same ticks are replaced."""
        rows = [
            {"source": source, "known_at": tick, "counts": dict(counts)} for tick, counts in by_tick.items()
        ]
        with self._ops.write() as connection:
            for some in chunks(rows):
                replace_rows(connection, feed_counts, some)

    def counts(self, source: str, interval: Interval) -> dict[datetime, Counts]:
        """The counts of the ticks with start < tick <= end that had an object."""
        at = feed_counts.c.known_at
        return self._counts(source, and_(at > interval.start, at <= interval.end))

    def counts_at(self, source: str, ticks: Sequence[datetime]) -> dict[datetime, Counts]:
        """The counts of these ticks, of those that had an object."""
        found: dict[datetime, Counts] = {}
        for some in chunks(ticks):
            found |= self._counts(source, feed_counts.c.known_at.in_(some))
        return found

    def _counts(self, source: str, where: ColumnElement[bool]) -> dict[datetime, Counts]:
        query = select(feed_counts).where(feed_counts.c.source == source, where)
        with self._ops.read() as connection:
            return {row.known_at: row.counts for row in connection.execute(query)}

    def record_findings(
        self, source: str, interval: Interval, run_id: str, found: Mapping[datetime, Sequence[Finding]]
    ) -> list[KeptFinding]:
        """The findings of the interval's ticks, kept in place of earlier ones; accepted ones as they are."""
        inside = and_(_F.source == source, _F.known_at > interval.start, _F.known_at <= interval.end)
        with self._ops.write() as connection:
            accepted = {
                _key(row): row
                for row in map(
                    dict[str, Any],
                    connection.execute(
                        select(quality_findings).where(inside, _F.accepted_at.is_not(None))
                    ).mappings(),
                )
            }
            connection.execute(delete(quality_findings).where(inside))
            kept = []
            for tick, findings in sorted(found.items()):
                for each in findings:
                    row = _row(source, tick, run_id, each)
                    was = accepted.pop(_key(row), None)
                    if was is not None:
                        row |= {name: was[name] for name in was if name == "run_id" or "accepted" in name}
                    kept.append(row)
            for some in chunks([*kept, *accepted.values()]):
                connection.execute(insert(quality_findings), some)
        return [KeptFinding(**row) for row in kept]

    def findings(
        self,
        sources: Sequence[str] | None = None,
        interval: Interval | None = None,
        run_id: str | None = None,
    ) -> list[KeptFinding]:
        """What was found, in order of source, tick, check and group."""
        query = select(quality_findings).order_by(_F.source, _F.known_at, _F.check_name, _F.group_name)
        if sources is not None:
            query = query.where(_F.source.in_(sources))
        if interval is not None:
            query = query.where(_F.known_at > interval.start, _F.known_at <= interval.end)
        if run_id is not None:
            query = query.where(_F.run_id == run_id)
        with self._ops.read() as connection:
            return [KeptFinding(**row) for row in connection.execute(query).mappings()]

    def accept(self, run_id: str, principal: str, why: str, at: datetime) -> int:
        """How many findings that stopped the run are accepted now; those accepted before stay as they are."""
        open_ones = and_(_F.run_id == run_id, _F.severity == "fail", _F.accepted_at.is_(None))
        said = {"accepted_by": principal, "accepted_why": why, "accepted_at": at}
        with self._ops.write() as connection:
            return changed_rows(connection.execute(update(quality_findings).where(open_ones).values(**said)))


def _row(source: str, tick: datetime, run_id: str, finding: Finding) -> dict[str, Any]:
    return {
        "source": source,
        "known_at": tick,
        "check_name": finding.check.name,
        "group_name": finding.group,
        "severity": finding.check.severity.value,
        "rows": finding.rows,
        "found": finding.found,
        "usual": finding.usual,
        "text": str(finding),
        "run_id": run_id,
        "accepted_by": None,
        "accepted_why": None,
        "accepted_at": None,
    }


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["known_at"], row["check_name"], row["group_name"]
