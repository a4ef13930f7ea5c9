"""Fifteen minutes after fifteen minutes: what an outage left undone first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from lakehouse.ops import Ops
from lakehouse.run_history import Made, gaps, made_by_table, merged
from roadside.graph import STEPS, Step
from roadside.runner import Runner, StepResult
from validation.clocks import TICK, Interval
from validation.errors import NotReady

HOLES_MENDED = timedelta(hours=48)
"""How far back a tick that failed is made up for by itself. An older hole `roadside status` names, and no
table whose look-back reaches it is made any further before `roadside run` has filled it."""


def ticks_due(ops: Ops, until: datetime) -> list[Interval]:
    """The ticks from the first that some table lacks to `until`, in order.

    Raises:
        NotReady: no history was ever made, so no tick is the next.
    """
    made = made_by_table(ops)
    starts = [
        start
        for step in STEPS
        for name in step.writes
        for start in _lacking(step, made.get(name, Made()), until)
    ]
    ingested = [made[name] for step in STEPS if step.build is None for name in step.writes if name in made]
    if not ingested:
        raise NotReady(
            "Nothing has been ingested yet, so there is no tick to go on from.",
            "Make the history first: roadside run --start DAY --end DAY.",
        )
    first = min([each.through for each in ingested if each.through] + starts)
    return [Interval(tick - TICK, tick) for tick in Interval(first, until).ticks()] if first < until else []


def _lacking(step: Step, made: Made, until: datetime) -> Iterator[datetime]:
    """Starts of the lately missing known time of a table that was made before."""
    if made.through is None:
        return
    since = max(made.intervals[0].start, until - HOLES_MENDED)
    if since >= until:
        return
    holes = gaps([Interval(since, until)], merged(made.intervals))
    if step.is_daily:
        yield from (cut - TICK for hole in holes for cut in hole.cuts())
    else:
        yield from (hole.start for hole in holes)


def run_ticks(
    runner: Runner, ticks: Sequence[Interval], heard: Callable[[Interval, Sequence[StepResult]], None]
) -> list[StepResult]:
    """Each tick over every table, oldest first. Returns all results.

    A step that failed sits out the later ticks, and so do those that read it: no table gets a
    tick while it lacks the one before. The others go on.
    """
    results: list[StepResult] = []
    broken: set[str] = set()
    for tick in ticks:
        steps = [step for step in STEPS if step.name not in broken]
        done = runner.run(tick, steps)
        broken |= {each.step for each in done if each.status in {"failed", "blocked"}}
        results += done
        heard(tick, done)
    return results
