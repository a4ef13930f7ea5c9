"""Commands of the training datasets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.installation import settings_here
from roadside.rendering import counted, notice, print_json, print_table, say
from roadside.time_ranges import days_of
from validation.clocks import parse_day
from validation.errors import CheckFailed, InputMissing, UserError

if TYPE_CHECKING:
    from lakehouse.settings import Settings
    from training_datasets.build import DayResult
    from training_datasets.computing import Computing
    from training_datasets.differences import DayMoved, Differences
    from training_datasets.rebuilding import Verdict
    from training_datasets.spec import DatasetSpec

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_COLUMNS_TOLD = 6
NOT_RECOMPUTABLE_EXIT = 4
"""Of a rebuild (DOMAIN section 8, S15)."""


def build(
    name: Annotated[str, typer.Argument(help="A dataset, eta_v1 say.")],
    start: Annotated[str, typer.Option(help="First business day (ET) of the decisions.")],
    end: Annotated[str, typer.Option(help="The day after the last.")],
    force: Annotated[bool, typer.Option("--force", help="Compute built days again, to be equal.")] = False,
    new_release: Annotated[
        bool, typer.Option("--new-release", help="Let built days change, as the next release of each.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which days would be built.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build whole days of a dataset: rows, features as they could be read, labels, a manifest.

    A day that cannot be built keeps no other back; the error at the end says which days stand and which
    do not. Exit codes: 1 a day is not mature yet; 3 a check stops a day, or a built one would change.
    """
    first, last = days_of(start, end)
    from training_datasets.specs import spec_named

    spec = spec_named(name)
    settings = settings_here()
    if dry_run:
        _tell_days(settings, spec, first, last)
        return
    from lakehouse.ops import Ops
    from roadside.holds import held_teller
    from roadside.run_listeners import heard_of
    from training_datasets.build import build as build_dataset
    from validation.contracts.training.row_index import ROW_INDEX

    of = _computing(settings, spec)
    read = dict.fromkeys(each.name for each in (*spec.sources, *(view.table for view in of.service.views)))
    heard = heard_of(settings, {each.name: tuple(read) for each in (spec.table, ROW_INDEX)})
    built = build_dataset(
        settings, of.lakehouse, of.store, spec, first, last, location_of=of.location_of,
        held_of=held_teller(settings, Ops(settings.ops_url)), progress=_tell_day, force=force,
        new_release=new_release, heard=heard,
    )  # fmt: skip
    if as_json:
        print_json(built)
        return
    print_table(("decisions", "count"), built.waterfall.items(), numbers=["count"])
    say(f"{counted(built.rows, 'row')} of {counted(len(built.days), 'day')} in {built.folder}")
    say(f"manifest {built.manifest}")


def rebuild(
    name: Annotated[str, typer.Argument(help="A dataset, eta_v1 say.")],
    start: Annotated[str | None, typer.Option(help="First business day (ET); the first built one.")] = None,
    end: Annotated[str | None, typer.Option(help="The day after the last; all that are built.")] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Say whether each day comes out equal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compute built days again from what their manifests name, and compare. Writes nothing.

    Exit code 0: all equal. 3: a day differs; told are its columns, how many rows, and what changed.
    4: a day cannot be computed again.
    """
    from training_datasets.specs import spec_named

    spec = spec_named(name)
    if not verify:
        raise UserError(
            "A built day is never edited: a rebuild says whether it would come out equal.",
            f"roadside dataset rebuild {name} --verify; for changed days, build --new-release.",
        )
    settings = settings_here()
    built = sorted((_manifest(settings.datasets_dir / spec.name) or {}).get("days", {}))
    if not built:
        raise InputMissing(
            f"{name} was never built in {settings.datasets_dir / name}.",
            f"Build it: roadside dataset build {name} --start DAY --end DAY",
        )
    first = date.min if start is None else parse_day(start, "--start")
    last = date.max if end is None else parse_day(end, "--end")
    days = [day for day in map(date.fromisoformat, built) if first <= day < last]
    if not days:
        raise InputMissing(
            f"{name} has no built day in [{start or built[0]}, {end or '...'}).",
            f"Built are {built[0]} to {built[-1]}: roadside dataset show {name}.",
        )
    from training_datasets.rebuilding import DIFFERS, EQUAL, FILE_CHANGED, rebuilt

    told = [*rebuilt(_computing(settings, spec), days, _tell_verdict)]
    if as_json:
        print_json(told)
    else:
        print_table(
            ("day", "is", "rows", "differing rows by column", "why"),
            [
                (
                    str(each.day),
                    each.status,
                    each.rows,
                    ", ".join(f"{column} {count}" for column, count in each.columns.items()),
                    "; ".join(each.why),
                )
                for each in told
            ],
            numbers=["rows"],
        )
    statuses = {each.status for each in told}
    if statuses & {DIFFERS, FILE_CHANGED}:
        raise typer.Exit(CheckFailed.exit_code)
    if statuses - {EQUAL}:
        raise typer.Exit(NOT_RECOMPUTABLE_EXIT)


def leaks(
    name: Annotated[str, typer.Argument(help="A dataset, eta_v1 say.")],
    start: Annotated[str, typer.Option(help="First business day (ET) of the decisions.")],
    end: Annotated[str, typer.Option(help="The day after the last.")],
    as_json: AsJson = False,
) -> None:
    """Which share of cells a careless join would have leaked: ignoring availability, or landing.

    The report stands beside the manifest of a built dataset afterwards, where the card finds it.
    """
    first, last = days_of(start, end)
    from training_datasets.files import write_json
    from training_datasets.specs import spec_named

    spec = spec_named(name)
    settings = settings_here()
    of = _computing(settings, spec)
    from roadside.leaks import FILE
    from roadside.leaks import leaks as leaks_of

    report = leaks_of(of, [first + timedelta(days=n) for n in range((last - first).days)])
    told = report.told()
    if _manifest(settings.datasets_dir / spec.name) is not None:
        write_json(settings.datasets_dir / spec.name / FILE, told)
    if as_json:
        print_json(told)
        return
    leaking = [each for each in told["features"] if each["ignoring_available_at"] or each["ignoring_landing"]]
    print_table(
        ("feature", "cells", "ignoring availability", "ignoring landing"),
        [
            (
                each["feature"],
                each["cells"],
                f"{each['ignoring_available_at']:.2%}",
                "" if each["ignoring_landing"] is None else f"{each['ignoring_landing']:.2%}",
            )
            for each in sorted(leaking, key=lambda each: -each["ignoring_available_at"])
        ],
        numbers=["cells", "ignoring availability", "ignoring landing"],
    )
    say(
        f"{told['ignoring_available_at']:.2%} of {told['cells']:,} cells would differ if availability were "
        f"ignored, {told['ignoring_landing']:.2%} if landing were; {told['late_release']:.2%} are of a tick "
        f"that came out after the decision; {counted(report.rows, 'row')}, "
        f"{counted(len(report.features) - len(leaking), 'feature')} without a leak"
    )
    _tell_errors(told["model"])


def _tell_errors(model: dict[str, Any] | None) -> None:
    """What the leaks do to a small model's error: claimed by an evaluation, and had in use."""
    if model is None:
        say("Too few rows have a label to say what it does to a model.")
        return
    careless = [
        (f"ignoring {rule}", model[f"ignoring_{key}"])
        for rule, key in (("availability", "available_at"), ("landing", "landing"))
    ]
    honest = f"{model['honest']:.3f}"
    print_table(
        (f"small model, {model['measure']}", "an evaluation claims", "in use"),
        [
            ("as it could be read", honest, honest),
            *((rule, f"{each['promised']:.3f}", f"{each['delivered']:.3f}") for rule, each in careless),
        ],
        numbers=["an evaluation claims", "in use"],
    )
    say(f"trained on {model['train_rows']:,} rows, tested on {model['test_rows']:,} later ones")


def spine(
    name: Annotated[str, typer.Argument(help="A dataset, eta_v1 say.")],
    day: Annotated[str, typer.Option(help="Business day (ET) of the decisions.")],
    limit: Annotated[int, typer.Option(help="Rows to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The decisions of a day and what leaves some out, before any feature is joined. Writes nothing."""
    first = parse_day(day, "--day")
    from training_datasets.specs import spec_named
    from training_datasets.spines import LEFT_OUT, waterfall

    spec = spec_named(name)
    frame = _computing(settings_here(), spec).spine(first)
    shown, steps = [*spec.spine], waterfall(spec, frame[LEFT_OUT])
    if as_json:
        decided = frame.head(limit)[[*shown, LEFT_OUT]].astype(object).where(frame.notna(), None)
        print_json({"waterfall": steps, "decisions": decided.to_dict("records")})
        return
    print_table(("decisions", "count"), steps.items(), numbers=["count"])
    print_table((*shown, LEFT_OUT), frame.head(limit)[[*shown, LEFT_OUT]].astype(str).itertuples(index=False))


def _computing(settings: Settings, spec: DatasetSpec) -> Computing:
    """What the dataset's days are computed from, Spark and the store opened."""
    from lakehouse.vault import handle_of
    from roadside.feast_registry import open_store
    from roadside.locations import location_opener
    from roadside.spark_runner import open_runner
    from roadside.standing import has_ops
    from training_datasets.computing import Computing

    if not has_ops(settings):
        raise InputMissing(
            f"Nothing was made in {settings.home} yet.", "Run `roadside run --start DAY --end DAY` first."
        )
    store = open_store(settings)
    lakehouse = open_runner(settings).lakehouse
    return Computing(settings, lakehouse, store, spec, location_opener(handle_of(settings)))


def _tell_verdict(verdict: Verdict) -> None:
    notice(f"{verdict.day}  {verdict.status:<16} {verdict.rows:>9,} rows")


def _tell_day(result: DayResult) -> None:
    notice(f"{result.day}  {result.status:<12} {result.rows:>9,} rows {result.seconds:7.1f} s")
    for gate, outcome in result.gates.items():
        if outcome.startswith(("warned", "reported")):
            notice(f"            {gate} {outcome}")


def _tell_days(settings: Settings, spec: DatasetSpec, first: date, last: date) -> None:
    """What a build would do with each day; no Spark is started."""
    from roadside.feast_registry import open_store
    from roadside.standing import has_ops
    from training_datasets.build import planned
    from training_datasets.computing import Computing

    if not has_ops(settings):
        raise InputMissing(
            f"Nothing was made in {settings.home} yet.", "Run `roadside run --start DAY --end DAY` first."
        )
    unopened: Any = None  # neither the lake nor a sealed place is read
    computing = Computing(settings, unopened, open_store(settings), spec, unopened)
    days = [first + timedelta(days=n) for n in range((last - first).days)]
    print_table(("day", "is"), [(str(day), told) for day, told in planned(computing, days).items()])
    say("Dry run: nothing was built.")


def list_datasets(as_json: AsJson = False) -> None:
    """Every dataset, what it asks, and the days that are built."""
    from training_datasets.specs import SPECS

    settings = settings_here()
    listed = []
    for spec in SPECS:
        days = sorted((_manifest(settings.datasets_dir / spec.name) or {}).get("days", {}).items())
        listed.append(
            {
                "dataset": spec.name,
                "service": spec.service,
                "days": len(days),
                "first_day": days[0][0] if days else None,
                "last_day": days[-1][0] if days else None,
                "rows": sum(day["rows"] for _, day in days),
                "question": spec.question,
            }
        )
    if as_json:
        print_json(listed)
        return
    print_table(tuple(listed[0]), [tuple(each.values()) for each in listed], numbers=["days", "rows"])


def show(
    name: Annotated[str, typer.Argument(help="A dataset, eta_v1 say.")],
    as_json: AsJson = False,
) -> None:
    """A built dataset's manifest: question, waterfall, days with their digests and files."""
    folder = settings_here().datasets_dir / name
    manifest = _manifest(folder)
    if manifest is None:
        from training_datasets.specs import spec_named

        spec_named(name)
        raise InputMissing(
            f"{name} was never built in {folder}.",
            f"Build it: roadside dataset build {name} --start DAY --end DAY",
        )
    if as_json:
        print_json(manifest)
        return
    say(f"{name}: {manifest['question']}", "bold")
    print_table(
        ("", ""),
        [
            ("row", manifest["row"]),
            ("censoring", manifest["censoring"]),
            ("features", f"service {manifest['feature_service']}, {manifest['mode']}"),
            ("table", manifest["table"]),
            ("digest", manifest["digest"]),
        ],
    )
    print_table(("decisions", "count"), manifest["waterfall"], numbers=["count"])
    print_table(
        ("day", "rows", "release", "digest", "file"),
        [
            (day, each["rows"], each["release_number"], each["digest"][:16], each["file"])
            for day, each in manifest["days"].items()
        ],
        numbers=["rows", "release"],
    )
    say(f"in {folder}")


def card(
    name: Annotated[str, typer.Argument(help="A dataset, eta_v1 say, or the folder of one.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write.", show_default="_card.html in its folder")
    ] = None,
    through: Annotated[
        str | None, typer.Option(help="Last business day (ET) to use.", metavar="DAY", show_default="all")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a dataset's card: one HTML page of what it is, with labels, censoring, drift and baselines.

    Every value is held to the digests of the manifests first. The page needs nothing beside it, and the
    same dataset gives the same bytes.
    """
    from training_datasets import load
    from training_datasets.card import drawn
    from training_datasets.files import write_text

    dataset = load(name, through, settings=settings_here())
    made = drawn(dataset)
    path = dataset.folder.path / "_card.html" if out is None else out
    write_text(path, made.html)
    if as_json:
        print_json({"dataset": dataset.name, "rows": len(dataset), "card": path, "findings": made.findings})
        return
    for finding in made.findings:
        say(finding, "yellow")
    say(f"{counted(len(dataset), 'row')} of {counted(len(dataset.days), 'day')}: {path}")


def diff(
    a: Annotated[
        str, typer.Argument(help="A dataset's name or folder; @2 one release, @2026-03-10 one day.")
    ],
    b: Annotated[str, typer.Argument(help="The other.")],
    as_json: AsJson = False,
) -> None:
    """How two datasets, releases or days differ: rows, columns, days, and why; exit code 1 if they do.

    The manifests say which days and columns moved; of those the files are read to count rows. The file
    of an earlier release is not kept: there, columns are told and rows are not counted.
    """
    from training_datasets.differences import differences, side

    folder = settings_here().datasets_dir
    found = differences(side(a, folder), side(b, folder))
    if as_json:
        print_json(found)
    else:
        _print_differences(found)
    raise typer.Exit(0 if found.is_equal else 1)


def _print_differences(found: Differences) -> None:
    print_table(
        ("", "rows", "days", "columns of it alone", "days of it alone"),
        [
            (found.a, found.rows_a, _days_told(found, found.days_only_a),
             ", ".join(found.columns_only_a), _span(found.days_only_a)),
            (found.b, found.rows_b, _days_told(found, found.days_only_b),
             ", ".join(found.columns_only_b), _span(found.days_only_b)),
        ],
        numbers=["rows", "days"],
    )  # fmt: skip
    if found.is_equal:
        say(f"{counted(found.days_equal, 'day')}: every one holds the same rows and values.", "green")
        return
    if found.days_moved:
        print_table(
            ("day", "release", "rows", "added", "removed", "made from other", "columns (rows that differ)"),
            [_moved_line(each) for each in found.days_moved],
            "days that moved",
            ["added", "removed"],
        )
    say(f"{counted(found.days_equal, 'day')} equal, {len(found.days_moved)} moved.", "bold red")


def _moved_line(each: DayMoved) -> tuple[Any, ...]:
    columns = [name.column + ("" if name.rows is None else f" ({name.rows:,})") for name in each.columns]
    more = f", and {len(columns) - _COLUMNS_TOLD} more" if len(columns) > _COLUMNS_TOLD else ""
    return (
        each.day,
        f"{each.release_a} -> {each.release_b}",
        f"{each.rows_a:,} -> {each.rows_b:,}",
        each.added,
        each.removed,
        ", ".join(each.inputs),
        ", ".join(columns[:_COLUMNS_TOLD]) + more,
    )


def _days_told(found: Differences, alone: Sequence[date]) -> int:
    return found.days_equal + len(found.days_moved) + len(alone)


def _span(days: Sequence[date]) -> str:
    return "" if not days else f"{days[0]} to {days[-1]}" if len(days) > 1 else str(days[0])


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((folder / "_manifest.json").read_text())
    except FileNotFoundError:
        return None
    return found
