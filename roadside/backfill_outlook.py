"""The plan of a backfill of a home: its ledgers, manifests and landed objects read, nothing written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import median_low
from tempfile import TemporaryDirectory

from lakehouse.ops import Ops
from lakehouse.settings import Settings
from lakehouse.step_timings import LONG, START, StepTiming, StepTimings, timings_of_runs
from roadside.backfill import Limits
from roadside.backfill_plan import START_SECONDS, BackfillPlan, planned
from roadside.durations import FEWEST_FITTED, Took, Work, law, spread
from roadside.graph import STEPS, Step
from roadside.home_volumes import volumes_of
from roadside.prices import Prices
from roadside.standing import has_ops
from roadside.unmade import Surroundings, surroundings, unmade
from roadside.volumes import VolumeOf, inputs_of, total
from validation.clocks import Interval

RUNS_FITTED = 24
"""The newest runs of a step: older ones ran other code over other data."""
STARTS = 9
"""The newest starts of a backfill; their median is foretold."""
_NEIGHBOURHOOD = timedelta(days=14)


def outlook(
    settings: Settings,
    steps: Sequence[Step],
    span: Interval,
    prices: Prices,
    *,
    parallel: int = 1,
    chunk_days: int | None = None,
    limits: Limits | None = None,
    deadline: timedelta | None = None,
) -> tuple[BackfillPlan, Surroundings]:
    """What a backfill of the steps over the span would do here, predicted from what runs took here.

    Beside it what it reads or outdates and does not make. The limits bound the size of its chunks. Writes
    nothing: where nothing ever ran, an empty ledger is asked that is thrown away.

    Raises:
        Unreachable: a ledger, the catalog or the landed objects cannot be read.
    """
    if not has_ops(settings):
        with TemporaryDirectory() as folder:
            empty = replace(settings, ops_url=f"sqlite:///{folder}/ops.db")
            return _outlook(empty, steps, span, prices, parallel, chunk_days, limits, deadline)
    return _outlook(settings, steps, span, prices, parallel, chunk_days, limits, deadline)


def _outlook(
    settings: Settings,
    steps: Sequence[Step],
    span: Interval,
    prices: Prices,
    parallel: int,
    chunk_days: int | None,
    limits: Limits | None,
    deadline: timedelta | None,
) -> tuple[BackfillPlan, Surroundings]:
    timings = {step.name: timings_of(settings, step) for step in steps}
    volume = volumes_of(settings, _within(span, timings))
    took = {step.name: [_took(step, each, volume) for each in timings[step.name]] for step in steps}
    found = unmade(settings, steps, span)
    start_seconds = start_of(settings)
    longest = limits.longest_chunk(prices, settings.spark_cores, start_seconds) if limits else None
    plan = planned(
        span,
        found,
        volume,
        {name: law(runs) for name, runs in took.items()},
        spread(took),
        cores=settings.spark_cores,
        at_once=settings.steps_at_once,
        prices=prices,
        parallel=parallel,
        chunk_days=chunk_days,
        longest_chunk=longest,
        start_seconds=start_seconds,
        deadline=deadline,
    )
    return plan, surroundings(settings, steps, found, span)


def start_of(settings: Settings) -> float:
    """Seconds from a command to its first step. Of two the less: a home's first makes its tables too."""
    timed = StepTimings(Ops(settings.ops_url)).recent(START, STARTS)
    return median_low([each.seconds for each in timed]) if timed else START_SECONDS


def timings_of(settings: Settings, step: Step) -> list[StepTiming]:
    """The step's runs that its law is fitted to: as timed, or as the run ledger has them while few were.

    Runs of a day or more; where there is none, shorter ones. Those tell little of a backfill: a tick takes
    nearly as long however little it holds, and what it holds is estimated by the day. By them a plan is
    foretold too long, and calls itself a guess.
    """
    return _timings(settings, step, only_long=True) or _timings(settings, step, only_long=False)


def _timings(settings: Settings, step: Step, *, only_long: bool) -> list[StepTiming]:
    """The newest of each interval; as timed, and as the run ledger has them where those are few."""
    ops = Ops(settings.ops_url)
    found = StepTimings(ops).recent(step.name, only_long=only_long)
    if len(found) < FEWEST_FITTED:
        cores = settings.spark_cores
        found += timings_of_runs(ops, step.name, step.writes, cores, only_long=only_long)
    newest = {each.interval: each for each in reversed(found)}
    return [each for each in found if newest[each.interval] is each][:RUNS_FITTED]


def _within(span: Interval, timings: Mapping[str, Sequence[StepTiming]]) -> Interval:
    """Known time that a plan may ask about: the span, the runs it is fitted to, look-backs and neighbours."""
    furthest = max((back for step in STEPS for back in step.reads.values()), default=timedelta(0))
    measured = [each.interval for of in timings.values() for each in of]
    whole = Interval(
        min([span.start, *(each.start for each in measured)]),
        max([span.end, *(each.end for each in measured)]),
    )
    return Interval(whole.widened(furthest + _NEIGHBOURHOOD).start, whole.end + _NEIGHBOURHOOD)


def _took(step: Step, timing: StepTiming, volume: VolumeOf) -> Took:
    """What it read, by what its inputs hold now."""
    inputs = inputs_of(step)
    work = Work(
        total(volume(name, timing.interval.widened(back)) for name, back in inputs.items()).rows,
        total(volume(name, timing.interval) for name in inputs).rows,
    )
    group = str(timing.interval) if timing.interval.end - timing.interval.start >= LONG else ""
    return Took(work, timing.cores, timing.seconds, group, is_first=timing.is_first is not False)
