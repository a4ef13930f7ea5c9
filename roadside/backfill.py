"""A plan carried out, some chunks side by side, and planned anew until nothing is left or a limit says stop.

What is done is looked up in the run ledger, so a backfill that was stopped or killed is resumed by giving
it again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

from roadside.backfill_plan import LONGEST_CHUNK, BackfillPlan, Chunk
from roadside.graph import Step
from roadside.prices import Prices
from roadside.runner import StepResult, Watch
from validation.clocks import Interval

MOST_PLANS = 9
"""Of one command. Each makes what rows that the one before changed have outdated, so few are needed."""


class Backfiller(Protocol):
    """What of `roadside.runner.Runner` makes chunks."""

    def backfill(
        self,
        chunks: Sequence[Interval],
        steps: Sequence[Step],
        *,
        only_lacking: bool,
        parallel: int,
        watch: Watch,
    ) -> list[StepResult]:
        """What the chunks lack of the steps; those that fail block those that read them."""
        ...


@dataclass(frozen=True)
class Limits:
    """When to stop, at the latest before the chunk that would go beyond; None is no limit."""

    after: timedelta | None = None
    dollars: float | None = None

    def longest_chunk(self, prices: Prices, cores: int, start_seconds: float) -> timedelta | None:
        """What a chunk may take, or not even the first would begin; None where nothing bounds it."""
        rate = prices.dollars(1.0, cores)
        bounds = [] if self.after is None else [self.after.total_seconds()]
        bounds += [self.dollars / rate] if self.dollars is not None and rate else []
        if not bounds:
            return None
        return timedelta(seconds=min(max(min(bounds) - start_seconds, 0.0), LONGEST_CHUNK.total_seconds()))

    def left(self, seconds: float, dollars: float) -> Limits:
        """What is left of them after so much."""
        return Limits(
            None if self.after is None else max(self.after - timedelta(seconds=seconds), timedelta(0)),
            None if self.dollars is None else max(self.dollars - dollars, 0.0),
        )


@dataclass(frozen=True)
class ChunkDone:
    """A chunk made.

    Attributes:
        number, of: which of how many chunks.
        seconds: how long it took, counted from the end of the one before; `predicted` by the plan.
        left_seconds: how long the others are likely to take at the pace so far; as long as those made took
            on average, where not all was predicted.
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
        left: steps that lack something inside the span although every chunk was made.
    """

    results: tuple[StepResult, ...]
    done: int
    of: int
    seconds: float
    predicted: float
    stopped: str = ""
    left: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every chunk was made."""
        return self.done == self.of

    def then(self, more: Carried) -> Carried:
        """Both, one behind the other."""
        return replace(
            more,
            results=self.results + more.results,
            done=self.done + more.done,
            of=self.of + more.of,
            predicted=self.predicted + more.predicted,
        )


def _unheard(_seconds: float) -> None:
    return None


def carry_through(
    plan: BackfillPlan,
    again: Callable[[], BackfillPlan],
    runner: Backfiller,
    steps: Sequence[Step],
    elapsed: Callable[[], float],
    limits: Limits,
    heard: Callable[[ChunkDone], None],
    begun: Callable[[float], None] = _unheard,
) -> Carried:
    """The plan carried out, then what the span lacks by then, until that is nothing.

    A chunk whose rows changed outdates whole runs that looked back to it, also of chunks of which the plan
    knew nothing to make. `again` plans anew. It ends too where a plan finds what the one before was to make.
    """
    carried = carry_out(plan, runner, steps, elapsed, limits, heard, begun)
    plans = 1
    while carried.is_whole:
        before, plan, plans = plan, again(), plans + 1
        if not plan.chunks:
            return carried
        if plan.lacking == before.lacking or plans > MOST_PLANS:
            return replace(carried, left=tuple(plan.lacking))
        going_on = replace(plan, start_seconds=0.0)
        more = carry_out(going_on, runner, steps, elapsed, limits, heard, passed=elapsed())
        carried = carried.then(more)
    return carried


def carry_out(
    plan: BackfillPlan,
    runner: Backfiller,
    steps: Sequence[Step],
    elapsed: Callable[[], float],
    limits: Limits,
    heard: Callable[[ChunkDone], None],
    begun: Callable[[float], None] = _unheard,
    passed: float = 0.0,
) -> Carried:
    """The plan's chunks in order of time; `elapsed` says how many seconds have passed since the command
    began, `begun` hears how many had when the first step may begin. `passed` of them were another plan's.

    Of each chunk is made what it lacks when its turn comes: what an earlier one changed is made again, what
    it left as it was stands. No chunk begins that would go beyond a limit at the pace so far (where not all
    is predicted, nor if it took what the longest took), nor one behind a step that failed: later chunks look
    back to it. Those begun by then go on, save what reads that step.
    """
    carrying = _Carrying(plan, elapsed, limits, heard, begun, passed)
    results = runner.backfill(
        [chunk.interval for chunk in plan.chunks],
        steps,
        only_lacking=True,
        parallel=plan.parallel,
        watch=carrying,
    )
    return carrying.carried(results)


@dataclass
class _Carrying(Watch):
    """How far a plan is carried out.

    Attributes:
        _passed: how many seconds had passed before the plan's own.
        _began: when the first chunk was to begin.
        _at: when the last chunk of those made whole ended.
        _longest: how long the longest of them took from its own begin.
        _refused: why the next chunk may not begin now.
    """

    _plan: BackfillPlan
    _elapsed: Callable[[], float]
    _limits: Limits
    _heard: Callable[[ChunkDone], None]
    _begun: Callable[[float], None]
    _passed: float
    _began: float | None = None
    _done: int = 0
    _at: float | None = None
    _begun_at: dict[Interval, float] = field(default_factory=dict)
    _longest: float = 0.0
    _is_broken: bool = False
    _refused: str = ""
    _ends: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self._ends = self._plan.ends
        self._is_predicted = not self._plan.unmeasured

    def may_begin(self, chunk: Interval) -> bool:
        """Unless a step failed, or the chunk would go beyond a limit."""
        if self._is_broken:
            return False
        now = self._elapsed()
        if self._began is None:
            self._began = now
            self._begun(now)
        end = self._ends[self._number(chunk)]
        then = (
            self._passed + end * self._pace() if self._done else self._began - self._plan.start_seconds + end
        )
        least = now if self._is_predicted else now + self._longest
        self._refused = _beyond(self._plan, self._limits, max(least, then))
        if not self._refused:
            self._begun_at[chunk] = now
        return not self._refused

    def broke(self, _chunk: Interval) -> None:
        """No chunk begins any more."""
        self._is_broken = True

    def ended(self, chunk: Interval, results: Sequence[StepResult]) -> None:
        """Counted, if all of it was made, and told."""
        if any(each.is_broken for each in results):
            return
        number, now = self._number(chunk), self._elapsed()
        before = self._at or self._began or 0.0
        predicted = self._ends[number] - (self._ends[number - 1] if number else self._plan.start_seconds)
        self._done, self._at = self._done + 1, now
        self._longest = max(self._longest, now - self._begun_at[chunk])
        self._heard(
            ChunkDone(
                self._plan.chunks[number],
                self._done,
                len(self._ends),
                results,
                now - before,
                predicted,
                self._left(number),
                self._plan.prices.dollars(now, self._plan.cores),
            )
        )

    def carried(self, results: Sequence[StepResult]) -> Carried:
        """How it ended."""
        predicted = self._ends[self._done - 1] if self._done else self._plan.start_seconds
        of = len(self._ends)
        stopped = "" if self._is_broken or self._done == of else self._refused
        return Carried(tuple(results), self._done, of, self._elapsed(), predicted, stopped)

    def _left(self, number: int) -> float:
        if self._is_predicted:
            return (self._ends[-1] - self._ends[number]) * self._pace()
        mean = ((self._at or 0.0) - (self._began or 0.0)) / self._done
        return mean * (len(self._ends) - self._done)

    def _pace(self) -> float:
        """How many seconds passed for one that was predicted; what was predicted is believed at first."""
        predicted = self._ends[self._done - 1] if self._done else 0.0
        if self._at is None or predicted <= self._plan.start_seconds:
            return 1.0
        return (self._at - self._passed) / predicted

    def _number(self, chunk: Interval) -> int:
        return next(number for number, each in enumerate(self._plan.chunks) if each.interval == chunk)


def _beyond(plan: BackfillPlan, limits: Limits, then: float) -> str:
    """Which limit the next chunk would go beyond, ending then; nothing if it may begin."""
    if limits.after is not None and then > limits.after.total_seconds():
        most = _of(limits.after.total_seconds())
        return f"the next chunk would end after {_of(then)}, and --stop-after is {most}"
    cost = plan.prices.dollars(then, plan.cores)
    if limits.dollars is not None and cost > limits.dollars:
        dollars = f"${limits.dollars:,.2f}"
        return f"the next chunk would bring it to ${cost:,.2f}, and --stop-after-dollars is {dollars}"
    return ""


def _of(seconds: float) -> str:
    return f"{seconds / 60:,.1f} min"
