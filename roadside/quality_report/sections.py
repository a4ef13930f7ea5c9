"""The sections of the quality report, each the HTML of some of its facts; every number with its n."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from roadside.quality_report.charts import (
    LEAST_N,
    landed_chart,
    lateness_chart,
    null_chart,
    span_told,
    strip_axis,
    strip_chart,
    swatch,
)
from roadside.quality_report.duplicates import Duplicates, Repeats
from roadside.quality_report.facts import Facts
from roadside.quality_report.gates import Alarm, Drift, FailedRuns, HeldView
from roadside.quality_report.landed import Landed, width_of
from roadside.quality_report.lateness import Lateness
from roadside.quality_report.null_bands import NullSeries
from roadside.quality_report.publication_strip import AFTER_THE_FACT, Strip
from roadside.quality_report.refusals import Refusals
from training_datasets.card_charts import Bar, bars
from training_datasets.card_markup import Cell, Html, code, count, counted, html, joined, note, share, tag

Item = TypeVar("Item")

_SHOWN_OF_SOURCE = 3
_ALARMS_SHOWN = 4
_DAYS_SHOWN = 7
_PSI_FULL = 0.5
_STATES = {
    "in_time": "in time",
    "late": "up to 5 min late",
    "later": "5 to 15 min",
    "latest": "over 15 min",
    "after_the_fact": "over a day: history made anew",
    "held": "held",
    "missing": "missing",
}
_BADGES = {"stops": ("■", "stops"), "accepted": ("✓", "accepted"), "warns": ("△", "warns")}


def landed(facts: Facts) -> Html:
    """Bars by source, and under each whether landed = bronze + quarantined."""
    width = width_of(facts.scope.interval)
    key = _legend(
        ("key block", "bronze"),
        ("key block hatched", "quarantined, drawn at least so high that it shows"),
        ("key block hollow", "objects that wait to be read"),
    )
    drawn = [
        tag(
            "figure",
            tag("figcaption", code(each.source)),
            landed_chart(each, width),
            _equation(each),
            _to_read(each, facts),
        )
        for each in facts.landed
    ]
    return joined([key, tag("div", *drawn, class_="panels")])


def _equation(source: Landed) -> Html:
    sign, state = ("=", "good") if source.is_balanced else ("≠", "bad")
    told = [
        tag("b", count(source.lines)),
        f" lines {sign} ",
        tag("b", count(source.bronze)),
        " bronze + ",
        tag("b", count(source.quarantined)),
        " quarantined ",
    ]
    verdict = (
        "✓ balances" if source.is_balanced else f"✗ {counted(source.unbalanced, 'object')} not accounted for"
    )
    parts = [tag("p", *told, tag("span", verdict, class_=f"{state} whole"), class_="equation")]
    waits = f"; {counted(source.unread, 'object')} not yet read, their lines unknown" if source.unread else ""
    parts.append(note(f"{counted(source.objects, 'object')}{waits}."))
    return joined(parts)


def _to_read(source: Landed, facts: Facts) -> Html:
    """What to type where lines are not accounted for, or wait and no check stops them."""
    is_stopped = source.source in {each.source for each in facts.gates.of_state("stops")}
    if source.is_balanced and (not source.unread or is_stopped):
        return Html("")
    start, end = (f"{at:%Y-%m-%dT%H:%MZ}" for at in (facts.scope.interval.start, facts.scope.interval.end))
    force = "" if source.is_balanced else " --force"
    return _typed(f"roadside ingest --source {source.source} --start {start} --end {end}{force}")


def gates(facts: Facts) -> Html:
    """What stops runs first, then what failed, what is held, what was accepted, what warned."""
    found = facts.gates
    failed = [each for each in found.failed if not each.is_stopped]
    cards = [
        *_by(found.of_state("stops"), lambda each: each.run_id, _stop),
        *(_failed(each) for each in failed if each.is_open),
        *_by(found.held, lambda each: each.hold, _held),
        *_by(found.of_state("accepted"), lambda each: each.run_id, _stop),
        *_by(found.of_state("warns"), lambda each: (each.source, each.check_name), _stop),
        *(_failed(each) for each in failed if not each.is_open),
    ]
    if not cards:
        return tag("p", "✓ No check alarmed, no run failed, nothing is held.", class_="good")
    return tag("div", *cards, class_="panels")


def _by(
    found: Iterable[Item], key: Callable[[Item], object], draw: Callable[[list[Item]], Html]
) -> list[Html]:
    """A card for what belongs together, in the order of the first of each."""
    groups: dict[object, list[Item]] = {}
    for each in found:
        groups.setdefault(key(each), []).append(each)
    return [draw(group) for group in groups.values()]


def _stop(alarms: list[Alarm]) -> Html:
    """The alarms of one run, or the warnings of one check."""
    first, (sign, word) = alarms[0], _BADGES[alarms[0].state]
    head = [tag("span", f"{sign} {word}", class_="badge"), Html(" "), code(first.source)]
    words = dict.fromkeys(word for each in alarms for word in each.words)
    return _card(
        first.state,
        tag("p", *head, class_="head"),
        *(part for each in alarms[:_ALARMS_SHOWN] for part in _alarm(each)),
        *([note(f"And {len(alarms) - _ALARMS_SHOWN} more.")] if len(alarms) > _ALARMS_SHOWN else []),
        *(
            note(f"{each.principal}, {_minute(each.accepted_at)}: “{each.why}”, until {_minute(each.until)}")
            for each in words
        ),
        *([note(f"Run {first.run_id}")] if first.run_id else []),
        *([note("Right as it is:")] if first.refused_by else []),
        _typed(first.next_step),
        *([note("Wrong; the objects go into quarantine:")] if first.refused_by else []),
        _typed(first.refused_by),
    )


def _alarm(alarm: Alarm) -> tuple[Html, Html]:
    last = f" to {_minute(alarm.last)}" if alarm.last != alarm.first else ""
    return tag("p", alarm.text), note(f"{counted(alarm.ticks, 'tick')}: {_minute(alarm.first)}{last}")


def _failed(failed: FailedRuns) -> Html:
    state, sign = ("failed", "✗ failed") if failed.is_open else ("mended", "✓ failed, made since")
    times = f"{failed.times:,} times, last " if failed.times > 1 else ""
    ended = "" if failed.at is None else f" at {_minute(failed.at)} (wall clock)"
    return _card(
        state,
        tag("p", tag("span", sign, class_="badge"), " ", code(failed.table), class_="head"),
        tag("p", f"{failed.error_kind} over {failed.interval}"),
        note(f"{times}run {failed.run_id}{ended}"),
        _typed(failed.next_step),
    )


def _held(held: list[HeldView]) -> Html:
    """The views that one source holds at one instant."""
    hold = held[0].hold
    last = "never" if hold.last_object_at is None else _minute(hold.last_object_at)
    records = hold.expected_records
    expected = "" if records is None else f", about {counted(records, 'line')} expected"
    return _card(
        "held",
        tag("p", tag("span", "▨ held", class_="badge"), " by ", code(hold.source), class_="head"),
        tag("p", joined([code(each.view) for each in held], ", ")),
        note(f"At {_minute(hold.at)}, since {_minute(hold.since)}: readers keep the values before."),
        note(f"{hold.found_objects} of {hold.expected_objects} objects found{expected}; last object {last}."),
        _typed("roadside status"),
    )


def nulls(facts: Facts) -> Html:
    """The worst series of each source, and a sentence about the others."""
    key = _legend(
        ("key", "share without a value"),
        ("key few", f"of fewer than {LEAST_N} rows"),
        ("key block band-key", "least to greatest of the same span before"),
        ("alarm-key", "alarmed"),
    )
    drawn, quiet = [], []
    for source in facts.scope.sources:
        of_source = [each for each in facts.nulls if each.source == source]
        worth = [each for each in of_source if each.alarms or each.nulls][:_SHOWN_OF_SOURCE]
        drawn += [_null_figure(each) for each in worth]
        rest = len(of_source) - len(worth)
        if rest:
            quiet.append(_quiet(source, of_source, worth))
    explained = note(
        "The band is of the same span in the five weeks before, else the fourteen days, its greatest left "
        "out as the check leaves it out. A point outside it alarms only if the change is large and no chance."
    )
    if not facts.nulls:
        return note("Nothing was counted in this range.")
    return joined([key, tag("div", *drawn, class_="panels"), explained, tag("ul", *quiet, class_="note")])


def _null_figure(series: NullSeries) -> Html:
    last = series.points[-1]
    rows = sorted({each.rows for each in series.points})
    n = " to ".join(count(each) for each in dict.fromkeys((rows[0], rows[-1])))
    before = (
        f"{last.compared} {'weeks' if last.is_weeks else 'days'}"
        if last.high is not None
        else "too little to"
    )
    caption = joined(
        [
            tag("b", code(series.source), " ", code(series.column)),
            html(f" null{' where ' + series.group if series.group else ''}"),
            tag(
                "span",
                f"n = {n} rows in {span_told(series.span)}; "
                f"compared with {before}; {'stops a run' if series.severity == 'fail' else 'warns'}",
                class_="soft block",
            ),
        ],
        "",
    )
    return tag("figure", tag("figcaption", caption), null_chart(series))


def _quiet(source: str, of_source: Sequence[NullSeries], worth: Sequence[NullSeries]) -> Html:
    rest = [each for each in of_source if each not in worth]
    never = [each for each in rest if not each.nulls]
    some = len(rest) - len(never)
    told = f"{len(never)} series without any null"
    told += f", {some} more with some, none farther above its band than those drawn" if some else ""
    return tag("li", code(source), f": {told}.")


def lateness(facts: Facts) -> Html:
    """A curve a source, its hundredths and what is beyond the horizon."""
    key = _legend(
        ("key", "until known_at, the end of the tick that first saw it"),
        ("key dashed", "until landed_at, the stamp of its object"),
    )
    drawn = [_late_figure(each) for each in facts.lateness]
    explained = note(
        "Share of bronze rows of the range within so much of event_timestamp, in whole minutes, rounded up; "
        "archives and lines released from quarantine are left out. Older than late: in no state and no "
        "feature. Later than ahead past its landing: quarantined. p50, p95 and p99 are of known_at."
    )
    return joined([key, tag("div", *drawn, class_="panels"), explained])


def _late_figure(source: Lateness) -> Html:
    out = f"; {counted(source.left_out, 'object')} left out" if source.left_out else ""
    if source.known is None:
        return tag(
            "figure", tag("figcaption", code(source.source)), note(f"No row in the range (n = 0{out}).")
        )
    known = source.known
    told = [
        tag("span", f"{name} ", tag("b", span_told(timedelta(minutes=each))), " ", class_="whole")
        for name, each in (("p50", known.p50), ("p95", known.p95), ("p99", known.p99))
    ]
    too_late = f"{count(source.beyond_late)} of {count(source.rows)}"
    beyond = f"{share(source.beyond_late / source.rows)} ({too_late}) beyond late {span_told(source.late)}"
    early = f"{count(source.ahead_rows)} before their stamp, within ahead {span_told(source.ahead)}"
    return tag(
        "figure",
        tag("figcaption", tag("b", code(source.source)), f" n = {count(source.rows)}{out}"),
        lateness_chart(source),
        tag("p", *told, class_="equation"),
        note(f"{beyond}; {early}."),
    )


def duplicates(facts: Facts) -> Html:
    """Rows said again, by source and day."""
    counted_ones = [each for each in facts.duplicates if each.is_counted]
    without = [each.source for each in facts.duplicates if not each.is_counted]
    full = max([_again(day) for each in counted_ones for day in each.days], default=0) or 1
    explained = (
        "Rows in one object whose id another row of it has, plus rows that bronze has and silver left out as "
        "known from another object (of the whole UTC day; other content under a known id is among them). "
        "Copies farther apart than the source's late are not told apart."
    )
    if without:
        explained += f" Rows without an id: {', '.join(without)}."
    return joined(
        [
            note(f"A bar is full at {share(full)} of rows."),
            tag("div", *(_repeats(each, full) for each in counted_ones), class_="panels"),
            note(explained),
        ]
    )


def _repeats(source: Duplicates, full: float) -> Html:
    with_rows = [each for each in source.days if each.rows or each.bronze]
    worst = sorted(with_rows, key=lambda each: (-_again(each), each.day))[:_DAYS_SHOWN]
    more = len(with_rows) - len(worst)
    caption = [tag("b", code(source.source)), html(" in one object + in others, of rows")]
    caption += [html(f"; the worst {len(worst)} days of {len(with_rows)}")] if more else []
    caption += [] if worst else [html(": no row (n = 0)")]
    drawn = [
        Bar(str(each.day), _again(each) / full, _repeats_told(each), kind="second")
        for each in sorted(worst, key=lambda each: each.day)
    ]
    return bars(joined(caption, ""), drawn)


def _repeats_told(day: Repeats) -> str:
    """Both parts, and of how many; the second a dash where silver is not made yet."""
    rows = day.rows if day.bronze is None else day.bronze
    others = "-" if day.left_out is None else count(max(day.left_out - day.in_object, 0))
    return f"{count(day.in_object)} + {others} of {count(rows)}"


def _again(day: Repeats) -> float:
    rows, again = (day.rows, day.in_object) if day.bronze is None else (day.bronze, day.left_out or 0)
    return max(again, day.in_object) / rows if rows else 0.0


def freshness(facts: Facts) -> Html:
    """A row a view: its last instants, and how they came out."""
    key = [tag("span", swatch(state), f" {told}", class_="whole") for state, told in _STATES.items()]
    by_tick = [each for each in facts.strips if not each.is_daily]
    daily = [each for each in facts.strips if each.is_daily]
    parts: list[Cell] = [tag("p", *key, class_="legend states")]
    if by_tick:
        moments = [each.at for each in by_tick[0].cells]
        axis = tag("div", tag("span"), strip_axis(moments), tag("span"), class_="strip-row axis-row")
        parts += [
            tag(
                "h3",
                f"Every 15 minutes: promised 5 minutes after the tick (last {counted(len(moments), 'tick')})",
            ),
            tag("div", axis, *(_strip(each) for each in by_tick), class_="strips"),
        ]
    if daily:
        days = max(len(each.cells) for each in daily)
        parts += [
            tag("h3", f"Daily: cut at 03:00 ET, promised at 06:00 ET ({counted(days, 'cut')})"),
            tag("div", *(_strip(each) for each in daily), class_="strips daily"),
        ]
    return joined(parts)


def _strip(strip: Strip) -> Html:
    late = strip.count("late", "later", "latest")
    told = [f"{strip.count('in_time')} of {len(strip.cells)} in time"]
    delays = [each.delay for each in strip.cells if each.delay is not None and each.delay <= AFTER_THE_FACT]
    told += [f"{late} late, worst {span_told(max(delays))}"] if late else []
    others = (("held", "held"), ("missing", "missing"), ("after_the_fact", "made anew"))
    told += [f"{strip.count(state)} {word}" for state, word in others if strip.count(state)]
    return tag(
        "div",
        tag("span", code(strip.view), class_="name"),
        strip_chart(strip),
        tag("span", "; ".join(told), class_="told"),
        class_="strip-row",
    )


def drift(facts: Facts) -> Html:
    """Features that drifted, worst first."""
    found = facts.gates.drift
    if not found:
        return note(
            "None found in this range, or not counted yet. Drift is the PSI of a feature's values against "
            "its own past."
        )
    drawn = [
        Bar(
            _drift_name(each),
            min(each.psi / _PSI_FULL, 1),
            f"PSI {each.psi:.2f}, n {count(each.rows)}",
            kind="second",
        )
        for each in found
    ]
    return joined(
        [
            bars(f"PSI, worst tick of the range; a bar is full at {_PSI_FULL}", drawn),
            tag("ul", *(tag("li", each.text) for each in found[:3]), class_="note"),
        ]
    )


def _drift_name(each: Drift) -> Html:
    group = f" where {each.group}" if each.group else ""
    return joined(
        [code(f"{each.table.partition('.')[2]}.{each.check_name.removeprefix('drift_')}"), html(group)], ""
    )


def refusals(facts: Facts) -> Html:
    """Why lines were refused, with the fix."""
    if not facts.refusals:
        return tag("p", "✓ No line of the range was refused.", class_="good")
    most = max(each.total for each in facts.refusals)
    lines = sum(each.lines for each in facts.landed)
    caption = note(f"Of {counted(lines, 'line')} landed in the range; a bar is full at {count(most)}.")
    return joined([caption, tag("div", *(_reason(each, most) for each in facts.refusals), class_="panels")])


def _reason(each: Refusals, most: int) -> Html:
    answers = ((each.released, "released"), (each.settled, "settled"))
    answered = [f"{count(number)} {word}" for number, word in answers if number]
    state = ", ".join([f"{count(each.waiting)} waiting", *answered])
    by_source = ", ".join(f"{source} {count(number)}" for source, number in each.lines.items())
    return _card(
        "reason",
        tag(
            "p",
            code(each.reason),
            " ",
            tag("b", count(each.total)),
            f" ({share(each.share)}): {state}",
            class_="head",
        ),
        _two_part_bar(each, most),
        note(f"{by_source}; since {_minute(each.since)}, last {_minute(each.until)}"),
        tag("p", tag("b", each.meaning), " ", each.fix),
        *(_typed(command) for command in each.commands),
    )


def _two_part_bar(each: Refusals, most: int) -> Html:
    """Waiting lines full, answered ones hatched."""
    waiting, whole = 100 * each.waiting / most, 100 * each.total / most
    return Html(
        '<svg class="bar" width="100%" height="12" aria-hidden="true">'
        '<rect class="ground" width="100%" height="100%"/>'
        f'<rect class="refused-part" width="{whole:.2f}%" height="100%"/>'
        f'<rect class="bin second" width="{waiting:.2f}%" height="100%"/></svg>'
    )


def _card(state: str, *content: Cell) -> Html:
    return tag("article", *(each for each in content if each), class_=f"card {state}")


def _legend(*keys: tuple[str, str]) -> Html:
    """What the shapes of a section's charts mean: a class and a word each."""
    parts = (tag("span", tag("span", class_=kind), " ", told, class_="of-key") for kind, told in keys)
    return tag("p", *parts, class_="legend")


def _typed(command: str) -> Html:
    """What to type; it folds between its words only, and is copied as it is."""
    if not command:
        return Html("")
    words = (tag("span", word, class_="whole") for word in command.split(" "))
    return tag("p", tag("code", joined(words, " ")), class_="typed")


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"
