"""When the features and datasets of a day will be ready, by what runs took; how much is left to 06:00 ET.

The ticks that have ended and are still missing are carried as one (of a day at most), as the tick command
does, and are taken to last as one tick does: the least they may, for a step takes nearly the same however
little a tick holds. The later ones follow one by one, each no sooner than it ends, the last of them the tick
of the cut. In each the steps begin as `Runner.backfill` begins them: in the order of the road, so many at
once, each once what it reads is made. A dataset is ready as long after the daily release as it was on other
nights. The chain that ends last is the critical path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median

from lakehouse.ops import Ops
from lakehouse.releases import Release, ReleaseKind
from lakehouse.run_history import Made, TickMeasured, made_by_table, measured_ticks
from lakehouse.settings import Settings
from roadside.graph import STEPS, Step
from roadside.promise_check import DATASET, VIEW, Asked, Kept, Readings, kept_at, read_promise
from roadside.rendering import counted
from roadside.run_order import ChunkRun, RunOrder, placed
from roadside.ticks import spans_of, ticks_due
from training_datasets.specs import SPECS
from validation.clocks import TICK, Interval, business_day_start, daily_available_at
from validation.errors import NotReady

_NIGHTS_MEASURED = 20
_A_NIGHT = timedelta(hours=24)  # a dataset built later than this was built after the fact
_ANY_TICK = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC) + TICK)
_PLACES = {step.name: place for place, step in enumerate(STEPS)}
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
    """How long after the daily release a dataset's came out: the median of so many nights."""

    seconds: float
    nights: int


@dataclass(frozen=True)
class MissingTick:
    """A tick through the cut, by its end, or several carried as one; and the steps that lack any of it."""

    tick: datetime
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Facts:
    """What a forecast is made of.

    Attributes:
        things: what is promised, with what is out of it already.
        features_out_at: when the last of all daily views came out; None if one did not.
        ticks: those missing through the cut, in order; of a home that ingested nothing, `is_empty`.
        measured: by step, what it took over one tick; of a daily one, over one cut.
        lags: by dataset.
    """

    things: tuple[Kept, ...]
    features_out_at: datetime | None = None
    ticks: tuple[MissingTick, ...] = ()
    measured: Mapping[str, TickMeasured] = field(default_factory=dict)
    lags: Mapping[str, Lag] = field(default_factory=dict)
    at_once: int = 1
    is_empty: bool = False


@dataclass(frozen=True)
class Expected:
    """One promised thing: out since `ready_at` if `is_out`, else expected then; None if nobody can tell."""

    kind: str
    name: str
    due: datetime | date
    ready_at: datetime | None
    is_out: bool
    by: str


@dataclass(frozen=True)
class Forecast:
    """When what is promised for a day is expected, as of a moment.

    Attributes:
        missing: ticks through the cut that are to be made; cut_begins_at: when that of the cut can begin.
        path: the chain of steps that ends last in the tick of the cut.
        not_measured: steps and datasets that nothing is known of, and that are needed.
        of_longer: steps measured over longer intervals only, which take no less than a tick.
        held: sources that keep views from coming out today.
    """

    day: date
    at: datetime
    promised_at: datetime
    things: tuple[Expected, ...]
    missing: int
    cut_begins_at: datetime
    path: tuple[Leg, ...]
    at_once: int
    not_measured: tuple[str, ...]
    of_longer: tuple[str, ...]
    held: tuple[str, ...]
    is_empty: bool

    @property
    def ready_at(self) -> datetime | None:
        """When the last of what can be told is ready; None if all is out, or nothing can be told."""
        return max((each.ready_at for each in self.things if each.ready_at and not each.is_out), default=None)

    @property
    def slack(self) -> timedelta | None:
        """What is left between that and the promise; less than none if it comes after."""
        return None if self.ready_at is None else self.promised_at - self.ready_at

    @property
    def fits(self) -> bool | None:
        """Whether what remains is ready by the promise; None if nobody can tell."""
        if self.held or (self.slack is not None and self.slack < timedelta(0)):
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
    seconds = {step: each.seconds for step, each in facts.measured.items()}
    clock, begins = at, max(at, cut)
    legs: tuple[Leg, ...] = ()
    for each in _as_carried(facts.ticks, at):
        begins = max(clock, each.tick)
        legs = scheduled(each.steps, seconds, facts.at_once)
        clock = begins + timedelta(seconds=max((leg.end for leg in legs), default=0.0))
    needed = {step.name for each in facts.ticks for step in each.steps}
    lacking = {each.name for each in facts.things if each.kind == DATASET and each.published_at is None}
    is_told = not facts.is_empty and needed <= facts.measured.keys()
    return Forecast(
        day,
        at,
        promised_at=daily_available_at(cut),
        things=tuple(
            _expected(each, facts, at, max(clock, begins) if is_told else None) for each in facts.things
        ),
        missing=sum(bool(each.steps) for each in facts.ticks),
        cut_begins_at=begins,
        path=critical_path(legs),
        at_once=facts.at_once,
        not_measured=(*sorted(needed - facts.measured.keys()), *sorted(lacking - facts.lags.keys())),
        of_longer=tuple(
            sorted(name for name in needed & facts.measured.keys() if facts.measured[name].interval > TICK)
        ),
        held=tuple(sorted({each.because.why for each in facts.things if each.because and each.is_held})),
        is_empty=facts.is_empty,
    )


def _as_carried(ticks: Sequence[MissingTick], at: datetime) -> list[MissingTick]:
    """Consecutive ticks as they are carried from then on: what has ended as one, the others one by one."""
    ended = [each for each in ticks if each.tick <= at]
    spans = spans_of([Interval(each.tick - TICK, each.tick) for each in ended])
    of_span = [[each.steps for each in ended if span.holds(each.tick)] for span in spans]
    as_one = [MissingTick(span.end, _union(each)) for span, each in zip(spans, of_span, strict=True)]
    return as_one + [each for each in ticks if each.tick > at]


def _union(some: Sequence[Sequence[Step]]) -> tuple[Step, ...]:
    """All of them once, in the order of the road."""
    steps = {step.name: step for each in some for step in each}
    return tuple(sorted(steps.values(), key=lambda step: _PLACES.get(step.name, 0)))


def _expected(thing: Kept, facts: Facts, at: datetime, features_at: datetime | None) -> Expected:
    """The thing, where the features that are not out are made at `features_at`; None if nobody can tell."""
    if thing.published_at is not None:
        return Expected(thing.kind, thing.name, thing.due, thing.published_at, True, "out already")
    if thing.kind == VIEW:
        ready = None if thing.is_held else features_at
        return Expected(VIEW, thing.name, thing.due, ready, False, "with the tick of the cut")
    lag = facts.lags.get(thing.name)
    if lag is None:
        return Expected(DATASET, thing.name, thing.due, None, False, "never measured")
    span = timedelta(seconds=lag.seconds)
    out = facts.features_out_at
    begins = features_at if out is None else out if out <= at <= out + span else at
    by = f"{lag.seconds / 60:.1f} min after the daily release, as on {counted(lag.nights, 'night')}"
    return Expected(DATASET, thing.name, thing.due, None if begins is None else begins + span, False, by)


def read_facts(settings: Settings, day: date, at: datetime, readings: Readings, asked: Asked) -> Facts:
    """What the home's ledgers say; of what it can have, given when it begins.

    Raises:
        Unreachable: they cannot be read.
    """
    ops, cut = Ops(settings.ops_url), business_day_start(day)
    whole = [each for each in kept_at(day, at, readings, Asked()).things if not each.is_out_of_reach]
    wanted = {table.short_name for table in asked.tables} | {spec.name for spec in asked.specs}
    things = tuple(each for each in whole if each.name in wanted)
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
    needed = {step.name: step for each in ticks for step in each.steps}
    measured = {name: took for name, step in needed.items() if (took := _measured(ops, step))}
    return Facts(things, out_at, ticks, measured, lags, settings.steps_at_once)


def lags_of(releases: Sequence[Release]) -> dict[str, Lag]:
    """By dataset, how long after the first daily release of the same cut its own came out.

    On the last nights of those on which both came out within a day; releases in order of publication.
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
        spans = [out - daily[tick] for tick, out in sorted(first.items()) if tick in daily]
        kept = [each.total_seconds() for each in spans if timedelta(0) <= each < _A_NIGHT][-_NIGHTS_MEASURED:]
        if kept:
            found[spec.name] = Lag(median(kept), len(kept))
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


def _measured(ops: Ops, step: Step) -> TickMeasured | None:
    """What the step takes: its tables are published one after the other."""
    found = [measured_ticks(ops, name, with_cut=step.is_daily) for name in step.writes]
    took = [each for each in found if each is not None]
    if not took or len(took) < len(found):
        return None
    return TickMeasured(
        sum(each.seconds for each in took),
        min(each.runs for each in took),
        max(each.interval for each in took),
    )
