"""The gate before bronze: what landed is held to its source's own past, at every tick.

The verdict of a tick is a function of what was counted through that tick, so a day judged tick by tick and
in one chunk is judged alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from lakehouse.landing_ledger import LedgerEntry, ObjectOutcome
from lakehouse.quality_ledger import KeptFinding, QualityLedger
from validation.clocks import TICK, Interval
from validation.errors import CheckFailed
from validation.feed_checks import LEAST_WINDOWS, Counts, Finding, Volume, added, judged
from validation.source import Source

WEEK, DAY = timedelta(weeks=1), timedelta(days=1)
WEEKS, DAYS = 5, 14
"""A span is compared with the same one of so many weeks before; where too few are known, of days before."""
_FEW = 32
_SHOWN = 3


def gated(
    ledger: QualityLedger,
    source: Source,
    interval: Interval,
    counts: Mapping[datetime, Counts],
    stopped: Callable[[], str],
) -> dict[str, int]:
    """Judge every tick of the interval, keep what was found; warnings by check, with their ticks counted.

    Args:
        stopped: keeps a failed run, and gives its id: what a person may accept.

    Raises:
        CheckFailed: a check that may stop a run alarms, and nobody accepted it.
    """
    known = _known(ledger, source, interval) | dict(counts)
    found = findings(source, interval, known)
    ledger.record_counts(source.name, counts)
    kept = ledger.record_findings(source.name, interval, "", found)
    stopping = [each for each in kept if each.stops]
    if stopping:
        run_id = stopped()
        ledger.record_findings(source.name, interval, run_id, found)
        raise _stopped(source, interval, run_id, stopping)
    return dict(Counter(each.check_name for each in kept))


def findings(
    source: Source, interval: Interval, counts: Mapping[datetime, Counts]
) -> dict[datetime, list[Finding]]:
    """What alarms at each tick of the interval that had an object, for the span that ends with it.

    Args:
        counts: of every tick that had an object, from five weeks and a span before the interval on.
    """
    found: dict[datetime, list[Finding]] = {}
    spans = _Spans(counts, round(source.checked_over / TICK))
    for tick in sorted(tick for tick in counts if interval.start < tick <= interval.end):
        alarms = _at(source, tick, spans)
        if alarms:
            found[tick] = alarms
    return found


def by_tick(entries: Iterable[LedgerEntry], outcomes: Iterable[ObjectOutcome]) -> dict[datetime, Counts]:
    """The counts of objects by the tick they are known at."""
    counts = {outcome.key: outcome.counts for outcome in outcomes}
    ticks: dict[datetime, Counter[str]] = {}
    for entry in entries:
        ticks.setdefault(entry.known_at, Counter()).update(counts.get(entry.key, {}))
    return dict(ticks)


class _Spans:
    """The counts of the span that ends with a tick, added once."""

    def __init__(self, counts: Mapping[datetime, Counts], ticks: int) -> None:
        self._counts = counts
        self._ticks = ticks
        self._added: dict[datetime, Counts] = {}

    def at(self, tick: datetime) -> Counts:
        if tick not in self._added:
            ends = (tick - n * TICK for n in range(self._ticks))
            self._added[tick] = added([self._counts[at] for at in ends if at in self._counts])
        return self._added[tick]

    def past(self, tick: datetime, apart: timedelta, times: int) -> list[Counts]:
        """The same span before, so many times, of ticks that had an object."""
        return [self.at(at) for at in _before(tick, apart, times) if at in self._counts]


def _at(source: Source, tick: datetime, spans: _Spans) -> list[Finding]:
    past, checks = spans.past(tick, WEEK, WEEKS), source.checks
    if len(past) < LEAST_WINDOWS:  # a week is like another in volume, a day is not
        past = spans.past(tick, DAY, DAYS)
        checks = tuple(check for check in checks if not isinstance(check, Volume))
    return judged(checks, spans.at(tick), past)


def _before(tick: datetime, apart: timedelta, times: int) -> list[datetime]:
    return [tick - n * apart for n in range(1, times + 1)]


def _known(ledger: QualityLedger, source: Source, interval: Interval) -> dict[datetime, Counts]:
    """The counts kept of the ticks that the interval's are judged by."""
    span = round(source.checked_over / TICK)
    ticks = round((interval.end - interval.start) / TICK)
    if ticks * span > _FEW:
        start = interval.start - WEEKS * WEEK - source.checked_over
        return ledger.counts(source.name, Interval(start, interval.end))
    needed: set[datetime] = set()
    for n in range(ticks):
        tick = interval.end - n * TICK
        for at in (tick, *_before(tick, WEEK, WEEKS), *_before(tick, DAY, DAYS)):
            needed.update(at - m * TICK for m in range(span))
    return ledger.counts_at(source.name, sorted(needed))


def _stopped(source: Source, interval: Interval, run_id: str, stopping: list[KeptFinding]) -> CheckFailed:
    first = stopping[0]
    told = list(dict.fromkeys(each.text for each in stopping))
    more = f" And {len(told) - _SHOWN} more." if len(told) > _SHOWN else ""
    return CheckFailed(
        f"bronze.{source.name}: before {first.known_at:%Y-%m-%dT%H:%MZ} "
        f"{' '.join(told[:_SHOWN])}{more} Interval {interval}, run {run_id}.",
        "Nothing of it was published; readers have the last good release. If the data is right as it is: "
        f"roadside quality accept {run_id} --why '...', then run again.",
    )
