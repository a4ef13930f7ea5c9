"""What a run would do, told without doing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.expired import lacking, rows_that_stand
from roadside.graph import STEPS, Step, step_named
from roadside.runner import step_version
from roadside.standing import has_ops
from validation.clocks import Interval
from validation.errors import UnknownName, UserError
from validation.sources import SOURCES, source_named


@dataclass(frozen=True)
class PlannedStep:
    """One step over one interval, and what would become of it."""

    step: str
    interval: Interval
    outlook: str  # run | done already | not due | refused: why


def plan(
    settings: Settings,
    intervals: Sequence[Interval],
    steps: Sequence[Step],
    *,
    force: bool,
    only_lacking: bool = False,
) -> list[PlannedStep]:
    """Each step over each interval, in the order of the road. Writes nothing.

    With `only_lacking`, over what the ledger lacks of it, as `Runner.backfill` has it.
    """
    ops = Ops(settings.ops_url) if has_ops(settings) else None

    def planned(step: Step, interval: Interval) -> list[PlannedStep]:
        if not step.due(interval):
            return [PlannedStep(step.name, interval, "not due")]
        if ops is None:
            return [PlannedStep(step.name, interval, "run")]
        version = step_version(step, settings)
        found = lacking(ops, step, version, interval) if only_lacking else [interval]
        if not found:
            return [PlannedStep(step.name, interval, "done already")]
        return [PlannedStep(step.name, each, outlook(ops, step, version, each)) for each in found]

    def outlook(ops: Ops, step: Step, version: str, interval: Interval) -> str:
        runs = RunLedger(ops, lambda: datetime.now(UTC))
        try:
            standing = rows_that_stand(ops, runs, step, interval, version, force=force)
        except UserError as error:
            return f"refused: {error.what}"
        return "run" if standing is None else "done already"

    return [each for step in steps for interval in intervals for each in planned(step, interval)]


def source_steps(sources: Sequence[str]) -> tuple[Step, ...]:
    """The bronze steps of the sources; of all without any.

    Raises:
        UnknownName: there is no such source.
    """
    names = [source_named(name).name for name in sources] or [source.name for source in SOURCES]
    return tuple(step for step in STEPS if step.name in {f"bronze.{name}" for name in names})


def built_steps(names: Sequence[str]) -> tuple[Step, ...]:
    """The steps past bronze of these names; all of them without any.

    Raises:
        UnknownName: there is no such step or table, or it is a source's.
    """
    past_bronze = tuple(step for step in STEPS if step.build is not None)
    chosen = _chosen(names)
    if any(step not in past_bronze for step in chosen):
        wrong = next(name for name in names if step_named(name) not in past_bronze)
        raise UnknownName("step past bronze", wrong, [step.name for step in past_bronze])
    return tuple(step for step in past_bronze if not names or step in chosen)


def steps_of(names: Sequence[str]) -> tuple[Step, ...]:
    """The steps of these names in the order of the road; all of them without any.

    Raises:
        UnknownName: there is no such step or table.
    """
    chosen = _chosen(names)
    return tuple(step for step in STEPS if not names or step in chosen)


def _chosen(names: Sequence[str]) -> list[Step]:
    return [step_named(name) for name in names]
