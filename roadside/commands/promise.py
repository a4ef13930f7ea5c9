"""`roadside promise`: whether today's data will be, and `roadside promise check` were, out at 06:00 ET."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roadside.commands.online import require_ledger
from roadside.installation import settings_here
from roadside.rendering import counted, moment, notice, print_json, print_table, say
from validation.clocks import (
    EASTERN,
    TICK_DELAY,
    business_day_start,
    daily_available_at,
    parse_day,
    parse_moment,
)
from validation.errors import UnknownName, UserError

if TYPE_CHECKING:
    from lakehouse.settings import Settings
    from roadside.promise_check import Asked, Kept, PromiseKept
    from roadside.promise_forecast import Expected, Forecast

NOW = "now"
_MINUTE = timedelta(minutes=1)
CANNOT_TELL = 6

Day = Annotated[
    str | None,
    typer.Option(
        "--date",
        metavar="DAY",
        help="The day of the 06:00 ET. Default: that of --at; where ROADSIDE_ONLINE_CLOCK is data and no "
        "--at is given, that of the newest closed tick.",
    ),
]
Views = Annotated[list[str] | None, typer.Option("--view", help="One daily view; repeatable. Default: all.")]
Datasets = Annotated[
    list[str] | None, typer.Option("--dataset", help="One dataset; repeatable. Default: all.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def promise(
    context: typer.Context,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            help="From when on work goes on, or `now`. Default: now where ROADSIDE_ONLINE_CLOCK is wall, as "
            "in production; else the moment at which the newest closed tick is due.",
        ),
    ] = None,
    day: Day = None,
    view: Views = None,
    dataset: Datasets = None,
    as_json: AsJson = False,
) -> None:
    """When today's features and datasets will be ready, by what runs took, and the slack to 06:00 ET.

    Of the ticks still missing through the 03:00 ET cut, those that have ended are carried as one, and the
    later ones follow, each no sooner than it ends; in each, ROADSIDE_STEPS_AT_ONCE steps at a time. A step
    takes as long over so many ticks as a line through its runs over few and over many says; where its runs
    were of one length, or too few for a line, a longer span is taken in proportion, the most it may take. A
    dataset follows the daily release as long after it as on other nights that kept 06:00. Not counted: the
    start of a process, and what waits for a scheduler.

    Told beside it is between which times that is likely, by how far eight in ten past runs and nights were
    from what the others foretell; a guess of half to twice the time where they are too few. A step
    that is needed and whose last run failed is named with what to type, and so is a source that holds a view
    at the newest tick it is closed through: neither comes out as things stand.

    Exit codes: 0 what remains fits, at the latest that is likely; 1 it does not: late, or late if it goes as
    slowly as it may, or a step fails, or a source holds; 6 cannot tell, for something that remains was never
    measured.
    """
    if context.invoked_subcommand is not None:
        if at or day or view or dataset or as_json:
            raise UserError(
                f"Options stand after {context.invoked_subcommand}.",
                f"Write roadside promise {context.invoked_subcommand} --at MOMENT, say.",
            )
        return
    asked = _asked(view or [], dataset or [])
    settings = settings_here()
    require_ledger(settings)
    wanted, seen_at = _day_and_moment(settings, day, at, by_data=True)
    from roadside.promise_forecast import forecast

    found = forecast(settings, wanted, seen_at, asked)
    if as_json:
        print_json(forecast_shaped(found))
    else:
        print_forecast(found)
    raise typer.Exit(CANNOT_TELL if found.fits is None else 0 if found.fits else 1)


def check(
    day: Day = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            help="As of which moment: what came out later does not count. Default: now.",
        ),
    ] = None,
    as_if_due: Annotated[
        bool,
        typer.Option(
            "--as-if-due",
            help="Before 06:00 ET, ask as if it had come: what is not out yet is missing. For the end of a "
            "night's work.",
        ),
    ] = False,
    view: Views = None,
    dataset: Datasets = None,
    no_publication: Annotated[
        bool,
        typer.Option("--no-publication", help="Do not ask Snowflake and S3, though the settings name them."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Whether the 06:00 ET promise of a day was kept; needs no scheduler, no Spark, no Java.

    Promised are the daily views of the 03:00 ET cut, the newest day of each dataset whose labels are closed,
    and both at what the settings publish to. Judged by when they came out, never by when a job ran.

    Exit codes for a monitor: 0 kept, or not due yet; 1 something is missing at 06:00 ET or came out after
    it; 6 cannot tell, for the ledgers, Snowflake or S3 do not answer, or S3 has a newer state in the place
    of the one in question. What could be read is printed before such an error, which says nothing of the
    rest.
    """
    asked = _asked(view or [], dataset or [])
    settings = settings_here()
    require_ledger(settings)
    wanted, seen_at = _day_and_moment(settings, day, at, by_data=False)
    if as_if_due:
        seen_at = max(seen_at, daily_available_at(business_day_start(wanted)))
    from roadside.promise_check import promise_kept

    found = promise_kept(settings, wanted, seen_at, asked, published=not no_publication)
    if as_json:
        print_json(check_shaped(found))
    else:
        print_check(found)
    for problem in found.cannot_tell[1:]:
        notice(f"error: {problem.what}", "bold red")
    if found.cannot_tell:
        raise found.cannot_tell[0]
    raise typer.Exit(1 if found.broken else CANNOT_TELL if found.unknown else 0)


def _asked(views: list[str], datasets: list[str]) -> Asked:
    from roadside.promise_check import DAILY_VIEWS, Asked
    from training_datasets.specs import spec_named

    known = [table.short_name for table in DAILY_VIEWS]
    for name in views:
        if name not in known:
            raise UnknownName("daily view", name, known)
    return Asked(tuple(views), tuple(spec_named(name).name for name in datasets))


def _day_and_moment(
    settings: Settings, day: str | None, at: str | None, *, by_data: bool
) -> tuple[date, datetime]:
    """The day asked for and the moment; in a home whose clock is its data's, the data say the day.

    And the moment too, where `by_data`.
    """
    now = datetime.now(UTC)
    seen_at = now if at in (None, NOW) else parse_moment(str(at), "--at")
    reference = seen_at
    if at is None and settings.online_clock == "data":
        from lakehouse.ops import Ops
        from roadside.hop_readings import newest_closed

        closed = newest_closed(Ops(settings.ops_url))
        reference = now if closed is None else closed + TICK_DELAY
        seen_at = reference if by_data else now
    wanted = reference.astimezone(EASTERN).date() if day is None else parse_day(day, "--date")
    return wanted, seen_at


def check_shaped(found: PromiseKept) -> dict[str, Any]:
    """The JSON form: durations in seconds."""
    return {
        "day": found.day,
        "at": found.at,
        "promised_at": found.promised_at,
        "is_due": found.is_due,
        "is_broken": bool(found.broken),
        "broken": [_name(each) for each in found.broken],
        "cannot_tell": [each.what for each in found.cannot_tell],
        "things": found.things,
    }


def print_check(found: PromiseKept) -> None:
    """One sentence; a line per promised thing; what readers have of those that are not out; what to type."""
    say(check_sentence(found), "bold red" if found.broken else "bold")
    print_table(
        ("what", "due", "promised at", "published at", "state"),
        [(_name(each), each.due, each.promised_at, each.published_at, _state(each)) for each in found.things],
    )
    lacking = [each for each in found.things if each.because is not None]
    if lacking:
        print_table(
            ("not there", "readers have", "because"),
            [(_name(each), _readers_have(each), each.because and each.because.why) for each in lacking],
        )
    if any(_is_after_the_fact(each) for each in found.things):
        say("What came out more than a day late was made after the fact: history, or a replay.")
    steps = [each.because.next_step for each in found.broken if each.because]
    for step in dict.fromkeys(steps):
        say(f"  next: {step}")


def check_sentence(found: PromiseKept) -> str:
    """What became of the promise, in one sentence."""
    out = [each for each in found.things if each.published_at is not None]
    promise = f"The promise of 06:00 ET on {found.day} ({moment(found.promised_at)})"
    counts = f"{len(out)} of {len(found.things)} are out at {moment(found.at)}"
    if found.broken:
        return f"{promise} is broken: {', '.join(_kinds_of_broken(found))}; {counts}."
    lacking = ", ".join(_name(each) for each in found.things if each.state == "not due yet")
    waits = f"; not there yet: {lacking}" if lacking else ""
    if not found.is_due:
        return f"{promise} is due in {_span(found.promised_at - found.at)}: {counts}{waits}."
    if found.unknown or found.cannot_tell:
        return f"{promise} is kept as far as can be told: {counts}{waits}."
    return f"{promise} is kept: {counts}{'; not due: ' + lacking if lacking else ''}."


def _kinds_of_broken(found: PromiseKept) -> Iterator[str]:
    for state in ("missing", "late"):
        names = [_name(each) for each in found.broken if each.state == state]
        if names:
            yield f"{len(names)} {state} ({', '.join(names)})"


def _name(thing: Kept) -> str:
    """As a sentence has it: features.area_hour_1d, eta_v1, eta_v1 to snowflake."""
    if thing.kind == "view":
        return f"features.{thing.name}"
    return thing.name if thing.kind == "dataset" else f"{thing.name} to {thing.kind}"


def _state(thing: Kept) -> str:
    return thing.state if thing.late_by is None else f"{thing.state} {_span(thing.late_by)}"


def _readers_have(thing: Kept) -> str | None:
    good = thing.readers_have
    if good is None:
        return "nothing" if thing.is_broken else None
    if good.what is None:
        return good.release_id
    what = moment(good.what) if isinstance(good.what, datetime) else str(good.what)
    return f"{what}, {good.release_id}"


def _is_after_the_fact(thing: Kept) -> bool:
    from roadside.quality_report.publication_strip import AFTER_THE_FACT

    return thing.late_by is not None and thing.late_by > AFTER_THE_FACT


def forecast_shaped(found: Forecast) -> dict[str, Any]:
    """The JSON form: durations in seconds."""
    return {
        "day": found.day,
        "at": found.at,
        "promised_at": found.promised_at,
        "fits": found.fits,
        "ready_at": found.ready_at,
        "soonest_at": found.soonest_at,
        "latest_at": found.latest_at,
        "is_guess": found.is_guess,
        "slack": found.slack,
        "missing_ticks": found.missing,
        "cut_begins_at": found.cut_begins_at,
        "steps_at_once": found.at_once,
        "critical_path": found.path,
        "not_measured": found.not_measured,
        "taken_at_most": found.at_most,
        "held": found.held,
        "failing": found.failing,
        "things": found.things,
    }


def print_forecast(found: Forecast) -> None:
    """One sentence; then what is in the way, what is expected when, the critical path, what is not known."""
    say(forecast_sentence(found), "bold" if found.fits else "bold red")
    if found.soonest_at is not None and found.latest_at is not None:
        ground = (
            "a guess: too few past runs or nights, or none over so many ticks, to tell"
            if found.is_guess
            else "by how far eight in ten past runs and nights were from what the others foretell"
        )
        say(f"Likely between {moment(found.soonest_at)} and {moment(found.latest_at)}, {ground}.")
    for each in found.failing:
        say(f"{each.step} failed over {each.interval}: {each.error_kind}, run {each.run_id}.")
        for command in each.next_steps:
            say(f"  next: {command}")
    if found.held:
        say("  next: roadside freshness")
    print_table(
        ("what", "due", "ready at", "likely", "slack min", "by"),
        [
            (
                f"features.{each.name}" if each.kind == "view" else each.name,
                each.due,
                each.ready_at,
                _range(each),
                None if each.is_out or not each.ready_at else _minutes(found.promised_at - each.ready_at),
                each.by,
            )
            for each in found.things
        ],
        numbers=["slack min"],
    )
    if found.path:
        _print_path(found)
    if found.at_most:
        say(
            f"Too few runs of several lengths are known of {', '.join(found.at_most)}: taken to last the "
            "most they may, in proportion to the ticks and no less than the shortest."
        )
    if found.not_measured:
        say(f"Not measured: {', '.join(found.not_measured)}.")


def _range(thing: Expected) -> str | None:
    """By the hour alone: the day is that of `ready at`."""
    if thing.soonest_at is None or thing.latest_at is None:
        return None
    return f"{thing.soonest_at:%H:%MZ} - {thing.latest_at:%H:%MZ}"


def forecast_sentence(found: Forecast) -> str:
    """Whether it fits, in one sentence."""
    promise = f"06:00 ET on {found.day} ({moment(found.promised_at)})"
    if found.is_empty:
        return f"At {moment(found.at)} nobody can tell of {promise}: nothing has been ingested yet."
    if all(each.is_out for each in found.things):
        return f"At {moment(found.at)} all that is promised for {promise} is out."
    ready = found.ready_at
    if found.held or found.failing:
        failed = [f"{each.step} failed ({each.error_kind}, run {each.run_id})" for each in found.failing]
        but = (
            "" if ready is None else f" If that passed now, what can be told is expected at {moment(ready)}."
        )
        return (
            f"At {moment(found.at)} the promise of {promise} does not fit as things stand: "
            f"{'; '.join([*failed, *found.held])}.{but}"
        )
    if ready is None or found.slack is None or found.latest_at is None:
        return f"At {moment(found.at)} nobody can tell of {promise}: what remains was never measured."
    of = "What can be told of what" if found.not_measured else "All that"
    is_late = found.slack < timedelta(0)
    left = f"{_span(-found.slack)} after" if is_late else f"{_span(found.slack)} before"
    late_by = found.latest_at - found.promised_at
    may = f", but may be {_span(late_by)} late" if not is_late and late_by > timedelta(0) else ""
    return f"{of} is promised for {promise} is expected at {moment(ready)}, {left} the promise{may}."


def _print_path(found: Forecast) -> None:
    wait = found.cut_begins_at - found.at
    say(
        f"The critical path of the tick of the cut, {found.at_once} steps at once; "
        f"{counted(found.missing, 'tick')} to be made through it, its own from "
        f"{moment(found.cut_begins_at)} in {_span(wait)}:"
    )
    print_table(
        ("step", "begins min", "takes min", "waits for"),
        [
            (
                each.step,
                round(each.begin / 60, 2),
                round(each.seconds / 60, 2),
                each.after and f"{each.after}{', for its place' if each.for_a_place else ''}",
            )
            for each in found.path
        ],
        numbers=["begins min", "takes min"],
    )


def _minutes(span: timedelta) -> float:
    return round(span / _MINUTE, 1) + 0.0  # none is no -0


def _span(span: timedelta) -> str:
    """As a person says it: 12 min, 3 h 05 min, 4 days.

    >>> [_span(timedelta(minutes=each)) for each in (0.2, 12, 185, 5_800)]
    ['under 1 min', '12 min', '3 h 05 min', '4 days']
    """
    minutes = span // _MINUTE
    if minutes < 1:
        return "under 1 min"
    if minutes < 60:
        return f"{minutes} min"
    if span < timedelta(days=2):
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{span // timedelta(days=1)} days"
