"""Charts of the quality report as SVG that stands in the page; shapes stretch with it, letters do not.

Places are in percent of the drawing; curves stand in an inner drawing of 1000 by 1000 that is stretched.
No meaning is told by colour alone: what is refused or held is hatched, what alarms has a shape and a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import log10

from roadside.quality_report.landed import DAY, Landed, LandedBar
from roadside.quality_report.lateness import LONGEST, MINUTE, Curve, Lateness
from roadside.quality_report.null_bands import NullPoint, NullSeries
from roadside.quality_report.publication_strip import Cell, Strip
from training_datasets.card_markup import Cell as Text
from training_datasets.card_markup import Html, count, html, share, tag

HATCH = Html(
    '<svg width="0" height="0" class="defs" aria-hidden="true"><defs>'
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect class="hatch-ground" width="6" height="6"/><rect class="hatch-line" width="2.5" height="6"/>'
    "</pattern></defs></svg>"
)
"""The pattern that other drawings of the page fill with."""

LEAST_N = 20
"""A share of fewer rows is drawn grey and dashed."""
_LEAST_HEIGHT = 3.5
_HEIGHT_OF = {"in_time": 30, "late": 50, "later": 70, "latest": 100, "after_the_fact": 16, "held": 100}
_AHEAD_WIDTH = 0.14
"""Part of the lateness axis for rows that came before they happened."""
_AXIS = ((1, "1 min"), (15, "15"), (60, "1 h"), (1440, "1 d"), (43200, "30 d"))
_LABELS = 4.2
_LABEL_STEPS = tuple(timedelta(hours=each) for each in (1, 3, 6, 12, 24, 72, 168, 336, 720, 2160))


def landed_chart(source: Landed, width: timedelta) -> Html:
    """Lines by hour or day: bronze below, quarantined hatched on top; what waits as a hollow bar."""
    top = max([bar.bronze + bar.quarantined for bar in source.bars], default=0) or 1
    parts = len(source.bars)
    shapes = [
        shape for place, bar in enumerate(source.bars) for shape in _stack(bar, width, top, place, parts)
    ]
    labels = _time_labels([bar.start for bar in source.bars], lambda place: place / parts, width)
    return _drawing(f"{source.source}: lines by {_named(width)}", [_top(count(top)), *shapes, *labels])


def null_chart(series: NullSeries) -> Html:
    """The share by tick over its band; a triangle with a word where it alarmed."""
    points = series.points
    top = _top_share(max((each.share or 0 for each in points), default=0), points)
    x = _places(points)
    band = _band(points, x, top)
    inner = _stretched(
        *(f'<path class="band" d="{each}"/>' for each in band),
        *(f'<path class="curve" d="{each}"/>' for each in _lines(points, x, top, is_few=False)),
        *(f'<path class="curve few" d="{each}"/>' for each in _lines(points, x, top, is_few=True)),
    )
    labels = _time_labels([each.at for each in points], lambda place: x[place], timedelta(minutes=15))
    name = f"{series.source} {series.check_name} {series.group}".strip()
    return _drawing(name, [_top(_percent_told(top)), inner, *_alarm_marks(points, x, top), *labels])


def lateness_chart(source: Lateness) -> Html:
    """Two cumulative curves over minutes on a logarithmic axis, and the horizons as lines with names."""
    if source.known is None or source.landed is None:
        return Html("")
    inner = _stretched(
        f'<path class="curve second" d="{_stairs(source.landed, source.ahead)}"/>',
        f'<path class="curve" d="{_stairs(source.known, source.ahead)}"/>',
    )
    ahead = source.ahead / MINUTE
    marks = [
        _mark(f"ahead {span_told(source.ahead)}", _late_x(-ahead, ahead), 0),
        *(
            _mark(f"{name} {span_told(timedelta(minutes=at))}", _late_x(at, ahead), 1 + row)
            for row, (name, at) in enumerate((("p50", source.known.p50), ("p99", source.known.p99)))
        ),
        _late_mark(source, ahead),
    ]
    labels = [_below(_late_x(at, ahead), told) for at, told in _AXIS]
    sides = [_across(part, f"{100 * part:.0f} %") for part in (0.5, 0.95)]
    return _drawing(f"{source.source}: share known by minutes since", [*sides, inner, *marks, *labels])


def strip_chart(strip: Strip) -> Html:
    """A cell an instant: the later, the taller and the redder; held is hatched, missing is empty."""
    width = 100 / max(len(strip.cells), 1)
    cells = [_cell(each, place * width, width) for place, each in enumerate(strip.cells)]
    style = f"max-width:{1.5 * len(strip.cells):g}rem"
    return tag("svg", *cells, class_="strip", width="100%", role="img", aria_label=strip.view, style=style)


def strip_axis(moments: Sequence[datetime]) -> Html:
    """The times above the strips of views that have a cell a tick."""
    parts = max(len(moments), 1)
    step = timedelta(minutes=15)
    labels = _time_labels(moments, lambda place: place / parts, step, at_top=True)
    return tag("svg", *labels, class_="strip-axis", width="100%", aria_hidden="true")


def swatch(state: str) -> Html:
    """A key's picture of a cell."""
    return tag("svg", _shape(state, 0, 100, ""), class_="swatch", aria_hidden="true")


def _cell(cell: Cell, x: float, width: float) -> Html:
    told = cell.state.replace("_", " ") if cell.delay is None else _delay(cell.delay)
    return _shape(cell.state, x, width, f"<title>{cell.at:%d %b %H:%M}: {told}</title>")


def _shape(state: str, x: float, width: float, title: str) -> Html:
    height = _HEIGHT_OF.get(state, 100)
    return Html(
        f'<rect class="cell {state}" x="{_number(x + width * 0.06)}%" y="{100 - height}%" '
        f'width="{_number(width * 0.88)}%" height="{height}%">{title}</rect>'
    )


def _delay(delay: timedelta) -> str:
    return "in time" if delay <= timedelta(0) else f"{span_told(delay)} late"


def _stack(bar: LandedBar, width: timedelta, top: int, place: int, parts: int) -> Iterable[Html]:
    x, wide = 100 * (place + 0.08) / parts, 84 / parts
    low = 100 * bar.bronze / top
    high = max(100 * bar.quarantined / top, _LEAST_HEIGHT) if bar.quarantined else 0.0
    name = f"{bar.start:%d %b}" if width == DAY else f"{bar.start:%d %b %H:%M}"
    told = f"{name}: {count(bar.bronze)} bronze + {count(bar.quarantined)} quarantined"
    if bar.unread:
        yield _rect("waits", x, 0, wide, 100, f"{name}: {count(bar.unread)} objects wait to be read")
    if bar.bronze:
        yield _rect("bin", x, 100 - low, wide, low, told)
    if bar.quarantined:
        yield _rect("refused", x, max(100 - low - high, 0), wide, high, told)


def _rect(kind: str, x: float, y: float, width: float, height: float, title: str) -> Html:
    return Html(
        f'<rect class="{kind}" x="{_number(x)}%" y="{_number(y)}%" width="{_number(width)}%" '
        f'height="{_number(height)}%"><title>{html(title)}</title></rect>'
    )


def _places(points: Sequence[NullPoint]) -> list[float]:
    if len(points) < 2:
        return [0.5 for _ in points]
    whole = points[-1].at - points[0].at
    return [(each.at - points[0].at) / whole for each in points]


def _top_share(most: float, points: Sequence[NullPoint]) -> float:
    most = max(most, *(each.high or 0 for each in points), 0.05)
    return next(each for each in (0.05, 0.1, 0.2, 0.5, 1.0) if each >= most)


def _band(points: Sequence[NullPoint], x: Sequence[float], top: float) -> list[str]:
    found, run = [], list[int]()
    for place in range(len(points) + 1):
        if place < len(points) and points[place].high is not None:
            run.append(place)
            continue
        if run:
            upper = [_point(x[n], (points[n].high or 0) / top) for n in run]
            lower = [_point(x[n], (points[n].low or 0) / top - 0.004) for n in reversed(run)]
            found.append("M" + "L".join([*upper, *lower]) + "Z")
        run = []
    return found


def _lines(points: Sequence[NullPoint], x: Sequence[float], top: float, *, is_few: bool) -> list[str]:
    """Pieces of the line between spans that have rows; a piece is of few rows if either end is."""
    found = []
    run = list[str]()
    for place in range(len(points) - 1):
        ends = points[place], points[place + 1]
        has_rows = all(each.rows for each in ends)
        if has_rows and any(each.rows < LEAST_N for each in ends) == is_few:
            run = run or [_point(x[place], (ends[0].share or 0) / top)]
            run.append(_point(x[place + 1], (ends[1].share or 0) / top))
        elif run:
            found.append("M" + "L".join(run))
            run = []
    return [*found, *(["M" + "L".join(run)] if run else [])]


def _alarm_marks(points: Sequence[NullPoint], x: Sequence[float], top: float) -> Iterator[Html]:
    """A triangle at each alarm, and words at the first of a row of them."""
    before = ""
    for place, each in enumerate(points):
        if each.alarm:
            at = f'x="{_number(100 * x[place])}%" y="{_number(100 * (1 - (each.share or 0) / top))}%"'
            title = f"{each.at:%d %b %H:%M}: {share(each.share)}, n = {count(each.rows)}: {each.alarm}"
            yield Html(
                f'<text class="alarm {each.alarm}" {at} dy="5" text-anchor="middle">▲'
                f"<title>{title}</title></text>"
            )
            if each.alarm != before:
                anchor, dx = ("end", -10) if x[place] > 0.6 else ("start", 10)
                words = f"{each.alarm} {each.at:%H:%M}, {share(each.share)} of {count(each.rows)}"
                yield Html(
                    f'<text class="alarm-name" {at} dy="4" dx="{dx}" text-anchor="{anchor}">{words}</text>'
                )
        before = each.alarm


def _late_x(minutes: float, ahead: float) -> float:
    """A place on the axis: minutes before the event in its first part, in equal steps; then, from a minute
    on, in logarithms."""
    if minutes < 1:
        return _AHEAD_WIDTH * (max(minutes, -ahead) + ahead) / (ahead + 1)
    last = LONGEST / MINUTE
    return _AHEAD_WIDTH + (1 - _AHEAD_WIDTH) * log10(min(minutes, last)) / log10(last)


def _late_mark(source: Lateness, ahead: float) -> Html:
    """The source's horizon; one beyond the axis stands at its end with an arrow."""
    is_beyond = source.late > LONGEST
    name = f"late {span_told(source.late)}" + (" →" if is_beyond else "")
    return _mark(name, _late_x(source.late / MINUTE, ahead), 3, kind="horizon")


def _stairs(curve: Curve, ahead: timedelta) -> str:
    early = ahead / MINUTE
    steps = [
        (_late_x(minutes, early), part) for minutes, part in zip(curve.minutes, curve.shares, strict=True)
    ]
    first = steps[0]
    return f"M{_thousandth(first[0])} {_thousandth(1 - first[1])}" + "".join(
        f"H{_thousandth(x)}V{_thousandth(1 - part)}" for x, part in steps[1:]
    )


def _mark(name: str, part: float, row: int, kind: str = "mark") -> Html:
    """A line with its name beside it, on the side that has room."""
    x = f"{_number(100 * part)}%"
    anchor, dx = ("end", -4) if part > 0.5 else ("start", 4)
    place = f'x="{x}" y="{22 + 19 * row}%" dx="{dx}" text-anchor="{anchor}"'
    return Html(
        f'<line class="{kind}" x1="{x}" x2="{x}" y1="0" y2="100%"/>'
        f'<text class="mark-name" {place}>{html(name)}</text>'
    )


def _time_labels(
    moments: Sequence[datetime],
    x: Callable[[int], float],
    width: timedelta,
    *,
    at_top: bool = False,
) -> list[Html]:
    """Up to nine labels under an axis of time: days, or hours of a shorter range."""
    if not moments:
        return []
    span = moments[-1] - moments[0] + width
    step = next((each for each in _LABEL_STEPS if span / each <= _LABELS), _LABEL_STEPS[-1])
    found = []
    for place, at in enumerate(moments):
        if (at - at.replace(month=1, day=1, hour=0, minute=0)) % step:
            continue
        is_day = step >= DAY or (at.hour, at.minute) == (0, 0)
        found.append((x(place), f"{at:%d %b}" if is_day else f"{at:%H:%M}"))
    return [
        _below(part, told, is_minor=bool(number % 2), at_top=at_top)
        for number, (part, told) in enumerate(found)
    ]


def _below(part: float, told: str, *, is_minor: bool = False, at_top: bool = False) -> Html:
    """A word under the axis; every second one gives way on a narrow page."""
    anchor = "end" if part > 0.94 else "middle"  # beside the axis there is room
    kind = "soft minor" if is_minor else "soft"
    place = 'y="80%"' if at_top else 'y="100%" dy="1.2em"'
    return Html(
        f'<text class="{kind}" x="{_number(100 * part)}%" {place} text-anchor="{anchor}">{told}</text>'
    )


def _top(told: str) -> Html:
    return _across(1.0, told)


def _across(part: float, told: str) -> Html:
    y = _number(100 * (1 - part))
    return Html(
        f'<line class="grid" x1="0" x2="100%" y1="{y}%" y2="{y}%"/>'
        f'<text class="soft" x="0" y="{y}%" dx="-6" dy="4" text-anchor="end">{html(told)}</text>'
    )


def _drawing(name: str, content: Sequence[Text]) -> Html:
    axis = Html('<line class="axis" x1="0" x2="100%" y1="100%" y2="100%"/>')
    drawing = tag("svg", *content, axis, width="100%", class_="chart", role="img", aria_label=name)
    return tag("div", drawing, class_="plot")


def _stretched(*paths: str) -> Html:
    return Html(
        '<svg width="100%" height="100%" viewBox="0 0 1000 1000" preserveAspectRatio="none">'
        f"{''.join(paths)}</svg>"
    )


def _point(x: float, part: float) -> str:
    return f"{_thousandth(x)} {_thousandth(1 - part)}"


def _thousandth(part: float) -> str:
    return f"{round(part * 1000, 1):g}"


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _percent_told(part: float) -> str:
    return f"{part:.0%}".replace("%", " %")


def _named(width: timedelta) -> str:
    return "day" if width == DAY else "hour"


def span_told(span: timedelta) -> str:
    """A span in the greatest unit that says it well.

    >>> [span_told(timedelta(minutes=each)) for each in (14, 90, 60, 11520, 2000)]
    ['14 min', '90 min', '1 h', '8 d', '33 h']
    """
    minutes = round(span / MINUTE)
    if abs(minutes) < 120 and minutes % 60:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if abs(hours) < 48 else f"{round(hours / 24):,} d"
