"""Which known time of which step is to be made, and why, by the ledger of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from lakehouse.ops import Ops
from lakehouse.run_history import gaps, made_by_code, made_by_other_code, merged, shared
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.expired import kept_as_it_is, left_as_it_is
from roadside.graph import STEPS, Step, step_named
from roadside.recomputing import widened
from roadside.runner import step_version
from validation.clocks import Interval


class Why(StrEnum):
    """Why known time of a step is to be made."""

    NEVER = "never made"
    OTHER_CODE = "other code made it"
    REPLACED = "what it read was replaced"
    READS = "what it reads is made again"


@dataclass(frozen=True)
class Unmade:
    """What of a span one step has to make.

    Attributes:
        parts: known time by the reason; each merged and in order, no instant under two reasons. What the
            step reads being made again is its last reason: it then stands if these rows stay as they are.
        after: known time behind the span that stands now, and falls if rows change that it reads.
    """

    step: Step
    parts: Mapping[Why, tuple[Interval, ...]]
    after: tuple[Interval, ...] = ()

    @property
    def intervals(self) -> list[Interval]:
        """All of it, merged."""
        return merged(each for part in self.parts.values() for each in part)


def upstream(names: Sequence[str]) -> tuple[Step, ...]:
    """The steps of these names and all that they read, in the order of the road; the whole road without any.

    A view may be named without its layer.

    Raises:
        UnknownName: there is no such step or table.
    """
    if not names:
        return STEPS
    wanted = {_step(name).name for name in names}
    for step in reversed(STEPS):
        if step.name in wanted:
            wanted |= {step_named(read).name for read in step.reads}
    return tuple(step for step in STEPS if step.name in wanted)


def _step(name: str) -> Step:
    views = {step.name.partition(".")[2]: step for step in STEPS if step.is_features}
    return views.get(name) or step_named(name)


def unmade(settings: Settings, steps: Sequence[Step], span: Interval) -> tuple[Unmade, ...]:
    """What each step has to make of the span, in the order of the road; steps with nothing are left out.

    A run stands although what it read was made again later with the same rows: the ledger marks as replaced
    what it was made of otherwise.
    """
    ops = Ops(settings.ops_url)
    # Never finishes a run, so asks no clock that matters.
    ledger = RunLedger(ops, lambda: datetime.now(UTC))
    parts: dict[str, dict[Why, list[Interval]]] = {}
    standing: dict[str, list[Interval]] = {}
    kept = kept_as_it_is(ops, steps)
    for step in steps:
        for name in step.writes:
            version = step_version(step, settings)
            standing[name] = kept.wanted(step, name, made_by_code(ops, name, version))
            lacks = gaps(kept.wanted(step, name, [span]), standing[name])
            lacking = [each for each in lacks if step.due(each)]  # what is not due outdates no reader
            never = shared(lacking, ledger.never_made(name, span))
            other = shared(lacking, made_by_other_code(ops, name, version))
            replaced = gaps(gaps(lacking, never), other)
            parts[name] = {Why.NEVER: never, Why.OTHER_CODE: other, Why.REPLACED: replaced}
    again = widened(
        {name: merged(each for part in of.values() for each in part) for name, of in parts.items()}, standing
    )
    found = []
    for step in steps:
        reached = merged(each for name in step.writes for each in again[name])
        of_step = _by_reason([parts[name] for name in step.writes], shared(reached, [span]))
        due = {why: tuple(each for each in part if step.due(each)) for why, part in of_step.items()}
        after = tuple(each for each in gaps(reached, [span]) if step.due(each))
        if any(due.values()) or after:
            found.append(Unmade(step, {why: part for why, part in due.items() if part}, after))
    return tuple(found)


@dataclass(frozen=True)
class Surroundings:
    """What a backfill reads or outdates, and does not make.

    Attributes:
        holes: by table, known time before the span that was never made: what looks back to it is refused.
        by_other_code: by table, known time before the span that other code made: it is read as it stands.
        first_makeable: by step, the first known time that can still be made, where the span begins before it.
        outdated: by step that is not of the backfill, what stands, and falls if rows change that it reads.
    """

    holes: Mapping[str, tuple[Interval, ...]]
    by_other_code: Mapping[str, tuple[Interval, ...]]
    first_makeable: Mapping[str, datetime] = field(default_factory=dict)
    outdated: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict)


def surroundings(
    settings: Settings, steps: Sequence[Step], found: Sequence[Unmade], span: Interval
) -> Surroundings:
    """Those of a backfill of the steps over the span, of which it has that to make."""
    ops = Ops(settings.ops_url)
    ledger = RunLedger(ops, lambda: datetime.now(UTC))
    reach: dict[str, datetime] = {}
    for each in found:
        for name, back in each.step.reads.items() if each.intervals else ():
            start = each.intervals[0].widened(back).start
            reach[name] = min(reach.get(name, start), start)
    holes, other = {}, {}
    for name, start in reach.items():
        if start >= span.start:
            continue
        before, step = Interval(start, span.start), step_named(name)
        holes[name] = tuple(each for each in ledger.holes(name, before) if step.due(each))
        other[name] = tuple(shared(made_by_other_code(ops, name, step_version(step, settings)), [before]))
    return Surroundings(
        {name: each for name, each in holes.items() if each},
        {name: each for name, each in other.items() if each},
        left_as_it_is(ops, steps, span.start),
        _outdated(settings, steps, found),
    )


def _outdated(
    settings: Settings, steps: Sequence[Step], found: Sequence[Unmade]
) -> dict[str, tuple[Interval, ...]]:
    """Of the steps that are not asked for, what was made of that which is to be made again."""
    asked = {step.name for step in steps}
    ops, others = Ops(settings.ops_url), [step for step in STEPS if step.name not in asked]
    kept = kept_as_it_is(ops, others)
    standing = {
        name: kept.wanted(step, name, made_by_code(ops, name, step_version(step, settings)))
        for step in others
        for name in step.writes
    }
    again: dict[str, list[Interval]] = {name: [] for name in standing}
    again |= {name: each.intervals for each in found for name in each.step.writes}
    reached = widened(again, standing)
    by_step = {step.name: merged(each for name in step.writes for each in reached[name]) for step in others}
    return {name: tuple(part) for name, part in by_step.items() if part}


def _by_reason(
    of_tables: Iterable[Mapping[Why, Sequence[Interval]]], reached: Sequence[Interval]
) -> dict[Why, list[Interval]]:
    """A step's known time under its first reason; what one of its tables lacks, the step makes."""
    found: dict[Why, list[Interval]] = {}
    told: list[Interval] = []
    tables = list(of_tables)
    for why in Why:
        mine = list(reached) if why is Why.READS else merged(each for of in tables for each in of[why])
        found[why] = gaps(mine, told)
        told = merged([*told, *mine])
    return found
