"""The sections of a dataset card, each the HTML of some of its facts."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from training_datasets.baselines import Score
from training_datasets.card_charts import Bar, bars, histogram, survival_chart
from training_datasets.card_facts import Facts, RowsFacts
from training_datasets.card_markup import (
    Cell,
    Html,
    code,
    count,
    grouped_table,
    joined,
    note,
    number,
    share,
    span_of,
    table,
    tag,
)
from training_datasets.card_profiles import LabelKind
from training_datasets.slices import NOT_ALWAYS_TOLD, slices_of
from training_datasets.splits import EMBARGO, TEST_DAYS, VALIDATION_DAYS

_TYPICAL = {LabelKind.MINUTES: "median", LabelKind.ANSWER: "share of yes", LabelKind.GAIN: "mean gain"}
_SPLIT_NOTE = (
    "The rows of a job are where its first decision is. Not used is what was decided within the embargo "
    "after a boundary, or beyond a boundary that the job's first decision is before."
)
_WHOLE = f"Test is the last {TEST_DAYS} days, validation the {VALIDATION_DAYS} before, train the rest. "
_TWO_LINES = "The two lines differ by what dropping the rows that were cut off would hide (trap T8)."
_SHORTENED = (
    f" days are fewer than {TEST_DAYS + VALIDATION_DAYS + 1}, so that test has a third of them (not 14) and "
    "validation a sixth (not 7), each at least one day more than the embargo fills. "
)


def n_of(rows: int) -> str:
    """The n of a chart."""
    return f"n = {count(rows)}"


def waterfall(facts: Facts) -> Html:
    """How the decisions became the rows."""
    steps = facts.waterfall
    start = max(next(iter(steps.values()), 0), 1)
    drawn, left = [], next(iter(steps.values()), 0)
    names = list(steps)
    for name in names:
        is_whole = name in (names[0], names[-1])
        first = 0 if is_whole else left - steps[name]
        kind = "" if is_whole else "out"
        minus = "" if is_whole or not steps[name] else "-"
        told = f"{minus}{count(steps[name])}  ({share(steps[name] / start)})"
        last = steps[name] if is_whole else left
        drawn.append(Bar(name.replace("_", " "), last / start, told, first / start, kind))
        left = left if is_whole else first
    caption = f"{n_of(next(iter(steps.values()), 0))} decisions; each filter with what it leaves out"
    return bars(caption, drawn)


def label(facts: Facts) -> Html:
    """What is to be learned: how its values are spread, and how many rows have none."""
    values = facts.label[facts.labelled]
    column = facts.dataset.folder.table.column(facts.profile.label)
    parts: list[Cell] = [tag("p", code(column.name), ": ", column.meaning)]
    if not len(values):
        parts.append(note(f"No row has a label ({n_of(facts.rows)} rows): nothing to draw."))
    elif facts.profile.kind is LabelKind.MINUTES:
        marks = [(f"{name} {number(float(np.quantile(values, part)))}", float(np.quantile(values, part)))
                 for name, part in (("median", 0.5), ("90th percentile", 0.9))]  # fmt: skip
        caption = f"{column.name}, {n_of(len(values))} rows with a label of {count(facts.rows)}"
        parts.append(histogram(caption, values, facts.unit, marks))
    else:
        parts.append(_levels(facts, values))
    if facts.statuses:
        parts.append(_counted(f"Rows by label_status, {n_of(facts.rows)}", facts.statuses, facts.rows))
    return joined(parts)


def censoring(facts: Facts) -> Html:
    """How long it lasts with those counted that were cut off, and why they were."""
    parts: list[Cell] = [tag("p", str(facts.dataset.manifest.get("censoring", "")))]
    if facts.censored is None:
        return joined([*parts, note("No row of this dataset says whether it was cut off.")])
    cut = int(facts.censored.sum())
    parts.append(tag("p", f"{count(cut)} of {count(facts.rows)} rows were cut off."))
    if facts.survival is None:
        parts.append(note("No row tells how long it was watched: there is no curve to draw."))
    else:
        parts.append(_survival(facts))
    if facts.censor_reasons:
        caption = f"Why they were cut off, {n_of(cut)}"
        parts.append(_counted(caption, facts.censor_reasons, cut))
    return joined(parts)


def splits(facts: Facts) -> Html:
    """What each split holds."""
    plan = facts.dataset.splits
    rows = [
        (
            split,
            _days(plan.days_of(split))
            if split != EMBARGO
            else f"{plan.embargo.total_seconds() / 3600:g} h after each",
            *_rows_cells(facts, told),
        )
        for split, told in facts.splits.items()
    ]
    parts: list[Cell] = [table(("split", "days (ET)", *_rows_header(facts)), rows, text_columns=2)]
    rule: list[Cell] = [_WHOLE]
    if plan.is_shortened:
        rule = [tag("strong", "Shortened: "), str(len(facts.dataset.days)), _SHORTENED]
    return joined([*parts, note(*rule, _SPLIT_NOTE)])


def baselines(facts: Facts) -> Html:
    """What a model has to beat."""
    which, asked = facts.scored_rows
    measures = list(dict.fromkeys(name for score in facts.scores for name in score.measures))
    rows = [(score.title, _scored(score), *_measured(facts, score, measures)) for score in facts.scores]
    unit = "pairs" if facts.profile.kind is LabelKind.GAIN else "scored"
    parts: list[Cell] = [
        tag("p", f"On the {which} that have a label, {n_of(int(asked.sum()))}{_in_unit(facts)}."),
        table(("rule", f"{unit} (n)", *measures), rows),
    ]
    lacking = [
        tag("li", tag("strong", each.title), ": ", each.lacking) for each in facts.scores if each.lacking
    ]
    if lacking:
        parts.append(tag("ul", *lacking, class_="note"))
    parts.append(_kept(facts))
    if facts.is_weighted:
        parts.append(note("Rows count by meta_weight: those of one assignment as one, however long it took."))
    parts += [note(text) for text in facts.profile.caveats]
    return joined(parts)


def slices(facts: Facts) -> Html:
    """The same figures for parts of the rows."""
    groups = [(title, _slice_rows(facts, values)) for title, values in slices_of(facts.dataset).items()]
    parts: list[Cell] = [note("No slice is known of these rows.")]
    if groups:
        parts = [grouped_table(("slice", *_rows_header(facts), *_error_header(facts)), groups)]
    if facts.first_baseline is not None:
        parts.append(note(f"The baseline: {facts.first_baseline[0]}; on rows of all splits."))
    lacking = [title for title in NOT_ALWAYS_TOLD if title not in dict(groups)]
    if lacking:
        parts.append(note("Not told by any column of the dataset: ", ", ".join(lacking), "."))
    return joined(parts)


def _slice_rows(facts: Facts, values: pd.Series) -> list[tuple[str, ...]]:
    counts = values.value_counts()
    rows = []
    for name in sorted(counts.index, key=lambda name: (-counts[name], name)):
        chosen = (values == name).to_numpy(dtype=bool)
        rows.append((name, *_rows_cells(facts, facts.of_rows(chosen)), *_error_cells(facts, chosen)))
    return rows


def _survival(facts: Facts) -> Html:
    assert facts.survival is not None
    curve, seen = facts.survival
    horizon = float(max(np.quantile(curve.durations, 0.99, method="higher"), 1.0))
    caption = (
        f"Share that still waits, by {facts.unit or 'time'} since the decision, {n_of(curve.rows)} rows, of "
        f"which {count(curve.rows - curve.events)} were cut off"
    )
    rows = [
        (
            name,
            number(of.quantile(0.5)),
            number(of.mean_through(horizon) if of.events else None),
            count(of.rows),
        )
        for name, of in (("all rows, those cut off too", curve), ("only those seen to the end", seen))
    ]
    return joined(
        [
            survival_chart(caption, curve, seen, horizon, facts.unit),
            table(("", "median", f"mean through {number(horizon, 0)}", "n"), rows),
            note(_TWO_LINES if seen.rows else "It was seen of no row: the curve stays where it began."),
        ]
    )


def _levels(facts: Facts, values: np.ndarray) -> Html:
    told = {1.0: "yes", 0.0: "no"} if facts.is_answer else {}
    levels, counts = np.unique(values, return_counts=True)
    rows = {told.get(float(level), f"{level:g}"): int(n) for level, n in zip(levels, counts, strict=True)}
    caption = f"{facts.profile.label}, {n_of(len(values))} rows with a label of {count(facts.rows)}"
    parts = [_counted(caption, rows, len(values))]
    outcomes = facts.counts("label_outcome")
    if outcomes:
        parts.append(_counted(f"Rows by label_outcome, {n_of(sum(outcomes.values()))}", outcomes, facts.rows))
    return joined(parts)


def _counted(caption: str, counts: dict[str, int], whole: int) -> Html:
    return bars(
        caption,
        [
            Bar(name.replace("_", " "), _part(n, whole), f"{count(n)}  ({share(_part(n, whole))})")
            for name, n in counts.items()
        ],
    )


def _kept(facts: Facts) -> Html:
    told = []
    for name, meaning in facts.profile.kept.items():
        known = facts.dataset.y[name].dropna() if name in facts.dataset.y else pd.Series(dtype=float)
        if known.empty:
            told.append(tag("li", f"Not known how many {meaning}: no row says so."))
        else:
            told.append(
                tag("li", f"{share(float(known.astype(float).mean()))} {meaning} ({n_of(len(known))})")
            )
    return tag("ul", *told) if told else Html("")


def _in_unit(facts: Facts) -> str:
    return f"; errors in {facts.unit}" if facts.profile.kind is LabelKind.MINUTES and facts.unit else ""


def _scored(score: Score) -> str:
    return f"{count(score.scored)} of {count(score.of)}"


def _measured(facts: Facts, score: Score, measures: list[str]) -> list[str]:
    cells = []
    for name in measures:
        value = score.measures.get(name)
        is_share = name.startswith("within") or name == "pairs in order"
        cells.append(share(value) if is_share else number(value, 3 if facts.is_answer else 1))
    return cells


def _rows_header(facts: Facts) -> list[str]:
    censored = [] if facts.censored is None else ["cut off"]
    unit = f" ({facts.unit})" if facts.unit and facts.profile.kind is LabelKind.MINUTES else ""
    return ["rows", "groups", "labelled (n)", _TYPICAL[facts.profile.kind] + unit, *censored]


def _rows_cells(facts: Facts, told: RowsFacts) -> list[str]:
    typical = share(told.typical) if facts.is_answer else number(told.typical, 1)
    censored = [] if told.censored is None else [share(_part(told.censored, told.rows))]
    return [count(told.rows), count(told.groups), count(told.labelled), typical, *censored]


def _error_header(facts: Facts) -> list[str]:
    if facts.first_baseline is None:
        return []
    return [("Brier score" if facts.is_answer else "mean error") + " of the baseline (n)"]


def _error_cells(facts: Facts, chosen: np.ndarray) -> list[str]:
    if facts.first_baseline is None:
        return []
    error, scored = facts.error_of_first(chosen)
    return [f"{number(error, 3 if facts.is_answer else 1)} ({count(scored)})"]


def _days(days: tuple[date, ...]) -> Cell:
    return joined([span_of(days), f" ({len(days)})"], "") if days else "none"


def _part(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
