"""Commands of the run ledger: what ran, newest first, and all that is known of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.commands.online import require_ledger
from roadside.installation import settings_here
from roadside.rendering import counted, moment, print_json, print_table, say
from roadside.time_ranges import interval_of
from validation.clocks import parse_moment
from validation.errors import UnknownName, UserError

if TYPE_CHECKING:
    from lakehouse.run_ledger import Run
    from roadside.run_account import RunAccount
    from roadside.run_inputs import InputRead

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_runs(
    context: typer.Context,
    table: Annotated[
        list[str] | None,
        typer.Option(
            help="A table; online.VIEW for what went to Redis; s3.TABLE or snowflake.TABLE for what was "
            "published, compaction.TABLE and retention.TABLE for its upkeep; repeatable. Default: all."
        ),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            help="running, outdated (it runs; what it reads was replaced), published, failed or superseded "
            "(to be made again, or made again since); repeatable. Default: all."
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="Only runs over known time from here: a moment, or a day.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="End of known time, itself left out.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only runs that began then or later, by the wall's clock.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What ran, newest first: interval, code, outcome, rows, seconds. `show RUN` tells all of one."""
    if context.invoked_subcommand is not None:
        return
    if (start is None) != (end is None):
        raise UserError("A range has a start and an end.", "Give both --start and --end, or neither.")
    interval = interval_of(start, end) if start is not None and end is not None else None
    began = parse_moment(since, "--since") if since else None
    from lakehouse.ops import Ops
    from lakehouse.run_ledger import RunStatus
    from lakehouse.run_search import Wanted, newest_runs

    for each in status or ():
        if each not in set(RunStatus):
            raise UnknownName("status of a run", each, [known.value for known in RunStatus])
    settings = settings_here()
    require_ledger(settings)
    from roadside.run_names import require_table

    ops = Ops(settings.ops_url)
    tables = tuple(dict.fromkeys(require_table(ops, name) for name in table or ()))
    statuses = tuple(dict.fromkeys(RunStatus(each) for each in status or ()))
    found = newest_runs(ops, Wanted(tables, statuses, interval, began), limit + 1)
    shown = found[:limit]
    if as_json:
        print_json([facts_of(run) for run in shown])
    elif not shown:
        say("No run is like that." if (table or status or start or since) else "Nothing ran yet.")
    else:
        print_runs(shown)
        if len(found) > limit:
            say(f"There are more than these {limit}; --limit N shows more of them.")


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run.")],
    as_json: AsJson = False,
) -> None:
    """All that is known of a run: what it read and wrote, how it ended, who carries it, how to repeat it."""
    settings = settings_here()
    require_ledger(settings)
    from lakehouse.ops import Ops
    from roadside.run_account import account_of
    from roadside.run_names import run_of_id

    account = account_of(settings, run_of_id(Ops(settings.ops_url), run))
    if as_json:
        print_json(
            facts_of(account.run) | {name: value for name, value in vars(account).items() if name != "run"}
        )
    else:
        print_account(account)


def facts_of(run: Run) -> dict[str, Any]:
    """The run as JSON has it. `seconds` is None while it runs, `rows` where they are not counted.

    `did` is what a compaction or retention did.
    """
    return {
        "run_id": run.run_id,
        "table": run.table,
        "start": run.interval.start,
        "end": run.interval.end,
        "status": run.status.value,
        "code_version": run.code_version,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "seconds": _seconds(run),
        "snapshot_id": run.snapshot_id,
        "rows": _rows(run),
        "files": run.files,
        "size_bytes": run.size_bytes,
        "inputs": run.inputs,
        "revision": run.revision,
        "warnings": dict(run.warnings),
        "did": {} if run.makes_rows else dict(run.counts),
        "error_kind": run.error_kind,
        "host": run.process.host,
        "pid": run.process.pid,
    }


def print_runs(found: list[Run]) -> None:
    """A row per run; how it ended stands last."""
    print_table(
        ("run", "table", "known from", "for", "began", "seconds", "rows", "ended"),
        [
            (
                run.run_id,
                run.table,
                run.interval.start,
                span(run.interval.end - run.interval.start),
                f"{run.started_at:%Y-%m-%dT%H:%MZ}",
                _told_seconds(run),
                _rows(run),
                _ended(run),
            )
            for run in found
        ],
        numbers=["seconds", "rows"],
    )


def print_account(account: RunAccount) -> None:
    """A line for each thing that is known, then a table of what was read."""
    run = account.run
    say(f"{run.run_id}  {run.table}  {run.interval}  {_ended(run)}", "bold")
    for name, told in _lines(account):
        say(f"  {name:<9} {told}")
    if account.read:
        print_table(
            ("read", "known from", "to", "snapshot", "left by run"),
            [
                (each.table, each.start, each.end, _snapshot(each), each.run_id)
                for each in account.read
            ],
            numbers=["snapshot"],
        )  # fmt: skip


def _lines(account: RunAccount) -> Iterator[tuple[str, str]]:
    run = account.run
    yield "began", f"{moment(run.started_at)} by {run.process}"
    if run.finished_at is not None:
        yield "ended", f"{moment(run.finished_at)}, after {_told_seconds(run)} s"
    elif account.process_is_gone:
        yield "ended", "its process is gone; the next run of any table marks it as failed"
    which = {True: ", today's", False: ", not today's", None: ""}[account.is_todays_code]
    commit = "" if run.revision is None else f", commit {run.revision}"
    yield "code", f"{run.code_version}{which}{commit}"
    if account.landed is not None:
        objects = counted(account.landed.objects, "landed object")
        yield "read", f"{objects} of {account.landed.source}, {counted(account.landed.size_bytes, 'byte')}"
    if not run.makes_rows:
        yield from _left(account)
    elif _rows(run) is not None:
        yield "wrote", _wrote(account)
    elif run.finished_at is not None and run.error_kind is None:
        yield "wrote", "rows that are not counted"
    if run.warnings:
        yield "warned", _told_counts(run.warnings)
    for stop in account.stopped_by:
        state = "stops" if stop.stops else "accepted"
        yield "stopped", f"{stop.check} at {moment(stop.known_at)} ({state}): {stop.text}"
    if account.stopped_by:
        yield "", f"roadside quality list --run {run.run_id}"
    if account.log is not None:
        yield "log", f"{account.log} (restricted: it may quote data)"
    if account.replaced_by is not None:
        yield "replaced", f"by run {account.replaced_by}"
    if account.release is not None:
        whose = "" if account.release.has_its_snapshot else ", in a later snapshot"
        yield "released", f"{account.release.release_id} at {moment(account.release.published_at)}{whose}"
    if account.again is not None:
        yield "again", account.again


def _left(account: RunAccount) -> Iterator[tuple[str, str]]:
    """What was sent to a target, or what upkeep did; and what stands there since."""
    run = account.run
    if account.sent is not None:
        yield "state", f"{account.sent.release}; manifest {account.sent.digest}"
    if run.counts:
        yield "did", _told_counts(run.counts).replace("_", " ")
    if run.files is not None:
        wrote = "wrote" if run.table.startswith("compaction.") else "sent"
        yield wrote, f"{counted(run.files, 'file')} of {counted(run.size_bytes or 0, 'byte')}"
    rows = [counted(run.rows, "row")] if run.rows is not None else []
    snapshot = [f"snapshot {run.snapshot_id}"] if run.snapshot_id is not None else []
    if rows or snapshot:
        yield "left", ", ".join([*rows, *snapshot])


def _told_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _wrote(account: RunAccount) -> str:
    run = account.run
    if run.snapshot_id is None:
        return counted(run.rows or 0, "row")
    told = f"{counted(run.rows or 0, 'row')}, snapshot {run.snapshot_id}"
    if account.is_unchanged:
        return f"{told}, which was there already"
    if run.files is None or run.size_bytes is None:
        return told
    return f"{told}, {counted(run.files, 'file')} of {counted(run.size_bytes, 'byte')} added"


def _snapshot(read: InputRead) -> str | None:
    if not read.is_kept:
        return "not kept"
    return None if read.snapshot_id is None else str(read.snapshot_id)


def _ended(run: Run) -> str:
    """How the run ended, with the kind of its error or how many warnings it has."""
    if run.error_kind is not None:
        return f"{run.status.value}: {run.error_kind}"
    warnings = sum(run.warnings.values())
    return f"{run.status.value}, {counted(warnings, 'warning')}" if warnings else run.status.value


def _rows(run: Run) -> int | None:
    """The rows that stood in its interval when it ended; of what goes to Redis they are not counted."""
    from roadside.run_names import ONLINE

    return None if run.table.startswith(f"{ONLINE}.") else run.rows


def _seconds(run: Run) -> float | None:
    return None if run.finished_at is None else (run.finished_at - run.started_at).total_seconds()


def _told_seconds(run: Run) -> str | None:
    seconds = _seconds(run)
    return None if seconds is None else f"{seconds:,.1f}"


def span(length: timedelta) -> str:
    """A length of known time.

    >>> span(timedelta(minutes=15)), span(timedelta(days=1)), span(timedelta(days=34, minutes=1050))
    ('15min', '1d', '34d 17h 30min')
    """
    hours, minutes = divmod(length.seconds // 60, 60)
    parts = ((length.days, "d"), (hours, "h"), (minutes, "min"))
    return " ".join(f"{number}{unit}" for number, unit in parts if number)
