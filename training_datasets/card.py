"""The dataset card: one page of HTML that needs nothing else, of what a dataset is and is not.

The same dataset gives the same bytes: the page holds no clock, and nothing of the machine. Every chart
and every figure says its n. Light and dark, on a desk, a phone, and paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from training_datasets import card_evidence_sections as evidence
from training_datasets import card_feature_sections as inputs
from training_datasets import card_sections as sections
from training_datasets.card_facts import Facts, is_failure, is_warning
from training_datasets.card_markup import Cell, Html, code, count, counted, joined, share, span_of, tag
from training_datasets.feature_statistics import DRIFTED, LEAST_LABELLED
from training_datasets.splits import TEST

if TYPE_CHECKING:
    from training_datasets.loading import Dataset

_SECTIONS: tuple[tuple[str, str, Callable[[Facts], Html]], ...] = (
    ("rows", "From decisions to rows", sections.waterfall),
    ("label", "Label", sections.label),
    ("censoring", "Censoring", sections.censoring),
    ("splits", "Splits", sections.splits),
    ("baselines", "Baselines to beat", sections.baselines),
    ("slices", "Slices", sections.slices),
    ("tripwire", "Tripwire", inputs.tripwire),
    ("leaks", "Leaks", inputs.leaks),
    ("nulls", "Nulls", inputs.nulls),
    ("drift", "Drift", inputs.drift),
    ("inputs", "Every input", inputs.every_input),
    ("checks", "Checks", evidence.checks),
    ("days", "Days and releases", evidence.days),
    ("manifest", "Manifest", evidence.pins),
)


@dataclass(frozen=True)
class Card:
    """A card that is drawn: the document, and what a reader should look at first, worst first."""

    html: str
    findings: tuple[str, ...]


def drawn(dataset: Dataset) -> Card:
    """The card of the rows that were loaded."""
    facts = Facts(dataset)
    return Card(_document(facts), tuple(text for text, _ in _findings(facts)))


def _document(facts: Facts) -> str:
    shown = [tag("section", tag("h2", title), draw(facts), id=anchor) for anchor, title, draw in _SECTIONS]
    links = [tag("a", title, href=f"#{anchor}") for anchor, title, _ in _SECTIONS]
    head = Html(
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{tag('title', facts.dataset.name)}<style>\n{_style()}</style>"
    )
    body = tag("main", _header(facts), tag("nav", *links), *shown)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'


def _header(facts: Facts) -> Html:
    manifest = facts.dataset.manifest
    return joined(
        [
            tag("p", "Dataset card", class_="kicker"),
            tag("h1", facts.dataset.name),
            tag("p", manifest["question"], class_="question"),
            tag("p", manifest["row"]),
            tag("dl", *(tag("div", tag("dt", name), tag("dd", told)) for name, told in _figures(facts))),
            _what_to_look_at(facts),
        ]
    )


def _figures(facts: Facts) -> list[tuple[str, Cell]]:
    days = facts.dataset.days
    releases = sorted({told["release_number"] for told in facts.manifests.values()})
    figures: list[tuple[str, Cell]] = [
        ("rows", count(facts.rows)),
        ("with a label", f"{count(int(facts.labelled.sum()))}"),
        ("days (ET)", span_of(days)),
        ("inputs", count(len(facts.features))),
        ("releases", ", ".join(map(str, releases))),
        ("manifest", code(facts.dataset.manifest["digest"][:8])),
    ]
    if facts.censored is not None and facts.rows:
        figures.insert(2, ("cut off", share(float(facts.censored.mean()))))
    return figures


def _what_to_look_at(facts: Facts) -> Html:
    """The findings that ask for a reader, worst first; none is told too."""
    found = [tag("li", text, class_="bad" if is_bad else "warn") for text, is_bad in _findings(facts)]
    if not found:
        return tag("p", "Nothing here asks for attention: no check failed, no input drifted.", class_="good")
    return tag("ul", *found, class_="findings")


def _findings(facts: Facts) -> list[tuple[str, bool]]:
    dataset = facts.dataset
    never = sum(each.nulls == 1 for each in facts.features)
    failed = [name for name, results in facts.checks.items() if any(map(is_failure, results))]
    warned = [name for name, results in facts.checks.items() if any(map(is_warning, results))]
    built, in_test = len(dataset.folder.days), facts.splits[TEST].labelled
    told = [
        (not facts.rows, "The dataset has no rows.", True),
        (bool(facts.rows) and not facts.labelled.any(), "No row has a label.", True),
        (bool(facts.tripped), f"Tripwire T16: {_named([each.name for each in facts.tripped])}.", True),
        (bool(failed), f"Checks that did not pass on every day: {_named(failed)}.", True),
        (bool(warned), f"Checks that warned of a day: {_named(warned)}.", False),
        (bool(never), f"Missing in every row: {never} of {counted(len(facts.features), 'input')}.", False),
        (bool(facts.drifted), f"PSI above {DRIFTED}: {counted(len(facts.drifted), 'input')}.", False),
        (dataset.splits.is_shortened, f"Splits are shortened to {counted(len(dataset.days), 'day')}.", False),
        (in_test < LEAST_LABELLED, f"Test has {counted(in_test, 'row')} with a label.", False),
        (len(dataset.days) < built, f"Only {len(dataset.days)} of {built} days were loaded.", False),
        (dataset.dropped_late > 0, f"{count(dataset.dropped_late)} rows of late releases left out.", False),
    ]  # fmt: skip
    return [(text, is_bad) for holds, text, is_bad in told if holds]


def _named(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _style() -> str:
    return (files("training_datasets") / "card.css").read_text(encoding="utf-8")
