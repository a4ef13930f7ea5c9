"""The sections of a dataset card about where it comes from: checks, days, and what pins its inputs."""

from __future__ import annotations

from datetime import date

from training_datasets.card_facts import Facts, is_passed
from training_datasets.card_markup import Cell, Html, code, count, joined, note, table, tag

_SHOWN_DAYS = 31
_NAMED_DAYS = 3
_PASSED = "passed"


def checks(facts: Facts) -> Html:
    """Every check and the days it passed on."""
    days = len(facts.dataset.days)
    rows = []
    for check, results in facts.checks.items():
        passed = sum(len(on) for result, on in results.items() if is_passed(result))
        other = [f"{result} ({_days(on)})" for result, on in results.items() if result != _PASSED]
        rows.append((check.replace("_", " "), f"{passed} of {days} days", "; ".join(other) or "-"))
    return joined(
        [
            table(("check", "passed", "what it told"), rows, text_columns=3),
            note(
                "And as this page was made: each column of each day has the digest that its manifest states."
            ),
        ]
    )


def _days(days: list[date]) -> str:
    named = ", ".join(map(str, days[:_NAMED_DAYS]))
    return named + (f" and {len(days) - _NAMED_DAYS} more days" if len(days) > _NAMED_DAYS else "")


def days(facts: Facts) -> Html:
    """Every day with its rows, release and digest."""
    rows = [
        (str(day), count(told["content"]["rows"]), str(told["release_number"]), code(told["digest"][:12]))
        for day, told in facts.manifests.items()
    ]
    shown = table(("day (ET)", "rows", "release", "digest"), rows)
    if len(rows) <= _SHOWN_DAYS:
        return shown
    return tag("details", tag("summary", f"{len(rows)} days"), shown)


def pins(facts: Facts) -> Html:
    """What the rows were made from: predicates, definitions and code, with the days they differ on."""
    manifest = facts.dataset.manifest
    kinds: dict[str, list[str]] = {}
    for day, told in facts.manifests.items():
        for name, pinned in _pinned(told["inputs"]):
            kinds.setdefault(f"{name}\n{pinned}", []).append(str(day))
    rows = [
        (
            name,
            code(pinned),
            "all days" if len(on) == len(facts.manifests) else f"{on[0]} to {on[-1]} ({len(on)})",
        )
        for (name, pinned), on in ((tuple(key.split("\n", 1)), on) for key, on in kinds.items())
    ]
    lead: list[Cell] = [
        tag("p", "Manifest ", code(manifest["digest"]), f", mode {manifest['mode'].replace('_', ' ')}."),
        table(("what", "pinned to", "days"), rows, text_columns=3),
        note("Tables of rows and labels are pinned by the close of each day, which no two days share."),
    ]
    return joined(lead)


def _pinned(inputs: dict) -> list[tuple[str, str]]:
    found = [
        (
            "feature service",
            f"{inputs['feature_service']['name']} {inputs['feature_service']['digest'][:12]}",
        ),
        ("contract", inputs["contract_digest"][:12]),
        ("code", inputs["code_version"]),
    ]
    predicates = sorted(inputs["predicate"].items())
    return found + [(table_, text) for table_, text in predicates if table_.startswith("features.")]
