"""The sections of a dataset card about its inputs: nulls, drift, tripwire, leaks, and every one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training_datasets.card_charts import Bar, bars, two_bars
from training_datasets.card_facts import Facts, FeatureFacts, of_views
from training_datasets.card_markup import (
    Cell,
    Html,
    code,
    count,
    counted,
    joined,
    note,
    number,
    share,
    table,
    tag,
)
from training_datasets.card_sections import n_of
from training_datasets.feature_statistics import DRIFTED, LEAST_LABELLED, LEAST_TO_COMPARE

_SHOWN = 15
_RULES = ("ignoring_available_at", "ignoring_landing")
_TRIPWIRE_ROWS = 10
_PSI_SCALE = 2 * DRIFTED
_OF_VARIANCE = (
    "Share of the label's variance that one input tells: by a line, a line over ranks, or its bins, "
    "whichever is most; a null is a value of its own, and the outermost labels count as the 2.5th and 97.5th "
    "hundredth."
)
_OF_ANSWERS = (
    "AUC of one input: ascending or descending, nulls first or last, or by its bins, whichever is greatest."
)
_DRIFT_NOTE = (
    "Counts of a 28- or 90-day window grow for as long as the platform's history is shorter than the window: "
    "such a PSI tells of the start, not of the world. Moments are compared by their age at the decision."
)


def nulls(facts: Facts) -> Html:
    """The features that are missing most, and those that are never there."""
    found = sorted(
        (each for each in facts.features if each.nulls > 0), key=lambda each: (-each.nulls, each.name)
    )
    never = [each for each in found if each.nulls == 1]
    some = [each for each in found if each.nulls < 1][:_SHOWN]
    parts: list[Cell] = []
    if not facts.rows:
        return note("No rows, so no shares.")
    if some:
        more = len(found) - len(never) - len(some)
        caption = f"Share of rows without a value, {n_of(facts.rows)}" + (
            f"; {more} more below" if more else ""
        )
        parts.append(bars(caption, [Bar(code(each.name), each.nulls, share(each.nulls)) for each in some]))
    if never:
        parts.append(_never_there(never, facts.rows))
    whole = len(facts.features) - len(found)
    parts.append(
        note(f"{whole} of {len(facts.features)} inputs are there in every row ({n_of(facts.rows)}).")
    )
    return joined(parts)


def drift(facts: Facts) -> Html:
    """How far the recent days are from those before."""
    before, recent = facts.drift_days
    old, new = (int(rows.sum()) for rows in facts.drift_rows)
    if not before or not recent:
        return note(f"Drift compares days, and there is one ({n_of(facts.rows)} rows).")
    if min(old, new) < LEAST_TO_COMPARE:
        return note(
            f"Too few rows to compare: {count(old)} before and {count(new)} in the last "
            f"{counted(len(recent), 'day')}; {LEAST_TO_COMPARE} of each are needed."
        )
    worst = sorted(
        (each for each in facts.features if each.psi is not None),
        key=lambda each: (-(each.psi or 0), each.name),
    )
    caption = (
        f"PSI of the last {len(recent)} days ({recent[0]} to {recent[-1]}, {n_of(new)}) against the "
        f"{len(before)} before ({n_of(old)}); a bar is full at {_PSI_SCALE}"
    )
    drawn = [
        Bar(code(each.name), min((each.psi or 0) / _PSI_SCALE, 1), _psi_told(each.psi), kind=_kind_of(each))
        for each in worst[:_SHOWN]
    ]
    return joined(
        [
            tag("p", f"{len(facts.drifted)} of {len(worst)} inputs have a PSI above {DRIFTED}."),
            bars(caption, drawn),
            note(_DRIFT_NOTE),
        ]
    )


def tripwire(facts: Facts) -> Html:
    """T16: whether some feature by itself tells too much of the label."""
    known = sorted(
        (each for each in facts.features if each.alone is not None),
        key=lambda each: (-(each.alone or 0), each.name),
    )
    labelled = int(facts.labelled.sum())
    if not known:
        return note(
            f"Not computed: it needs {LEAST_LABELLED} unlike labels, and {count(labelled)} rows have one."
        )
    limit = f"{facts.too_much:g}"
    verdict = f"passed: the greatest is {number(known[0].alone, 3)}, the limit {limit}"
    if facts.tripped:
        verdict = f"FAILED: {len(facts.tripped)} above {limit}; look for the label in them"
    rows = [(code(each.name), _alone_told(facts, each), count(labelled)) for each in known[:_TRIPWIRE_ROWS]]
    return joined(
        [
            tag("p", tag("strong", f"T16 {verdict}."), class_="bad" if facts.tripped else "good"),
            note(_OF_ANSWERS if facts.is_answer else _OF_VARIANCE),
            table(("input", "alone", "n"), rows),
        ]
    )


def leaks(facts: Facts) -> Html:
    """What the join would have said without its rules, by the report that is made apart."""
    report = facts.leaks
    if report is None:
        return note("No leak report was made of this dataset yet.")
    told = [(str(each["feature"]), *(each.get(rule) for rule in _RULES)) for each in report["features"]]
    found = [each for each in told if any(each[1:])]
    found.sort(key=lambda each: (-max(part or 0 for part in each[1:]), each[0]))
    cells = f"n = {count(int(report['cells']))} cells"
    days = report.get("days") or []
    over = f" of {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "") if days else ""
    rows = (f" of {counted(int(report['rows']), 'row')}" if "rows" in report else "") + over
    if not found:
        return note(f"No cell would differ, whichever rule is ignored ({cells}{rows}).")
    drawn = [
        (code(name), early or 0.0, late or 0.0, f"{share(early)}, {share(late)}")
        for name, early, late in found[:_SHOWN]
    ]
    more = f"; {len(found) - _SHOWN} more differ" if len(found) > _SHOWN else ""
    caption = f"Share of a feature's cells that would differ, {cells}{rows} and all features{more}"
    bars_drawn = two_bars(caption, drawn, ("if available_at is ignored", "if landing is ignored"))
    return joined([bars_drawn, *_errors(report.get("model"))])


def _errors(model: Mapping[str, Any] | None) -> list[Html]:
    """What the leaks do to a small model: claimed by an evaluation, and had in use."""
    if model is None:
        return [note("Too few rows had a label to say what it does to a small model.")]
    rows = [
        ("as it could be read", model["honest"], model["honest"]),
        *(
            (f"if {told} is ignored", model[rule]["promised"], model[rule]["delivered"])
            for rule, told in zip(_RULES, ("available_at", "landing"), strict=True)
        ),
    ]
    return [
        table(
            (f"small model, {model['measure']}", "an evaluation claims", "in use"),
            [(name, number(claimed, 3), number(had, 3)) for name, claimed, had in rows],
        ),
        note(
            f"Trained on n = {count(model['train_rows'])} labelled rows, tested on n = "
            f"{count(model['test_rows'])} of later jobs. What an evaluation on the careless join claims is "
            "not had in use, where only what could be read is there."
        ),
    ]


def every_input(facts: Facts) -> Html:
    """Every input with what is known of it, by view."""
    labelled, (old, new) = int(facts.labelled.sum()), (int(rows.sum()) for rows in facts.drift_rows)
    alone = "AUC alone" if facts.is_answer else "explains alone"
    parts: list[Cell] = [
        note(
            f"Nulls of {n_of(facts.rows)} rows; PSI of {count(new)} recent rows against {count(old)}; "
            f"{alone}: of {count(labelled)} rows with a label."
        )
    ]
    for view, features in of_views(facts.features).items():
        rows = [
            (_with_meaning(facts, each), share(each.nulls), _psi_told(each.psi), number(each.alone, 3))
            for each in features
        ]
        head = tag("summary", code(view), f" {counted(len(features), 'input')}{_remark(facts, features)}")
        header = ("input", "nulls", "PSI", alone)
        parts.append(tag("details", head, table(header, rows)))
    return joined(parts)


def _never_there(never: Sequence[FeatureFacts], rows: int) -> Html:
    views = of_views(never)
    told = [
        tag("li", code(view), ": ", joined((code(each.name.rpartition("__")[2]) for each in features), ", "))
        for view, features in views.items()
    ]
    lead = f"{counted(len(never), 'input')} missing in every row ({n_of(rows)}):"
    return joined([tag("p", lead, class_="bad"), tag("ul", *told)])


def _with_meaning(facts: Facts, each: FeatureFacts) -> Html:
    contract = facts.dataset.folder.table
    meaning = contract.column(each.name).meaning if each.name in contract.column_names else ""
    return joined([code(each.name.rpartition("__")[2]), note(meaning)])


def _remark(facts: Facts, features: Sequence[FeatureFacts]) -> str:
    drifted = [each for each in features if each in facts.drifted]
    never = [each for each in features if each.nulls == 1]
    remarks = [f"{len(drifted)} drifted"] * bool(drifted) + [f"{len(never)} never there"] * bool(never)
    remarks += ["tripwire"] * any(each in facts.tripped for each in features)
    return f" ({', '.join(remarks)})" if remarks else ""


def _kind_of(each: FeatureFacts) -> str:
    return "out" if (each.psi or 0) > DRIFTED else ""


def _psi_told(psi: float | None) -> str:
    return number(psi, 2) + (" drifted" if psi is not None and psi > DRIFTED else "")


def _alone_told(facts: Facts, each: FeatureFacts) -> Cell:
    told = number(each.alone, 3)
    return tag("strong", told, " above the limit", class_="bad") if each in facts.tripped else told
