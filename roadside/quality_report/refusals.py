"""Why lines were refused over a range: how many, since when, what waits, and what to do about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingestion.reasons import FIXES, Fix, Reason
from lakehouse.catalog_reader import CatalogReader
from lakehouse.landed_counts import refusing_objects
from lakehouse.ops import Ops
from lakehouse.quarantine_ledger import QuarantineLedger
from roadside.quality_report.scope import Scope
from validation.contracts import table_named

UNKNOWN = Fix("Other code refused them: look at the lines.", ("roadside quarantine show {source}",))
_CODES = {reason.code: reason for reason in Reason}


@dataclass(frozen=True)
class Refusals:
    """Lines refused for one reason.

    Attributes:
        lines: by source, in the range.
        share: of all lines that landed in these sources.
        released, settled: those that a person answered: they landed again, or need not.
        since, until: the first and the last tick they were known at.
        meaning: what is wrong; fix: what to do; commands: what to type, of the source with most.
    """

    reason: str
    lines: Mapping[str, int]
    share: float
    released: int
    settled: int
    since: datetime
    until: datetime
    meaning: str
    fix: str
    commands: tuple[str, ...]

    @property
    def total(self) -> int:
        """Lines of all sources."""
        return sum(self.lines.values())

    @property
    def waiting(self) -> int:
        """Lines that nobody has answered."""
        return self.total - self.released - self.settled


def refusals(
    reader: CatalogReader, ops: Ops, scope: Scope, landed: Mapping[str, int]
) -> tuple[Refusals, ...]:
    """Each reason of the range, most waiting lines first.

    Args:
        landed: lines by source, for the shares.
    """
    lines: defaultdict[str, Counter[str]] = defaultdict(Counter)
    ticks: defaultdict[str, list[datetime]] = defaultdict(list)
    for each in refusing_objects(ops, scope.sources, scope.interval):
        for reason, count in each.reasons.items():
            lines[reason][each.source] += count
            ticks[reason].append(each.known_at)
    answered = _answered(reader, ops, scope, sorted({name for each in lines.values() for name in each}))
    whole = sum(landed.values())
    found = [
        _of_reason(code, of_reason, ticks[code], whole, answered) for code, of_reason in sorted(lines.items())
    ]
    return tuple(sorted(found, key=lambda each: (-each.waiting, -each.total, each.reason)))


def _of_reason(
    code: str,
    lines: Counter[str],
    ticks: Sequence[datetime],
    whole: int,
    answered: Mapping[tuple[str, bool], int],
) -> Refusals:
    reason = _CODES.get(code)
    most = max(lines, key=lambda source: (lines[source], source))
    meaning, fix = "A reason that this code does not know.", UNKNOWN
    if reason is not None:
        meaning, fix = reason.value.partition(". ")[0].rstrip(".") + ".", FIXES[reason]
    return Refusals(
        reason=code,
        lines=dict(sorted(lines.items())),
        share=lines.total() / whole if whole else 0.0,
        released=answered.get((code, True), 0),
        settled=answered.get((code, False), 0),
        since=min(ticks),
        until=max(ticks),
        meaning=meaning,
        fix=fix.what,
        commands=fix.commands_for(most),
    )


def _answered(
    reader: CatalogReader, ops: Ops, scope: Scope, sources: Sequence[str]
) -> Counter[tuple[str, bool]]:
    """Lines of the range that have an answer, by reason and whether they landed again.

    The reason of a line stands in quarantine; of sources without answers that is not read.
    """
    ledger, found = QuarantineLedger(ops), Counter[tuple[str, bool]]()
    interval = scope.interval
    where = f"known_at > '{interval.start.isoformat()}' AND known_at <= '{interval.end.isoformat()}'"
    for source in sources:
        places = ledger.places(source)
        if not places:
            continue
        is_released = {each.answer_id: each.object_key is not None for each in ledger.answers(source)}
        columns = ["source_object", "source_line", "reason"]
        for row in reader.rows(table_named(f"quarantine.{source}"), columns, where).to_pylist():
            answer = places.get((row["source_object"], row["source_line"]))
            if answer is not None:
                found[row["reason"], is_released[answer]] += 1
    return found
