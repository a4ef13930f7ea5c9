"""`roadside freshness`: how fresh every hop of the road is, for a person and for a monitor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.installation import settings_here
from roadside.rendering import counted, moment, notice, print_json, print_table, say
from validation.clocks import TICK_DELAY, parse_moment
from validation.errors import NotReady, UnknownName, UserError

if TYPE_CHECKING:
    from lakehouse.settings import Settings
    from roadside.freshness import Asked, Freshness, Hop

NOW = "now"
_MINUTE = timedelta(minutes=1)


def freshness(
    at: Annotated[
        str | None,
        typer.Option(
            help="The moment to measure against, or `now` (what a monitor asks). Default: now where "
            "ROADSIDE_ONLINE_CLOCK is wall, as in production; else the moment at which the newest closed "
            "tick is due everywhere, so that a home whose data end in the past is judged by its data.",
            metavar="MOMENT",
        ),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="One source and its bronze; repeatable. Default: all.")
    ] = None,
    view: Annotated[
        list[str] | None,
        typer.Option(help="One view: its features, release and place in Redis; repeatable. Default: all."),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help="Only such hops: source, bronze, silver, tiles, features, release or online; repeatable."
        ),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOP=MINUTES",
            help="What the hop may take, instead of what is declared; the hops after it are due later by as "
            "much. Besides the hops, tiles_1d to online_1d of the daily views, hold and hold_1d. Repeatable.",
        ),
    ] = None,
    no_online: Annotated[bool, typer.Option("--no-online", help="Do not ask Redis.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """How fresh every hop is against its budget, from the landed objects to Redis, and where it was lost.

    Exit codes for a monitor: 0 every hop asked for is within its budget; 1 something is over it (late,
    missing, held for too long, or without values); 6 cannot tell, for Redis, the catalog, the ledgers or
    the landed objects do not answer. What could be read is printed before such an error, which says
    nothing of the rest: a hop printed as late is late all the same.

    What is there now is measured: an earlier --at takes nothing away.
    """
    from roadside.freshness import freshness as measured
    from roadside.hop_budgets import budgets_with

    asked = _asked(source or [], view or [], layer or [], with_online=not no_online)
    budgets = budgets_with(budget or [])
    given = None if at in (None, NOW) else parse_moment(str(at), "--at")
    settings = settings_here()
    from roadside.commands.online import require_ledger

    require_ledger(settings)
    found = measured(settings, given or _moment(settings, at), asked, budgets)
    if not found.hops and not found.cannot_tell:
        raise UserError("No hop is both of that layer and of that source or view.", "Leave one of them out.")
    if as_json:
        print_json(shaped(found))
    else:
        print_freshness(found)
    for problem in found.cannot_tell[1:]:
        notice(f"error: {problem.what}", "bold red")
    if found.cannot_tell:
        raise found.cannot_tell[0]
    raise typer.Exit(1 if found.over else 0)


def _asked(sources: list[str], views: list[str], layers: list[str], *, with_online: bool) -> Asked:
    from roadside.freshness import LAYERS, Asked
    from validation.contracts import FEATURES
    from validation.sources import SOURCES

    known: dict[str, tuple[list[str], list[str]]] = {
        "source": (sources, [each.name for each in SOURCES]),
        "feature view": (views, [table.short_name for table in FEATURES]),
        "layer": (layers, list(LAYERS)),
    }
    for kind, (names, there) in known.items():
        for name in names:
            if name not in there:
                raise UnknownName(kind, name, there)
    return Asked(tuple(sources), tuple(views), tuple(layers), with_online)


def _moment(settings: Settings, at: str | None) -> datetime:
    """The moment to measure against where none is spelled out.

    Raises:
        NotReady: it is told by the data, and there are none.
    """
    if at == NOW or settings.online_clock == "wall":
        return datetime.now(UTC)
    from lakehouse.ops import Ops
    from roadside.hop_readings import newest_closed

    closed = newest_closed(Ops(settings.ops_url))
    if closed is None:
        raise NotReady(
            "Nothing has been ingested yet, so no moment is the newest.",
            "Make the history first (roadside run --start DAY --end DAY), or say --at now.",
        )
    return closed + TICK_DELAY


def shaped(found: Freshness) -> dict[str, Any]:
    """The JSON form: durations in seconds."""
    return {
        "at": found.at,
        "is_over": bool(found.over),
        "over": [each.name for each in found.over],
        "cannot_tell": [each.what for each in found.cannot_tell],
        "hops": found.hops,
    }


def print_freshness(found: Freshness) -> None:
    """A line per hop; then where the minutes were lost, and what is held."""
    say(f"At {moment(found.at)}{_closed(found)}", "bold")
    print_table(
        ("hop", "fresh through", "age min", "budget min", "state", "by its data", "lost at"),
        [
            (
                each.name,
                each.through,
                _minutes(each.age),
                _minutes(each.budget),
                _state(each),
                _by_data(each),
                each.lost_at,
            )
            for each in found.hops
        ],
        numbers=["age min", "budget min"],
    )
    for sentence in _holds(found):
        say(sentence)
    if found.over:
        say(f"Over budget ({len(found.over)}):", "bold red")
        for sentence in _losses(found):
            say(f"  - {sentence}")
    elif found.hops:
        whole = "all that could be read" if found.cannot_tell else "all"
        say(f"{counted(len(found.hops), 'hop')}, {whole} within budget.", "green")


def _minutes(span: timedelta | None) -> float | None:
    return None if span is None else round(span / _MINUTE, 1)


def _state(hop: Hop) -> str:
    """Where the word alone does not say whether to page."""
    return f"{hop.state}, over" if hop.is_over and hop.state in ("held", "no data") else hop.state


def _by_data(hop: Hop) -> str | None:
    """Its newest event; in Redis, how many of those that live have a value."""
    if hop.live is not None:
        return f"{hop.coverage:.1%} of {hop.live:,}" if hop.coverage is not None else "nobody lives"
    return None if hop.newest_event is None else moment(hop.newest_event.replace(second=0))


def _closed(found: Freshness) -> str:
    """Through when the sources are closed, and which of them not so far."""
    closed = {each.what: each.closed_through for each in found.hops if each.hop == "source"}
    newest = max((each for each in closed.values() if each is not None), default=None)
    if newest is None:
        return ""
    behind = [
        f"{source} {'not yet' if tick is None else moment(tick)}"
        for source, tick in closed.items()
        if tick != newest
    ]
    return f"  closed through {moment(newest)}" + (f" ({', '.join(behind)})" if behind else "")


def _holds(found: Freshness) -> Iterator[str]:
    """A sentence per source that holds views, the views named."""
    held: dict[tuple[str, datetime], list[str]] = {}
    for each in found.hops:
        for hold in each.held_by:
            held.setdefault((hold.source, hold.since), []).append(each.name)
    for (source, since), names in sorted(held.items()):
        yield f"{source} holds, since {moment(since)}: {', '.join(names)}."


def _losses(found: Freshness) -> Iterator[str]:
    """A sentence per hop at which minutes were lost, with those that wait for it."""
    lost: dict[str, list[str]] = {}
    for each in found.over:
        lost.setdefault(each.lost_at or each.name, []).append(each.name)
    for hop, names in lost.items():
        waiting = [name for name in names if name != hop]
        yield f"{hop}{', and so ' if waiting else ''}{', '.join(waiting)}."
