"""The command that says what a change touches before it is merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.installation import PROJECT, settings_here
from roadside.rendering import counted, duration, moment, notice, print_json, print_table, say
from validation.errors import CheckFailed

if TYPE_CHECKING:
    from roadside.changes import Change
    from roadside.recomputing import Recomputed, Recomputing
    from roadside.touched import Touched

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_STYLES = {"breaking": "bold red", "shadow": "bold yellow", "compatible": "bold green"}
_MEANS = {
    "breaking": "somebody's read fails, or means something else without saying so",
    "shadow": "other values or rows in the same shape: compute it beside, compare, then move the readers",
    "compatible": "nobody who reads today notices",
}
_LONGEST = 48
_MANY, _FEW = 6, 2


def plan(
    against: Annotated[
        str | None,
        typer.Option(
            metavar="REV|FILE",
            help="A git revision or a file like docs/declared.json. Default: main as this branch left it; "
            "on main, what was committed.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What the code that runs declares otherwise than a released revision, and what that touches.

    Exit code 3 if a change is breaking.
    """
    from roadside.changes import changes, is_breaking
    from roadside.declared import FORMAT, PLACE, declared
    from roadside.recomputing import recomputing
    from roadside.released import released
    from roadside.touched import touched

    settings = settings_here()
    before = released(against, PLACE, PROJECT, FORMAT)
    after = declared()
    found = changes(before.told, after)
    felt = touched(found, before.told, after)
    again = recomputing(settings, felt.tables)
    if as_json:
        print_json(_as_json(before.where, found, felt, again))
    else:
        _print(before.where, found, felt, again)
    if is_breaking(found):
        raise typer.Exit(CheckFailed.exit_code)


def _as_json(where: str, found: list[Change], felt: Touched, again: Recomputing | None) -> dict[str, Any]:
    return {
        "against": where,
        "changes": [
            {
                "class": each.effect,
                "kind": each.kind,
                "name": each.name,
                "facet": each.facet or None,
                "how": each.how,
                "before": each.before,
                "after": each.after,
                "why": each.why,
                "instead": each.instead or None,
            }
            for each in found
        ],
        "touched": felt,
        "recompute": None
        if again is None
        else {
            "tables": [
                {
                    "table": each.table,
                    "step": each.step,
                    "intervals": [[one.start, one.end] for one in each.intervals],
                    "known_hours": each.known_hours,
                    "reads_from": each.reads_from,
                    "predicted_seconds": each.predicted_seconds,
                    "runs_measured": each.measured.runs if each.measured else 0,
                }
                for each in again.tables
            ],
            "predicted_seconds": again.predicted_seconds,
            "made_by_other_code_beside": again.beside,
        },
    }


def _print(where: str, found: list[Change], felt: Touched, again: Recomputing | None) -> None:
    counts = ", ".join(f"{sum(each.effect == name for each in found)} {name}" for name in _STYLES)
    say(f"Against {where}: {counts if found else 'nothing is declared otherwise'}.", "bold")
    for name, style in _STYLES.items():
        mine = [each for each in found if each.effect == name]
        if mine:
            say()
            say(f"{name}: {_MEANS[name]}", style)
            print_table(
                ("what", "name", "change and why"),
                [
                    (each.kind, each.name, f"{told_of(each)}. {each.why} {each.instead}".strip())
                    for each in mine
                ],
            )
    if found:
        _print_touched(felt)
    _print_again(felt, again)


def told_of(change: Change) -> str:
    """What changed, in a few words: names and limits, never a value of a row."""
    before, after = change.before, change.after
    if change.how in ("renamed", "renamed by a version"):
        return f"{change.how}: {before} -> {after}"
    what = f"{change.facet} " if change.facet else ""
    if not change.facet or isinstance(before, dict) or isinstance(after, dict):
        return f"{what}{change.how}"
    if isinstance(before, list) or isinstance(after, list):
        old, new = before or [], after or []
        gone, come = [each for each in old if each not in new], [each for each in new if each not in old]
        signs = [*(f"- {each}" for each in gone[:_MANY]), *(f"+ {each}" for each in come[:_MANY])]
        more = len(gone) + len(come) - len(signs)
        return f"{what}{', '.join(signs) or 'in another order'}{f' and {more} more' if more else ''}"
    if max(len(str(before)), len(str(after))) > _LONGEST:
        return f"{what}{change.how}"
    return f"{what}{before} -> {after}"


def _print_touched(felt: Touched) -> None:
    say()
    if not felt.tables and not felt.has_readers and not felt.on_demand:
        say("Touches no row: no table, no feature, no service, no dataset.", "bold")
        return
    say("Touches", "bold")
    features = [
        f"{view} ({', '.join(names) if len(names) <= _MANY else counted(len(names), 'feature')})"
        for view, names in felt.features.items()
    ]
    listed = {
        "tables": felt.tables,
        "features": features,
        "on-demand views": felt.on_demand,
        "services": felt.services,
        "datasets": felt.datasets,
    } | {where: _read_at(felt, where) for where in dict.fromkeys(each.where for each in felt.consumers)}
    print_table(("what", "which"), [(name, ", ".join(which) or "none") for name, which in listed.items()])
    if not felt.has_readers:
        say("It touches nobody who reads today.", "green")


def _read_at(felt: Touched, where: str) -> list[str]:
    """What is read there, those of which the same changes in a row."""
    by_change: dict[str, list[str]] = {}
    for each in felt.consumers:
        if each.where == where:
            by_change.setdefault(each.what, []).append(each.name)
    return [f"{' '.join(names)} ({what})" for what, names in by_change.items()]


def _print_again(felt: Touched, again: Recomputing | None) -> None:
    if again is None:
        if felt.tables:
            say("What is to be made again cannot be told: this home has no ledger of runs.")
        return
    if again.tables:
        say()
        say("To be made again", "bold")
        print_table(
            ("table", "hours", "takes about", "reads from", "known time"),
            [
                (
                    each.table,
                    round(each.known_hours, 2),
                    _takes(each),
                    "landing" if each.reads_from is None else moment(each.reads_from),
                    ", ".join(map(str, each.intervals[:_FEW]))
                    + (f" and {len(each.intervals) - _FEW} more" if len(each.intervals) > _FEW else ""),
                )
                for each in again.tables
            ],
            numbers=["hours"],
        )
        say(
            f"{duration(again.predicted_seconds)} in all, one table after the other. The road has one "
            "version of its code: `roadside run` makes every table again, `roadside build --table NAME` one."
        )
    elif felt.tables:
        say("Nothing that this home holds is to be made again.")
    if again.beside:
        notice(
            f"{counted(len(again.beside), 'table')} more hold rows made by other code. What transforms do "
            "inside is not declared: `roadside run` makes them again, and changes only what differs."
        )


def _takes(each: Recomputed) -> str:
    return "not measured" if each.predicted_seconds is None else duration(each.predicted_seconds)
