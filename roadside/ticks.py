"""The ticks that are due, what an outage left undone among them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from lakehouse.ops import Ops
from lakehouse.run_history import Made, gaps, made_by_table, merged, whole_days_are_made
from roadside.expired import lacking
from roadside.graph import STEPS, Step, step_named
from roadside.runner import Runner, StepResult, step_version
from roadside.time_ranges import chunks_of
from validation.clocks import TICK, Interval
from validation.errors import NotReady

HOLES_MENDED = timedelta(hours=48)
"""How far back a tick that failed is made up for by itself, from the newest tick its table can be made of.
An older hole `roadside status` names, and no table whose look-back reaches it is made any further before
`roadside run` has filled it. What a source lacks behind its last tick is due however old it is."""

Heard = Callable[[Interval, Sequence[StepResult]], None]
"""Is told of a tick, or of several carried as one."""
_LONGEST_SPAN = timedelta(days=1)


def _wall_clock() -> datetime:
    return datetime.now(UTC)


def ticks_due(
    ops: Ops,
    until: datetime,
    steps: Sequence[Step] = STEPS,
    *,
    now: Callable[[], datetime] = _wall_clock,
) -> list[Interval]:
    """The ticks from the first that some table of the steps lacks to `until`, in order.

    While whole days are made by another command, a replay say, only what was never made is lacking: what it
    replaces, a table may have to be made again after each of its chunks, and is once after the last.

    Raises:
        NotReady: no history was ever made, so no tick is the next.
    """
    made = made_by_table(ops, even_replaced=whole_days_are_made(ops, now()))
    ingested = [made[name] for step in steps if step.build is None for name in step.writes if name in made]
    if not ingested:
        raise NotReady(
            "Nothing has been ingested yet, so there is no tick to go on from.",
            "Make the history first: roadside run --start DAY --end DAY.",
        )
    return _ticks_from(
        [each.through for each in ingested if each.through] + _starts(made, until, steps), until
    )


def _ticks_from(starts: Sequence[datetime], until: datetime) -> list[Interval]:
    first = min(starts, default=until)
    return [Interval(tick - TICK, tick) for tick in Interval(first, until).ticks()] if first < until else []


def _starts(made: Mapping[str, Made], until: datetime, steps: Sequence[Step]) -> list[datetime]:
    """Where something lately lacks of a table of the steps that was made before."""
    through, built = ingested_through(made), _built_through(made, steps)
    return [
        start
        for step in steps
        for name in step.writes
        for start in _lacking(
            step,
            made.get(name, Made()),
            min([until, *built, *(through[each] for each in sources_of(step.name) if each in through)]),
            until,
        )
    ]


def _lacking(step: Step, made: Made, newest: datetime, until: datetime) -> Iterator[datetime]:
    """Starts of the missing known time of a table that was made before, not long before the newest tick."""
    if made.through is None:
        return
    since = max(made.intervals[0].start, newest - HOLES_MENDED)
    if since >= until:
        return
    holes = gaps([Interval(since, until)], merged(made.intervals))
    if step.is_daily:
        yield from (cut - TICK for hole in holes for cut in hole.cuts())
    else:
        yield from (hole.start for hole in holes)


def _built_through(made: Mapping[str, Made], steps: Sequence[Step]) -> list[datetime]:
    """The newest tick of any table behind bronze. Bronze alone, made by hand, makes no hole an old one."""
    built = [made.get(name, Made()).through for step in steps if step.build for name in step.writes]
    return [max(each for each in built if each)] if any(built) else []


def ingested_through(made: Mapping[str, Made]) -> dict[str, datetime]:
    """Through when each source step was made, by its name; without those that never were."""
    found: dict[str, datetime] = {}
    for step in STEPS:
        ends = [] if step.build else [made.get(name, Made()).through for name in step.writes]
        known = [end for end in ends if end is not None]
        if known:
            found[step.name] = min(known)
    return found


@cache
def sources_of(name: str) -> frozenset[str]:
    """The source steps that a step or table of that name is made of, through all it reads."""
    step = step_named(name)
    read = frozenset(source for each in step.reads for source in sources_of(each))
    return read if step.build else frozenset({step.name})


def spans_of(ticks: Sequence[Interval]) -> list[Interval]:
    """The known time of consecutive ticks in as few intervals as possible, none of them longer than a day."""
    if not ticks:
        return []
    whole = Interval(ticks[0].start, ticks[-1].end)
    return [whole] if whole.end - whole.start <= _LONGEST_SPAN else chunks_of(whole, 1)


def run_ticks(
    runner: Runner, ticks: Sequence[Interval], heard: Heard, steps: Sequence[Step] = STEPS
) -> list[StepResult]:
    """Consecutive ticks over every table of the steps. Returns what became of them.

    What an outage left is carried as one run, each step over what it lacks: a row is the same whether its
    tick is made by itself or among others. Where a step fails, or reads one that did, its ticks follow one
    by one, oldest first: a bad tick does not hold the good ones before it. What was made stands, and comes
    out once. A step that failed at a tick sits out the later ones, and so do those that read it: no table
    gets a tick while it lacks the one before. A failure that no tick by itself met again is told as it was.
    In a long outage the sources of a step that failed wait before they come so far that nobody would make up
    for it: the next command tries it again, and goes on from there however that ends.
    """
    if len(ticks) < 2:
        return _one_by_one(runner, ticks, heard, steps, set())
    through = ingested_through(made_by_table(runner.ops))
    results: list[StepResult] = []
    broken: set[str] = set()
    failing: dict[str, datetime] = {}  # since when
    for span in spans_of(ticks):
        whole = _without(_whole(steps, broken), _waiting(failing, through, span))
        done = runner.backfill([span], whole, only_lacking=True)
        heard(span, done)
        failed = [step for step in whole if step.name in _broken(done)]
        again = _one_by_one(runner, _left(runner, span, failed), heard, failed, broken)
        met = {each.step for each in again if each.status != "not due"}
        found = [each for each in done if not each.is_broken or each.step not in met] + again
        broken |= _broken(done) - met
        failing |= {each.step: span.start for each in found if each.status == "failed"}
        results += found
    return results


def _waiting(
    failing: Mapping[str, datetime], through: Mapping[str, datetime], span: Interval
) -> Collection[str]:
    """Sources that the span would bring too far ahead of a failed step; not those that were so far before."""
    return {
        source
        for name, since in failing.items()
        if span.end - since > HOLES_MENDED
        for source in sources_of(name)
        if through.get(source, span.start) < span.start
    }


def _without(steps: Sequence[Step], names: Collection[str]) -> list[Step]:
    """The steps, save those of these names and what is made of them."""
    return [step for step in steps if not sources_of(step.name) & set(names)]


def _one_by_one(
    runner: Runner, ticks: Sequence[Interval], heard: Heard, steps: Sequence[Step], broken: set[str]
) -> list[StepResult]:
    """Each tick with the steps that are not broken, as long as these lack any; adds those that break."""
    results: list[StepResult] = []
    waiting = list(ticks)
    while waiting:
        tick = waiting.pop(0)
        done = runner.run(tick, _whole(steps, broken))
        results += done
        heard(tick, done)
        broken |= _broken(done)
        if waiting and _broken(done):
            waiting = _left(runner, Interval(tick.end, waiting[-1].end), _whole(steps, broken))
    return results


def _left(runner: Runner, span: Interval, steps: Sequence[Step]) -> list[Interval]:
    """The span's ticks from the first at which one of the steps has what this code has not made."""
    starts: list[datetime] = []
    for step in steps:
        version = step_version(step, runner.settings)
        found = lacking(runner.ops, step, version, span)
        ticks = [Interval(end - TICK, end) for part in found for end in part.ticks()]
        starts += [tick.start for tick in ticks if step.due(tick)][:1]
    return _ticks_from(starts, span.end)


def _broken(done: Sequence[StepResult]) -> set[str]:
    return {each.step for each in done if each.is_broken}


def _whole(steps: Sequence[Step], broken: Collection[str]) -> list[Step]:
    return [step for step in steps if step.name not in broken]
