"""Commands that say what there is: status, tables, digests."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from roadside.installation import settings_here
from roadside.rendering import counted, moment, print_json, print_table, say
from roadside.time_ranges import tick_of
from validation.contracts import TABLES, table_named

if TYPE_CHECKING:
    from roadside.standing import LastRun, Standing, ViewStanding

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def status(
    at: Annotated[
        str | None, typer.Option(help="Everything is due through this tick; or `now`.", metavar="MOMENT")
    ] = None,
    look_back_hours: Annotated[
        int,
        typer.Option(
            min=48,
            help="How far behind the last closed tick to look for landed objects that no run read.",
        ),
    ] = 7 * 24,
    as_json: AsJson = False,
) -> None:
    """What landed, what every table holds, and what is due and missing: then exit code 1."""
    due_at = tick_of(at, "--at") if at else None
    from roadside.standing import standing

    now = standing(settings_here(), due_at, look_back=timedelta(hours=look_back_hours))
    if as_json:
        print_json(now)
    else:
        print_standing(now)
    raise typer.Exit(1 if now.missing else 0)


def print_standing(now: Standing) -> None:
    """The standing as tables, the missing things last."""
    through = "no tick yet" if now.closed_through is None else f"through {moment(now.closed_through)}"
    say(f"{now.home}  closed {through}", "bold")
    print_sources(now)
    if now.tables:
        print_table(
            ("table", "rows", "newest known", "newest event", "last run ended", "released"),
            [
                (
                    each.table,
                    each.rows,
                    minute(each.newest_known),
                    minute(each.newest_event),
                    _ended(each.last_run),
                    minute(each.released_at),
                )
                for each in now.tables
            ],
            numbers=["rows"],
        )
        print_table(
            ("online view", "served through", "written through", "last run ended"),
            [
                (each.view, _served(each), minute(each.written_through), _ended(each.last_run))
                for each in now.views
            ],
        )
        print_holds(now)
    if not now.missing:
        say("Nothing that is due is missing.", "green")
        return
    say(f"Missing ({len(now.missing)}):", "bold red")
    for sentence in now.missing:
        say(f"  - {sentence}")


def print_sources(now: Standing) -> None:
    """What landed, per source, with the reasons of quarantine."""
    print_table(
        ("source", "objects", "waiting", "lines", "bronze", "quarantined", "because"),
        [
            (
                each.source,
                each.landed,
                each.waiting,
                each.lines,
                each.bronze,
                each.quarantined,
                ", ".join(f"{reason} {count:,}" for reason, count in each.reasons.items()),
            )
            for each in now.sources
        ],
        numbers=["objects", "waiting", "lines", "bronze", "quarantined"],
    )


def print_holds(now: Standing) -> None:
    """The views whose newest tick is held, a row for each source that holds it."""
    holds = [(each.view, hold) for each in now.views for hold in each.held_by]
    if holds:
        print_table(
            ("held view", "by", "at", "since", "last object", "objects", "records expected"),
            [
                (
                    view,
                    hold.source,
                    minute(hold.at),
                    minute(hold.since),
                    hold.last_object_at,
                    f"{hold.found_objects} of {hold.expected_objects}",
                    hold.expected_records,
                )
                for view, hold in holds
            ],
            numbers=["records expected"],
        )


def _served(view: ViewStanding) -> str | None:
    """Through when readers are served, and how old that is where the view is held."""
    if not view.held_by or view.age is None:
        return minute(view.served_through)
    return f"held at {minute(view.served_through)}, {view.age // timedelta(minutes=1)} min old"


def _ended(run: LastRun | None) -> str | None:
    """When the run ended, and how if it was not simply published."""
    if run is None:
        return None
    how = {"published": "", "superseded": " to repeat", "failed": f" failed: {run.error}"}
    return f"{minute(run.at)}{how.get(run.outcome, ' ' + run.outcome)}"


def minute(value: datetime | date | None) -> str | None:
    """A moment to the minute, or a day."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%MZ}"
    return None if value is None else str(value)


def tables(as_json: AsJson = False) -> None:
    """Every table of the platform, in the order of the road."""
    if as_json:
        print_json(
            [
                {
                    "table": table.name,
                    "grain": table.grain,
                    "key": table.key,
                    "clock": table.clock,
                    "partition": table.partition,
                    "columns": table.column_names,
                    "is_restricted": table.is_restricted,
                }
                for table in TABLES
            ]
        )
        return
    print_table(
        ("table", "grain", "access"),
        [(table.name, table.grain, "restricted" if table.is_restricted else "open") for table in TABLES],
    )
    say("Each has a page of its own in docs/tables/.")


def digest(
    names: Annotated[list[str] | None, typer.Argument(metavar="[TABLE]...", help="Default: all.")] = None,
    start: Annotated[str | None, typer.Option(help="Only the rows of [start, end).")] = None,
    end: Annotated[str | None, typer.Option(help="Needed with --start.")] = None,
    as_json: AsJson = False,
) -> None:
    """Digests of what tables hold, whatever the order of rows and files: equal means equal rows."""
    from roadside.time_ranges import interval_of
    from validation.errors import UserError

    wanted = [table_named(name) for name in names or ()] or list(TABLES)
    if (start is None) != (end is None):
        raise UserError("--start and --end belong together.", "Give both, or neither for the whole table.")
    interval = interval_of(start, end) if start and end else None
    settings = settings_here()
    from roadside.spark_runner import open_runner

    lakehouse = open_runner(settings).lakehouse
    if not names:
        wanted = [table for table in wanted if lakehouse.exists(table)]
    if interval is not None:
        wanted = [table for table in wanted if table.clock != table.partition]
    digests = {table.name: lakehouse.digest(table, interval) for table in wanted}
    if as_json:
        print_json(digests)
        return
    print_table(
        ("table", "rows", "digest"),
        [(name, int(text.partition("-")[0]), text.partition("-")[2]) for name, text in digests.items()],
        numbers=["rows"],
    )
    say(f"{counted(len(digests), 'table')}.")
