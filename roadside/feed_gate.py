"""The gate before bronze: what landed is held to its source's own past, at every tick.

The verdict of a tick is a function of what was counted through that tick, so days judged tick by tick and
in one chunk are judged alike, run in their order; a day run before those it follows has less to be held to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from lakehouse.landing_ledger import LedgerEntry, ObjectOutcome
from lakehouse.quality_ledger import Acceptance, KeptFinding, QualityLedger, kept_finding
from validation.clocks import TICK, Interval
from validation.errors import CheckFailed
from validation.feed_checks import LEAST_WINDOWS, Counts, Finding, Volume, Watched, added, judged

WEEK, DAY = timedelta(weeks=1), timedelta(days=1)
WEEKS, DAYS = 5, 14
"""A span is compared with the same one of so many weeks before; where too few are known, of days before."""
_FEW = 32
Accepted = Callable[[datetime, Finding], Acceptance | None]
_SHOWN = 3


def gated(
    ledger: QualityLedger,
    source: Watched,
    interval: Interval,
    counts: Mapping[datetime, Counts],
    stopped: Callable[[], str],
) -> dict[str, int]:
    """Judge every tick of the interval, keep what was found; warnings by check, the findings counted.

    Args:
        stopped: gives the id of the run that is stopped: what a person may accept.

    Raises:
        CheckFailed: a check that may stop a run alarms, and nobody accepted it.
    """
    acceptances = ledger.acceptances(source.name)

    def accepted(tick: datetime, finding: Finding) -> Acceptance | None:
        return next((each for each in acceptances if each.covers(tick, finding)), None)

    known = _known(ledger, source, interval) | dict(counts)
    out = ledger.stopped_ticks(source.name, interval.start)
    found = findings(source, interval, known, accepted, out)
    is_stopped = any(each.stops for each in found)
    run_id = stopped() if is_stopped else ""
    kept = ledger.record_findings(
        source.name, interval, [replace(each, run_id=run_id if each.stops else "") for each in found]
    )
    ledger.record_counts(source, counts, within=interval)
    stopping = [each for each in kept if each.stops]
    if stopping:
        raise _stopped(source, interval, stopping)
    return dict(Counter(each.check_name for each in kept))


def findings(
    source: Watched,
    interval: Interval,
    counts: Mapping[datetime, Counts],
    accepted: Accepted = lambda _tick, _finding: None,
    out: Collection[datetime] = (),
) -> list[KeptFinding]:
    """What alarms at each tick of the interval that had an object, for the span that ends with it.

    Args:
        counts: of every tick that had an object, from five weeks and a span before the interval on.
        out: ticks before the interval that nothing is compared with: what was stopped there stands open.
    """
    found: list[KeptFinding] = []
    left_out = set(out)
    spans = Spans(counts, round(source.checked_over / TICK))
    for tick in sorted(tick for tick in counts if interval.start < tick <= interval.end):
        for each in _at(source, tick, spans, left_out):
            kept = kept_finding(source, tick, each, accepted(tick, each))
            found.append(kept)
            if kept.stops:
                left_out.add(tick)
    return found


def by_tick(entries: Iterable[LedgerEntry], outcomes: Iterable[ObjectOutcome]) -> dict[datetime, Counts]:
    """The counts of objects by the tick they are known at."""
    counts = {outcome.key: outcome.counts for outcome in outcomes}
    ticks: dict[datetime, Counter[str]] = {}
    for entry in entries:
        ticks.setdefault(entry.known_at, Counter()).update(counts.get(entry.key, {}))
    return dict(ticks)


class Spans:
    """The counts of the span that ends with a tick, added once; a span has so many ticks."""

    def __init__(self, counts: Mapping[datetime, Counts], ticks: int) -> None:
        self._counts = counts
        self._ticks = ticks
        self._added: dict[datetime, Counter[str]] = {}

    def at(self, tick: datetime) -> Counter[str]:
        """From the span a tick before, where that is known: one tick comes in, one goes out."""
        if tick not in self._added:
            before = self._added.get(tick - TICK)
            if before is None:
                ends = (tick - n * TICK for n in range(self._ticks))
                self._added[tick] = added([self._counts[at] for at in ends if at in self._counts])
            else:
                moved = Counter(before)
                moved.update(self._counts.get(tick, {}))
                moved.subtract(self._counts.get(tick - self._ticks * TICK, {}))
                self._added[tick] = +moved
        return self._added[tick]

    def is_whole(self, tick: datetime) -> bool:
        """Whether every tick of the span had an object."""
        return all(tick - n * TICK in self._counts for n in range(self._ticks))

    def past(
        self, tick: datetime, apart: timedelta, times: int, left_out: Collection[datetime]
    ) -> list[Counts]:
        """The same span before, so many times, of those that had an object."""
        before = _before(tick, apart, times)
        return [self.at(at) for at in before if self._has_any(at) and at not in left_out]

    def own(self, tick: datetime) -> Counts:
        """The tick's own counts."""
        return self._counts.get(tick, {})

    def _has_any(self, tick: datetime) -> bool:
        return any(tick - n * TICK in self._counts for n in range(self._ticks))


def compared(
    source: Watched, tick: datetime, spans: Spans, left_out: Collection[datetime]
) -> tuple[list[Counts], timedelta]:
    """The spans that the one which ends with the tick is compared with, and how far apart they are: the same
    of the weeks before; where too few of these are known, of the days."""
    past = spans.past(tick, WEEK, WEEKS, left_out)
    if len(past) >= LEAST_WINDOWS:
        return past, WEEK
    return spans.past(tick, DAY, DAYS, left_out), DAY


def _at(source: Watched, tick: datetime, spans: Spans, left_out: Collection[datetime]) -> list[Finding]:
    past, apart = compared(source, tick, spans, left_out)
    checks = source.checks
    if apart != WEEK or not spans.is_whole(tick):  # in volume, a week is like another; a day, a part is not
        checks = tuple(check for check in checks if not isinstance(check, Volume))
    return judged(checks, spans.at(tick), past, spans.own(tick))


def _before(tick: datetime, apart: timedelta, times: int) -> list[datetime]:
    return [tick - n * apart for n in range(1, times + 1)]


def _known(ledger: QualityLedger, source: Watched, interval: Interval) -> dict[datetime, Counts]:
    """The counts kept of the ticks that the interval's are judged by."""
    span = round(source.checked_over / TICK)
    ticks = round((interval.end - interval.start) / TICK)
    if ticks * span > _FEW:
        start = interval.start - WEEKS * WEEK - source.checked_over
        return ledger.counts(source, Interval(start, interval.end))
    needed: set[datetime] = set()
    for n in range(ticks):
        tick = interval.end - n * TICK
        for at in (tick, *_before(tick, WEEK, WEEKS), *_before(tick, DAY, DAYS)):
            needed.update(at - m * TICK for m in range(span))
    return ledger.counts_at(source, sorted(needed))


def _stopped(source: Watched, interval: Interval, stopping: list[KeptFinding]) -> CheckFailed:
    first = stopping[0]
    told = list(dict.fromkeys(each.text for each in stopping))
    more = f" And {len(told) - _SHOWN} more." if len(told) > _SHOWN else ""
    runs = list(dict.fromkeys(each.run_id for each in stopping))
    named = f"run {runs[0]}" if len(runs) == 1 else f"runs {', '.join(runs)}"
    each = "" if len(runs) == 1 else ", each run by itself"
    return CheckFailed(
        f"bronze.{source.name}: before {first.known_at:%Y-%m-%dT%H:%MZ} {' '.join(told[:_SHOWN])}{more} "
        f"Interval {interval}, {named}.",
        "Nothing of the interval was published; readers have the last good release. If the data is right as "
        f"it is: roadside quality accept {runs[0]} --why '...'; if it is wrong: roadside quality refuse "
        f"{runs[0]} --why '...'{each}; then run again.",
    )
