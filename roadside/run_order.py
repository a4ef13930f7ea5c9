"""In which order runs of steps over chunks begin, side by side; and when they would end, so many at once.

A run begins once nothing of the chunks until its own is left of what its step reads, so that it reads no
gap. A step goes over its chunks one after the other, as they are given: it is judged by what it made before,
and has one publisher. What waits holds no place, and the earlier chunk goes first.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import NamedTuple, TypeVar

from validation.clocks import Interval

Reads = Callable[[str], Sequence[str]]
"""The steps that a step reads."""
Result = TypeVar("Result")
MayBegin = Callable[[int], bool]
"""Whether a chunk, by its number, may begin now; asked before its first run, and again if it may not."""


class ChunkRun(NamedTuple):
    """A step over a chunk, which is told by its number."""

    chunk: int
    step: str


def _always(_chunk: int) -> bool:
    return True


class RunOrder:
    """The runs of some chunks that have not begun, and those that have ended."""

    def __init__(
        self,
        chunks: Sequence[Interval],
        runs: Sequence[ChunkRun],
        reads: Reads,
        parallel: int | None = None,
        may_begin: MayBegin = _always,
    ) -> None:
        """
        Args:
            runs: chunk by chunk as given, in each in the order of the road.
            parallel: how many chunks may be begun and not ended; they then are in order of time.
        """
        self._waiting = list(runs)
        self._parallel = parallel or len(chunks)
        self._may_begin = may_begin
        self._left = Counter(run.chunk for run in runs)
        self._begun: set[int] = set()
        self._ended: set[ChunkRun] = set()
        self._behind = _behind(chunks, runs, reads)

    def begin(self) -> ChunkRun | None:
        """The next run, begun; None while there is none that may."""
        going = sum(1 for chunk in self._begun if self._left[chunk])
        for run in self._waiting:
            is_new = run.chunk not in self._begun
            if is_new and going >= self._parallel:
                return None
            if not self._behind[run] <= self._ended:
                continue
            if is_new and not self._may_begin(run.chunk):
                return None
            self._begun.add(run.chunk)
            self._waiting.remove(run)
            return run
        return None

    def end(self, run: ChunkRun) -> None:
        """The run has ended."""
        self._ended.add(run)
        self._left[run.chunk] -= 1

    def is_over(self, chunk: int) -> bool:
        """Whether every run of the chunk has ended."""
        return not self._left[chunk]


def _behind(
    chunks: Sequence[Interval], runs: Sequence[ChunkRun], reads: Reads
) -> Mapping[ChunkRun, set[ChunkRun]]:
    """The last runs that each run waits for: those before them are behind these."""
    of_step: dict[str, list[ChunkRun]] = {}
    for run in runs:
        of_step.setdefault(run.step, []).append(run)
    before: dict[ChunkRun, set[ChunkRun]] = {}
    for mine in of_step.values():
        for number, run in enumerate(mine):
            end = chunks[run.chunk].end
            before[run] = set(mine[number - 1 : number]) if number else set()
            for name in reads(run.step):
                before[run].update(_last_before(end, of_step.get(name, []), chunks))
    return before


def _last_before(end: datetime, runs: Sequence[ChunkRun], chunks: Sequence[Interval]) -> list[ChunkRun]:
    """The last of the runs whose chunk begins before that moment, if there is one."""
    return next(([run] for run in reversed(runs) if chunks[run.chunk].start < end), [])


class Placed(NamedTuple):
    """A run as it would go, in seconds; `let_by` ended when it began, None where all began with it."""

    run: ChunkRun
    begin: float
    end: float
    let_by: ChunkRun | None


def placed(order: RunOrder, seconds: Callable[[ChunkRun], float], at_once: int) -> list[Placed]:
    """All runs as they would go, so many at once, in the order they end."""
    going: list[tuple[float, int, Placed]] = []
    done: list[Placed] = []
    now, let_by = 0.0, None
    count = 0
    while True:
        while len(going) < at_once and (run := order.begin()) is not None:
            each = Placed(run, now, now + seconds(run), let_by)
            heapq.heappush(going, (each.end, count, each))
            count += 1
        if not going:
            return done
        now, _, ended = heapq.heappop(going)
        let_by = ended.run
        order.end(ended.run)
        done.append(ended)


def carried(
    order: RunOrder,
    begin: Callable[[ChunkRun], Callable[[], Result]],
    at_once: int,
    ended: Callable[[ChunkRun, Result], None],
) -> None:
    """All runs carried out, so many at once.

    Args:
        begin: gives what a thread has to do; asked here, as `ended` is told here.
    """
    running: dict[Future[Result], ChunkRun] = {}
    with ThreadPoolExecutor(at_once, "step") as pool:
        try:
            while True:
                while len(running) < at_once and (run := order.begin()) is not None:
                    running[pool.submit(begin(run))] = run
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    run = running.pop(future)
                    order.end(run)
                    ended(run, future.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
