"""How long steps take over so many ticks, by what their runs over few and over many took, and how surely.

The law and the spread are those of a backfill's plan (`roadside.durations`), by another load: a plan knows
the rows it will read, a forecast of the night does not, for they have not landed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from lakehouse.ops import Ops
from lakehouse.settings import Settings
from lakehouse.step_timings import StepTiming, StepTimings, timings_of_runs
from roadside.backfill_plan import A_PART
from roadside.durations import FEWEST_FITTED, Law, Spread, Took, Work, law, spread
from roadside.graph import Step
from validation.clocks import TICK, Interval

_RUNS_FITTED = 24  # older ones ran other code over other data
_OF_ONE_LENGTH = _RUNS_FITTED // 2  # or a day's ticks would leave no room for what is longer


@dataclass(frozen=True)
class StepTimes:
    """What steps take, predicted.

    Through runs of several lengths there is a line: fixed seconds, and seconds a tick. Where there are too
    few for one, as where all were of one length, a step takes the most it may: in proportion to the ticks
    (one run over them is ready sooner than one over each), and no less than its shortest runs took.

    Attributes:
        runs: by step, what its runs took; their rows are ticks, of a daily step the business-day cuts.
        cores: of the machine that is predicted.
    """

    runs: Mapping[str, Sequence[Took]]
    cores: int = 1

    @cached_property
    def laws(self) -> Mapping[str, Law]:
        """By step, of those that ever ran."""
        found = {step: law(runs) for step, runs in self.runs.items()}
        return {step: each for step, each in found.items() if each is not None}

    @cached_property
    def spread(self) -> Spread:
        """How far the times of past runs were from what the others of them predict."""
        return spread(self.runs)

    def seconds(self, step: str, ticks: int, *, is_first: bool = True) -> float:
        """How long the step takes over so many ticks; a process's first run of it loads and compiles."""
        found = self.laws[step]
        told = found.seconds(_ticks(ticks), self.cores, is_first=is_first)
        return told if found.is_fitted else max(told, self._shortest(step))

    def is_at_most(self, step: str, ticks: int) -> bool:
        """Whether that is the most it may take, for want of runs of several lengths."""
        lengths = {run.work.rows_read for run in self.runs[step]}
        return not self.laws[step].is_fitted and ticks not in lengths

    def spread_of(self, wanted: Iterable[tuple[str, int]]) -> Spread:
        """How far the time of these steps, each over so many ticks, is likely to be from the predicted.

        A guess where a part of it is over many more ticks than any run that was measured.
        """
        seconds = [
            (self.seconds(step, ticks), self.laws[step].is_beyond(_ticks(ticks))) for step, ticks in wanted
        ]
        beyond = sum(took for took, is_beyond in seconds if is_beyond)
        return self.spread.guessed() if beyond > A_PART * sum(took for took, _ in seconds) else self.spread

    def _shortest(self, step: str) -> float:
        least = min(run.work.rows_read for run in self.runs[step])
        return median(run.seconds for run in self.runs[step] if run.work.rows_read == least)


def _ticks(count: int) -> Work:
    return Work(count, count)


def read_step_times(settings: Settings, steps: Iterable[Step]) -> StepTimes:
    """The steps' runs as they were timed, or as the run ledger has them while few were; of those that ran.

    Raises:
        Unreachable: the ledgers cannot be read.
    """
    ops = Ops(settings.ops_url)
    found = {step.name: telling(step, _timings(ops, step, settings.spark_cores)) for step in steps}
    return StepTimes({name: runs for name, runs in found.items() if runs}, settings.spark_cores)


def _timings(ops: Ops, step: Step, cores: int) -> list[StepTiming]:
    of_steps = StepTimings(ops)
    timed = of_steps.recent(step.name) + of_steps.recent(step.name, only_long=True)
    if len(timed) < FEWEST_FITTED:
        timed += timings_of_runs(ops, step.name, step.writes, cores)
    return timed


def telling(step: Step, timings: Sequence[StepTiming]) -> list[Took]:
    """What the newest of a step's runs took, newest first as given: one of an interval, few of a length."""
    chosen: list[Took] = []
    seen: set[Interval] = set()
    of_length: Counter[float] = Counter()
    for each in timings:
        ticks = _ticks_of(step, each.interval)
        if not ticks or each.interval in seen or of_length[ticks] == _OF_ONE_LENGTH:
            continue
        seen.add(each.interval)
        of_length[ticks] += 1
        is_first = each.is_first is not False
        chosen.append(Took(_ticks(ticks), each.cores, each.seconds, str(each.interval), is_first))
    return chosen[:_RUNS_FITTED]


def _ticks_of(step: Step, interval: Interval) -> int:
    """The instants of the interval that the step makes: ticks, or business-day cuts."""
    return len(interval.cuts()) if step.is_daily else (interval.end - interval.start) // TICK
