"""What the checks of feeds and tables counted and found, and what a person accepted all the same.

Counts are kept by source and tick, as they add up over the tick's objects, with a digest of the checks that
counted: other checks count otherwise, and are not compared. Findings are kept by source, tick, check and
group, and replaced when the tick is read again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from zlib import crc32

from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from lakehouse.database import chunks, replace_rows
from lakehouse.ops import Ops, feed_counts, quality_acceptances, quality_findings
from validation.clocks import TICK, Interval
from validation.feed_checks import Counts, Finding, Watched

_F = quality_findings.c
_WORSE = 0.05
"""Of a share: what grew by no more than so much is what was accepted."""


@dataclass(frozen=True)
class Acceptance:
    """A person's word that a check may alarm: for a group, at ticks in (start, end], up to so much.

    Attributes:
        run_id: the run that it was given for.
        most: the greatest share, distance or number of rows that was accepted.
    """

    acceptance_id: str
    source: str
    check_name: str
    group_name: str
    start: datetime
    end: datetime
    most: float
    run_id: str
    principal: str
    why: str
    accepted_at: datetime

    def covers(self, tick: datetime, finding: Finding) -> bool:
        """Whether the finding is what was accepted, or less."""
        is_named = (self.check_name, self.group_name) == (finding.check.name, finding.group)
        return is_named and self.start < tick <= self.end and finding.found <= self.most + _WORSE


@dataclass(frozen=True)
class KeptFinding:
    """A finding of one tick.

    Attributes:
        known_at: the tick that ends the span it is about.
        text: one sentence; of a row's values it holds the group's alone.
        run_id: the run that it stopped first; empty if it stopped none.
        acceptance_id: the acceptance that lets it pass.
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
    acceptance_id: str | None = None

    @property
    def stops(self) -> bool:
        """Whether its tick may not be published."""
        return self.severity == "fail" and self.acceptance_id is None


class QualityLedger:
    """Counts, findings and acceptances of every source and silver table."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops

    def record_counts(
        self, source: Watched, by_tick: Mapping[datetime, Counts], within: Interval | None = None
    ) -> None:
        """Keep the counts of ticks in place of those kept of them; and of all other ticks within."""
        rows = [
            {"source": source.name, "known_at": tick, "checks": checks_digest(source), "counts": dict(counts)}
            for tick, counts in by_tick.items()
        ]
        of, at = feed_counts.c.source, feed_counts.c.known_at
        with self._ops.write() as connection:
            if within is not None:
                inside = and_(of == source.name, at > within.start, at <= within.end)
                connection.execute(delete(feed_counts).where(inside))
            for some in chunks(rows):
                replace_rows(connection, feed_counts, some)

    def counts(self, source: Watched, interval: Interval) -> dict[datetime, Counts]:
        """What today's checks counted at ticks with start < tick <= end that had an object."""
        at = feed_counts.c.known_at
        return self._counts(source, and_(at > interval.start, at <= interval.end))

    def counts_at(self, source: Watched, ticks: Sequence[datetime]) -> dict[datetime, Counts]:
        """What today's checks counted at these ticks, of those that had an object."""
        found: dict[datetime, Counts] = {}
        for some in chunks(ticks):
            found |= self._counts(source, feed_counts.c.known_at.in_(some))
        return found

    def _counts(self, source: Watched, where: ColumnElement[bool]) -> dict[datetime, Counts]:
        of_checks = and_(feed_counts.c.source == source.name, feed_counts.c.checks == checks_digest(source))
        with self._ops.read() as connection:
            rows = connection.execute(select(feed_counts).where(of_checks, where))
            return {row.known_at: row.counts for row in rows}

    def record_findings(
        self, source: str, interval: Interval, found: Sequence[KeptFinding]
    ) -> list[KeptFinding]:
        """Keep what was found at the interval's ticks in place of what was; what stops a run for the
        second time keeps the name of the first."""
        inside = and_(_F.source == source, _F.known_at > interval.start, _F.known_at <= interval.end)
        with self._ops.write() as connection:
            rows = connection.execute(select(quality_findings).where(inside)).mappings()
            before = {_identity(each): each for each in (KeptFinding(**row) for row in rows)}
            kept = []
            for each in found:
                was = before.get(_identity(each))
                is_named = was is not None and was.run_id and was.found == each.found
                row = vars(each) | ({"run_id": was.run_id} if was is not None and is_named else {})
                if was is not None and was.found == each.found and each.acceptance_id is None:
                    row["acceptance_id"] = was.acceptance_id  # given since the acceptances were read
                kept.append(KeptFinding(**row))
            connection.execute(delete(quality_findings).where(inside))
            for some in chunks([vars(each) for each in kept]):
                replace_rows(connection, quality_findings, some)
        return kept

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

    def stopping(self, until: datetime) -> list[KeptFinding]:
        """What stops a run now, found at any tick through that one; in the same order."""
        query = select(quality_findings).order_by(_F.source, _F.known_at, _F.check_name, _F.group_name)
        query = query.where(_F.severity == "fail", _F.acceptance_id.is_(None), _F.known_at <= until)
        with self._ops.read() as connection:
            return [KeptFinding(**row) for row in connection.execute(query).mappings()]

    def stopped_ticks(self, source: str, before: datetime) -> set[datetime]:
        """Earlier ticks that a check stopped and nobody accepted: no past to compare with."""
        query = select(_F.known_at).where(
            _F.source == source, _F.severity == "fail", _F.acceptance_id.is_(None), _F.known_at <= before
        )
        with self._ops.read() as connection:
            return set(connection.execute(query).scalars())

    def acceptances(self, source: str | None = None) -> list[Acceptance]:
        """What was accepted, oldest first."""
        query = select(quality_acceptances).order_by(
            quality_acceptances.c.accepted_at, quality_acceptances.c.acceptance_id
        )
        if source is not None:
            query = query.where(quality_acceptances.c.source == source)
        with self._ops.read() as connection:
            return [Acceptance(**row) for row in connection.execute(query).mappings()]

    def accept(
        self,
        stopping: Iterable[KeptFinding],
        principal: str,
        why: str,
        at: datetime,
        reach: timedelta,
        until: datetime | None = None,
    ) -> list[Acceptance]:
        """Accept what stops a run, by check and group: at its ticks and, for the same rows are in the spans
        behind them too, `reach` further; or until a moment."""

        def alike(each: KeptFinding) -> tuple[str, str, str, str]:
            return each.source, each.check_name, each.group_name, each.run_id

        accepted = []
        for (source, check, group, run_id), alarms in groupby(sorted(stopping, key=alike), key=alike):
            ticks = list(alarms)
            first, last = min(each.known_at for each in ticks), max(each.known_at for each in ticks)
            end = max(last + reach, until or last)
            most = max(each.found for each in ticks)
            accepted.append(
                Acceptance(
                    secrets.token_hex(6), source, check, group, first - TICK, end, most,
                    run_id, principal, why, at,
                )
            )  # fmt: skip
        with self._ops.write() as connection:
            for each in accepted:
                connection.execute(insert(quality_acceptances).values(**vars(each)))
                of_one = and_(
                    _F.source == each.source, _F.check_name == each.check_name,
                    _F.group_name == each.group_name, _F.run_id == each.run_id,
                )  # fmt: skip
                passes = {"acceptance_id": each.acceptance_id}
                connection.execute(update(quality_findings).where(of_one).values(**passes))
        return accepted


def checks_digest(source: Watched) -> str:
    """Tells whether counts were made by the checks that are declared now."""
    return f"{crc32(repr((source.checks, source.checked_over)).encode()):08x}"


def kept_finding(
    source: Watched, tick: datetime, finding: Finding, acceptance: Acceptance | None, run_id: str = ""
) -> KeptFinding:
    """The finding as it is kept."""
    return KeptFinding(
        source.name,
        tick,
        finding.check.name,
        finding.group,
        finding.check.severity.value,
        finding.rows,
        finding.found,
        finding.usual,
        str(finding),
        run_id,
        None if acceptance is None else acceptance.acceptance_id,
    )


def _identity(each: KeptFinding) -> tuple[datetime, str, str]:
    return each.known_at, each.check_name, each.group_name
