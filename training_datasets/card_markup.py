"""HTML as values: text is escaped unless it is `Html`; numbers as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from html import escape

NOTHING = "-"


class Html(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()


Cell = str | Html


def html(text: Cell) -> Html:
    """The text as HTML.

    >>> html("a < b"), html(Html("<b>a</b>"))
    ('a &lt; b', '<b>a</b>')
    """
    return text if isinstance(text, Html) else Html(escape(text))


def joined(parts: Iterable[Cell], between: str = "\n") -> Html:
    """The parts, one after the other."""
    return Html(between.join(html(part) for part in parts))


def tag(name: str, *content: Cell, **attributes: str) -> Html:
    """An element; `class_` is its class.

    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{told}>{joined(content, '')}</{name}>")


Rows = Iterable[Sequence[Cell]]


def table(header: Sequence[Cell], rows: Rows, *, text_columns: int = 1) -> Html:
    """A table that scrolls by itself where it is too wide; the columns after the first few hold numbers."""
    return _scrolling(header, [tag("tbody", *_lines(rows, len(header), text_columns))], text_columns)


def grouped_table(header: Sequence[Cell], groups: Iterable[tuple[Cell, Rows]]) -> Html:
    """A table whose rows stand under the names of their groups; its first column names them."""
    bodies = []
    for name, rows in groups:
        title = tag("tr", tag("th", name, scope="rowgroup", colspan=str(len(header)), class_="group"))
        bodies.append(tag("tbody", title, *_lines(rows, len(header), 1)))
    return _scrolling(header, bodies, 1)


def note(*content: Cell) -> Html:
    """A remark under what it is about."""
    return tag("p", *content, class_="note")


def code(text: str) -> Html:
    """A name from the data; long ones may break after an underscore."""
    return tag("code", Html(escape(text).replace("_", "_<wbr>")))


def span_of(days: Sequence[date]) -> Html:
    """The first of the days to the last, neither broken at a hyphen."""
    whole = [tag("span", str(day), class_="whole") for day in dict.fromkeys((days[0], days[-1]))]
    return joined(whole, " to ")


def count(number: int) -> str:
    """A whole number.

    >>> count(1234567)
    '1,234,567'
    """
    return f"{number:,}"


def counted(number: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1, "input"), counted(1200, "row")
    ('1 input', '1,200 rows')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def share(part: float | None) -> str:
    """A share in percent; between none and all never shown as either.

    >>> share(0.1234), share(0.0001), share(0.9999), share(1.0), share(0.02), share(None)
    ('12.3 %', '<0.1 %', '>99.9 %', '100 %', '2.0 %', '-')
    """
    if part is None or math.isnan(part):
        return NOTHING
    if 0 < part < 0.001:
        return "<0.1 %"
    if 0.999 < part < 1:
        return ">99.9 %"
    return f"{part:.0%}".replace("%", " %") if part in (0, 1) else f"{part:.1%}".replace("%", " %")


def number(value: float | None, digits: int = 1) -> str:
    """A number with so many digits after the point.

    >>> number(1234.56), number(0.5, 3), number(None), number(-0.01)
    ('1,234.6', '0.500', '-', '0.0')
    """
    if value is None or math.isnan(value):
        return NOTHING
    return f"{round(value, digits) + 0.0:,.{digits}f}"


def _scrolling(header: Sequence[Cell], bodies: Sequence[Html], text_columns: int) -> Html:
    cells = (tag("th", cell, scope="col", **_kind(n, text_columns)) for n, cell in enumerate(header))
    whole = tag("table", tag("thead", tag("tr", *cells)), *bodies)
    return tag("div", whole, class_="scrolls", tabindex="0")


def _lines(rows: Rows, columns: int, text_columns: int) -> list[Html]:
    found = [
        tag("tr", *(tag("td", cell, **_kind(n, text_columns)) for n, cell in enumerate(row))) for row in rows
    ]
    return found or [tag("tr", tag("td", "none", colspan=str(columns)))]


def _kind(place: int, text_columns: int) -> dict[str, str]:
    return {} if place < text_columns else {"class_": "number"}
