"""When the features and datasets of a day will be ready, by what runs took; how much is left to 06:00 ET.

The ticks that have ended and are still missing are carried as one (of a day at most), as the tick command
does, and each step takes as long over those that it lacks as its runs over more ticks and fewer tell
(`roadside.step_times`). The later ones follow one by one, each no sooner than it ends, the last of them the
tick of the cut. In each the steps begin as `Runner.backfill` begins them: in the order of the road, so many
at once, each once what it reads is made. A dataset is ready as long after the daily release as it was on
other nights that kept 06:00. The chain that ends last is the critical path.

All of it is worked out three times: as predicted, and as if every step, and then every dataset, took the
shortest or the longest that eight in ten past ones took. What waits for a tick to end waits as long in each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median

from lakehouse.ops import Ops
from lakehouse.releases import Release, ReleaseKind
from lakehouse.run_history import Made, made_by_table
from lakehouse.settings import Settings
from roadside.durations import UNKNOWN_SPREAD, Spread, Took, Work, spread
from roadside.graph import STEPS, Step
from roadside.holds import completeness_of
from roadside.promise_check import DATASET, VIEW, Asked, Kept, Readings, kept_at, read_promise
from roadside.promise_obstacles import Failing, failing_steps, held_now, needed_through
from roadside.rendering import counted
from roadside.run_order import ChunkRun, RunOrder, placed
from roadside.step_times import StepTimes, read_step_times
from roadside.ticks import spans_of, ticks_due
from training_datasets.specs import SPECS
from validation.clocks import TICK, Interval, business_day_start, daily_available_at
from validation.errors import NotReady

_NIGHTS_MEASURED = 20
_A_NIGHT = timedelta(hours=24)  # a dataset built later than this was built after the fact
_ANY_TICK = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC) + TICK)
_PLACES = {step.name: place for place, step in enumerate(STEPS)}
_UNKNOWN = Spread(*UNKNOWN_SPREAD, runs=0)
_ALL_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Leg:
    """A step in a tick, in seconds from the tick's begin.

    Attributes:
        after: the step whose end let it begin; None of one that began with the tick.
        for_a_place: it waited for that step's place, and reads nothing of it.
    """

    step: str
    begin: float
    seconds: float
    after: str | None = None
    for_a_place: bool = False

    @property
    def end(self) -> float:
        """When it is made."""
        return self.begin + self.seconds


def scheduled(steps: Sequence[Step], seconds: Mapping[str, float], at_once: int) -> tuple[Leg, ...]:
    """The steps of one tick as the runner begins them, `at_once` at a time; in the order they end.

    A step without `seconds` takes none.
    """
    made_by = {table: step.name for step in steps for table in step.writes}
    reads = {step.name: [made_by[name] for name in step.reads if name in made_by] for step in steps}
    runs = [ChunkRun(0, step.name) for step in steps]
    order = RunOrder([_ANY_TICK], runs, lambda step: reads[step])
    legs: dict[str, Leg] = {}
    for each in placed(order, lambda run: seconds.get(run.step, 0.0), at_once):
        step = each.run.step
        after = max((legs[name] for name in reads[step]), key=_end, default=None)
        for_a_place = each.begin > _end(after)
        if for_a_place and each.let_by is not None:
            after = legs[each.let_by.step]
        name = None if after is None else after.step
        legs[step] = Leg(step, each.begin, seconds.get(step, 0.0), name, for_a_place)
    return tuple(legs.values())


def critical_path(legs: Sequence[Leg]) -> tuple[Leg, ...]:
    """The chain of steps that ends last, in order: each began when the one before it ended."""
    by_step = {leg.step: leg for leg in legs}
    leg = max(legs, key=_end, default=None)
    path: list[Leg] = []
    while leg is not None:
        path.append(leg)
        leg = None if leg.after is None else by_step[leg.after]
    return tuple(reversed(path))


def _end(leg: Leg | None) -> float:
    return 0.0 if leg is None else leg.end


@dataclass(frozen=True)
class Lag:
    """How long after the daily release a dataset's came out: the median of so many nights, and its spread."""

    seconds: float
    nights: int
    spread: Spread = _UNKNOWN


@dataclass(frozen=True)
class MissingTick:
    """A tick through the cut, by its end, and the steps that lack it."""

    tick: datetime
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Facts:
    """What a forecast is made of.

    Attributes:
        things: what is promised, with what is out of it already.
        features_out_at: when the last of all daily views came out; None if one did not.
        ticks: those missing through the cut, in order; of a home that ingested nothing, `is_empty`.
        times: what the steps take.
        lags: by dataset.
        failing: steps that the things need, and whose last run failed.
    """

    things: tuple[Kept, ...]
    features_out_at: datetime | None = None
    ticks: tuple[MissingTick, ...] = ()
    times: StepTimes = field(default_factory=lambda: StepTimes({}))
    lags: Mapping[str, Lag] = field(default_factory=dict)
    at_once: int = 1
    is_empty: bool = False
    failing: tuple[Failing, ...] = ()


@dataclass(frozen=True)
class Expected:
    """One promised thing: out since `ready_at` if `is_out`, else expected then; None if nobody can tell.

    If it is expected, it is likely between `soonest_at` and `latest_at`.
    """

    kind: str
    name: str
    due: datetime | date
    ready_at: datetime | None
    is_out: bool
    by: str
    soonest_at: datetime | None = None
    latest_at: datetime | None = None


@dataclass(frozen=True)
class Forecast:
    """When what is promised for a day is expected, as of a moment.

    Attributes:
        missing: ticks through the cut that are to be made; cut_begins_at: when that of the cut can begin.
        path: the chain of steps that ends last in the tick of the cut.
        is_guess: too few runs, or nights of a dataset, tell between which times all is likely ready.
        not_measured: steps and datasets that nothing is known of, and that are needed.
        at_most: steps that are taken to last the most they may: too few runs of several lengths are known.
        held: sources that keep views from coming out as things stand.
        failing: steps whose last run failed, and that something not out is made of. The times hold as if they
            passed now.
    """

    day: date
    at: datetime
    promised_at: datetime
    things: tuple[Expected, ...]
    missing: int
    cut_begins_at: datetime
    path: tuple[Leg, ...]
    at_once: int
    is_guess: bool
    not_measured: tuple[str, ...]
    at_most: tuple[str, ...]
    held: tuple[str, ...]
    failing: tuple[Failing, ...]
    is_empty: bool

    @property
    def ready_at(self) -> datetime | None:
        """When the last of what can be told is ready; None if all is out, or nothing can be told."""
        return max((each.ready_at for each in self.things if each.ready_at and not each.is_out), default=None)

    @property
    def soonest_at(self) -> datetime | None:
        """When that is ready if all goes as fast as is likely."""
        return max((each.soonest_at for each in self.things if each.soonest_at), default=None)

    @property
    def latest_at(self) -> datetime | None:
        """When that is ready if all goes as slowly as is likely."""
        return max((each.latest_at for each in self.things if each.latest_at), default=None)

    @property
    def slack(self) -> timedelta | None:
        """What is left between `ready_at` and the promise; less than none if it comes after."""
        return None if self.ready_at is None else self.promised_at - self.ready_at

    @property
    def fits(self) -> bool | None:
        """Whether what remains is ready by the promise, at the latest that is likely.

        None if nobody can tell. It does not while a source holds a view, or a step that is needed fails.
        """
        is_late = self.latest_at is not None and self.latest_at > self.promised_at
        if self.held or self.failing or is_late:
            return False
        lacking = any(not each.is_out for each in self.things)
        if lacking and (self.not_measured or self.is_empty):
            return None if self.at < self.promised_at else False
        return True


def forecast(settings: Settings, day: date, at: datetime, asked: Asked | None = None) -> Forecast:
    """When what is promised for 06:00 ET of the day is ready, if work goes on from the moment.

    What is made and out now counts as such: an earlier moment takes nothing away.

    Raises:
        Unreachable: the ledgers cannot be read.
    """
    readings = read_promise(settings, _ALL_TIME)
    return forecast_at(day, at, read_facts(settings, day, at, readings, asked or Asked()))


def forecast_at(day: date, at: datetime, facts: Facts) -> Forecast:
    """The same of facts in hand; pure."""
    cut = business_day_start(day)
    needed = {step.name for each in facts.ticks for step in each.steps}
    unknown = needed - facts.times.laws.keys()
    carries = _as_carried(facts.ticks, at, unknown)
    wanted = [(step, count) for each in carries for step, count in each.ticks.items()]
    of_steps = facts.times.spread_of(wanted)
    likely, soonest, latest = (
        _carried(carries, facts, at, max(at, cut), times) for times in (1.0, of_steps.low, of_steps.high)
    )
    lacking = {each.name for each in facts.things if each.kind == DATASET and each.published_at is None}
    spreads = [of_steps] if wanted else []
    spreads += [facts.lags[name].spread for name in lacking & facts.lags.keys()]
    is_told = not facts.is_empty and not unknown
    return Forecast(
        day,
        at,
        promised_at=daily_available_at(cut),
        things=tuple(
            _expected(each, facts, at, (likely.ends, soonest.ends, latest.ends) if is_told else None)
            for each in facts.things
        ),
        missing=sum(bool(each.steps) for each in facts.ticks),
        cut_begins_at=likely.begins,
        path=critical_path(likely.legs),
        at_once=facts.at_once,
        is_guess=not all(each.runs for each in spreads),
        not_measured=(*sorted(unknown), *sorted(lacking - facts.lags.keys())),
        at_most=tuple(sorted({step for step, count in wanted if facts.times.is_at_most(step, count)})),
        held=tuple(sorted({each.because.why for each in facts.things if each.because and each.is_held})),
        failing=facts.failing,
        is_empty=facts.is_empty,
    )


@dataclass(frozen=True)
class _Carry:
    """Ticks that are carried as one run: how many of them each step lacks.

    Attributes:
        ends_at: the end of the last.
        first: steps that the process runs for the first time.
    """

    ends_at: datetime
    steps: tuple[Step, ...]
    ticks: Mapping[str, int]
    first: frozenset[str]


def _as_carried(ticks: Sequence[MissingTick], at: datetime, unknown: Collection[str]) -> list[_Carry]:
    """Consecutive ticks as they are carried from then on, of the steps that are not unknown.

    What has ended goes as one, by one process; the others one by one, by a process each.
    """
    ended = [each for each in ticks if each.tick <= at]
    spans = spans_of([Interval(each.tick - TICK, each.tick) for each in ended])
    carries: list[_Carry] = []
    begun: frozenset[str] = frozenset()
    for span in spans:
        carries.append(_carry(span.end, [each for each in ended if span.holds(each.tick)], unknown, begun))
        begun |= carries[-1].ticks.keys()
    return carries + [_carry(each.tick, [each], unknown) for each in ticks if each.tick > at]


def _carry(
    ends_at: datetime,
    ticks: Sequence[MissingTick],
    unknown: Collection[str],
    begun: frozenset[str] = frozenset(),
) -> _Carry:
    """These ticks as one run, the steps in the order of the road."""
    lacked = [step for each in ticks for step in each.steps]
    counts = Counter(step.name for step in lacked if step.name not in unknown)
    steps = {step.name: step for step in lacked}
    in_order = tuple(sorted(steps.values(), key=lambda step: _PLACES.get(step.name, 0)))
    return _Carry(ends_at, in_order, counts, frozenset(counts) - begun)


@dataclass(frozen=True)
class _Night:
    """When the tick of the cut begins and ends, and its legs."""

    begins: datetime
    ends: datetime
    legs: tuple[Leg, ...]


def _carried(
    carries: Sequence[_Carry], facts: Facts, at: datetime, cut_begins: datetime, times: float
) -> _Night:
    """All of them from the moment on, each step so many times as long as is predicted."""
    clock, night = at, _Night(cut_begins, cut_begins, ())
    for each in carries:
        seconds = {
            step: times * facts.times.seconds(step, count, is_first=step in each.first)
            for step, count in each.ticks.items()
        }
        legs = scheduled(each.steps, seconds, facts.at_once)
        begins = max(clock, each.ends_at)
        clock = begins + timedelta(seconds=max((leg.end for leg in legs), default=0.0))
        night = _Night(begins, clock, legs)
    return night


def _expected(
    thing: Kept, facts: Facts, at: datetime, features_at: tuple[datetime, datetime, datetime] | None
) -> Expected:
    """The thing, where the features that are not out are made then: likely, at the soonest and the latest.

    None if nobody can tell.
    """
    if thing.published_at is not None:
        return Expected(thing.kind, thing.name, thing.due, thing.published_at, True, "out already")
    if thing.kind == VIEW:
        ready = (None, None, None) if thing.is_held or features_at is None else features_at
        return Expected(
            VIEW, thing.name, thing.due, ready[0], False, "the tick of the cut", ready[1], ready[2]
        )
    lag = facts.lags.get(thing.name)
    if lag is None:
        return Expected(DATASET, thing.name, thing.due, None, False, "never measured")
    by = f"{lag.seconds / 60:.1f} min after the daily release, as on {counted(lag.nights, 'night')}"
    likely, low, high = (
        timedelta(seconds=lag.seconds * times) for times in (1.0, lag.spread.low, lag.spread.high)
    )
    out = facts.features_out_at
    if out is not None:  # one that should be there by now is begun anew
        begins = out if out <= at <= out + likely else at
        features_at = (begins, begins, begins)
    if features_at is None:
        return Expected(DATASET, thing.name, thing.due, None, False, by)
    return Expected(
        DATASET, thing.name, thing.due, features_at[0] + likely, False, by,
        soonest_at=max(at, features_at[1] + low), latest_at=features_at[2] + high,
    )  # fmt: skip


def read_facts(settings: Settings, day: date, at: datetime, readings: Readings, asked: Asked) -> Facts:
    """What the home's ledgers say; of what it can have, given when it begins.

    Raises:
        Unreachable: they cannot be read.
    """
    ops, cut = Ops(settings.ops_url), business_day_start(day)
    whole = [each for each in kept_at(day, at, readings, Asked()).things if not each.is_out_of_reach]
    wanted = {table.short_name for table in asked.tables} | {spec.name for spec in asked.specs}
    holds = held_now(completeness_of(settings, ops), ops, at)
    things = tuple(holds.told(each) for each in whole if each.name in wanted)
    views = [each.published_at for each in whole if each.kind == VIEW]
    out = [each for each in views if each is not None]
    out_at = max(out) if out and len(out) == len(views) else None
    lags = lags_of(readings.releases)
    try:
        due = ticks_due(ops, cut)
    except NotReady:
        return Facts(things, out_at, lags=lags, at_once=settings.steps_at_once, is_empty=True)
    made = made_by_table(ops)
    ticks = tuple(MissingTick(each.end, _lacking(each, made)) for each in due)
    steps = {step.name: step for each in ticks for step in each.steps}
    return Facts(
        things,
        out_at,
        ticks,
        read_step_times(settings, steps.values()),
        lags,
        settings.steps_at_once,
        failing=failing_steps(ops, _needed(ticks, things), made, at),
    )


def _needed(ticks: Sequence[MissingTick], things: Sequence[Kept]) -> dict[str, list[Interval]]:
    """By step, the missing ticks that something which is not out needs."""
    through = needed_through(each for each in things if each.published_at is None)
    found: dict[str, list[Interval]] = {}
    for each in ticks:
        for step in each.steps:
            if step.name in through and each.tick <= through[step.name]:
                found.setdefault(step.name, []).append(Interval(each.tick - TICK, each.tick))
    return found


def lags_of(releases: Sequence[Release]) -> dict[str, Lag]:
    """By dataset, how long after the first daily release of the same cut its own came out.

    On the last nights of those on which both came out within a day, and the dataset by its 06:00 ET if any
    ever did: what came later waited for a person. Releases in order of publication.
    """
    daily: dict[datetime, datetime] = {}
    for each in releases:
        if each.kind is ReleaseKind.DAILY:
            daily.setdefault(each.tick, each.published_at)
    found = {}
    for spec in SPECS:
        first: dict[datetime, datetime] = {}
        for each in releases:
            if spec.table.name in each.tables:
                first.setdefault(each.tick, each.published_at)
        nights = [
            (tick, out)
            for tick, out in sorted(first.items())
            if tick in daily and timedelta(0) <= out - daily[tick] < _A_NIGHT
        ]
        in_time = [(tick, out) for tick, out in nights if out <= daily_available_at(tick)]
        spans = [out - daily[tick] for tick, out in (in_time or nights)[-_NIGHTS_MEASURED:]]
        kept = [each.total_seconds() for each in spans]
        if kept:
            took = [Took(Work(0, 0), 1, each, group=str(number)) for number, each in enumerate(kept)]
            found[spec.name] = Lag(median(kept), len(kept), spread({spec.name: took}))
    return found


def _lacking(tick: Interval, made: Mapping[str, Made]) -> tuple[Step, ...]:
    """The steps that have work over the tick: due, and not made there."""
    return tuple(
        step
        for step in STEPS
        if step.due(tick)
        and not all(
            any(
                each.start <= tick.start and each.end >= tick.end for each in made.get(name, Made()).intervals
            )
            for name in step.writes
        )
    )
