"""How long a step takes, fitted to how long its runs took: fixed seconds, seconds a row, and what a process's
first run takes more.

Pure. Robust, for runs are few and some were disturbed: the slope is the median of the slopes of all pairs
of runs (Theil and Sen: Sen 1968, Journal of the American Statistical Association 63:1379), the fixed part
the median of what is left. First runs are paired with first ones, later with later ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from math import inf, log
from statistics import median

FEWEST_FITTED = 4
"""Runs that a line is fitted to; of fewer only the median rate is taken."""
FEWEST_LEFT_OUT = FEWEST_FITTED + 1
"""Runs of which each is predicted from the others, which are then enough for a line."""
CLEARLY_WORSE = 0.1
"""How much less a mere rate has to be out, as a part of the time, to be taken before a line: a rate of runs
of one size predicts those very well, and tells nothing of another size."""
LEAST_SPREAD = 1.5
"""How much more the greatest run has to hold than the least, or the line's slope means nothing."""
UNKNOWN_SPREAD = (0.5, 2.0)
"""Taken where too little says how well the past was predicted."""
FURTHEST = 1.5
"""How many times the rows of the largest run that was measured a law is believed."""
_NEARLY_NONE = 1e-9
_ONE_BLINK = 0.01  # seconds below which times are alike


class Rows(StrEnum):
    """Which rows the seconds follow."""

    READ = "rows read, look-backs included"
    WITHIN = "rows read of the interval itself"


@dataclass(frozen=True)
class Work:
    """What a run reads: rows of its inputs with their look-backs, and those of the interval itself."""

    rows_read: float
    rows_within: float

    def rows(self, of: Rows) -> float:
        """Those the seconds follow."""
        return self.rows_read if of is Rows.READ else self.rows_within


@dataclass(frozen=True)
class Took:
    """One run: what it read, on how many cores, in how many seconds.

    Runs of one `group` ran together; how well one without a group is predicted is not counted. `is_first`
    says that its process had not run the step before; it is taken for that where nobody knows, since most
    commands run a step once.
    """

    work: Work
    cores: int
    seconds: float
    group: str = ""
    is_first: bool = True

    def load(self, of: Rows) -> float:
        """Rows a core."""
        return self.work.rows(of) / self.cores


@dataclass(frozen=True)
class Law:
    """seconds = fixed + rows x core seconds a row / cores; a process's first run takes `first_seconds` more.

    `is_fitted` is false of a mere median rate; the largest run had `most_rows`. Where only first runs are
    known, or none, the law is theirs alone and nothing is added: a plan of many chunks is foretold too long.
    """

    fixed_seconds: float
    core_seconds_a_row: float
    of: Rows
    runs: int
    is_fitted: bool
    first_seconds: float = 0.0
    most_rows: float = inf

    def is_beyond(self, work: Work) -> bool:
        """Whether it is so much more than what was measured that the law may not hold."""
        return work.rows(self.of) > FURTHEST * self.most_rows

    def seconds(self, work: Work, cores: float, *, is_first: bool = False) -> float:
        """How long a run takes on so many cores; what does not depend on rows takes no less on more."""
        fixed = self.fixed_seconds + (self.first_seconds if is_first else 0.0)
        return fixed + self.core_seconds_a_row * work.rows(self.of) / cores


def law(runs: Sequence[Took]) -> Law | None:
    """The law of a step's runs, newest first or in any order; None without a run.

    Of the two counts of rows the one is taken that would have predicted the step's own runs better, each
    from the others; where the others would be too few for a line, the one through which there is a line.
    """
    if not runs:
        return None
    found = min((_law(runs, of) for of in Rows), key=lambda each: _badness(runs, each))
    return replace(found, most_rows=max(run.work.rows(found.of) for run in runs))


def _badness(runs: Sequence[Took], each: Law) -> tuple[float, float]:
    if len(runs) < FEWEST_LEFT_OUT:
        told = [each.seconds(run.work, run.cores, is_first=run.is_first) for run in runs]
        return (0.0 if each.is_fitted else 1.0, _error(runs, told))
    return (_error(runs, _from_the_others(runs, each.of)) + (0.0 if each.is_fitted else CLEARLY_WORSE), 0.0)


def _law(runs: Sequence[Took], of: Rows) -> Law:
    by_kind = [[run for run in runs if run.is_first is is_first] for is_first in (True, False)]
    kinds = [kind for kind in by_kind if kind]
    rises = [
        (one.seconds - other.seconds) / (one.load(of) - other.load(of))
        for kind in kinds
        for one, other in combinations(kind, 2)
        if abs(one.load(of) - other.load(of)) > _NEARLY_NONE
    ]
    if len(runs) < FEWEST_FITTED or not rises or not any(_tells_of_size(kind, of) for kind in kinds):
        return _median_rate(runs, of)
    rise = max(median(rises), 0.0)
    line = _with_rise(runs, of, rise)
    return line if line.fixed_seconds >= 0 else _median_rate(runs, of, is_fitted=True)


def _tells_of_size(runs: Sequence[Took], of: Rows) -> bool:
    loads = [run.load(of) for run in runs]
    return max(loads) >= LEAST_SPREAD * min(loads)


def _median_rate(runs: Sequence[Took], of: Rows, *, is_fitted: bool = False) -> Law:
    """No fixed part, save that of runs without a row, and of first runs; the rate of the later ones."""
    later = [run for run in runs if not run.is_first]
    rates = [run.seconds / run.load(of) for run in later or runs if run.load(of) > _NEARLY_NONE]
    if not rates:
        return replace(_with_rise(runs, of, 0.0), is_fitted=is_fitted)
    rate = median(rates)
    more = [run.seconds - rate * run.load(of) for run in runs if run.is_first] if later else []
    return Law(0.0, rate, of, len(runs), is_fitted, max(median(more), 0.0) if more else 0.0)


def _with_rise(runs: Sequence[Took], of: Rows, rise: float) -> Law:
    """What is left of the runs: of the later ones fixed, of the first ones more, but never less."""
    first = [run.seconds - rise * run.load(of) for run in runs if run.is_first]
    later = [run.seconds - rise * run.load(of) for run in runs if not run.is_first]
    if not first or not later:
        return Law(median(first or later), rise, of, len(runs), is_fitted=True)
    fixed = min(median(later), median(first))
    return Law(fixed, rise, of, len(runs), is_fitted=True, first_seconds=median(first) - fixed)


def _error(runs: Sequence[Took], told: Sequence[float]) -> float:
    """The median error of what is told of the runs, as a part of the time."""
    return median(
        abs(log(max(run.seconds, _ONE_BLINK) / max(guess, _ONE_BLINK)))
        for run, guess in zip(runs, told, strict=True)
    )


def _from_the_others(runs: Sequence[Took], of: Rows) -> list[float]:
    """What the law of the other runs says that each took."""
    others = [_law([*runs[:n], *runs[n + 1 :]], of) for n in range(len(runs))]
    return [
        law.seconds(run.work, run.cores, is_first=run.is_first) for law, run in zip(others, runs, strict=True)
    ]


@dataclass(frozen=True)
class Spread:
    """Between which multiples of a prediction eight of ten actual times lay.

    Attributes:
        runs: how many past runs of the road that is taken from; 0 where it is a guess.
    """

    low: float
    high: float
    runs: int

    def guessed(self) -> Spread:
        """At least as wide as where nothing is known."""
        low, high = UNKNOWN_SPREAD
        return Spread(min(self.low, low), max(self.high, high), runs=0)


def spread(runs_by_step: Mapping[str, Sequence[Took]]) -> Spread:
    """How far actual times were from what the others of the ledger's runs predict for them.

    By groups: the steps that ran together are predicted together, as the plan does, so that what one step
    takes longer another may make up for. Of n ratios of actual to predicted the kth lowest and the kth
    highest hold the next one (n + 1 - 2k) / (n + 1) of the time, whatever they are spread like (Wilks 1941,
    Annals of Mathematical Statistics 12:91): eight in ten takes nine of them. Fewer only widen a guess.
    """
    actual: dict[str, float] = {}
    predicted: dict[str, float] = {}
    for runs in runs_by_step.values():
        chosen = law(runs)
        if chosen is None or len(runs) < 2:
            continue
        for run, told in zip(runs, _from_the_others(runs, chosen.of), strict=True):
            if not run.group:
                continue
            actual[run.group] = actual.get(run.group, 0.0) + run.seconds
            predicted[run.group] = predicted.get(run.group, 0.0) + told
    ratios = sorted(actual[group] / told for group, told in predicted.items() if told > 0)
    outside = (len(ratios) + 1) // 10
    if not outside:
        return Spread(min([1.0, *ratios]), max([1.0, *ratios]), 0).guessed()
    return Spread(ratios[outside - 1], ratios[-outside], len(ratios))
