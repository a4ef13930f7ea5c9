"""The quality report as one page of HTML that needs nothing else: for the person on call, and for a wall.

The same facts give the same bytes: the page holds no clock of its own. Light and dark, on a wall, a desk, a
phone.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from roadside.quality_report import sections
from roadside.quality_report.charts import HATCH
from roadside.quality_report.facts import LATE, Facts
from training_datasets.card_markup import Cell, Html, count, joined, tag

_SECTIONS: tuple[tuple[str, str, Callable[[Facts], Html]], ...] = (
    ("landed", "Landed = bronze + quarantined", sections.landed),
    ("gates", "Gates", sections.gates),
    ("nulls", "Null shares", sections.nulls),
    ("lateness", "Lateness", sections.lateness),
    ("duplicates", "Duplicates", sections.duplicates),
    ("freshness", "Freshness", sections.freshness),
    ("drift", "Drift", sections.drift),
    ("quarantine", "Quarantine", sections.refusals),
)


def drawn(facts: Facts) -> str:
    """The document."""
    shown = [
        tag("section", tag("h2", title), draw(facts), id=anchor, class_=anchor)
        for anchor, title, draw in _SECTIONS
    ]
    title = f"Data quality to {facts.scope.interval.end:%Y-%m-%d %H:%M}Z"
    head = Html(
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{tag('title', title)}<style>\n{_style()}</style>"
    )
    body = tag("main", HATCH, _header(facts), *shown)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'


def _header(facts: Facts) -> Html:
    start, end = facts.scope.interval.start, facts.scope.interval.end
    links = [tag("a", title, href=f"#{anchor}") for anchor, title, _ in _SECTIONS]
    is_well = not facts.troubles
    return tag(
        "header",
        tag("p", "Data quality", class_="kicker"),
        tag("h1", f"{'✓' if is_well else '■'} {facts.verdict}", class_="good" if is_well else "bad"),
        *(
            [tag("p", "Worth a look: " + ", ".join(facts.remarks) + ".", class_="question")]
            if facts.remarks
            else []
        ),
        tag("dl", *(_figure(name, told) for name, told in _figures(facts))),
        tag(
            "p",
            f"Known time [{start:%Y-%m-%d %H:%M}Z, {end:%Y-%m-%d %H:%M}Z), all times UTC. {_closed(facts)} "
            f"Home {facts.home}.",
            class_="note",
        ),
        tag("nav", *links),
    )


def _figure(name: str, told: Cell) -> Html:
    return tag("div", tag("dt", name), tag("dd", told))


def _figures(facts: Facts) -> list[tuple[str, Cell]]:
    lines, refused = (sum(getattr(each, name) for each in facts.landed) for name in ("lines", "quarantined"))
    late = sum(each.count(*LATE) for each in facts.strips)
    cells = sum(len(each.cells) for each in facts.strips)
    return [
        ("runs stopped", count(len(facts.gates.stopped_runs))),
        ("failed, not made since", count(len(facts.gates.open_failures))),
        ("views held", f"{len(facts.gates.held_views)} of {len(facts.scope.views)}"),
        ("instants late", f"{count(late)} of {count(cells)}"),
        ("lines refused", f"{count(refused)} of {count(lines)}"),
        ("refused and waiting", count(sum(each.waiting for each in facts.refusals))),
        ("objects to be read", count(sum(each.unread for each in facts.landed))),
        (
            "checks that warned",
            count(len({(each.source, each.check_name) for each in facts.gates.of_state("warns")})),
        ),
    ]


def _closed(facts: Facts) -> str:
    """Through when sources are closed: in one word where they agree."""
    closed = {
        name: "never" if at is None else f"{at:%Y-%m-%d %H:%M}Z" for name, at in facts.closed_through.items()
    }
    if len(set(closed.values())) == 1:
        return f"Closed through {next(iter(closed.values()))}, told as of {facts.scope.at:%Y-%m-%d %H:%M}Z."
    return "Closed through " + ", ".join(f"{at} ({name})" for name, at in closed.items()) + "."


def _style() -> str:
    """The card's style, and what a report adds."""
    sheets = (files("training_datasets") / "card.css", files("roadside.quality_report") / "report.css")
    return joined([Html(each.read_text(encoding="utf-8")) for each in sheets])
