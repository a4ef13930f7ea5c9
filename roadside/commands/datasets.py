"""Commands of the training datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.installation import settings_here
from roadside.rendering import counted, notice, print_json, print_table, say
from roadside.time_ranges import days_of
from validation.errors import InputMissing

if TYPE_CHECKING:
    from training_datasets.build import DayResult

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
    """Build whole days of a dataset: rows, features as they could be read, labels, a manifest."""
    first, last = days_of(start, end)
    from training_datasets.specs import spec_named

    spec = spec_named(name)
    settings = settings_here()
    if dry_run:
        _tell_days(settings.datasets_dir / spec.name, start, end)
        return
    from roadside.feast_registry import open_store
    from roadside.spark_runner import open_runner
    from roadside.standing import has_ops
    from training_datasets.build import build as build_dataset

    if not has_ops(settings):
        raise InputMissing(
            f"Nothing was made in {settings.home} yet.", "Run `roadside run --start DAY --end DAY` first."
        )
    store = open_store(settings)
    lakehouse = open_runner(settings).lakehouse
    built = build_dataset(
        settings, lakehouse, store, spec, first, last,
        progress=_tell_day, force=force, new_release=new_release,
    )  # fmt: skip
    if as_json:
        print_json(built)
        return
    print_table(("decisions", "count"), built.waterfall.items(), numbers=["count"])
    say(f"{counted(built.rows, 'row')} of {counted(len(built.days), 'day')} in {built.folder}")
    say(f"manifest {built.manifest}")


def _tell_day(result: DayResult) -> None:
    notice(f"{result.day}  {result.status:<12} {result.rows:>9,} rows {result.seconds:7.1f} s")


def _tell_days(folder: Path, start: str, end: str) -> None:
    from datetime import timedelta

    first, last = days_of(start, end)
    built = (_manifest(folder) or {}).get("days", {})
    days = [str(first + timedelta(days=n)) for n in range((last - first).days)]
    print_table(("day", "is"), [(day, "built" if day in built else "to be built") for day in days])
    say("Dry run: nothing was written.")


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
                "question": spec.question,
                "service": spec.service,
                "days": len(days),
                "first_day": days[0][0] if days else None,
                "last_day": days[-1][0] if days else None,
                "rows": sum(day["rows"] for _, day in days),
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


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((folder / "_manifest.json").read_text())
    except FileNotFoundError:
        return None
    return found
