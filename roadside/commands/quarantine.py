"""Commands for refused lines: what waits and why, one of them opened, and their way back."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.commands.online import require_ledger
from roadside.installation import settings_here
from roadside.rendering import counted, moment, notice, print_json, print_table, say
from validation.clocks import parse_moment, tick_end
from validation.errors import InputMissing, PermissionRefused, UserError
from validation.sources import SOURCES, source_named

if TYPE_CHECKING:
    from ingestion.quarantine import Refused, Reviewed
    from lakehouse.settings import Settings
    from validation.source import Source

SourceName = Annotated[str, typer.Argument(metavar="SOURCE", help="dispatch_events, say.")]
ReasonCode = Annotated[str | None, typer.Option(help="Only lines refused for this reason: wrong_type, say.")]
ObjectKey = Annotated[str | None, typer.Option("--object", help="Only lines of this landed object.")]
LineNumber = Annotated[
    int | None, typer.Option("--line", min=0, help="Only this line; 0 is the object itself.")
]
Why = Annotated[str, typer.Option(help="Why, for the record.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_waiting(
    source: Annotated[list[str] | None, typer.Option(help="One source; repeatable. Default: all.")] = None,
    reason: ReasonCode = None,
    as_json: AsJson = False,
) -> None:
    """Refused lines that wait for an answer, by source, reason and field, with what to do about each."""
    from ingestion.quarantine import counted as grouped
    from ingestion.quarantine import waiting

    sources = [source_named(name) for name in source] if source else list(SOURCES)
    settings = _settings()
    rows = grouped(line for each in sources for line in waiting(settings, each, reason=reason))
    if as_json:
        names = ("source", "reason", "field", "lines", "objects", "first_landed_at", "last_landed_at")
        print_json(
            [
                {**dict(zip(names, row, strict=True)), "reason": row[1].code, "fix": row[1].value}
                for row in rows
            ]
        )
        return
    if not rows:
        say("Nothing waits in quarantine.", "green")
        return
    print_table(
        ("source", "reason", "field", "lines", "objects", "first landed", "last landed"),
        [(name, kind.code, field, lines, objects, moment(first), moment(last))
         for name, kind, field, lines, objects, first, last in rows],
        numbers=["lines", "objects"],
    )  # fmt: skip
    for kind in dict.fromkeys(row[1] for row in rows):
        say(f"{kind.code}: {kind.value}")


def show(
    source: SourceName,
    reason: ReasonCode = None,
    key: ObjectKey = None,
    line: LineNumber = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines.")] = 20,
    opened: Annotated[
        bool, typer.Option("--open", help="Print the lines as they landed; they may hold names and places.")
    ] = False,
    purpose: Annotated[str, typer.Option(help="What they are opened for; kept in the access log.")] = "",
    as_json: AsJson = False,
) -> None:
    """Refused lines one by one; with --open and a purpose, what they say."""
    of_source = source_named(source)
    if opened and not purpose.strip():
        raise PermissionRefused(
            "A refused line may hold a member's name, phone and place.",
            "Say what it is opened for: --open --purpose 'ticket 123'. It is kept in the access log.",
        )
    settings = _settings()
    from ingestion.quarantine import waiting

    found = waiting(settings, of_source, reason=reason, key=key, line=line, is_sealed_wanted=opened)
    shown = found[:limit]
    texts = _opened(settings, of_source, shown, purpose) if opened else [None] * len(shown)
    if as_json:
        print_json([_as_json(each, text) for each, text in zip(shown, texts, strict=True)])
        return
    for each, text in zip(shown, texts, strict=True):
        say(
            f"{each.key} line {each.line}  {each.byte_count:,} bytes, landed {moment(each.landed_at)}", "bold"
        )
        say(f"  {each.reason.code}: {each.text}")
        if text is not None:
            say(f"  {text}")
    rest = len(found) - len(shown)
    say(f"{counted(len(found), 'line')} of {source} wait{'s' if len(found) == 1 else ''}"
        + (f"; {rest:,} more with --limit" if rest else "") + ".")  # fmt: skip


def replay(
    source: SourceName,
    why: Why = "",
    reason: ReasonCode = None,
    key: ObjectKey = None,
    line: LineNumber = None,
    at: Annotated[
        str | None, typer.Option(help="The moment they land again; default: now.", metavar="MOMENT")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Judge refused lines by today's contract, and land those again that may enter."""
    of_source = source_named(source)
    if not dry_run and not why.strip():
        raise UserError(
            "A release is kept on record with its reason.", "Say why: --why 'contract version 2'."
        )
    settings = _settings()
    from ingestion import quarantine

    landed_at = parse_moment(at, "--at") if at else datetime.now(UTC)
    landed_at = landed_at.replace(microsecond=0)
    if not dry_run:
        for answer in quarantine.finish_begun(settings, of_source):
            notice(f"A release begun before was finished: {answer.object_key}.")
    lines = quarantine.waiting(settings, of_source, reason=reason, key=key, line=line, is_sealed_wanted=True)
    review = quarantine.reviewed(settings, of_source, lines, landed_at)
    written = [] if dry_run else quarantine.release(settings, of_source, review, landed_at, why)
    told = _told(of_source, review, landed_at, [each.answer.object_key for each in written])
    if as_json:
        print_json(told)
    else:
        _print_replay(of_source, review, told, is_dry=dry_run)


def settle(
    source: SourceName,
    key: Annotated[str, typer.Option("--object", help="The landed object that the lines stand in.")],
    why: Why,
    line: LineNumber = None,
) -> None:
    """Keep on record that lines need not enter: their producer landed them again, say."""
    of_source = source_named(source)
    settings = _settings()
    from ingestion import quarantine

    lines = quarantine.waiting(settings, of_source, key=key, line=line)
    if not lines:
        raise InputMissing(f"No line of {key} waits.", f"See what does: roadside quarantine show {source}.")
    quarantine.settle(settings, of_source, lines, datetime.now(UTC), why)
    say(f"{counted(len(lines), 'line')} of {key} settled: {why}.", "green")


def _settings() -> Settings:
    settings = settings_here()
    require_ledger(settings)
    return settings


def _opened(settings: Settings, source: Source, lines: list[Refused], purpose: str) -> list[str]:
    from uuid import uuid4

    from ingestion.quarantine import opened
    from lakehouse.access_log import Access, AccessLog
    from lakehouse.ops import Ops

    read = {line.key: sum(each.key == line.key for each in lines) for line in lines}
    AccessLog(Ops(settings.ops_url)).add(
        [
            Access(
                access_id=uuid4().hex,
                at=datetime.now(UTC),
                principal=settings.principal,
                decision="",
                purpose=purpose,
                service=f"quarantine.{source.name}",
                views=read,
            )
        ]
    )
    return [opened(settings, line).decode(errors="replace") for line in lines]


def _as_json(line: Refused, text: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "object": line.key,
        "line": line.line,
        "landed_at": line.landed_at,
        "known_at": line.known_at,
        "contract_version": line.contract_version,
        "reason": line.reason.code,
        "text": line.text,
        "field": line.field_name,
        "bytes": line.byte_count,
    }
    return told if text is None else told | {"opened": text}


def _told(source: Source, review: Reviewed, landed_at: datetime, keys: list[str | None]) -> dict[str, Any]:
    from roadside.graph import downstream, step_named

    known_at = tick_end(landed_at)
    moments = review.moments
    return {
        "source": source.name,
        "passing": len(moments),
        "objects": keys,
        "known_at": known_at,
        "first_event_at": moments[0] if moments else None,
        "last_event_at": moments[-1] if moments else None,
        "too_late_for_features": review.late(source, known_at),
        "tables": [
            name for step, _ in downstream(step_named(f"bronze.{source.name}")) for name in step.writes
        ],
        "staying": dict(Counter(reason.code for _, reason in review.staying).most_common()),
    }


def _print_replay(source: Source, review: Reviewed, told: dict[str, Any], *, is_dry: bool) -> None:
    passing, staying = told["passing"], len(review.staying)
    verb = "would land again" if is_dry else "landed again"
    say(f"{counted(passing, 'line')} of {source.name} {verb}, {staying:,} stay.", "bold")
    for code, count in told["staying"].items():
        say(f"  stay, {code}: {count:,}")
    for key in told["objects"]:
        say(f"  written: {key}")
    if not passing:
        return
    views = [name for name in told["tables"] if name.startswith("features.")]
    first, last = moment(told["first_event_at"]), moment(told["last_event_at"])
    say(f"They tell of {first} to {last}, and are known from {moment(told['known_at'])} on, at the earliest.")
    say(
        f"  What {counted(len(views), 'view')} served before then stays as it was served, on a replay too; "
        "as corrected they count at their own time."
    )
    if told["too_late_for_features"]:
        say(f"  {told['too_late_for_features']:,} of them are then older than {source.late.days} days, and "
            "enter no state and no feature.", "yellow")  # fmt: skip
    if not is_dry:
        say("Read them in: roadside tick, or roadside run over the interval that holds that tick.")
