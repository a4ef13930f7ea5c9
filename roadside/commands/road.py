"""Commands that carry data along the road, one interval of known time at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from roadside.installation import settings_here
from roadside.rendering import notice, print_json, results, say
from roadside.time_ranges import chunks_of, interval_of, require_ended, tick_of
from validation.clocks import TICK, Interval

if TYPE_CHECKING:
    from lakehouse.settings import Settings
    from roadside.graph import Step
    from roadside.runner import StepResult

Start = Annotated[str, typer.Option(help="Start of known time: 2026-03-10 (00:00 UTC) or 2026-03-10T17:00Z.")]
End = Annotated[str, typer.Option(help="End, not included; on the 15-minute grid.")]
Names = Annotated[
    list[str] | None,
    typer.Option("--step", "--steps", "--table", metavar="NAME", help="A step or its table; repeatable."),
]
ChunkDays = Annotated[int | None, typer.Option(min=1, help="Cut the interval into chunks of that many days.")]
Force = Annotated[bool, typer.Option("--force", help="Make it again although it is done already.")]
LookBack = Annotated[
    int,
    typer.Option(
        "--look-back-hours",
        min=48,
        help="How far behind the last closed tick to look for landed objects that no run read.",
    ),
]
_NO_LOOK_BACK = timedelta(0)  # of a run that reads no landed objects
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would run; write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def ingest(
    start: Start,
    end: End,
    source: Annotated[list[str] | None, typer.Option(help="One source; repeatable. Default: all.")] = None,
    chunk_days: ChunkDays = None,
    look_back_hours: LookBack = 48,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Read what landed into bronze; what cannot enter is quarantined with the reason."""
    interval = interval_of(start, end)
    from roadside.road_plan import source_steps

    steps = source_steps(source or ())
    look_back = timedelta(hours=look_back_hours)
    _carry(interval, chunk_days, steps, look_back, force=force, dry_run=dry_run, as_json=as_json)


def build(
    start: Start,
    end: End,
    step: Names = None,
    chunk_days: ChunkDays = None,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make silver and features from what is in bronze."""
    interval = interval_of(start, end)
    from roadside.road_plan import built_steps

    steps = built_steps(step or ())
    _carry(interval, chunk_days, steps, _NO_LOOK_BACK, force=force, dry_run=dry_run, as_json=as_json)


def run(
    start: Start,
    end: End,
    step: Names = None,
    chunk_days: ChunkDays = None,
    look_back_hours: LookBack = 48,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Carry an interval along the whole road: bronze, silver, features. Any interval, any number of times."""
    interval = interval_of(start, end)
    from roadside.road_plan import steps_of

    steps = steps_of(step or ())
    look_back = timedelta(hours=look_back_hours)
    _carry(interval, chunk_days, steps, look_back, force=force, dry_run=dry_run, as_json=as_json)


def tick(
    until: Annotated[str, typer.Option(help="Last tick's end, on the 15-minute grid; or `now`.")],
    online: Annotated[bool, typer.Option(help="Also write the feature views to Redis.")] = True,
    look_back_hours: LookBack = 48,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make the 15-minute ticks since the last one, of every table, then write the views to Redis.

    What an outage left is carried as one run; where a step fails there, its ticks follow one by one. Where
    none is due, --json tells of the last one: its steps as skipped, with the runs that made them.
    """
    end = tick_of(until, "--until")
    settings = settings_here()
    from lakehouse.ops import Ops
    from roadside.feature_releases import release_left
    from roadside.graph import STEPS
    from roadside.standing import require_home
    from roadside.ticks import HOLES_MENDED, run_ticks, spans_of, ticks_due

    require_home(settings)
    if not dry_run:
        require_ended(settings, end, "--until")
    due = ticks_due(Ops(settings.ops_url), end)
    look_back = timedelta(hours=look_back_hours)
    if dry_run:
        as_one = len(due) > 1
        _tell_plan(settings, spans_of(due), STEPS, look_back, only_lacking=as_one, as_json=as_json)
        return
    if not due:
        (notice if as_json else say)(f"Every tick through {until} is made already.")
    from roadside.spark_runner import open_runner
    from roadside.step_lines import tell_outcome

    if due:
        done = run_ticks(open_runner(settings, look_back=look_back), due, _tell_tick)
    else:
        from roadside.standing_tick import tick_that_stands

        done = tick_that_stands(settings, Interval(end - TICK, end))
    code = _told(done, as_json) if as_json else (tell_outcome(done) if due else 0)
    release_left(settings, Interval(end - HOLES_MENDED, end), STEPS)
    if online:
        from roadside.commands.online import write_views

        write_views(settings, until=end)
    raise typer.Exit(code)


def _carry(
    interval: Interval,
    chunk_days: int | None,
    steps: Sequence[Step],
    look_back: timedelta,
    *,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    settings = settings_here()
    chunks = chunks_of(interval, chunk_days)
    if dry_run:
        _tell_plan(settings, chunks, steps, look_back, force=force, as_json=as_json)
        return
    from roadside.standing import require_home

    require_home(settings)
    require_ended(settings, interval.end, "--end")
    from roadside.spark_runner import open_runner
    from roadside.step_lines import tell_step

    runner = open_runner(settings, tell_step, look_back)
    if len(chunks) == 1:
        done = runner.run(interval, steps, force=force)
    else:
        done = runner.backfill(chunks, steps, force=force)
    raise typer.Exit(_told(done, as_json))


def _told(done: Sequence[StepResult], as_json: bool) -> int:
    from roadside.failures import tell
    from roadside.step_lines import results_as_json, tell_outcome

    if not as_json:
        return tell_outcome(done)
    results().out(results_as_json(done))
    return max((tell(each.error) for each in done if each.error is not None), default=0)


def _tell_tick(tick: Interval, done: Sequence[StepResult]) -> None:
    published = [each for each in done if each.status == "published"]
    rows = sum(sum(each.rows.values()) for each in published)
    failed = [each.step for each in done if each.is_broken]
    ending = f"  without {', '.join(failed)}" if failed else ""
    count = round((tick.end - tick.start) / TICK)
    told = f"tick {tick.end:%Y-%m-%dT%H:%MZ}" if count == 1 else f"{count} ticks {tick}"
    notice(
        f"{told}  {len(published):>2} steps {rows:>10,} rows "
        f"{sum(each.seconds for each in done):7.1f} s{ending}",
        "yellow" if failed else "",
    )


def _tell_plan(
    settings: Settings,
    intervals: Sequence[Interval],
    steps: Sequence[Step],
    look_back: timedelta,
    *,
    force: bool = False,
    only_lacking: bool = False,
    as_json: bool,
) -> None:
    from roadside.road_plan import plan
    from roadside.step_lines import tell_plan

    planned = plan(settings, intervals, steps, force=force, only_lacking=only_lacking)
    if as_json:
        print_json(
            [
                {
                    "step": each.step,
                    "start": each.interval.start,
                    "end": each.interval.end,
                    "would": each.outlook,
                }
                for each in planned
            ]
        )
        return
    tell_plan(planned, _waiting(settings, intervals, steps, look_back))


def _waiting(
    settings: Settings, intervals: Sequence[Interval], steps: Sequence[Step], look_back: timedelta
) -> int | None:
    """Landed objects that the source steps among these would register."""
    from lakehouse.landing_ledger import LandingLedger
    from lakehouse.ops import Ops
    from roadside.landed_backlog import backlog
    from roadside.standing import has_ops
    from validation.sources import SOURCES

    names = {name for step in steps if step.build is None for name in step.writes}
    if not names or not intervals:
        return None
    ledger = LandingLedger(Ops(settings.ops_url)) if has_ops(settings) else None
    end = max(each.end for each in intervals)
    wanted = [source for source in SOURCES if f"bronze.{source.name}" in names]
    return sum(len(backlog(settings, ledger, source, end, look_back).waiting) for source in wanted)
