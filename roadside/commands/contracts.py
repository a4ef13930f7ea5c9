"""Commands for the contracts of sources: what of a drifted feed they could take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.installation import PROJECT, settings_here
from roadside.rendering import counted, moment, print_json, print_table, say
from validation.clocks import parse_moment
from validation.errors import InputMissing, UserError
from validation.source import EARLIEST
from validation.sources import source_named

if TYPE_CHECKING:
    from ingestion.inference.findings import Finding
    from ingestion.inference.landed_forms import Profile
    from lakehouse.object_store import LandedObject
    from validation.source import Source

_DAY = timedelta(days=1)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
Span = tuple[datetime, datetime]


def infer(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="gps_pings, say.")],
    start: Annotated[str | None, typer.Option(help="First moment, or day, of landed time.")] = None,
    end: Annotated[str | None, typer.Option(help="End of landed time, itself left out.")] = None,
    last: Annotated[
        str, typer.Option(help="Instead: so long before the newest object: 24h, 90m, 7d.")
    ] = "24h",
    baseline_start: Annotated[
        str | None,
        typer.Option(help="The range it is held against. Default: the same hours of the days before."),
    ] = None,
    baseline_end: Annotated[str | None, typer.Option(help="Its end.")] = None,
    from_: Annotated[
        str | None,
        typer.Option("--landing", help="Folder or URI that holds landing/. Default: ROADSIDE_LANDING_URI."),
    ] = None,
    objects: Annotated[int, typer.Option(min=1, max=2000, help="Read at most so many, evenly spread.")] = 300,
    lines: Annotated[int, typer.Option(min=1, help="Look at about so many lines of them.")] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What landed objects no longer hold of their contract, since when, and the edit that takes it.

    Only reads; nothing is written. Exits 1 if something drifted.
    """
    from ingestion.inference.drift import drift
    from ingestion.inference.landed_forms import landed_objects, profiled
    from roadside.contract_edits import diff_of, edited_files

    of_source = source_named(source)
    given, of_baseline = _pair(start, end, ""), _pair(baseline_start, baseline_end, "baseline-")
    root_uri = _root_uri(from_)
    span = given or _newest(landed_objects(root_uri, of_source, EARLIEST, _LATEST), source, root_uri, last)
    found = landed_objects(root_uri, of_source, *span)
    if not found:
        raise InputMissing(
            f"Nothing of {source} landed in {_told_span(span)} at {root_uri}.",
            "roadside status tells what has landed; name the range with --start and --end.",
        )
    now = profiled(root_uri, of_source, found, objects, lines)
    before_span, before_found = _baseline(root_uri, of_source, span, of_baseline)
    before = profiled(root_uri, of_source, before_found, objects, lines)
    findings = drift(now, before)
    diff = diff_of(edited_files(PROJECT, of_source, [each.edit for each in findings if each.edit]))
    if as_json:
        print_json(_as_json(of_source, span, before_span, now, before, findings, diff))
    else:
        _print(of_source, span, before_span, now, before, findings, diff)
    if any(not each.drift.is_accepted for each in findings):
        raise typer.Exit(1)


def _pair(start: str | None, end: str | None, prefix: str) -> Span | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise UserError(
            f"--{prefix}start and --{prefix}end belong together.", "Give both, or neither for the default."
        )
    span = parse_moment(start, f"--{prefix}start"), parse_moment(end, f"--{prefix}end")
    if span[1] <= span[0]:
        raise UserError(f"--{prefix}end {end} is not after --{prefix}start {start}.")
    return span


def _root_uri(given: str | None) -> str:
    if given is None:
        return settings_here().landing_uri
    return given if "://" in given else Path(given).expanduser().absolute().as_uri()


def _newest(objects: list[LandedObject], source: str, root_uri: str, last: str) -> Span:
    if not objects:
        raise InputMissing(
            f"Nothing of {source} has landed at {root_uri}.", "roadside simulate makes a city to try it on."
        )
    end = objects[-1].landed_at + timedelta(seconds=1)
    return end - _length(last), end


def _length(text: str) -> timedelta:
    sizes = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": _DAY}
    number, unit = text[:-1], text[-1:]
    if unit not in sizes or not number.isdigit() or not int(number):
        raise UserError(f"--last '{text}' is no span.", "Write 90m, 24h or 7d.")
    return int(number) * sizes[unit]


def _baseline(
    root_uri: str, source: Source, span: Span, given: Span | None
) -> tuple[Span, list[LandedObject]]:
    """What the range is held against: the same hours, as many days before as it takes to be apart.

    Speeds and the mix of events follow the hour, so the hours right before a short range are not like it;
    they are taken only if nothing landed then.
    """
    from ingestion.inference.landed_forms import landed_objects

    start, end = span
    days = -(-(end - start) // _DAY)
    spans = [given] if given else [(start - days * _DAY, end - days * _DAY), (start - (end - start), start)]
    for each in spans:
        if found := landed_objects(root_uri, source, *each):
            return each, found
    return spans[0], []


def _told_span(span: Span) -> str:
    return f"[{moment(span[0])}, {moment(span[1])})"


def _as_json(
    source: Source,
    span: Span,
    before_span: Span,
    now: Profile,
    before: Profile,
    findings: list[Finding],
    diff: str,
) -> dict[str, Any]:
    return {
        "source": source.name,
        "contract_version": source.version,
        "start": span[0],
        "end": span[1],
        "objects": {"landed": now.landed, "read": len(now.objects)},
        "records": {"looked_at": now.records, "no_record": now.refused},
        "baseline": {"start": before_span[0], "end": before_span[1], "records": before.records},
        "findings": [
            {
                "drift": each.drift.value,
                "field": each.path,
                "what": each.what,
                "records": each.hits,
                "of": each.rows,
                "since": each.since,
                "is_maybe_older": each.is_maybe_older,
                "until": each.until,
                "where": each.where or None,
                "proposal": each.proposal,
                "has_edit": each.edit is not None,
                "is_accepted": each.drift.is_accepted,
            }
            for each in findings
        ],
        "diff": diff or None,
    }


def _print(
    source: Source,
    span: Span,
    before_span: Span,
    now: Profile,
    before: Profile,
    findings: list[Finding],
    diff: str,
) -> None:
    say(
        f"{source.name}, contract version {source.version}: {now.records:,} of {now.lines:,} lines "
        f"looked at, in {len(now.objects):,} of {counted(now.landed, 'object')} landed in {_told_span(span)}."
    )
    if before.rows:
        say(f"Held against {before.records:,} records of {_told_span(before_span)}.")
    else:
        say(
            "Nothing landed before to hold it against: vanished optional fields and changed units "
            "are not judged.",
            "yellow",
        )
    if not findings:
        say("Nothing drifted.", "green")
        return
    print_table(
        ("field", "drift", "since", "until", "where", "records", "share"),
        [
            (each.path, each.drift.value, _since(each), each.until, each.where or "everywhere", each.hits,
             f"{each.share:.0%}")
            for each in findings
        ],
        numbers=["records", "share"],
    )  # fmt: skip
    for each in findings:
        say(f"{each.path}: {each.what}. {each.proposal}")
    if diff:
        say()
        say(diff.rstrip("\n"))
    say()
    _print_next(source, findings, diff)


def _since(finding: Finding) -> str:
    from ingestion.inference.findings import Drift

    about = "about " if finding.drift is Drift.UNIT else ""
    return f"{about}{moment(finding.since)}{' or before' if finding.is_maybe_older else ''}"


def _print_next(source: Source, findings: list[Finding], diff: str) -> None:
    if not diff:
        say("Next: nothing here is the contract's to take; see what each line says.")
        return
    say("Next: save the diff, read it, and apply it in the project's folder: git apply infer.diff")
    say("  python -m validation.table_docs --write; roadside plan says what it touches")
    say(f"  roadside quarantine replay {source.name} --dry-run, then --why 'contract version "
        f"{source.version + 1}': releases the lines that wait")  # fmt: skip
    if any(not each.edit and not each.drift.is_accepted for each in findings):
        say("  What has no edit stays as it is: see what its line says.")
