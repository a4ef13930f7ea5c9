"""The command that plans a backfill, and carries it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from roadside.installation import settings_here
from roadside.rendering import counted, duration, notice, print_json, say
from roadside.time_ranges import interval_of, length_of, require_ended
from validation.errors import NotReady, UserError

if TYPE_CHECKING:
    from lakehouse.settings import Settings
    from roadside.backfill import Carried, ChunkDone, Limits
    from roadside.backfill_plan import BackfillPlan
    from roadside.graph import Step
    from roadside.runner import StepResult


def backfill(
    start: Annotated[
        str, typer.Option("--from", help="Start of known time: 2026-03-10 (00:00 UTC) or 2026-03-10T17:00Z.")
    ],
    end: Annotated[str, typer.Option("--to", help="End, not included; on the 15-minute grid.")],
    view: Annotated[
        list[str] | None,
        typer.Option(
            "--view", "--views", metavar="NAME", help="A view or table, with all it reads; repeatable."
        ),
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute/--plan", help="Carry the plan out, or only tell it.")
    ] = False,
    keep_bronze: Annotated[
        bool, typer.Option("--keep-bronze", help="Read bronze as it stands, whatever code made it.")
    ] = False,
    chunk_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Days of a chunk. Default: what is predicted to take least, of 2 h or a limit at most.",
        ),
    ] = None,
    parallel_chunks: Annotated[
        int | None,
        typer.Option(min=1, help="Chunks made side by side. Default: by the cores; 1 on two of them."),
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN", help="36h, say: exit code 1, and nothing made, if the plan does not fit."
        ),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Instead of roadside/prices.toml: vcpu_hour, memory_gb_hour, memory_gb_per_vcpu.",
        ),
    ] = None,
    stop_after: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            help="Begin no chunk that would end later; exit code 1. Counted from this command's start, not "
            "over those before it. What never ran here is tried with a chunk of a day.",
        ),
    ] = None,
    stop_after_dollars: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Begin no chunk that would cost more; exit code 1. Of this command alone, as --stop-after.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What of a range is missing or stale and why; how long making it takes here, what it reads and costs.

    With --execute it is made, chunk by chunk, until nothing of the range is lacking.
    Stopped or killed, the same command goes on from there.
    """
    began = monotonic()
    span = interval_of(start, end, ("--from", "--to"))
    within = length_of(deadline, "--deadline") if deadline else None
    longest = length_of(stop_after, "--stop-after") if stop_after else None
    if (longest or stop_after_dollars is not None) and not execute:
        raise UserError("--stop-after and --stop-after-dollars stop what is carried out.", "Add --execute.")
    if stop_after_dollars is not None and not isfinite(stop_after_dollars):
        raise UserError("--stop-after-dollars is not a number of dollars.", "Leave it out for no limit.")
    from roadside.backfill import Limits
    from roadside.backfill_lines import (
        nothing_told,
        plan_as_json,
        print_plan,
        takes_told,
        tell_left,
        tell_notes,
    )
    from roadside.backfill_outlook import outlook
    from roadside.backfill_plan import parallel_on
    from roadside.feature_releases import release_left
    from roadside.prices import prices
    from roadside.standing import require_home
    from roadside.unmade import upstream

    priced = prices(price or ())
    steps = [step for step in upstream(view or ()) if step.build is not None or not keep_bronze]
    settings = settings_here()
    require_home(settings)
    limits = Limits(longest, stop_after_dollars)
    look = partial(
        outlook,
        settings,
        steps,
        span,
        priced,
        parallel=parallel_chunks or parallel_on(settings.spark_cores),
        chunk_days=chunk_days,
        deadline=within,
    )
    plan, around = look(limits=limits)
    if not execute:
        if as_json:
            print_json(plan_as_json(plan, around))
        else:
            print_plan(plan, around)
        raise typer.Exit(NotReady.exit_code if plan.fits is False else 0)
    if not plan.chunks:
        release_left(settings, span, steps)
        (notice if as_json else say)(nothing_told(plan, around))
        tell_left(around)
        if as_json:
            print_json([])
        raise typer.Exit(0)
    _require_fit(plan)
    require_ended(settings, span.end, "--to")
    notice(takes_told(plan), "bold")
    tell_notes(plan, around)

    def elapsed() -> float:
        return monotonic() - began

    def again() -> BackfillPlan:
        passed = elapsed()
        left, _ = look(limits=limits.left(passed, priced.dollars(passed, settings.spark_cores)))
        if left.chunks:
            notice(
                f"Of {span} there is something to make again, because rows changed: "
                f"{counted(len(left.chunks), 'chunk')} more.",
                "bold",
            )
        return left

    raise typer.Exit(_execute(settings, plan, again, steps, limits, elapsed, as_json))


def _require_fit(plan: BackfillPlan) -> None:
    if plan.fits is False:
        assert plan.deadline is not None
        asked = duration(plan.deadline.total_seconds())
        raise NotReady(
            f"Whether the plan fits {asked} cannot be told; nothing was made."
            if plan.unmeasured
            else f"The plan does not fit {asked}; nothing was made.",
            "With --plan it is told why. Without --deadline it begins, and --stop-after stops it.",
        )


def _execute(
    settings: Settings,
    plan: BackfillPlan,
    again: Callable[[], BackfillPlan],
    steps: Sequence[Step],
    limits: Limits,
    elapsed: Callable[[], float],
    as_json: bool,
) -> int:
    """The plan carried out, and what it left; the exit code. `elapsed`: seconds since the command began."""
    from roadside.backfill import carry_through
    from roadside.spark_runner import open_runner, start_timed

    runner, begun = open_runner(settings, _tell_step), start_timed(settings, plan.span)
    carried = carry_through(plan, again, runner, steps, elapsed, limits, _tell_chunk, begun)
    return _told(carried, as_json)


def _tell_step(result: StepResult) -> None:
    """As a run tells it; what a chunk has already is not worth a line."""
    from roadside.step_lines import tell_step

    if result.status != "skipped":
        tell_step(result)


def _tell_chunk(done: ChunkDone) -> None:
    published = [each for each in done.results if each.status == "published"]
    left = f"about {duration(done.left_seconds)} left" if done.number < done.of else "the last"
    predicted = f" ({duration(done.predicted)} predicted)" if done.predicted else ""
    notice(
        f"chunk {done.number} of {done.of}  {done.chunk.interval}  {counted(len(published), 'step')}, "
        f"{sum(sum(each.rows.values()) for each in published):,} rows in {duration(done.seconds)}"
        f"{predicted}, ${done.dollars:,.2f} so far, {left}",
        "bold",
    )


def _told(carried: Carried, as_json: bool) -> int:
    from roadside.failures import tell
    from roadside.rendering import results
    from roadside.step_lines import results_as_json, tell_outcome

    if as_json:
        results().out(results_as_json(carried.results))
        code = max((tell(each.error) for each in carried.results if each.error is not None), default=0)
    else:
        code = tell_outcome(carried.results)
        say(
            f"{carried.done} of {counted(carried.of, 'chunk')} made in {duration(carried.seconds)}"
            + (f"; {duration(carried.predicted)} were predicted." if carried.done else ".")
        )
    if carried.stopped:
        raise NotReady(
            f"Stopped after {carried.done} of {counted(carried.of, 'chunk')}: {carried.stopped}.",
            "What was made stays. The same command goes on from there."
            if carried.done
            else "The same command would stop there again: give a smaller --chunk-days, if chunks have more "
            "than a day, or a later limit.",
        )
    if carried.left:
        raise NotReady(
            f"Every chunk was made, and something is lacking all the same of {', '.join(carried.left)}.",
            "With --plan the same command tells what and why: another command may outdate it meanwhile.",
        )
    return code
