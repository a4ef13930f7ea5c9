"""Charts of a card as SVG that stands in the page: shapes stretch with it, letters keep their size.

Places are in percent of the drawing, so that one page serves a desk and a phone. Each chart says its n.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training_datasets.card_markup import Cell, Html, count, html, share, tag
from training_datasets.survival import Survival

_POINTS = 360
_MOST_BINS = 36
_STEPS = (1, 2, 5)
_SHORT_NAME = 24


@dataclass(frozen=True)
class Bar:
    """A bar from `start` to `end`, parts of the whole width; `second` is the end of another under it."""

    name: Cell
    end: float
    told: str
    start: float = 0.0
    kind: str = ""
    second: float | None = None


def bars(caption: Cell, rows: Sequence[Bar]) -> Html:
    """Bars below one another, each with its name and number beside it."""
    return figure(caption, _bar_rows(rows))


def figure(caption: Cell, *content: Cell) -> Html:
    """A chart under its caption, which holds the n."""
    return tag("figure", tag("figcaption", caption), *content)


@dataclass(frozen=True)
class Histogram:
    """Rows by value: bin n is [low + n width, low + (n + 1) width), the last holds all above too."""

    low: float
    width: float
    counts: tuple[int, ...]
    has_more: bool

    @property
    def edges(self) -> list[float]:
        """The lower edge of each bin, and the last one's upper edge."""
        return [self.low + n * self.width for n in range(len(self.counts) + 1)]


def histogram_of(values: np.ndarray) -> Histogram:
    """Some 36 bins at most, of a width of 1, 2 or 5 times a power of ten; the last holds the top half
    percent.

    >>> told = histogram_of(np.array([0.0, 1, 4, 4, 5, 99]))
    >>> told.width, told.counts[:3], len(told.counts), told.has_more
    (5.0, (4, 1, 0), 20, False)
    """
    low, high = float(min(values.min(), 0)), float(np.quantile(values, 0.995, method="higher"))
    width = _width((high - low) / _MOST_BINS)
    start = math.floor(low / width) * width
    bins = max(1, math.floor((high - start) / width) + 1)
    places = np.clip(np.floor((values - start) / width).astype(int), 0, bins - 1)
    has_more = bool((values >= start + bins * width).any())
    return Histogram(start, width, tuple(np.bincount(places, minlength=bins).tolist()), has_more)


def histogram(caption: Cell, values: np.ndarray, unit: str, marks: Sequence[tuple[str, float]]) -> Html:
    """How often each value is; the marks are lines with a name."""
    told = histogram_of(values)
    highest, bins = max(told.counts), len(told.counts)
    top = _nice_top(highest)
    shapes = [
        Html(
            f'<rect class="bin" x="{_percent((place + 0.06) / bins)}" y="{_percent(1 - height / top)}" '
            f'width="{_percent(0.88 / bins)}" height="{_percent(height / top)}"><title>'
            f"{_range(told, place)} {unit}: {count(height)} ({share(height / len(values))})</title></rect>"
        )
        for place, height in enumerate(told.counts)
        if height
    ]
    span = bins * told.width
    lines = [
        _mark(name, (value - told.low) / span, row)
        for row, (name, value) in enumerate(marks)
        if 0 <= (value - told.low) / span <= 1
    ]
    ticks = _ticks(told.low, told.low + span)
    labels = [_below((at - told.low) / span, f"{at:g}", place) for place, at in enumerate(ticks)]
    sides = [_line_across(part, count(round(top * part))) for part in (0.5, 1.0)]
    return figure(caption, _plot("Histogram", [*sides, *shapes, *lines, *labels], unit))


def survival_chart(caption: Cell, curve: Survival, seen_only: Survival, horizon: float, unit: str) -> Html:
    """The share still waiting by minutes since the decision, its 95 % band, and how many were watched then.

    The dashed line is what dropping the rows that were cut off would say.
    """
    at = np.linspace(0, horizon, _POINTS + 1)
    low, high = curve.at(at, curve.lower), curve.at(at, curve.upper)
    band = _steps(at, high, horizon) + " " + _steps(at, low, horizon, backwards=True) + "Z"
    paths = [
        f'<path class="band" d="{band}"/>',
        f'<path class="curve" d="{_steps(at, curve.at(at), horizon)}"/>',
    ]
    if seen_only.rows:
        paths.insert(1, f'<path class="curve second" d="{_steps(at, seen_only.at(at), horizon)}"/>')
    inner = (
        '<svg width="100%" height="100%" viewBox="0 0 1000 1000" preserveAspectRatio="none">'
        f"{''.join(paths)}</svg>"
    )
    sides = [_line_across(part, f"{100 * part:.0f} %") for part in (0.25, 0.5, 0.75, 1.0)]
    ticks = _ticks(0, horizon)
    labels = [_below(at_tick / horizon, f"{at_tick:g}", place) for place, at_tick in enumerate(ticks)]
    watched = [
        _below(at_tick / horizon, count(curve.at_risk(at_tick)), place, 34)
        for place, at_tick in enumerate(ticks)
    ]
    key = tag(
        "p",
        Html('<span class="key"></span> all rows (Kaplan-Meier, 95 % band) '),
        Html('<span class="key dashed"></span> only those seen to the end'),
        class_="legend",
    )
    under = Html('<text class="soft" x="-8" y="100%" dy="34" text-anchor="end">n</text>')
    return figure(
        caption, key, _plot("Kaplan-Meier curve", [*sides, Html(inner), *labels, under, *watched], unit, 52)
    )


def two_bars(caption: Cell, rows: Sequence[tuple[Cell, float, float, str]], key: tuple[str, str]) -> Html:
    """Two shares a row, one above the other, scaled to the greatest of all; the text tells both."""
    greatest = max([max(first, second) for _, first, second, _ in rows], default=0) or 1
    legend = tag(
        "p",
        Html(f'<span class="key block"></span> {html(key[0])} '),
        Html(f'<span class="key block second"></span> {html(key[1])}'),
        class_="legend",
    )
    drawn = [
        Bar(name, first / greatest, told, second=second / greatest) for name, first, second, told in rows
    ]
    return figure(caption, legend, _bar_rows(drawn))


def _bar_rows(rows: Sequence[Bar]) -> Html:
    lines = [
        (tag("span", row.name, class_="name"), _bar(row), tag("span", row.told, class_="told"))
        for row in rows
    ]
    is_long = any(len(re.sub("<[^>]*>", "", row.name)) > _SHORT_NAME for row in rows)
    drawn = (tag("div", *line, class_="bar-row") for line in lines)
    return tag("div", *drawn, class_="bars long" if is_long else "bars")


def _bar(row: Bar) -> Html:
    thick = "100%" if row.second is None else "46%"
    width = max(row.end - row.start, 0.0)
    shapes = ['<rect class="ground" width="100%" height="100%"/>']
    shapes.append(
        f'<rect class="bin {row.kind}" x="{_percent(row.start)}" width="{_percent(width)}" height="{thick}"/>'
    )
    if row.second is not None:
        shapes.append(f'<rect class="bin second" y="54%" width="{_percent(row.second)}" height="46%"/>')
    return Html(f'<svg class="bar" width="100%" height="14" aria-hidden="true">{"".join(shapes)}</svg>')


def _plot(what: str, content: Sequence[Cell], unit: str, below: int = 36) -> Html:
    axis = Html('<line class="axis" x1="0" x2="100%" y1="100%" y2="100%"/>')
    named = Html(
        f'<text class="soft" x="100%" y="100%" dy="{below - 2}" text-anchor="end">{html(unit)}</text>'
    )
    drawing = tag("svg", *content, axis, named, width="100%", height="220", role="img", aria_label=what)
    return tag("div", drawing, class_="plot", style=f"padding-bottom:{below}px")


def _line_across(part: float, told: str) -> Html:
    y = _percent(1 - part)
    return Html(
        f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>'
        f'<text class="soft" x="-8" y="{y}" dy="4" text-anchor="end">{html(told)}</text>'
    )


def _below(part: float, told: str, place: int, down: int = 18) -> Html:
    """A number under the axis; every second gives way where there is no room."""
    anchor = "start" if part < 0.02 else "end" if part > 0.98 else "middle"
    kind = ' class="minor"' if place % 2 else ""
    return Html(
        f'<text{kind} x="{_percent(part)}" y="100%" dy="{down}" text-anchor="{anchor}">{html(told)}</text>'
    )


def _mark(name: str, part: float, row: int) -> Html:
    x = _percent(part)
    return Html(
        f'<line class="mark" x1="{x}" x2="{x}" y1="0" y2="100%"/>'
        f'<text class="mark-name" x="{x}" y="{12 + 15 * row}" dx="5">{html(name)}</text>'
    )


def _steps(at: np.ndarray, values: np.ndarray, horizon: float, *, backwards: bool = False) -> str:
    """A stair over the points, in thousandths of the drawing; backwards it goes on where another ended."""
    xs, ys = np.round(at / horizon * 1000, 1), np.round((1 - values) * 1000, 1)
    if backwards:
        stairs = [f"L{xs[-1]:g} {ys[-1]:g}"]
        stairs += [f"V{ys[n]:g}H{xs[n]:g}" for n in range(len(xs) - 2, -1, -1)]
        return "".join(stairs)
    return f"M{xs[0]:g} {ys[0]:g}" + "".join(f"H{x:g}V{y:g}" for x, y in zip(xs[1:], ys[1:], strict=True))


def _width(least: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (*_STEPS, 10) if step * power >= least * (1 - 1e-9))


def _nice_top(highest: int) -> int:
    return max(2, int(_width(highest / 10)) * math.ceil(highest / max(1, int(_width(highest / 10)))))


def _ticks(low: float, high: float) -> list[float]:
    step = _width((high - low) / 9)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _range(told: Histogram, place: int) -> str:
    first = told.edges[place]
    if told.has_more and place == len(told.counts) - 1:
        return f"{first:g} and more"
    return f"{first:g} to {first + told.width:g}"


def _percent(part: float) -> str:
    return f"{min(max(part, 0.0), 1.0) * 100:.3f}".rstrip("0").rstrip(".") + "%"
