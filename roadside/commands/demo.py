"""The demo's command, and what a newcomer is shown at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from roadside.commands.standing import minute, print_sources
from roadside.demo import (
    DATASET,
    DAYS,
    FIRST_DAY,
    KEYS,
    PROVIDER,
    ZONE,
    demo_settings,
    require_demo_home,
    run_demo,
)
from roadside.rendering import counted, moment, notice, print_json, print_table, say

if TYPE_CHECKING:
    from roadside.demo import DemoResult


def demo(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say where it would run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Build a small city and carry it from landed files to Redis and a training dataset. A few minutes."""
    settings = demo_settings()
    is_again = require_demo_home(settings.home)
    if dry_run:
        wiped = "the demo in it would be wiped first" if is_again else "the folder is free"
        say(f"Dry run: {counted(DAYS, 'day')} from {FIRST_DAY} would be made in {settings.home}; {wiped}.")
        return
    notice(f"demo in {settings.home}{' (the earlier one is wiped)' if is_again else ''}")
    result = run_demo(settings, lambda stage, seconds: notice(f"{seconds:7.1f} s  {stage}"))
    if as_json:
        print_json(result)
        return
    _print(result)


def _print(result: DemoResult) -> None:
    print_table_of_tables(result)
    _print_ticks(result)
    _print_dataset(result)
    _print_online(result)
    say(f"Made in {result.seconds:.0f} s, every number above in this run. Try next:", "bold")
    keys = " ".join(f"{name}={value}" for name, value in KEYS.items())
    say("  roadside status")
    say(f"  roadside online get {DATASET} {keys}")
    say(f"  roadside dataset show {DATASET}")


def print_table_of_tables(result: DemoResult) -> None:
    """What landed and what became of it, then the rows of every table."""
    say()
    say("1. What landed: every line is in bronze, or in quarantine with its reason", "bold")
    print_sources(result.standing)
    say("2. What was made of it: rows per table", "bold")
    print_table(
        ("table", "rows", "newest known"),
        [(each.table, each.rows, minute(each.newest_known)) for each in result.standing.tables],
        numbers=["rows"],
    )


def _print_ticks(result: DemoResult) -> None:
    say(f"3. Features, tick by tick: provider {PROVIDER} and zone Z1 ({ZONE}) of the afternoon", "bold")
    names = [name for name in result.ticks[0] if name != "tick"]
    short = [
        f"{PROVIDER if 'provider' in name else 'Z1'}\n{name.rpartition('.')[2].removesuffix('_count')}"
        for name in names
    ]
    print_table(
        ("tick", *short),
        [(each["tick"], *(each[name] for name in names)) for each in result.ticks],
        numbers=short,
    )


def _print_dataset(result: DemoResult) -> None:
    days = ", ".join(str(each.day) for each in result.dataset.days)
    say(f"4. The training dataset {DATASET} of {days}: a row per assignment, features as they could be read",
        "bold")  # fmt: skip
    print_table(("decisions", "count"), result.dataset.waterfall.items(), numbers=["count"])
    say(f"{counted(result.dataset.rows, 'row')} in {result.dataset.folder}")
    say()


def _print_online(result: DemoResult) -> None:
    last_tick, closed = result.ticks[-1]["tick"], result.standing.closed_through
    say(f"5. What Redis serves for {PROVIDER} and Z1", "bold")
    print_table(
        ("feature", f"after tick {moment(last_tick)}", f"after {moment(closed)}" if closed else "now"),
        [
            (name, value, result.online_now[name])
            for name, value in result.online_then.items()
            if "__" in name
        ],
    )
