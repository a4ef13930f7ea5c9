"""What a feed or a table is held to by its own past: shares, spreads and volume, and the judgement. Pure.

A check is a small declared value on a `Source`, or follows from a table's row rules. Counts are whole
numbers, of a feed taken while an object is read (`ingestion.measuring`), of a table in the pass that checks
it, so that they add up in any order and no job is run for them. A span of counts is judged against the same
span of the weeks before: how surprising they are if nothing changed, and whether the change is large enough
to matter. Both must hold, so that neither a quiet night nor a flood of tiny differences alarms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import log
from typing import Protocol

from validation.contract import Severity

ROWS, REFUSED = "rows", "refused"
"""Counts that every object has: rows accepted, lines refused."""
OBJECTS, DAMAGED = "objects", "damaged"
"""Counts of objects: all, and those that end early or cannot be read."""
LANDED = "landed"
"""The count of a silver table's bronze rows, of which its own are the first copies."""

SURPRISE = 16.0
"""Nats by which two distributions must fit better than one; a limit, no probability."""
LEAST_WINDOWS = 3
"""With fewer spans that have such rows to compare with, nothing is judged."""

Counts = Mapping[str, int]


@dataclass(frozen=True)
class Among:
    """The rows a check looks at: those whose column holds one of the words."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class NullShare:
    """A column is null more often than it was, in all rows or in those of one value of `by`.

    Attributes:
        by: a column of few values: a fault of one program is lost among all.
        least: by how much a share must grow to matter.
        together: rows that say one thing, about: those of a job, of a truck.
    """

    column: str
    among: Among | None = None
    by: str = ""
    least: float = 0.2
    together: int = 4
    severity: Severity = Severity.FAIL

    @property
    def name(self) -> str:
        """`null_<column>`."""
        return f"null_{self.column}"

    what = "rows are null"


@dataclass(frozen=True)
class LateShare:
    """More rows than usual landed longer than the horizon after they happened."""

    beyond: timedelta
    least: float = 0.2
    together: int = 8
    severity: Severity = Severity.WARN

    @property
    def name(self) -> str:
        """`late_<minutes>m`."""
        return f"late_{self.beyond // timedelta(minutes=1)}m"

    what = "rows landed later than that"


@dataclass(frozen=True)
class RefusedShare:
    """More lines than usual are refused: a field was renamed, a type or a unit changed."""

    least: float = 0.1
    together: int = 2
    severity: Severity = Severity.WARN
    name = "refused"
    what = "lines are refused"


@dataclass(frozen=True)
class UnknownShare:
    """More rows than usual hold a word that the contract's vocabulary lacks."""

    least: float = 0.05
    together: int = 1
    severity: Severity = Severity.WARN
    name = "unknown_word"
    what = "rows hold a word that the contract lacks"


@dataclass(frozen=True)
class RepeatShare:
    """More rows than usual of one landed object have the event id of another row of it."""

    column: str = "event_id"
    least: float = 0.1
    together: int = 2
    severity: Severity = Severity.WARN
    name = "repeated"
    what = "rows are said again in one object"


@dataclass(frozen=True)
class DamagedShare:
    """More objects than usual end early, are empty or cannot be read; what they held may be gone."""

    least: float = 0.1
    together: int = 1
    severity: Severity = Severity.WARN
    name = DAMAGED
    what = "objects are cut, empty or unreadable"


@dataclass(frozen=True)
class RuleShare:
    """More rows of a table than usual break a row rule that only warns: dirt has its share on every day."""

    rule: str
    least: float = 0.05
    together: int = 4
    severity: Severity = Severity.WARN
    what = "rows break it"

    @property
    def name(self) -> str:
        """`<rule>_share`: by the rule's own name the run counts the rows that break it."""
        return f"{self.rule}_share"


@dataclass(frozen=True)
class ReferenceShare(RuleShare):
    """More of the entities that a table names than usual are ones that another table never told of."""

    together: int = 1
    what = "named are unknown"


@dataclass(frozen=True)
class SumShare:
    """What a column of a table adds up to is more of what another does than usual: silent drivers of all."""

    part: str
    whole: str
    least: float = 0.1
    together: int = 8
    severity: Severity = Severity.WARN

    @property
    def name(self) -> str:
        """`<part>_share`."""
        return f"{self.part}_share"

    @property
    def what(self) -> str:
        """Of the whole's sum over the span."""
        return f"of {self.whole} over the span"


@dataclass(frozen=True)
class CopyShare:
    """More bronze rows than usual are later copies: the same content again, or another under the same key."""

    name: str
    least: float = 0.1
    together: int = 2
    severity: Severity = Severity.WARN


@dataclass(frozen=True)
class Spread:
    """A number lies elsewhere than it did: a unit changed, a sign was lost.

    Attributes:
        edges: rising; a bucket below the first, one between each two, one from the last on.
        above: rows up to it say nothing: of trucks that stand.
    """

    column: str
    edges: tuple[float, ...]
    above: float | None = None
    least: float = 0.3
    together: int = 30
    severity: Severity = Severity.WARN

    @property
    def name(self) -> str:
        """`spread_<column>`."""
        return f"spread_{self.column}"

    what = "rows are not where they were"


@dataclass(frozen=True)
class Volume:
    """Rows are more than `factor` times the most of the weeks before, or a smaller part of the fewest."""

    factor: float = 2.5
    together: int = 4
    severity: Severity = Severity.WARN
    name = "volume"
    what = "rows"


ShareCheck = (
    NullShare
    | LateShare
    | RefusedShare
    | UnknownShare
    | RepeatShare
    | DamagedShare
    | RuleShare
    | SumShare
    | CopyShare
)
FeedCheck = ShareCheck | Spread | Volume
"""What a source may declare, and what follows for a table."""


class Watched(Protocol):
    """What is held to its own past: a source, or a table.

    Attributes:
        name: under which counts and findings are kept.
        checked_over: the span before each tick that the checks look at.
    """

    @property
    def name(self) -> str: ...

    @property
    def checks(self) -> tuple[FeedCheck, ...]: ...

    @property
    def checked_over(self) -> timedelta: ...


@dataclass(frozen=True)
class Finding:
    """A check that alarms for a span.

    Attributes:
        group: `column=value` of the rows meant, or empty.
        found, usual: a share, a distance between distributions (usual 0), or a number of rows.
    """

    check: FeedCheck
    group: str
    rows: int
    found: float
    usual: float

    def __str__(self) -> str:
        """One sentence; it holds no value of a row, but for the group's."""
        where = f" where {self.group}" if self.group else ""
        match self.check:
            case Volume():
                amount = f"{self.rows:,} {self.check.what}, usually {self.usual:,.0f}"
            case Spread():
                amount = f"{self.found:.1%} of {self.rows:,} {self.check.what}"
            case CopyShare():
                amount = f"{self.found:.1%} of {self.rows:,} landed rows, usually {self.usual:.1%}"
            case _:
                amount = f"{self.found:.1%} of {self.rows:,} {self.check.what}, usually {self.usual:.1%}"
        return f"{self.check.name}{where}: {amount}."


def judged(
    checks: Sequence[FeedCheck], span: Counts, past: Sequence[Counts], own: Counts | None = None
) -> list[Finding]:
    """The checks that alarm for a span of a source, given the counts of the spans it is compared with.

    A check is judged where three of these have rows that it looks at. Of them the one that is farthest
    from the others is left out, so that a fault of last week neither hides this week's nor makes a good
    one look strange.

    Args:
        own: counts of the tick that ends the span. A share alarms at a tick whose own rows have part in it:
            what entered before is not stopped by stopping what came after.
    """
    found: list[Finding] = []
    for check in checks:
        match check:
            case Volume():
                found += _volume(check, span, past)
            case Spread():
                found += _spread(check, span, past)
            case _:
                for group in groups_of(check, span):
                    found += _share(check, group, span, past, span if own is None else own)
    return found


def part_of(check: ShareCheck, group: str = "") -> str:
    """The name of the count of the rows that a check of shares looks for."""
    match check:
        case RefusedShare():
            return REFUSED
        case RuleShare(rule=rule):
            return rule
        case SumShare(part=part):
            return part
        case _:
            return check.name + (f"{{{group}}}" if group else "")


def whole_of(check: ShareCheck, group: str = "") -> str:
    """The name of the count of the rows that it looks at."""
    match check:
        case NullShare(among=Among() as among):
            return f"{ROWS}[{among.column}={'|'.join(among.values)}]" + (f"{{{group}}}" if group else "")
        case CopyShare():
            return LANDED
        case SumShare(whole=whole):
            return whole
        case DamagedShare():
            return OBJECTS
        case _:
            return ROWS + (f"{{{group}}}" if group else "")


def bucket_of(check: Spread, number: int) -> str:
    """The name of the count of a bucket of a check of a spread."""
    return f"{check.name}.{number}"


def groups_of(check: ShareCheck, hour: Counts) -> list[str]:
    """All rows, and each group that a check looks at by itself."""
    if not isinstance(check, NullShare) or not check.by:
        return [""]
    start = whole_of(check) + "{"
    return ["", *sorted(name[len(start) : -1] for name in hour if name.startswith(start))]


def pair_of(check: ShareCheck, group: str, counts: Counts) -> tuple[int, int]:
    """The rows of a span that a check looks for, and those it looks at."""
    rows = counts.get(whole_of(check, group), 0)
    refused = counts.get(REFUSED, 0) if isinstance(check, RefusedShare) else 0
    return min(counts.get(part_of(check, group), 0), rows + refused), rows + refused


def compared_pairs(check: ShareCheck, group: str, past: Sequence[Counts]) -> list[tuple[int, int]]:
    """The same of the spans that it is compared with, by share: those that have such rows, the greatest
    share left out."""
    pairs = (pair_of(check, group, counts) for counts in past)
    return sorted((pair for pair in pairs if pair[1]), key=lambda each: each[0] / each[1])[:-1]


def added(counts: Sequence[Counts]) -> Counter[str]:
    """The counts of several objects together."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _share(check: ShareCheck, group: str, span: Counts, past: Sequence[Counts], own: Counts) -> list[Finding]:
    hits, rows = pair_of(check, group, span)
    own_hits, own_rows = pair_of(check, group, own)
    before = compared_pairs(check, group, past)
    if not rows or len(before) < LEAST_WINDOWS - 1:
        return []
    usual_hits, usual_rows = (sum(each) for each in zip(*before, strict=True))
    share, usual = hits / rows, usual_hits / usual_rows
    surprise = _surprise((hits, rows - hits), (usual_hits, usual_rows - usual_hits)) / check.together
    has_part = own_rows > 0 and own_hits / own_rows - usual >= check.least
    if share - usual < check.least or surprise < SURPRISE or not has_part:
        return []
    return [Finding(check, group, rows, share, usual)]


def _spread(check: Spread, span: Counts, past: Sequence[Counts]) -> list[Finding]:
    names = [bucket_of(check, number) for number in range(len(check.edges) + 1)]
    now = [span.get(name, 0) for name in names]
    spans = [each for each in ([counts.get(name, 0) for name in names] for counts in past) if any(each)]
    if not any(now) or len(spans) < LEAST_WINDOWS:
        return []
    pooled = [sum(each) for each in zip(*spans, strict=True)]
    spans.remove(max(spans, key=lambda each: _distance(each, pooled)))
    usual = [sum(each) for each in zip(*spans, strict=True)]
    distance = _distance(now, usual)
    if distance < check.least or _surprise(now, usual) / check.together < SURPRISE + len(names):
        return []
    return [Finding(check, "", sum(now), distance, 0.0)]


def _volume(check: Volume, span: Counts, past: Sequence[Counts]) -> list[Finding]:
    rows = span.get(ROWS, 0) + span.get(REFUSED, 0)
    before = sorted(each.get(ROWS, 0) + each.get(REFUSED, 0) for each in past)
    before = [each for each in before if each]  # before a feed flows, it lands heartbeats
    if len(before) < LEAST_WINDOWS:
        return []
    middle = before[len(before) // 2]
    before.remove(max(before, key=lambda each: abs(log((each + 1) / (middle + 1)))))
    usual = max(before[len(before) // 2], 1)
    surprise = (rows * log(rows / usual) if rows else 0.0) - rows + usual
    is_usual = before[0] / check.factor <= rows <= before[-1] * check.factor
    if is_usual or surprise / check.together < SURPRISE:
        return []
    return [Finding(check, "", rows, float(rows), float(usual))]


def _distance(a: Sequence[int], b: Sequence[int]) -> float:
    """The share of rows that would have to move for the two to be alike."""
    return sum(abs(x / sum(a) - y / sum(b)) for x, y in zip(a, b, strict=True)) / 2


def _surprise(now: Sequence[int], usual: Sequence[int]) -> float:
    """Nats by which two sets of counts are less likely of one distribution than each of its own."""
    both = [x + y for x, y in zip(now, usual, strict=True)]
    return _of_its_own(now) + _of_its_own(usual) - _of_its_own(both)


def _of_its_own(counts: Sequence[int]) -> float:
    """Log-likelihood of the counts under their own shares."""
    total = sum(counts)
    return sum(each * log(each / total) for each in counts if each)
