"""What keeps the things promised for 06:00 ET from coming out as things stand: failed steps, silent sources.

Either may pass by itself: the next tick tries a step again, a source is whole again at the cut. Until it
does, a forecast of when all is ready says no more than when it would be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lakehouse.completeness import Completeness
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.processes import is_dead, is_local
from lakehouse.run_history import FOREIGN_RUN, Made, gaps, merged
from lakehouse.run_ledger import BLOCKED, RunLedger, RunStatus
from roadside.graph import STEPS, Step, sources_read, step_named
from roadside.promise_check import VIEW, Kept, Reason
from roadside.unmade import upstream
from training_datasets.specs import spec_named
from validation.clocks import TICK, Interval, tick_start
from validation.errors import CheckFailed


@dataclass(frozen=True)
class Failing:
    """A step whose last run over known time that it still lacks failed.

    Attributes:
        interval: of that run.
        next_steps: what to type to see why.
    """

    step: str
    interval: Interval
    run_id: str
    error_kind: str
    next_steps: tuple[str, ...]


def needed_through(things: Iterable[Kept]) -> dict[str, datetime]:
    """By step, all that the things are made of, each with the end of the known time that is needed of it.

    A view needs all through its cut. A dataset's day needs its rows and labels through its close, and
    features through its last decision.
    """
    needed: dict[str, datetime] = {}
    for thing in things:
        for names, through in _made_of(thing):
            for step in upstream(names) if names else ():
                needed[step.name] = max(needed.get(step.name, through), through)
    return needed


def _made_of(thing: Kept) -> Iterable[tuple[list[str], datetime]]:
    if thing.kind == VIEW:
        assert isinstance(thing.due, datetime)
        return [([f"features.{thing.name}"], thing.due)]
    spec = spec_named(thing.name)
    views = [step.name for step in STEPS if step.is_features and _shows(spec.table.column_names, step)]
    sources = [table.name for table in spec.sources]
    return [(sources, spec.close(thing.due)), (views, spec.decisions(thing.due).end)]


def _shows(columns: Iterable[str], view: Step) -> bool:
    """Whether a dataset's columns, as `<role>_<view>__<feature>`, show a feature of the view."""
    name = view.name.partition(".")[2]
    shown = {column.partition("__")[0] for column in columns if "__" in column}
    return any(each == name or each.endswith(f"_{name}") for each in shown)


def failing_steps(
    ops: Ops, lacking: Mapping[str, Sequence[Interval]], made: Mapping[str, Made], at: datetime
) -> tuple[Failing, ...]:
    """Those of the steps whose last run over ticks that they lack failed, or died, in the order of the road.

    Not one that was blocked: what blocked it is there. Nor one that runs again; of another host, whose
    processes nobody here sees die, for two hours.

    Args:
        lacking: by step, the ticks that it lacks of what is needed.
        at: the moment that is asked about.
    """
    ledger = RunLedger(ops, _no_clock)
    found: dict[str, Failing] = {}
    for step in STEPS:
        for name in step.writes:
            for part in gaps(merged(lacking.get(step.name, ())), made.get(name, Made()).intervals):
                run = ledger.last_run(name, over=part)
                if run is None:
                    continue
                is_silent = not is_local(run.process) and at - run.started_at > FOREIGN_RUN
                has_died = run.is_running and (is_dead(run.process) or is_silent)
                if has_died or (run.status is RunStatus.FAILED and run.error_kind != BLOCKED):
                    kind = "ProcessDied" if has_died else str(run.error_kind)
                    looks = _looks(run.run_id, kind)
                    found.setdefault(step.name, Failing(step.name, run.interval, run.run_id, kind, looks))
    return tuple(found.values())


def _looks(run_id: str, kind: str) -> tuple[str, ...]:
    show = f"roadside runs show {run_id}"
    return (show, f"roadside quality list --run {run_id}") if kind == CheckFailed.__name__ else (show,)


@dataclass(frozen=True)
class HeldNow:
    """Whether a source holds a view before the cut is made, by what landed until its newest closed tick.

    A tick that is not closed yet says nothing: what landed in it nobody has looked for. From the cut on a
    source is judged at the cut, where its verdict is final.
    """

    completeness: Completeness
    closed_through: Callable[[str], datetime | None]
    at: datetime

    def told(self, thing: Kept) -> Kept:
        """The thing; a view that is not out and that no reason holds yet, with the reason that does now."""
        if thing.kind != VIEW or thing.published_at is not None or thing.is_held or thing.is_out_of_reach:
            return thing
        assert isinstance(thing.due, datetime)
        holds = []
        for source in sources_read(step_named(f"features.{thing.name}")):
            closed = self.closed_through(source)
            if closed is None:
                continue
            tick = min(closed, thing.due, tick_start(self.at))
            whole = self.completeness.last_complete_tick([source], tick)
            if whole < tick:
                holds.append(f"{source} (since {_told(whole + TICK)}, by its tick of {_told(tick)})")
        if not holds:
            return thing
        return replace(
            thing, because=Reason(f"held now by {', '.join(holds)}", "roadside freshness", is_hold=True)
        )


def held_now(completeness: Completeness, ops: Ops, at: datetime) -> HeldNow:
    """By the home's landing ledger."""
    return HeldNow(completeness, LandingLedger(ops).closed_through, at)


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%MZ}"


def _no_clock() -> datetime:
    return datetime.now(UTC)
