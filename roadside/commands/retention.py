"""The command that ends what is past its retention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.failures import tell
from roadside.installation import settings_here
from roadside.rendering import counted, moment, notice, print_json, print_table, say, sized
from roadside.time_ranges import tick_of
from validation.contracts import table_named
from validation.errors import Busy, RoadsideError, UserError

if TYPE_CHECKING:
    from lakehouse.landed_accounts import OldObjects
    from lakehouse.settings import Settings
    from roadside.retention import Dropped, OldRows, RetentionPlan


def retention(
    at: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            help="Count from this tick, or from `now`. Default: the last closed tick, so that a platform "
            "that stands still loses nothing.",
        ),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(help="A table, landing.<source>, `ledgers` or `logs`; repeatable. Default: all."),
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute/--dry-run", help="Do it, or only tell what would go and what stays.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """End what is past its retention: landed objects, days of tables, rows of ledgers, logs. Datasets stay.

    Rows go at once and for every reader. Files that a reader may still be on go a day later, with the next
    retention or compaction. Killed, the same command goes on. What is broken or busy keeps nothing else back.
    """
    asked = tick_of(at, "--at") if at else None
    now = datetime.now(UTC)
    if asked is not None and asked > now:
        raise UserError(f"--at {at} lies in the future.", "Nothing is old yet then: --at now at the latest.")
    from lakehouse.ops import Ops
    from roadside.retention import counted_from, names_of, planned, standing_still
    from roadside.standing import require_home

    names = names_of(table or ())
    settings = settings_here()
    require_home(settings)
    ops = Ops(settings.ops_url)
    plan = planned(settings, asked or counted_from(ops, now), names)
    if asked is None:
        plan = replace(plan, behind=standing_still(ops, now))
    if not as_json:
        _print(plan)
    _notice(plan)
    dropped, named = _carried_out(settings, plan) if execute else (None, {})
    if as_json:
        print_json(_as_json(plan, dropped, named))
    elif dropped is None:
        nothing = "Dry run: nothing was deleted."
        say(nothing if plan.is_empty else f"{nothing} Do it: --execute.")
    else:
        _tell(dropped)
    if named:
        _notice_named(named)
    raise typer.Exit(_told_failed({**plan.failed, **(dropped.failed if dropped else {})}))


def _carried_out(settings: Settings, plan: RetentionPlan) -> tuple[Dropped, dict[str, int]]:
    """What went, and of each table that lost days how many files of dropped days snapshots still name."""
    from roadside.retention import carry_out, each_of
    from roadside.run_listeners import heard_of
    from roadside.spark_runner import open_runner
    from roadside.table_maintenance import Maintenance

    runner = open_runner(settings)
    maintenance = Maintenance(runner.lakehouse, runner.ops, _now, heard=heard_of(settings))
    dropped = carry_out(settings, plan, maintenance.drop, _now)
    failed = dict(dropped.failed)
    counts = {name: partial(maintenance.files_of_dropped, table_named(name)) for name in dropped.tables}
    named = {name: files for name, files in each_of(counts, failed).items() if files}
    return replace(dropped, failed=failed), named


def _told_failed(failed: Mapping[str, Exception]) -> int:
    """The greatest exit code of what failed, each error told once.

    Raises what nobody foresaw, the first of it.
    """
    names = dict[str, list[str]]()
    for name, error in failed.items():
        names.setdefault(f"{type(error).__name__}: {error}", []).append(name)
    alike = {f"{type(error).__name__}: {error}": error for error in failed.values()}
    codes, unforeseen = [0], list[Exception]()
    for text, error in alike.items():
        of = ", ".join(names[text])
        if isinstance(error, RoadsideError):
            notice(f"kept: {of}; the others are not kept back by it:", "yellow")
            codes.append(tell(error))
        else:
            notice(f"kept: {of}: {type(error).__name__}: not foreseen; the others go on", "bold red")
            unforeseen.append(error)
    if unforeseen:
        raise unforeseen[0]
    return max(codes)


def _now() -> datetime:
    return datetime.now(UTC)


def _print(plan: RetentionPlan) -> None:
    say(f"Counted from {moment(plan.counted_from)}, the known time that the horizons go back from.", "bold")
    print_table(
        ("what", "kept", "first day kept", "days", "objects", "rows", "files", "bytes"),
        [
            *(_objects_row(plan, each) for each in plan.landed),
            *(_table_row(each) for each in plan.tables if each.days or each.held),
            *_ledger_rows(plan),
            *_log_rows(plan),
        ],
        title="To go",
        numbers=["days", "objects", "rows", "files", "bytes"],
    )
    if quiet := [each.table.name for each in plan.tables if not each.days and not each.held]:
        say(f"Nothing old in {counted(len(quiet), 'table')} more.")


def _notice(plan: RetentionPlan) -> None:
    """What is kept all the same and why, and what a person may want to look at before it goes."""
    for source, closed in plan.behind.items():
        notice(
            f"note: {source} closed no tick since {moment(closed)}, and nothing gets old without it. Run it, "
            "or count from another moment: --at.",
            "yellow",
        )
    for each in plan.landed:
        _notice_kept(each)
    if plan.unread:
        notice(
            f"kept: {counted(len(plan.unread), 'thing')} among the landed objects, the first "
            f"{plan.unread[0]}: of no source, or an upload that died. No run reads and no retention ends it.",
            "yellow",
        )
    for old in plan.tables:
        for why in sorted(set(old.held.values())):
            days = [day for day, reason in old.held.items() if reason is why]
            notice(f"kept: {old.table.name}, {counted(len(days), 'day')} from {days[0]}: {why}.", "yellow")
    for name, count in plan.unanswered.items():
        notice(
            f"note: {counted(count, 'refused line')} of {name} go unanswered: released they would be history "
            "by now. Look before: roadside quarantine list.",
            "yellow",
        )


def _objects_row(plan: RetentionPlan, each: OldObjects) -> tuple[Any, ...]:
    days = len({found.landed_at.date() for found in each.due})
    size = sized(sum(found.size for found in each.due))
    name, first = f"landing.{each.source}", each.before.date()
    return (name, str(plan.landing_kept), first, days, len(each.due), None, None, size)


def _table_row(old: OldRows) -> tuple[Any, ...]:
    size = old.size
    return (
        old.table.name,
        str(old.kept),
        old.before,
        len(old.days),
        None,
        size.rows,
        size.files,
        sized(size.bytes),
    )


def _ledger_rows(plan: RetentionPlan) -> Sequence[tuple[Any, ...]]:
    if plan.ledgers is None:
        return []
    kept, before = str(plan.ledgers.kept), plan.ledgers.before
    return [
        (f"ledger {name}", kept, before, None, None, rows, None, None)
        for name, rows in plan.ledgers.rows.items()
        if rows
    ]


def _notice_kept(each: OldObjects) -> None:
    for why, objects in each.kept.items():
        notice(
            f"kept: {counted(len(objects), 'landed object')} of {each.source} before {each.before:%Y-%m-%d}, "
            f"the first {objects[0].key}: {why}.",
            "yellow",
        )


def _log_rows(plan: RetentionPlan) -> Sequence[tuple[Any, ...]]:
    if plan.logs is None or not plan.logs.files:
        return []
    files, kept, before = plan.logs.files, str(plan.logs.kept), plan.logs.before
    return [("logs", kept, before, None, None, None, len(files), sized(sum(files.values())))]


def _tell(dropped: Dropped) -> None:
    say(
        f"{counted(sum(dropped.objects.values()), 'landed object')} deleted, days of "
        f"{counted(len(dropped.tables), 'table')} dropped, "
        f"{counted(sum(dropped.rows.values()), 'ledger row')} dropped, "
        f"{counted(dropped.logs, 'log')} deleted.",
        "bold green",
    )


def _notice_named(named: Mapping[str, int]) -> None:
    from lakehouse.table_upkeep import READERS_GO_ON

    files, tables = counted(sum(named.values()), "file"), counted(len(named), "table")
    notice(
        f"note: snapshots still name {files} of dropped days in {tables}. They go once nobody can be reading "
        "them: with the first retention or compaction "
        f"{READERS_GO_ON // timedelta(hours=1)} hours from now, unless a run goes on that began before.",
        "yellow",
    )


def _as_json(plan: RetentionPlan, dropped: Dropped | None, named: Mapping[str, int]) -> dict[str, Any]:
    failed = {**plan.failed, **(dropped.failed if dropped else {})}
    ended = {
        "dropped": {"objects": dropped.objects, "tables": dropped.tables, "rows": dropped.rows},
        "files_of_dropped_days": named,
        "busy": [name for name, error in failed.items() if isinstance(error, Busy)],
    } if dropped else {}  # fmt: skip
    return ended | {
        "failed": {name: type(error).__name__ for name, error in failed.items()},
        "counted_from": plan.counted_from,
        "behind": dict(plan.behind),
        "landing": [
            {
                "source": each.source,
                "kept_for": str(plan.landing_kept),
                "before": each.before,
                "objects": len(each.due),
                "bytes": sum(found.size for found in each.due),
                "kept": {
                    why.name.lower(): {"why": why.value, "objects": len(found), "first": found[0].key}
                    for why, found in each.kept.items()
                },
            }
            for each in plan.landed
        ],
        "unread": list(plan.unread),
        "tables": [
            {
                "table": old.table.name,
                "kept_for": str(old.kept),
                "before": old.before,
                "days": len(old.days),
                "rows": old.size.rows,
                "files": old.size.files,
                "bytes": old.size.bytes,
                "held_days": list(old.held),
                "unanswered_lines": plan.unanswered.get(old.table.name, 0),
            }
            for old in plan.tables
        ],
        "ledgers": None
        if plan.ledgers is None
        else {"kept_for": str(plan.ledgers.kept), "before": plan.ledgers.before, "rows": plan.ledgers.rows},
        "logs": None
        if plan.logs is None
        else {
            "kept_for": str(plan.logs.kept),
            "before": plan.logs.before,
            "files": len(plan.logs.files),
            "bytes": sum(plan.logs.files.values()),
        },
    }
