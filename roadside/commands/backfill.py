"""The command that plans a backfill, and carries it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from math import isfinite
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.installation import settings_here
from roadside.rendering import counted, duration, notice, print_json, print_table, say, sized
from roadside.time_ranges import interval_of, length_of, warn_of_future
from validation.clocks import Interval
from validation.errors import NotReady, UserError

if TYPE_CHECKING:
    from lakehouse.settings import Settings
    from roadside.backfill import Carried, ChunkDone, Limits
    from roadside.backfill_plan import BackfillPlan, PlannedRun
    from roadside.graph import Step
    from roadside.runner import StepResult
    from roadside.unmade import LookedBackTo, Unmade

_FEW = 2


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
        str | None, typer.Option(metavar="SPAN", help="36h, say: exit code 1 if the plan does not fit it.")
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
        typer.Option(metavar="SPAN", help="Begin no chunk that would end later; exit code 1."),
    ] = None,
    stop_after_dollars: Annotated[
        float | None, typer.Option(min=0, help="Begin no chunk that would cost more in all; exit code 1.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What of a range is missing or stale and why; how long making it takes here, what it reads and costs.

    With --execute it is made, chunk by chunk. Stopped or killed, the same command goes on from there.
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
    plan, behind = outlook(
        settings,
        steps,
        span,
        priced,
        parallel=parallel_chunks or parallel_on(settings.spark_cores),
        chunk_days=chunk_days,
        limits=limits,
        deadline=within,
    )
    if not execute:
        if as_json:
            print_json(_as_json(plan, behind))
        else:
            _print(plan, behind)
        raise typer.Exit(NotReady.exit_code if plan.fits is False else 0)
    if not plan.chunks:
        release_left(settings, span, steps)
        (notice if as_json else say)(_nothing(plan, behind))
        _notice_left(behind)
        if as_json:
            print_json([])
        raise typer.Exit(0)
    warn_of_future(span.end)
    raise typer.Exit(_execute(settings, plan, steps, limits, lambda: monotonic() - began, as_json))


def _execute(
    settings: Settings,
    plan: BackfillPlan,
    steps: Sequence[Step],
    limits: Limits,
    elapsed: Callable[[], float],
    as_json: bool,
) -> int:
    """The plan carried out; the exit code. `elapsed`: seconds since the command began."""
    from roadside.backfill import carry_out
    from roadside.spark_runner import open_runner, start_timed

    runner, begun = open_runner(settings, _tell_step), start_timed(settings, plan.span)
    return _told(carry_out(plan, runner, steps, elapsed, limits, _tell_chunk, begun), as_json)


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
    return code


def _print(plan: BackfillPlan, behind: LookedBackTo) -> None:
    if not plan.chunks:
        say(_nothing(plan, behind), "bold green")
        _notice_left(behind)
        return
    print_table(
        ("step", "hours", "why", "known time"),
        [
            (each.step.name, _hours(part), why.value, _told_intervals(part))
            for each in plan.unmade
            for why, part in each.parts.items()
        ],
        title=f"To be made of {plan.span}",
        numbers=["hours"],
    )
    print_table(
        ("step", "runs", "rows read", "bytes", "rows written", "takes", "by"),
        [_step_row(plan, runs) for runs in _runs_by_step(plan)],
        title=f"{counted(len(plan.chunks), 'chunk')} of at most {counted(plan.chunk_days, 'day')}",
        numbers=["runs", "rows read", "bytes", "rows written", "takes"],
    )
    _print_totals(plan)
    _print_notes(plan, behind)


def _nothing(plan: BackfillPlan, behind: LookedBackTo) -> str:
    stands = "what can still be made" if behind.first_makeable else "all of it"
    return f"Nothing of {plan.span} is to be made: {stands} stands, made by this code."


def _notice_left(behind: LookedBackTo) -> None:
    """A line for each moment before which steps are left as they are."""
    steps: dict[datetime, list[str]] = {}
    for name, first in behind.first_makeable.items():
        steps.setdefault(first, []).append(name)
    for first, names in sorted(steps.items()):
        more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
        notice(
            f"note: {', '.join(names[:_FEW])}{more} before {first:%Y-%m-%dT%H:%MZ} stand as they were made, "
            "or are gone: what they are made of is past its retention.",
            "yellow",
        )


def _step_row(plan: BackfillPlan, runs: Sequence[PlannedRun]) -> tuple[Any, ...]:
    from roadside.volumes import total

    reads, writes = total(run.reads for run in runs), total(run.writes for run in runs)
    return (
        runs[0].step.name,
        len(runs),
        _rows(reads.rows, reads.estimated_rows, reads.is_known),
        sized(reads.bytes),
        _rows(writes.rows, writes.estimated_rows, writes.is_known),
        _takes(plan, runs),
        _law_told(runs[0]),
    )


def _rows(rows: float, estimated: float, is_known: bool) -> str:
    if not is_known:
        return "unknown"
    return f"~{rows:,.0f}" if estimated >= 0.5 else f"{rows:,.0f}"


def _takes(plan: BackfillPlan, runs: Sequence[PlannedRun]) -> str:
    seconds = [run.seconds(plan.cores) for run in runs]
    known = [each for each in seconds if each is not None]
    return duration(sum(known)) if len(known) == len(seconds) else "not measured"


def _law_told(run: PlannedRun) -> str:
    if run.law is None:
        return "-"
    kind = "fitted to" if run.law.is_fitted else "median rate of"
    return f"{kind} {counted(run.law.runs, 'run')}"


def _runs_by_step(plan: BackfillPlan) -> list[list[PlannedRun]]:
    found: dict[str, list[PlannedRun]] = {each.step.name: [] for each in plan.unmade}
    for run in plan.runs:
        found[run.step.name].append(run)
    return [runs for runs in found.values() if runs]


def _print_totals(plan: BackfillPlan) -> None:
    low, high = plan.likely_seconds
    where = f"{counted(plan.cores, 'core')}, {plan.at_once} steps at once"
    if plan.parallel > 1:
        where += f" of {plan.parallel} chunks"
    ground = (
        f"by how {counted(plan.spread.runs, 'past run')} of a day or more of the road were predicted"
        if plan.spread.runs
        else "a guess: too few past runs of a day or more to tell"
    )
    estimated = plan.reads.estimated_rows / plan.reads.rows if plan.reads.rows else 0.0
    part = f", {estimated:.0%} of the rows estimated" if estimated >= 0.005 else ""
    say(f"Reads {plan.reads.rows:,.0f} rows, {sized(plan.reads.bytes)}, look-backs included{part}.")
    say(
        f"Takes about {duration(plan.seconds())} on {where}; eight in ten end within {duration(low)} and "
        f"{duration(high)} ({ground}).",
        "bold",
    )
    if plan.deadline is not None:
        _print_deadline(plan)
    say(
        f"Costs about ${plan.dollars():,.2f}: {plan.cores} cores at ${plan.prices.core_hour:.4f} an hour "
        f"with their memory ({plan.prices.source}, {plan.prices.as_of})."
    )
    largest = "the largest chunk" if plan.parallel == 1 else f"the largest {plan.parallel} chunks"
    say(
        f"Needs {sized(plan.peak_disk_bytes)} of disk: {sized(plan.written_bytes)} written beside what it "
        f"replaces, {sized(plan.staged_bytes)} for {largest} staged once more. Spark's own files are "
        "not counted."
    )


def _print_deadline(plan: BackfillPlan) -> None:
    assert plan.deadline is not None
    asked = duration(plan.deadline.total_seconds())
    if plan.unmeasured:
        say(f"Whether that fits {asked} cannot be told: {_unmeasured(plan)}.", "bold yellow")
        return
    needed = plan.cores_needed
    if needed is None:
        say(
            f"Does not fit {asked} on any number of cores: what runs take whatever they hold is too long. "
            "Try a greater --chunk-days.",
            "bold red",
        )
        return
    dollars = f"${plan.dollars(needed):,.2f}"
    fits = "Fits" if plan.fits else "Does not fit"
    style = "bold green" if plan.fits else "bold red"
    say(f"{fits} {asked}, which takes {counted(needed, 'core')} and then {dollars}.", style)


def _unmeasured(plan: BackfillPlan) -> str:
    names = plan.unmeasured
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{', '.join(names[:_FEW])}{more} never ran here, or read what nothing tells the size of"


def _print_notes(plan: BackfillPlan, behind: LookedBackTo) -> None:
    from roadside.unmade import Why

    if plan.unmeasured and plan.deadline is None:
        notice(f"note: {_unmeasured(plan)}: they count as nothing in the time.", "yellow")
    if any(Why.READS in each.parts for each in plan.unmade):
        notice(
            f"note: '{Why.READS.value}' is made again only where that changes rows: it may take less.",
            "yellow",
        )
    _notice_left(behind)
    for table, holes in behind.holes.items():
        notice(
            f"warning: {table} was never made over {_told_intervals(holes)}, and this looks back to it: "
            "begin --from there.",
            "bold red",
        )
    if behind.by_other_code:
        first = min(each.start for part in behind.by_other_code.values() for each in part)
        notice(
            f"note: {counted(len(behind.by_other_code), 'table')} were made by other code before "
            f"{plan.span.start:%Y-%m-%dT%H:%MZ} and are read as they stand, as far back as {first:%Y-%m-%d}. "
            "To make them again too, begin --from there.",
            "yellow",
        )
    if after := _after(plan.unmade):
        notice(
            f"note: where rows change, {counted(len(after), 'step')} are to be made again behind "
            f"{plan.span.end:%Y-%m-%dT%H:%MZ} too, as far as {max(after.values()):%Y-%m-%dT%H:%MZ}.",
            "yellow",
        )


def _after(found: Sequence[Unmade]) -> dict[str, datetime]:
    return {each.step.name: each.after[-1].end for each in found if each.after}


def _hours(part: Sequence[Interval]) -> float:
    return round(sum((each.end - each.start) / timedelta(hours=1) for each in part), 2)


def _told_intervals(part: Sequence[Interval]) -> str:
    more = f" and {len(part) - _FEW} more" if len(part) > _FEW else ""
    return ", ".join(map(str, part[:_FEW])) + more


def _as_json(plan: BackfillPlan, behind: LookedBackTo) -> dict[str, Any]:
    low, high = plan.likely_seconds
    needed = plan.cores_needed
    return {
        "from": plan.span.start,
        "to": plan.span.end,
        "unmade": [
            {
                "step": each.step.name,
                "why": why.value,
                "hours": _hours(part),
                "intervals": _pairs(part),
            }
            for each in plan.unmade
            for why, part in each.parts.items()
        ],
        "made_again_after_where_rows_change": {
            each.step.name: _pairs(each.after) for each in plan.unmade if each.after
        },
        "left_as_it_is_before": dict(behind.first_makeable),
        "holes_looked_back_to": {name: _pairs(part) for name, part in behind.holes.items()},
        "other_code_looked_back_to": {name: _pairs(part) for name, part in behind.by_other_code.items()},
        "chunk_days": plan.chunk_days,
        "chunks": [
            {
                "start": chunk.interval.start,
                "end": chunk.interval.end,
                "predicted_seconds": round(chunk.seconds(plan.cores, plan.at_once), 2),
                "runs": [_run_as_json(plan, run) for run in chunk.runs],
            }
            for chunk in plan.chunks
        ],
        "rows_read": round(plan.reads.rows),
        "bytes_read": round(plan.reads.bytes),
        "rows_estimated": round(plan.reads.estimated_rows),
        "unmeasured": plan.unmeasured,
        "cores": plan.cores,
        "steps_at_once": plan.at_once,
        "parallel_chunks": plan.parallel,
        "start_seconds": round(plan.start_seconds, 2),
        "predicted_seconds": round(plan.seconds(), 2),
        "likely_seconds": [round(low, 2), round(high, 2)],
        "past_runs_predicted": plan.spread.runs,
        "deadline_seconds": plan.deadline,
        "fits_deadline": plan.fits,
        "cores_needed": needed,
        "dollars": round(plan.dollars(), 4),
        "dollars_on_cores_needed": None if needed is None else round(plan.dollars(needed), 4),
        "prices": plan.prices,
        "written_bytes": round(plan.written_bytes),
        "peak_disk_bytes": round(plan.peak_disk_bytes),
    }


def _run_as_json(plan: BackfillPlan, run: PlannedRun) -> dict[str, Any]:
    seconds = run.seconds(plan.cores)
    return {
        "step": run.step.name,
        "start": run.interval.start,
        "end": run.interval.end,
        "rows_read": round(run.reads.rows),
        "bytes_read": round(run.reads.bytes),
        "rows_estimated": round(run.reads.estimated_rows),
        "rows_written": round(run.writes.rows),
        "predicted_seconds": None if seconds is None else round(seconds, 2),
        "fixed_seconds": None if run.law is None else round(run.law.fixed_seconds, 3),
        "first_seconds": None if run.law is None else round(run.law.first_seconds, 3),
        "is_first": run.is_first,
        "core_seconds_a_row": None if run.law is None else run.law.core_seconds_a_row,
        "seconds_follow": None if run.law is None else run.law.of,
        "is_fitted": None if run.law is None else run.law.is_fitted,
        "runs_measured": 0 if run.law is None else run.law.runs,
    }


def _pairs(part: Sequence[Interval]) -> list[list[datetime]]:
    return [[each.start, each.end] for each in part]
