"""The leak report: which cells of a dataset would differ if the join asked less of the past.

Ignoring availability, a feature is read as soon as its tick ended, not when the platform promises it;
ignoring landing, as if every record had been there when it happened. Neither can be had when a decision
is made, so what differs is what a careless join would have leaked (DOMAIN 2.4, traps T5 and T6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from roadside.corrected import CORRECTED_VIEWS, as_corrected
from training_datasets.computing import Computing, features_at
from training_datasets.feature_service import ViewUsed
from training_datasets.spines import DECISION_TIME, LEFT_OUT
from validation.clocks import TICK_DELAY, Interval

DAILY_DELAY = timedelta(hours=3)
"""From a cut, 03:00 ET, to 06:00 ET: no clock changes between them."""
FILE = "_leaks.json"
"""Beside the dataset's manifest; the card shows it."""


@dataclass(frozen=True)
class Leak:
    """Cells of a feature that would differ.

    Attributes:
        ignoring_available_at, ignoring_landing: cells; None where the view has no such timeline.
    """

    feature: str
    cells: int
    ignoring_available_at: int
    ignoring_landing: int | None


@dataclass(frozen=True)
class LeakReport:
    """The leaks of some days of a dataset, by feature in the service's order."""

    dataset: str
    days: tuple[date, ...]
    rows: int
    features: tuple[Leak, ...]

    def told(self) -> dict[str, Any]:
        """The report as JSON; shares are of the feature's cells."""
        cells = sum(each.cells for each in self.features)
        return {
            "dataset": self.dataset,
            "days": [str(day) for day in self.days],
            "rows": self.rows,
            "cells": cells,
            "ignoring_available_at": _share(sum(each.ignoring_available_at for each in self.features), cells),
            "ignoring_landing": _share(
                sum(each.ignoring_landing or 0 for each in self.features),
                sum(each.cells for each in self.features if each.ignoring_landing is not None),
            ),
            "features": [
                {
                    "feature": each.feature,
                    "cells": each.cells,
                    "ignoring_available_at": _share(each.ignoring_available_at, each.cells),
                    "ignoring_landing": None
                    if each.ignoring_landing is None
                    else _share(each.ignoring_landing, each.cells),
                }
                for each in self.features
            ],
        }


def leaks(computing: Computing, days: Sequence[date]) -> LeakReport:
    """How many cells of the days' rows differ, feature by feature; computed anew, nothing is written.

    A cell differs where one side is null and the other is not as well. On-demand features are compared
    for availability alone.
    """
    rows = pd.concat([_rows(computing, day) for day in days], ignore_index=True)
    service, spec = computing.service, computing.spec
    seen = list(dict.fromkeys((*service.keys, *service.request)))
    spine = rows[seen].assign(**{DECISION_TIME: rows["meta_decision_at"]})
    served = features_at(spec, computing.store, spine)
    sooner = {
        delay: features_at(spec, computing.store, spine.assign(**{DECISION_TIME: spine[DECISION_TIME] + delay}))
        for delay in (TICK_DELAY, DAILY_DELAY)
    }
    cadence = {column: view.is_daily for view in service.views for column in view.columns}
    true = _as_corrected(computing, spine)
    found = []
    for column in service.columns:
        early = sooner[DAILY_DELAY if cadence.get(column, False) else TICK_DELAY][column]
        found.append(
            Leak(
                column,
                len(served),
                differing(served[column], early),
                differing(served[column], true[column]) if column in true else None,
            )
        )
    return LeakReport(spec.name, tuple(days), len(served), tuple(found))


def differing(one: pd.Series, other: pd.Series) -> int:
    """Cells that are not the same; two nulls are."""
    pairs = zip(one.astype(object), other.astype(object), strict=True)
    return sum(_plain(mine) != _plain(theirs) for mine, theirs in pairs)


def _plain(value: Any) -> Any:
    """The value whatever type a frame gives it: a number is a float, null is None, else text."""
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str):
        return [_plain(each) for each in value]
    if pd.isna(value):
        return None
    if isinstance(value, Number) and not isinstance(value, bool):
        return float(value)  # type: ignore[arg-type]
    return str(value)


def _rows(computing: Computing, day: date) -> pd.DataFrame:
    decided = computing.spine(day)
    return decided[decided[LEFT_OUT].isna()]


def _as_corrected(computing: Computing, spine: pd.DataFrame) -> Mapping[str, pd.Series]:
    """Each column of the views that have this timeline, at its promise as ever, of what was true."""
    found: dict[str, pd.Series] = {}
    for view in computing.service.views:
        if view.columns and view.view in CORRECTED_VIEWS:
            found |= _corrected_columns(computing, view, spine)
    return found


def _corrected_columns(computing: Computing, view: ViewUsed, spine: pd.DataFrame) -> dict[str, pd.Series]:
    first, last = spine[DECISION_TIME].min(), spine[DECISION_TIME].max()
    interval = Interval((first - view.ttl).floor("15min").to_pydatetime(), last.ceil("15min").to_pydatetime())
    keys = dict(zip(view.table_keys, view.keys, strict=True))
    rows = as_corrected(computing.lakehouse, view.view, interval).toArrow().to_pandas()
    features = {column.partition("__")[2]: column for column in view.columns}
    rows = rows[[*keys, "available_at", *features]].rename(columns={**keys, **features})
    asked = spine[[DECISION_TIME, *keys.values()]].reset_index(names="place")
    asked = asked.dropna(subset=[*keys.values()]).sort_values(DECISION_TIME, kind="stable")
    joined = pd.merge_asof(
        asked.astype(dict.fromkeys(keys.values(), object)),
        rows.astype(dict.fromkeys(keys.values(), object)).sort_values("available_at", kind="stable"),
        left_on=DECISION_TIME,
        right_on="available_at",
        by=[*keys.values()],
        tolerance=pd.Timedelta(view.ttl),
    ).set_index("place")
    return {column: joined[column].reindex(range(len(spine))) for column in view.columns}


def _share(count: int, of: int) -> float:
    return round(count / of, 6) if of else 0.0


