"""A backfill planned: its chunks, what each run reads, how long it takes, what it costs, whether it fits.

Pure: what is to be made, the volumes and the laws are given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from lakehouse.run_history import gaps, shared
from roadside.durations import Law, Spread, Work
from roadside.graph import Step, step_named
from roadside.prices import Prices
from roadside.run_order import ChunkRun, RunOrder, placed
from roadside.time_ranges import chunks_of, whole_days_apart
from roadside.unmade import Unmade, Why
from roadside.volumes import Volume, VolumeOf, inputs_of, total
from validation.clocks import Interval

CHUNK_DAYS = (1, 2, 4, 7, 14, 28)
"""Sizes of a chunk that are tried: a greater one reads its look-backs less often."""
LONGEST_CHUNK = timedelta(hours=2)
"""What a kill or a failure loses at most, as far as the choice of size goes."""
UNMEASURED_DAYS = 7
"""The greatest size where something to run is not measured. A day where a limit is given: that stops between
chunks alone."""
START_SECONDS = 10.0
"""Until the first step, where no start was timed: a Spark session starts in 8 to 13 s, once."""
MOST_CORES = 1024
ALIKE = 1.01
"""Plans that take alike, as far as can be told: one hundredth."""
A_PART = 0.1
"""Of a plan's time: what takes less makes no guess of the whole."""


@dataclass(frozen=True)
class PlannedRun:
    """One step over one interval.

    Attributes:
        reads: its inputs with their look-backs; `within`: those of the interval itself.
        writes: what its tables will hold of the interval.
        is_first: whether the step runs for the first time in the plan.
        revised: of features, what was made of the interval before: it stays, beside as much again at most.
            None where nothing was.
    """

    step: Step
    interval: Interval
    reads: Volume
    within: Volume
    writes: Volume
    law: Law | None
    is_first: bool = False
    revised: Volume | None = None

    @property
    def is_measured(self) -> bool:
        """Whether its time can be foretold: a run of the step was measured, and what it reads has a size."""
        return self.law is not None and self.reads.is_known

    @property
    def is_beyond_measure(self) -> bool:
        """Whether it reads much more than any run that was measured."""
        return self.law is not None and self.law.is_beyond(self.work)

    @property
    def written_bytes(self) -> float:
        """What it writes at most."""
        return self.writes.bytes + (self.revised.bytes if self.revised else 0.0)

    @property
    def work(self) -> Work:
        """What its time follows."""
        return Work(self.reads.rows, self.within.rows)

    def seconds(self, cores: float) -> float | None:
        """How long it takes on so many cores; None if no run of the step was measured."""
        return None if self.law is None else self.law.seconds(self.work, cores, is_first=self.is_first)


@dataclass(frozen=True)
class Chunk:
    """Some days of the span and the runs over them, in the order of the road."""

    interval: Interval
    runs: tuple[PlannedRun, ...]

    def seconds(self, cores: float, at_once: int) -> float:
        """How long it takes by itself; what was never measured counts as nothing."""
        return _ends([self], cores, at_once, 1)[-1]


def _reads(step: str) -> Sequence[str]:
    return [step_named(name).name for name in step_named(step).reads]


@dataclass(frozen=True)
class BackfillPlan:
    """What a backfill of a span would do.

    Attributes:
        chunk_days: whole days of a chunk.
        spread: between which multiples of the prediction the actual time is likely to lie.
        cores, at_once, parallel: what the prediction is made for: so many steps, of so many chunks, at once.
        start_seconds: from the command to the first step.
        deadline: None if none was given.
    """

    span: Interval
    unmade: tuple[Unmade, ...]
    chunks: tuple[Chunk, ...]
    chunk_days: int
    spread: Spread
    cores: int
    at_once: int
    parallel: int
    prices: Prices
    start_seconds: float = START_SECONDS
    deadline: timedelta | None = None

    @property
    def runs(self) -> list[PlannedRun]:
        """Every run, chunk by chunk."""
        return [run for chunk in self.chunks for run in chunk.runs]

    @property
    def lacking(self) -> dict[str, list[Interval]]:
        """By step what of the span is to be made."""
        return {each.step.name: each.intervals for each in self.unmade if each.intervals}

    @property
    def unmeasured(self) -> list[str]:
        """Steps to run that no run was measured of, or whose inputs are of unknown size."""
        return list(dict.fromkeys(run.step.name for run in self.runs if not run.is_measured))

    def seconds(self, cores: float | None = None) -> float:
        """All chunks, with the start, on the plan's cores or others; at least that, if some is unmeasured."""
        if not self.chunks:
            return 0.0
        return self.start_seconds + _ends(self.chunks, cores or self.cores, self.at_once, self.parallel)[-1]

    @property
    def ends(self) -> list[float]:
        """When each chunk and those before it have ended, in seconds from the command."""
        ends = _ends(self.chunks, self.cores, self.at_once, self.parallel)
        return [self.start_seconds + end for end in ends]

    @property
    def likely_seconds(self) -> tuple[float, float] | None:
        """Between which times eight of ten such backfills end; None if some of it is unmeasured."""
        if self.unmeasured:
            return None
        return self.seconds() * self.spread.low, self.seconds() * self.spread.high

    @property
    def cores_needed(self) -> int | None:
        """The fewest cores on which the longest of the likely times meets the deadline.

        None if some of it is unmeasured, or no number of them does: what a run takes whatever it holds is
        then too long, and a chunk of more days may help.
        """
        if self.deadline is None or self.unmeasured or self._least_cores_over(MOST_CORES):
            return None
        low, high = 0, MOST_CORES
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._least_cores_over(middle) else (low, middle)
        return high

    def _least_cores_over(self, cores: int) -> bool:
        assert self.deadline is not None
        return self.seconds(cores) * self.spread.high > self.deadline.total_seconds()

    @property
    def fits(self) -> bool | None:
        """Whether the longest likely time meets the deadline on the plan's cores.

        None without a deadline. What cannot be predicted does not fit.
        """
        if self.deadline is None:
            return None
        return not self.unmeasured and not self._least_cores_over(self.cores)

    def dollars(self, cores: int | None = None) -> float:
        """The predicted time at the price of those cores; at least that, if some of it is unmeasured."""
        return self.prices.dollars(self.seconds(cores), cores or self.cores)

    @property
    def reads(self) -> Volume:
        """Everything that is read, look-backs as often as they are."""
        return total(run.reads for run in self.runs)

    @property
    def written_bytes(self) -> float:
        """What is written anew; the files it replaces stay until their snapshots expire."""
        return sum(run.written_bytes for run in self.runs)

    @property
    def is_disk_known(self) -> bool:
        """Whether all that is written has a size; if not, the disk needs at least what is told."""
        return all(run.writes.is_known for run in self.runs)

    @property
    def staged_bytes(self) -> float:
        """The largest chunks on their branches, as many as go side by side: a run that is killed leaves them
        beside what it stages anew."""
        sizes = sorted((sum(run.written_bytes for run in chunk.runs) for chunk in self.chunks), reverse=True)
        return sum(sizes[: self.parallel])

    @property
    def peak_disk_bytes(self) -> float:
        """What the disk must have free: what is written, and the largest chunks once more.

        Spark's shuffle and spill files are not counted.
        """
        return self.written_bytes + self.staged_bytes


def parallel_on(cores: int) -> int:
    """How many chunks go side by side unless a number is given."""
    return max(1, cores // 4)


def _ends(chunks: Sequence[Chunk], cores: float, at_once: int, parallel: int) -> list[float]:
    """When each chunk and those before it have ended, in seconds from the begin of the first."""
    lasting: dict[ChunkRun, float] = {}
    for number, chunk in enumerate(chunks):
        for run in chunk.runs:  # parts of a step in a chunk go one behind the other
            of = ChunkRun(number, run.step.name)
            lasting[of] = lasting.get(of, 0.0) + (run.seconds(cores) or 0.0)
    order = RunOrder([chunk.interval for chunk in chunks], list(lasting), _reads, parallel)
    ends = [0.0] * len(chunks)
    for each in placed(order, lasting.__getitem__, at_once):
        ends[each.run.chunk] = each.end
    return list(accumulate(ends, max))


def planned(
    span: Interval,
    found: Sequence[Unmade],
    volume: VolumeOf,
    laws: Mapping[str, Law | None],
    spread: Spread,
    *,
    cores: int,
    at_once: int,
    prices: Prices,
    parallel: int = 1,
    chunk_days: int | None = None,
    longest_chunk: timedelta | None = None,
    start_seconds: float = START_SECONDS,
    deadline: timedelta | None = None,
) -> BackfillPlan:
    """The plan; with chunks of the size that is predicted to take least, unless a size is given.

    None of which takes longer than `longest_chunk`, nor than two hours, if days are short enough for that.
    Where something to run is unmeasured, of a week at most; of a day, if a longest chunk is given.
    """
    days = chunk_days or _best_days(span, found, volume, laws, cores, at_once, parallel, longest_chunk)
    chunks = chunked(span, found, volume, laws, days)
    return BackfillPlan(
        span,
        tuple(found),
        chunks,
        days,
        spread.guessed() if _is_a_guess(chunks, cores) else spread,
        cores,
        at_once,
        parallel,
        prices,
        start_seconds,
        deadline,
    )


def _is_a_guess(chunks: Sequence[Chunk], cores: int) -> bool:
    """Whether some run is unmeasured, or runs that make up a part of the time are not of the measured kind.

    They read much more than any that was measured, or revise features: which then are computed again over a
    longer interval, and no timing says whether its run did that.
    """
    runs = [run for chunk in chunks for run in chunk.runs]
    if not all(run.is_measured for run in runs):
        return True
    seconds = [(run, run.seconds(cores) or 0.0) for run in runs]
    other = sum(took for run, took in seconds if run.revised is not None or run.is_beyond_measure)
    return other > A_PART * sum(took for _, took in seconds)


def chunked(
    span: Interval, found: Sequence[Unmade], volume: VolumeOf, laws: Mapping[str, Law | None], days: int
) -> tuple[Chunk, ...]:
    """The span's chunks that have something to make, in order of time: each looks back to those before."""
    chunks = []
    begun: set[str] = set()
    never = {each.step.name: each.parts.get(Why.NEVER, ()) for each in found}
    for interval in chunks_of(span, days):
        runs = []
        for step, part in to_run(found, interval):
            before = gaps([part], never.get(step.name, ())) if step.is_features else []
            law, is_first = laws.get(step.name), step.name not in begun
            begun.add(step.name)
            runs.append(_run(step, part, volume, law, is_first=is_first, before=before))
        if runs:
            chunks.append(Chunk(interval, tuple(runs)))
    return tuple(chunks)


def to_run(found: Sequence[Unmade], chunk: Interval) -> list[tuple[Step, Interval]]:
    """The steps with something to make in the chunk and their intervals, in the order of the road.

    From the first start to the last end, what lies between included: one run that covers two holes is
    cheaper than two, and what it makes again stays as it is. Whole days are apart, as
    `roadside.expired.lacking` has them.
    """
    runs = []
    for each in found:
        parts = [part for part in shared(each.intervals, [chunk]) if each.step.due(part)]
        if parts:
            whole = whole_days_apart(Interval(parts[0].start, parts[-1].end))
            runs += [(each.step, part) for part in whole if each.step.due(part)]
    return runs


def _run(
    step: Step,
    interval: Interval,
    volume: VolumeOf,
    law: Law | None,
    *,
    is_first: bool,
    before: Sequence[Interval],
) -> PlannedRun:
    inputs = inputs_of(step)
    return PlannedRun(
        step,
        interval,
        total(volume(name, interval.widened(back)) for name, back in inputs.items()),
        total(volume(name, interval) for name in inputs),
        total(volume(name, interval) for name in step.writes),
        law,
        is_first,
        total(volume(name, part) for name in step.writes for part in before) if before else None,
    )


def _best_days(
    span: Interval,
    found: Sequence[Unmade],
    volume: VolumeOf,
    laws: Mapping[str, Law | None],
    cores: int,
    at_once: int,
    parallel: int,
    longest_chunk: timedelta | None,
) -> int:
    """The size that is predicted to take least, among those whose chunks take no longer than they may.

    Of those that take alike, the one of fewest chunks: each reads look-backs and commits. Where something is
    unmeasured, what takes least is not known: the greatest of those that may be.
    """
    tried = {days: chunked(span, found, volume, laws, days) for days in CHUNK_DAYS}
    most = (LONGEST_CHUNK if longest_chunk is None else min(LONGEST_CHUNK, longest_chunk)).total_seconds()
    short = [
        days
        for days, chunks in tried.items()
        if all(chunk.seconds(cores, at_once) <= most for chunk in chunks)
    ]
    if not all(run.is_measured for chunk in tried[CHUNK_DAYS[0]] for run in chunk.runs):
        at_most = UNMEASURED_DAYS if longest_chunk is None else CHUNK_DAYS[0]
        return max((days for days in short if days <= at_most), default=CHUNK_DAYS[0])
    takes = {
        days: max(_ends(tried[days], cores, at_once, parallel), default=0.0)
        for days in short or CHUNK_DAYS[:1]
    }
    least = min(takes.values())
    alike = [days for days, seconds in takes.items() if seconds <= ALIKE * least]
    return min(alike, key=lambda days: (len(tried[days]), days))
