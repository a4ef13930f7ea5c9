"""Commands for the checks of data: what alarmed, what drifted, and a person's word that it may pass."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from roadside.commands.online import require_ledger
from roadside.installation import settings_here
from roadside.rendering import counted, moment, print_json, print_table, say
from roadside.time_ranges import interval_of, tick_of
from validation.clocks import TICK, Interval, parse_day, parse_moment
from validation.contracts import FEATURES, TABLES, table_named
from validation.errors import UnknownName, UserError
from validation.sources import SOURCES, source_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.quality_ledger import KeptFinding, QualityLedger
    from lakehouse.settings import Settings
    from validation.contract import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def list_findings(
    source: Annotated[
        list[str] | None, typer.Option(help="A source, a silver table or a view; repeatable. Default: all.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="First moment, or day, of known time.")] = None,
    end: Annotated[str | None, typer.Option(help="End of known time, itself left out if a day.")] = None,
    run: Annotated[str | None, typer.Option(help="Only what this run found.")] = None,
    stopping: Annotated[bool, typer.Option("--stopping", help="Only what stops a run now.")] = False,
    as_json: AsJson = False,
) -> None:
    """What the checks found, by source, table or view, and check. Exits 1 while something stops a run."""
    if (start is None) != (end is None):
        raise UserError("A range has a start and an end.", "Give both --start and --end, or neither.")
    names = [_watched(name) for name in source] if source else None
    interval = interval_of(start, end) if start is not None and end is not None else None
    settings = settings_here()
    found = _ledger(settings).findings(names, interval, run)
    if stopping:
        found = [each for each in found if each.stops]
    if as_json:
        print_json([vars(each) | {"stops": each.stops} for each in found])
    elif not found:
        say("Nothing was found.", "green")
    else:
        _print(found, _refused(settings))
    if any(each.stops for each in found):
        raise typer.Exit(1)


def accept(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run that was stopped; its error names it.")],
    why: Annotated[str, typer.Option(help="Why the data is right as it is, for the record.")] = "",
    until: Annotated[
        str | None, typer.Option(help="Accept as much until then: this is how the feed is from now on.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be accepted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let what stopped a run pass, on record; the next run of its interval publishes it with a warning.

    Accepted is as much as was found, of the same check and group: what is worse stops again.
    """
    if not dry_run and not why.strip():
        raise UserError(
            "What is accepted is kept on record with its reason.",
            "Say why: --why 'the program has no zones since Monday'.",
        )
    end = parse_moment(until, "--until") if until else None
    settings = settings_here()
    ledger = _ledger(settings)
    of_run = ledger.findings(run_id=run) if run else []
    if end is not None and of_run and end <= of_run[-1].known_at:
        raise UserError(
            f"--until {until} is not after what was found, {moment(of_run[-1].known_at)}.",
            "Leave it out to accept just that.",
        )
    if not of_run:
        raise UserError(
            f"No check stopped a run {run}.", "roadside quality list --stopping names those that wait."
        )
    stops = [each for each in of_run if each.stops]
    accepted = []
    if stops and not dry_run:
        reach = source_named(stops[0].source).checked_over - TICK
        accepted = ledger.accept(stops, settings.principal, why.strip(), datetime.now(UTC), reach, end)
    if as_json:
        told = [vars(each) for each in accepted]
        print_json({"run": run, "findings": [vars(each) for each in stops], "accepted": told})
        return
    if not stops:
        say(f"Nothing stops run {run} now.", "green")
        return
    _print(stops)
    if dry_run:
        say(f"{counted(len(stops), 'finding')} would be accepted.")
    for each in accepted:
        group = f" where {each.group_name}" if each.group_name else ""
        say(f"{each.check_name}{group} is accepted by {each.principal} until {moment(each.end)}.")
    if accepted:
        say("Run the interval again and it is published.")


def refuse(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run that was stopped; its error names it.")],
    why: Annotated[str, typer.Option(help="What is wrong with the data, for the record.")] = "",
    object_key: Annotated[
        list[str] | None,
        typer.Option(
            "--object", help="Only this object; repeatable. Default: all of the ticks it stopped at."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Name the objects that would be refused.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Turn away the objects that stopped a run: the next run of its interval quarantines them whole.

    Nothing is lost: the producer lands them again and their lines are settled, or they are released.
    """
    if not dry_run and not why.strip():
        raise UserError(
            "What is refused is kept on record with its reason.",
            "Say why: --why 'a release of the producer left the service out'.",
        )
    settings = settings_here()
    ledger = _ledger(settings)
    stops = [each for each in ledger.findings(run_id=run) if each.stops]
    if not stops:
        raise UserError(
            f"No check stops a run {run} now.", "roadside quality list --stopping names those that wait."
        )
    from lakehouse.landing_ledger import LandingLedger, Refusal
    from lakehouse.ops import Ops

    landing, source = LandingLedger(Ops(settings.ops_url)), source_named(stops[0].source)
    ticks = sorted({each.known_at for each in stops})
    landed = [each for tick in ticks for each in landing.objects(source.name, Interval(tick - TICK, tick))]
    known = {each.key for each in landed}
    strangers = sorted(set(object_key or ()) - known)
    if strangers:
        raise UnknownName(f"object of {source.name} at the ticks that were stopped", strangers[0], known)
    keys = [each.key for each in landed if not object_key or each.key in object_key]
    if not dry_run:
        at = datetime.now(UTC)
        landing.refuse([Refusal(key, source.name, run, settings.principal, why.strip(), at) for key in keys])
    if as_json:
        print_json({"run": run, "source": source.name, "is_refused": not dry_run, "objects": keys})
        return
    for key in keys:
        say(key)
    would = "would be" if dry_run else "are"
    say(f"{counted(len(keys), 'object')} of {counted(len(ticks), 'tick')} {would} refused whole.")
    if not dry_run:
        say("Run the interval again: their lines go into quarantine, all else is published.")


def drift_of_features(
    view: Annotated[list[str] | None, typer.Option(help="One view; repeatable. Default: all.")] = None,
    day: Annotated[str | None, typer.Option(help="A UTC day. Default: each view's newest whole one.")] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Also what did not drift or is not compared.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the features of a day with days like it (PSI) and keep what drifted: a warning, exit 0."""
    from lakehouse.catalog_reader import CatalogReader
    from roadside.drift import day_of, drift, findings_of
    from training_datasets.feature_statistics import DRIFTED

    settings = settings_here()
    ledger, reader = _ledger(settings), CatalogReader(settings)
    tables = [table_named(f"features.{name}") for name in view] if view else FEATURES
    wanted = parse_day(day, "--day") if day else None
    compared = []
    for table in tables:
        of_view = drift(reader, table, wanted)
        compared += of_view
        if of_view:
            ledger.record_findings(table.name, day_of(of_view[0].day), findings_of(of_view))
    if as_json:
        print_json([vars(each) | {"is_drifted": each.is_drifted} for each in compared])
        return
    shown = [each for each in compared if show_all or each.is_drifted]
    if shown:
        worst_first = sorted(shown, key=lambda each: (-(each.psi or 0), each.view, each.feature))
        print_table(
            ("view", "feature", "day", "PSI", "rows", "rows before", "days before", ""),
            [
                (
                    each.view,
                    each.feature,
                    str(each.day),
                    "-" if each.psi is None else f"{each.psi:.2f}",
                    each.rows,
                    each.rows_before,
                    len(each.days_before),
                    each.why_not or ("drifted" if each.is_drifted else ""),
                )
                for each in worst_first
            ],
            numbers=["PSI", "rows", "rows before", "days before"],
        )
    judged = sum(each.psi is not None for each in compared)
    drifted = sum(each.is_drifted for each in compared)
    say(
        f"{counted(judged, 'feature')} compared, {drifted} with a PSI above {DRIFTED}; "
        f"{len(compared) - judged} not compared."
    )


def references_of_rows(
    table: Annotated[
        list[str] | None, typer.Option(help="One table; repeatable. Default: all with references.")
    ] = None,
    day: Annotated[
        str | None, typer.Option(help="A UTC day. Default: each table's newest whole one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count the entities of a day that nobody told of (claims of unknown jobs), against the fourteen days
    before, and keep what is strange: a warning, exit 0."""
    from lakehouse.catalog_reader import CatalogReader
    from roadside.drift import day_of
    from roadside.references import references

    settings = settings_here()
    ledger, reader = _ledger(settings), CatalogReader(settings)
    with_references = [each for each in TABLES if each.references]
    tables = [_among(name, with_references) for name in table] if table else with_references
    wanted = parse_day(day, "--day") if day else None
    found = [each for one in tables for each in references(reader, one, wanted)]
    for each in found:
        ledger.record_findings(each.name, day_of(each.day), [each.finding] if each.finding else [])
    if as_json:
        print_json(
            [
                {
                    "table": each.table.name,
                    "column": each.reference.column,
                    "in": each.reference.table,
                    "day": each.day,
                    "named": each.named,
                    "unknown": each.unknown,
                    "usual_share": each.usual,
                    "days_before": each.days_before,
                    "is_judged": each.is_judged,
                    "finding": each.finding and each.finding.text,
                }
                for each in found
            ]
        )
        return
    if not found:
        say("No table with references has rows of such a day.")
        return
    print_table(
        ("table", "names", "day", "named", "unknown", "share", "before", "days before", "is"),
        [
            (
                each.table.name,
                each.reference.column,
                str(each.day),
                each.named,
                each.unknown,
                f"{each.unknown / each.named:.1%}" if each.named else "-",
                "-" if each.usual is None else f"{each.usual:.1%}",
                each.days_before,
                "strange" if each.finding else "usual" if each.is_judged else "too new",
            )
            for each in found
        ],
        numbers=["named", "unknown", "share", "before", "days before"],
    )
    for each in found:
        if each.finding:
            say(each.finding.text, "yellow")


def _among(name: str, tables: Sequence[Table]) -> Table:
    known = {each.name: each for each in tables}
    if name not in known:
        raise UnknownName("table with references", name, set(known))
    return known[name]


def report(
    start: Annotated[
        str | None, typer.Option(help="First moment, or day, of known time.", show_default="a day before")
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="End of known time, itself left out if a day.", show_default="--at")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="The tick as of which open things are told.", metavar="MOMENT", show_default="newest closed"
        ),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="A source, and all that is made of it; repeatable. Default: all.")
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option(help="A table, and all that it is made of; repeatable.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="File to write.", show_default="quality_report.html in the home")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """One page of what landed, stops, is held, late, doubled or refused, and what to do about it.

    It needs nothing beside it, for a wall or a phone; the same ledgers and moment give the same bytes.
    Exits 1 while something stops a run.
    """
    settings = settings_here()
    require_ledger(settings)
    from lakehouse.ops import Ops
    from roadside.quality_report.facts import gathered, newest_closed
    from roadside.quality_report.page import drawn
    from roadside.quality_report.scope import ONE_DAY, scope_of
    from training_datasets.files import write_text

    moment_of = tick_of(at, "--at") if at else newest_closed(Ops(settings.ops_url))
    last = tick_of(end, "--end") if end else moment_of
    first = tick_of(start, "--start") if start else last - ONE_DAY
    interval = interval_of(first.isoformat(), last.isoformat())
    facts = gathered(settings, scope_of(interval, moment_of, source or (), table or ()))
    path = settings.home / "quality_report.html" if html is None else html
    if html is not None or not as_json:
        write_text(path, drawn(facts))
    if as_json:
        told = {"verdict": facts.verdict, "remarks": facts.remarks, "is_stopped": facts.is_stopped}
        print_json(told | vars(facts))
    else:
        say(facts.verdict, "bold red" if facts.troubles else "green")
        for remark in facts.remarks:
            say(f"  - {remark}", "yellow")
        say(f"{interval}: {path}")
    if facts.is_stopped:
        raise typer.Exit(1)


def _watched(name: str) -> str:
    known = {source.name for source in SOURCES} | {
        table.name for table in TABLES if table.layer in ("silver", "features")
    }
    known |= {f"{table.name}.{each.column}" for table in TABLES for each in table.references}
    if name not in known:
        raise UnknownName("source, silver table or view", name, known)
    return name


def _ledger(settings: Settings) -> QualityLedger:
    from lakehouse.ops import Ops
    from lakehouse.quality_ledger import QualityLedger

    require_ledger(settings)
    return QualityLedger(Ops(settings.ops_url))


def _refused(settings: Settings) -> frozenset[str]:
    """Runs whose objects were turned away."""
    from lakehouse.landing_ledger import LandingLedger
    from lakehouse.ops import Ops

    return LandingLedger(Ops(settings.ops_url)).refused_runs()


def _print(found: list[KeptFinding], refused: frozenset[str] = frozenset()) -> None:
    """A row per source, check, group and run; what stops a run that was refused waits to be run again."""

    def alike(each: KeptFinding) -> tuple[str, str, str, str]:
        return each.source, each.check_name, each.group_name, each.run_id

    rows = []
    for (source, check, group, run), of_run in groupby(sorted(found, key=alike), key=alike):
        ticks = sorted(of_run, key=lambda each: each.known_at)
        most = max(ticks, key=lambda each: each.rows)
        state = "stops" if any(each.stops for each in ticks) else most.severity
        if state == "fail":
            state = "accepted"
        if state == "stops" and run in refused:
            state = "refused, run again"
        first, last = (moment(each.known_at) for each in (ticks[0], ticks[-1]))
        rows.append((source, check, group or "-", state, len(ticks), first, last, run or "-", most.text))
    print_table(
        ("source", "check", "where", "state", "ticks", "first", "last", "run"),
        [row[:-1] for row in rows],
        numbers=["ticks"],
    )
    for text in dict.fromkeys(row[-1] for row in rows):
        say(text)
