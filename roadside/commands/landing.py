"""Commands that land objects: a simulated city, recorded data."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from roadside.installation import settings_here
from roadside.rendering import counted, notice, print_json, print_table, say
from validation.clocks import parse_day
from validation.errors import UnknownName, UserError

if TYPE_CHECKING:
    from simulation.recorded import ReplaySummary

REPLAYS = {"san-francisco": "san_francisco", "canberra": "canberra", "new-york": "new_york"}

To = Annotated[
    Path | None,
    typer.Option("--to", help="Folder that will hold landing/ (and truth/). Default: ROADSIDE_HOME."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def simulate(
    start: Annotated[str, typer.Option(help="First UTC day.")] = "2026-03-01",
    days: Annotated[int, typer.Option(help="Number of days.")] = 1,
    seed: Annotated[int, typer.Option(help="Same seed and options, same bytes.")] = 1,
    providers: Annotated[int, typer.Option(help="Companies, of 1 to 40 drivers each.")] = 40,
    jobs_per_day: Annotated[int, typer.Option(help="Mean requests a day.")] = 300,
    ping_seconds: Annotated[int, typer.Option(help="Seconds between two positions of a driver.")] = 60,
    pings_days: Annotated[
        int | None, typer.Option(help="Positions and traffic for the last days only. Default: all days.")
    ] = None,
    dead_feed: Annotated[
        bool, typer.Option("--dead-feed", help="One source falls silent for 40 minutes on the second day.")
    ] = False,
    afternoon: Annotated[
        bool, typer.Option("--afternoon", help="Also plant the worked afternoon of 2026-03-10.")
    ] = False,
    to: To = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write the landing objects of a simulated city, dirt included, and the truth beside them."""
    from simulation.afternoon import write_afternoon
    from simulation.city import SimulationConfig
    from simulation.city import simulate as simulate_city

    config = SimulationConfig(
        start=parse_day(start, "--start"),
        days=days,
        seed=seed,
        providers=providers,
        jobs_per_day=jobs_per_day,
        ping_seconds=ping_seconds,
        pings_days=pings_days,
        dead_feed=dead_feed,
    )
    root = to or settings_here().home
    if dry_run:
        say(
            f"Dry run: {counted(config.days, 'day')} from {config.start}, "
            f"{counted(config.provider_count, 'provider')}, about {config.days * config.daily_jobs:,} jobs, "
            f"would be written to {root}/landing and {root}/truth; nothing was written."
        )
        return
    summary = simulate_city(config, root, _told_by_day)
    planted: list[str] = []
    if afternoon:
        midnight = datetime.combine(config.start, time(0), UTC)
        planted = write_afternoon(root, start=midnight, end=midnight)  # the city's own heartbeats do
    if as_json:
        print_json(asdict(summary) | {"afternoon_objects": len(planted)})
        return
    print_table(("source", "records"), summary.records.items(), numbers=["records"])
    say(f"{counted(summary.objects, 'object')} of {counted(summary.jobs, 'job')} in {summary.landing}")
    if planted:
        say(f"{counted(len(planted), 'object')} of the afternoon of 2026-03-10 planted")
    end = config.start + timedelta(days=config.days)
    say(f"Next: roadside run --start {config.start} --end {end}")


def _told_by_day(day: date, hour: int, objects: int, records: int) -> None:
    if hour == 23:
        notice(f"{day}  {objects:>9,} objects  {records:>12,} records", "dim")


def replay(
    recording: Annotated[str, typer.Argument(help="san-francisco, canberra or new-york.")],
    data: Annotated[Path, typer.Option(help="Folder of the recorded data; only read.")],
    start: Annotated[str | None, typer.Option(help="First UTC day. Default: all that was recorded.")] = None,
    end: Annotated[str | None, typer.Option(help="The day after the last.")] = None,
    to: To = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Cast recorded data of public agencies into landing objects, and say what is constructed."""
    module = _recording(recording)
    first = parse_day(start, "--start") if start else None
    last = parse_day(end, "--end") if end else None
    if first and last and last <= first:
        raise UserError(f"--end {end} is not after --start {start}.", "The days are half-open: [start, end).")
    root = to or settings_here().home
    if dry_run:
        from simulation.recorded.recording import recorded_files

        files = recorded_files(data, module.FILES)
        say(f"Dry run: {counted(len(files), 'file')} of {recording} found; it holds {module.HELD}.")
        _print_constructed(module.CONSTRUCTED)
        say(f"Landing objects would be written to {root}/landing; nothing was written.")
        return
    summary = _replayed(recording, data, root, first, last)
    if as_json:
        print_json(summary)
        return
    print_table(
        ("source", "records", "objects", "heartbeats"),
        [(name, each.records, each.objects, each.heartbeats) for name, each in summary.sources.items()],
        numbers=["records", "objects", "heartbeats"],
    )
    rows = {
        **summary.rows_read,
        **{f"without a record: {k}": v for k, v in summary.rows_without_record.items()},
    }
    print_table(("read from", "rows"), rows.items(), numbers=["rows"])
    _print_constructed(summary.constructed)
    first_day, last_day = summary.first_landed_at.date(), summary.last_landed_at.date() + timedelta(days=1)
    chunks = " --chunk-days 7" if last_day - first_day > timedelta(days=7) else ""
    if module.HEARTBEAT_MINUTES:
        say(
            "Its feed is polled slowly: export "
            f"ROADSIDE_HEARTBEAT_MINUTES={module.HEARTBEAT_MINUTES}, or its ticks are held."
        )
    say(f"Next: roadside run --start {first_day} --end {last_day}{chunks}")


def _recording(name: str) -> ModuleType:
    if name not in REPLAYS:
        raise UnknownName("recording", name, REPLAYS)
    return import_module(f"simulation.recorded.{REPLAYS[name]}")


def _replayed(name: str, data: Path, root: Path, start: date | None, end: date | None) -> ReplaySummary:
    module = _recording(name)
    summary: ReplaySummary = getattr(module, f"replay_{REPLAYS[name]}")(data, root, start, end, _Stages())
    return summary


class _Stages:
    """One line on stderr for each tenth of a stage."""

    def __init__(self) -> None:
        self._told: set[tuple[str, int]] = set()

    def __call__(self, stage: str, done: int, total: int) -> None:
        tenth = 10 * done // total if total else 0
        if (stage, tenth) not in self._told:
            self._told.add((stage, tenth))
            share = f"{10 * tenth:>3} %" if total else f"{done:,}"
            notice(f"{stage}  {share}", "dim")


def _print_constructed(sentences: tuple[str, ...]) -> None:
    say("Constructed or shifted: name it beside every number that rests on it.", "bold")
    for sentence in sentences:
        say(f"  - {sentence}")
