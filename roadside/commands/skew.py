"""The command that compares what was served with what training sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.commands.online import require_ledger, tick_behind
from roadside.installation import settings_here
from roadside.rendering import counted, notice, print_json, print_table, say
from validation.clocks import parse_day
from validation.errors import Unreachable

if TYPE_CHECKING:
    from datetime import date, datetime

    from lakehouse.settings import Settings
    from roadside.skew import Skew

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def skew(
    service: Annotated[str, typer.Argument(help="A feature service, eta_v1 say.")],
    day: Annotated[str, typer.Option(help="The day of the decisions, in UTC.", metavar="DAY")],
    examples: Annotated[int, typer.Option(min=0, help="Differences to print, of each cause.")] = 5,
    as_json: AsJson = False,
) -> None:
    """What a service was served against what training sees, by cause; with a difference exit code 1.

    A read is one entity of one view. A late release was promised by then and not in Redis yet, an early
    one was in Redis before its promise; nothing served is told apart as expired or missing.
    """
    on = parse_day(day, "--day")
    settings = settings_here()
    require_ledger(settings)
    from lakehouse import feast_edge
    from lakehouse.access_log import AccessLog
    from lakehouse.ops import Ops
    from roadside.skew import skew as compared

    store = feast_edge.feature_store(settings)
    feast_edge.service_named(store, service)
    _take_in_reads(settings, store)
    found = compared(store, AccessLog(Ops(settings.ops_url)), service, on)
    if as_json:
        print_json(_plain(found, examples))
    else:
        print_skew(found, examples)
    raise typer.Exit(0 if found.is_equal else 1)


def _take_in_reads(settings: Settings, store: Any) -> None:
    """Reads that Redis still holds, into the log; without Redis what is there is compared."""
    from roadside.online_state import keep_reads
    from roadside.redis_standing import require_redis

    try:
        require_redis(settings)
        keep_reads(settings, store)
    except Unreachable as error:
        notice(f"note: {error.what} Reads that it may still hold are left out.", "yellow")


def print_skew(found: Skew, examples: int) -> None:
    """A line per view, then the reasons, then the worst differences of each cause."""
    print_table(
        ("view", "reads", "equal", "late release", "early release", "expired", "missing", "unknown", "share"),
        [
            (
                each.view,
                each.reads,
                each.equal,
                each.late_release,
                each.early_release,
                each.expired,
                each.missing,
                each.unknown,
                f"{each.share_equal:.1%}",
            )
            for each in found.views
        ],
        f"{found.service}, decisions of {found.day}",
        ["reads", "equal", "late release", "early release", "expired", "missing", "unknown", "share"],
    )
    if found.is_equal:
        say(f"{counted(found.decisions, 'decision')}: every one was served what training sees.", "green")
        return
    print_table(
        ("cause", "reads", "because"),
        [(reason.cause, count, reason.sentence) for reason, count in found.reasons.items()],
        numbers=["reads"],
    )
    print_table(
        ("view", "cause", "read at", "served", "expected", "min", "entity"),
        [
            (
                each.view,
                each.cause,
                f"{each.read_at:%H:%M:%SZ}",
                _row(each.view, each.served_available_at, each.served_revised_at, found.day),
                _row(each.view, each.expected_available_at, each.expected_revised_at, found.day),
                each.minutes,
                each.entity,
            )
            for each in found.worst(examples)
        ],
        "the furthest from their promise: tick served, tick expected, + when it was made again",
        ["min"],
    )
    say(
        f"{found.decisions_apart:,} of {counted(found.decisions, 'decision')} were served what training "
        "does not see.",
        "bold red",
    )


def _row(view: str, available_at: datetime | None, revised_at: datetime | None, day: date) -> str | None:
    """A row by its tick, and by when it was made again if it was."""
    tick = tick_behind(view, available_at)
    if tick is None:
        return None
    again = "" if revised_at is None or revised_at == available_at else f" + {_clock(revised_at, day)}"
    return f"{_clock(tick, day)}{again}"


def _clock(value: datetime, day: date) -> str:
    """The time of a moment, before it the date if that is not the day asked for."""
    return f"{value:%H:%MZ}" if value.date() == day else f"{value:%m-%d %H:%MZ}"


def _plain(found: Skew, examples: int) -> dict[str, Any]:
    return {
        "service": found.service,
        "day": found.day,
        "decisions": found.decisions,
        "decisions_apart": found.decisions_apart,
        "views": found.views,
        "reasons": [
            {"cause": reason.cause, "reason": reason.sentence, "reads": count}
            for reason, count in found.reasons.items()
        ],
        "examples": found.worst(examples),
    }
