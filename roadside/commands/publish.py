"""The command that publishes: datasets and features tables to S3 and Snowflake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.failures import tell
from roadside.installation import settings_here
from roadside.rendering import notice, print_json, print_table, say
from validation.errors import UserError

if TYPE_CHECKING:
    from lakehouse.settings import Settings
    from roadside.publication import Published
    from roadside.publication_sources import Source


def publish(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Datasets and features tables: eta_v1, say.", metavar="NAME..."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Whatever is built and may leave; nothing else is named.")
    ] = False,
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="s3 or snowflake. Default: each that the settings name.", metavar="TARGET"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be published.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish datasets and features tables for others to read, each whole or not at all.

    What is published already is left alone, so the command may be repeated, and goes on after a kill.
    Snowflake holds datasets as ML.<NAME> and features tables as "features"."<name>"; S3 holds both as
    Parquet files, to be read through their _manifest.json. Restricted tables are never published.
    """
    from roadside.publication import publish as publish_to
    from roadside.publication import targets

    settings = settings_here()
    chosen, left_out = _chosen(settings, names or [], everything)
    wanted = targets(settings, to or [])
    done = []
    for source in chosen:
        for target in wanted:
            done.append(publish_to(settings, source, target, dry_run=dry_run, progress=_tell))
            _tell(f"{done[-1].name} to {done[-1].to}: {done[-1].status}")
        if not dry_run:
            source.forget()
    _print([*done, *left_out], as_json)
    if dry_run and not as_json:
        say("Dry run: nothing was published.")
    codes = [tell(each.error) for each in done if each.error]
    if codes:
        raise typer.Exit(max(codes))
    if not done:
        notice("Nothing that is published was made yet.")
        raise typer.Exit(1)


def _chosen(settings: Settings, names: list[str], everything: bool) -> tuple[list[Source], list[Published]]:
    """What is to be published, and of --all what is not, with its reason."""
    from roadside.publication import left_out
    from roadside.publication_sources import all_sources, sources_named

    if everything == bool(names):
        raise UserError(
            "Name what to publish, or say --all, not both."
            if names
            else "Nothing was named to be published.",
            "For instance: roadside publish eta_v1 --dry-run, or roadside publish --all --dry-run.",
        )
    if not everything:
        return sources_named(settings, names), []
    reasons = [(source, left_out(source)) for source in all_sources(settings)]
    return [source for source, why in reasons if not why], [why for _, why in reasons if why]


def _tell(text: str) -> None:
    notice(text, "dim")


def _print(done: list[Published], as_json: bool) -> None:
    from roadside.publication import KEPT_BACK, NOT_MADE

    if as_json:
        print_json([_as_content(each) for each in done])
        return
    print_table(
        ("where", "is", "rows", "files", "MiB", "release"),
        [
            (
                each.where or f"{each.name} to {each.to}",
                each.status,
                each.rows,
                each.files,
                None if each.bytes is None else round(each.bytes / 2**20, 2),
                each.release,
            )
            for each in done
            if each.to
        ],
        numbers=["rows", "files", "MiB"],
    )
    for each in done:
        if each.status == KEPT_BACK and each.error:
            say(each.error.what)
    if not_made := [each.name for each in done if each.status == NOT_MADE]:
        say(f"Not made yet: {', '.join(not_made)}.")


def _as_content(each: Published) -> dict[str, Any]:
    return {**vars(each), "error": each.error.what if each.error else None}
