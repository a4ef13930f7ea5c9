"""A plan carried out, one chunk after the other, until it is done or a limit says stop.

What is done is looked up in the run ledger, so a backfill that was stopped or killed is resumed by giving
it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Protocol

from lakehouse.settings import Settings
from roadside.backfill_plan import START_SECONDS, BackfillPlan, Chunk, to_run
from roadside.graph import Step
from roadside.runner import StepResult
from roadside.unmade import unmade
from validation.clocks import Interval

MakeChunk = Callable[[Chunk], Sequence[StepResult]]
"""Makes what a chunk lacks now; what became of each step."""


class Backfiller(Protocol):
    """What of `roadside.runner.Runner` makes one chunk."""

    def backfill(self, chunks: Sequence[Interval], steps: Sequence[Step]) -> list[StepResult]:
        """The steps over the chunks; those that fail block those that read them."""
        ...


@dataclass(frozen=True)
class Limits:
    """When to stop, at the latest before the chunk that would go beyond; None is no limit."""

    after: timedelta | None = None
    dollars: float | None = None


@dataclass(frozen=True)
class ChunkDone:
    """A chunk made.

    Attributes:
        number, of: which of how many chunks.
        seconds: how long it took; `predicted` by the plan.
        left_seconds: how long the others are likely to take at the pace so far.
        dollars: what all so far cost by the plan's prices.
    """

    chunk: Chunk
    number: int
    of: int
    results: Sequence[StepResult]
    seconds: float
    predicted: float
    left_seconds: float
    dollars: float


@dataclass(frozen=True)
class Carried:
    """How a backfill ended.

    Attributes:
        done: chunks that were made whole.
        stopped: why it stopped before its end; empty if nothing stopped it, or a step failed.
    """

    results: tuple[StepResult, ...]
    done: int
    of: int
    seconds: float
    predicted: float
    stopped: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every chunk was made."""
        return self.done == self.of


def carry_out(
    plan: BackfillPlan,
    make: MakeChunk,
    elapsed: Callable[[], float],
    limits: Limits,
    heard: Callable[[ChunkDone], None],
) -> Carried:
    """The plan's chunks in order of time; `elapsed` says how many seconds have passed since it began.

    Stops before a chunk that would go beyond a limit at the pace so far, and after one with a step that
    failed: later chunks look back to it.
    """
    predicted = [chunk.seconds(plan.cores, plan.at_once) for chunk in plan.chunks]
    results: list[StepResult] = []
    done, before, stopped = 0, 0.0, ""
    for number, chunk in enumerate(plan.chunks):
        began = elapsed()
        pace = _pace(began, START_SECONDS + before)
        if stopped := _beyond(plan, limits, began, began + predicted[number] * pace):
            break
        of_chunk = make(chunk)
        results += of_chunk
        if any(each.is_broken for each in of_chunk):
            break
        done, before = done + 1, before + predicted[number]
        now = elapsed()
        left = sum(predicted[number + 1 :]) * _pace(now, START_SECONDS + before)
        dollars = plan.prices.dollars(now, plan.cores)
        heard(ChunkDone(chunk, done, len(predicted), of_chunk, now - began, predicted[number], left, dollars))
    return Carried(tuple(results), done, len(predicted), elapsed(), START_SECONDS + before, stopped)


def _pace(elapsed: float, predicted: float) -> float:
    """How many seconds passed for one that was predicted; what was predicted is believed at first."""
    return elapsed / predicted if elapsed > 0 and predicted > START_SECONDS else 1.0


def _beyond(plan: BackfillPlan, limits: Limits, now: float, then: float) -> str:
    """Which limit the next chunk would go beyond, ending then; nothing if it may begin."""
    if limits.after is not None and max(now, then) > limits.after.total_seconds():
        most = _of(limits.after.total_seconds())
        return f"the next chunk would end after {_of(then)}, and --stop-after is {most}"
    cost = plan.prices.dollars(max(now, then), plan.cores)
    if limits.dollars is not None and cost > limits.dollars:
        dollars = f"${limits.dollars:,.2f}"
        return f"the next chunk would bring it to ${cost:,.2f}, and --stop-after-dollars is {dollars}"
    return ""


def _of(seconds: float) -> str:
    return f"{seconds / 60:,.1f} min"


def chunk_maker(settings: Settings, runner: Backfiller, steps: Sequence[Step]) -> MakeChunk:
    """Makes a chunk with the runner, of which the ledger is asked anew what it lacks.

    What an earlier chunk changed is to be made again here; what it left as it was, stands.
    """

    def make(chunk: Chunk) -> list[StepResult]:
        results: list[StepResult] = []
        runs = to_run(unmade(settings, steps, chunk.interval), chunk.interval)
        for interval, of in groupby(runs, key=lambda run: run[1]):
            results += runner.backfill([interval], [step for step, _ in of])
            if any(each.is_broken for each in results):
                break
        return results

    return make
