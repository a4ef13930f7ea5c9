"""A backfill's plan told to a person, with what to know before it is carried out, and to a program."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from roadside.backfill_plan import BackfillPlan, PlannedRun
from roadside.rendering import counted, duration, notice, print_table, say, sized
from roadside.unmade import Surroundings, Unmade, Why
from roadside.volumes import total
from validation.clocks import Interval

_FEW = 2


def print_plan(plan: BackfillPlan, around: Surroundings) -> None:
    """What is to be made and why, what it takes, and what to know of it."""
    if not plan.chunks:
        say(nothing_told(plan, around), "bold green")
        tell_left(around)
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
    tell_notes(plan, around)


def nothing_told(plan: BackfillPlan, around: Surroundings) -> str:
    """That nothing is to be made."""
    stands = "what can still be made" if around.first_makeable else "all of it"
    return f"Nothing of {plan.span} is to be made: {stands} stands, made by this code."


def tell_left(around: Surroundings) -> None:
    """A line for each moment before which steps are left as they are."""
    steps: dict[datetime, list[str]] = {}
    for name, first in around.first_makeable.items():
        steps.setdefault(first, []).append(name)
    for first, names in sorted(steps.items()):
        notice(
            f"note: {_few(names)} before {first:%Y-%m-%dT%H:%MZ} stand as they were made, "
            "or are gone: what they are made of is past its retention.",
            "yellow",
        )


def _step_row(plan: BackfillPlan, runs: Sequence[PlannedRun]) -> tuple[Any, ...]:
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
    if not all(run.is_measured for run in runs):
        return "not measured"
    return duration(sum(run.seconds(plan.cores) or 0.0 for run in runs))


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
    estimated = plan.reads.estimated_rows / plan.reads.rows if plan.reads.rows else 0.0
    part = f", {estimated:.0%} of the rows estimated" if estimated >= 0.005 else ""
    say(f"Reads {plan.reads.rows:,.0f} rows, {sized(plan.reads.bytes)}, look-backs included{part}.")
    say(takes_told(plan), "bold")
    if plan.deadline is not None:
        _print_deadline(plan)
    say(
        f"Costs {_about(plan)} ${plan.dollars():,.2f}: {plan.cores} cores at ${plan.prices.core_hour:.4f} an "
        f"hour with their memory ({plan.prices.source}, {plan.prices.as_of})."
    )
    largest = "the largest chunk" if plan.parallel == 1 else f"the largest {plan.parallel} chunks"
    least = "" if plan.is_disk_known else "at least "
    say(
        f"Needs {least}{sized(plan.peak_disk_bytes)} of disk: {sized(plan.written_bytes)} written beside "
        f"what it replaces, {sized(plan.staged_bytes)} for {largest} staged once more. Not counted: what "
        "Spark spills, to <home>/scratch."
    )


def takes_told(plan: BackfillPlan) -> str:
    """How long it takes, and how sure that is."""
    where = f"{counted(plan.cores, 'core')}, {plan.at_once} steps at once"
    if plan.parallel > 1:
        where += f" of {plan.parallel} chunks"
    return f"Takes {_about(plan)} {duration(plan.seconds())} on {where}; {_likely(plan)}."


def _about(plan: BackfillPlan) -> str:
    return "at least" if plan.unmeasured else "about"


def _likely(plan: BackfillPlan) -> str:
    """How sure the time is."""
    if plan.likely_seconds is None:
        return f"how much more cannot be told: {_unmeasured(plan)}"
    low, high = plan.likely_seconds
    ground = (
        f"by how {counted(plan.spread.runs, 'past run')} of a day or more of the road were predicted"
        if plan.spread.runs
        else "a guess: too few past runs of a day or more, and of this kind, to tell"
    )
    return f"eight in ten end within {duration(low)} and {duration(high)} ({ground})"


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
    return f"{_few(plan.unmeasured)} never ran here, or read what nothing tells the size of"


def tell_notes(plan: BackfillPlan, around: Surroundings) -> None:
    """On stderr, what to know before the plan is carried out."""
    if any(Why.READS in each.parts for each in plan.unmade):
        notice(
            f"note: '{Why.READS.value}' is made again only where that changes rows: it may take less.",
            "yellow",
        )
    tell_left(around)
    for table, holes in around.holes.items():
        notice(
            f"warning: {table} was never made over {_told_intervals(holes)}, and this looks back to it: "
            "begin --from there.",
            "bold red",
        )
    if around.by_other_code:
        first = min(each.start for part in around.by_other_code.values() for each in part)
        notice(
            f"note: {counted(len(around.by_other_code), 'table')} were made by other code before "
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

    if around.outdated:
        names, last = list(around.outdated), max(part[-1].end for part in around.outdated.values())
        notice(
            f"note: where rows change, {_few(names)} {'falls' if len(names) == 1 else 'fall'} too, as far "
            f"as {last:%Y-%m-%dT%H:%MZ}, and this does not make it: without --view it would.",
            "yellow",
        )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def _after(found: Sequence[Unmade]) -> dict[str, datetime]:
    return {each.step.name: each.after[-1].end for each in found if each.after}


def _hours(part: Sequence[Interval]) -> float:
    return round(sum((each.end - each.start) / timedelta(hours=1) for each in part), 2)


def _told_intervals(part: Sequence[Interval]) -> str:
    return _few([str(each) for each in part])


def plan_as_json(plan: BackfillPlan, around: Surroundings) -> dict[str, Any]:
    """The plan for a program. Of what is `at_least`, nobody knows how much more it is."""
    likely, needed = plan.likely_seconds, plan.cores_needed
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
        "left_as_it_is_before": dict(around.first_makeable),
        "holes_looked_back_to": {name: _pairs(part) for name, part in around.holes.items()},
        "other_code_looked_back_to": {name: _pairs(part) for name, part in around.by_other_code.items()},
        "outdated_where_rows_change": {name: _pairs(part) for name, part in around.outdated.items()},
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
        "at_least": [
            *(["predicted_seconds", "dollars"] if plan.unmeasured else []),
            *([] if plan.is_disk_known else ["written_bytes", "peak_disk_bytes"]),
        ],
        "likely_seconds": None if likely is None else [round(each, 2) for each in likely],
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
    seconds = run.seconds(plan.cores) if run.is_measured else None
    return {
        "step": run.step.name,
        "start": run.interval.start,
        "end": run.interval.end,
        "rows_read": round(run.reads.rows),
        "bytes_read": round(run.reads.bytes),
        "rows_estimated": round(run.reads.estimated_rows),
        "rows_written": round(run.writes.rows),
        "rows_revised": round(run.revised.rows) if run.revised else 0,
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
