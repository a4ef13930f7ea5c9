"""The leak report: which cells of a dataset would differ if the join asked less of the past.

Ignoring availability, a feature is read as soon as its tick ended, not when the platform promises it;
ignoring landing, as if every record had been there when it happened. Neither can be had when a decision
is made, so what differs is what a careless join would have leaked (DOMAIN 2.4, traps T5 and T6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from lakehouse.expiries import expired
from lakehouse.ops import Ops
from roadside.corrected import CORRECTED_VIEWS, as_corrected
from training_datasets.card_profiles import profile_of
from training_datasets.computing import Computing, features_at
from training_datasets.feature_service import ViewUsed
from training_datasets.late_releases import late_by_known_releases
from training_datasets.maturity import require_mature
from training_datasets.parts import inputs_among
from training_datasets.small_model import ERRORS, SmallModel, error, fit, inputs_as_numbers
from training_datasets.spines import DECISION_TIME, GROUP_KEY, LEFT_OUT
from validation.clocks import TICK_DELAY, Interval
from validation.contract import Table
from validation.errors import InputMissing

DAILY_DELAY = timedelta(hours=3)
"""From a cut, 03:00 ET, to 06:00 ET: no clock changes between them."""
TEST_SHARE = 0.3
LEAST_FOR_A_MODEL = 100
"""Labelled rows, to train as to test."""
FILE = "_leaks.json"
"""Beside the dataset's manifest; the card shows it."""


@dataclass(frozen=True)
class Leak:
    """Cells of a feature that would differ.

    Attributes:
        ignoring_available_at, ignoring_landing: cells; None where the view has no such timeline.
        late_release: cells that a row has of a tick that had not come out at its decision; None where the
            ledger knows no release of the view.
    """

    feature: str
    cells: int
    ignoring_available_at: int
    ignoring_landing: int | None
    late_release: int | None = None


@dataclass(frozen=True)
class ModelError:
    """What a rule ignored does to a small model's error, on the same test rows.

    Attributes:
        promised: trained and tested on what the careless join gives: what an evaluation would claim.
        delivered: the same model asked with what can be read at the decision: what would be had of it.
    """

    promised: float
    delivered: float


@dataclass(frozen=True)
class ModelErrors:
    """A small model with and without each leak.

    Attributes:
        measure: what an error is.
        honest: trained and tested on what could be read.
    """

    measure: str
    train_rows: int
    test_rows: int
    honest: float
    ignoring_available_at: ModelError
    ignoring_landing: ModelError


@dataclass(frozen=True)
class LeakReport:
    """The leaks of some days of a dataset, by feature in the service's order.

    Attributes:
        errors: None where too few rows have a label.
    """

    dataset: str
    days: tuple[date, ...]
    rows: int
    features: tuple[Leak, ...]
    errors: ModelErrors | None = None

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
            "late_release": _share(
                sum(each.late_release or 0 for each in self.features),
                sum(each.cells for each in self.features if each.late_release is not None),
            ),
            "features": [
                {
                    "feature": each.feature,
                    "cells": each.cells,
                    "ignoring_available_at": _share(each.ignoring_available_at, each.cells),
                    "ignoring_landing": None
                    if each.ignoring_landing is None
                    else _share(each.ignoring_landing, each.cells),
                    "late_release": None
                    if each.late_release is None
                    else _share(each.late_release, each.cells),
                }
                for each in self.features
            ],
            "model": None if self.errors is None else asdict(self.errors),
        }


@dataclass(frozen=True)
class Joins:
    """The same rows joined three ways; the frames have the rows' index and the service's columns.

    Attributes:
        rows: the decisions with their labels.
        early: as if a feature could be read when its tick ended.
        corrected: as if every record had been there when it happened; what has no such timeline is left out.
    """

    rows: pd.DataFrame
    served: pd.DataFrame
    early: pd.DataFrame
    corrected: pd.DataFrame


def leaks(computing: Computing, days: Sequence[date]) -> LeakReport:
    """How many cells of the days' rows differ, feature by feature; computed anew, nothing is written.

    A cell differs where one side is null and the other is not as well. On-demand features are compared
    for availability alone.

    Raises:
        NotReady: a day is not mature.
        InputMissing: the days have no rows.
    """
    require_mature(Ops(computing.settings.ops_url), computing.spec, computing.service, days)
    joins = joined(computing, days)
    late = _late(computing, joins.rows)
    found = [
        Leak(
            column,
            len(joins.rows),
            differing(joins.served[column], joins.early[column]),
            differing(joins.served[column], joins.corrected[column]) if column in joins.corrected else None,
            late.get(column),
        )
        for column in computing.service.columns
    ]
    errors = model_errors(joins, computing.spec.table)
    return LeakReport(computing.spec.name, tuple(days), len(joins.rows), tuple(found), errors)


def joined(computing: Computing, days: Sequence[date]) -> Joins:
    """The days' rows with what could be read, and with what each careless join would have read."""
    rows = pd.concat([_rows(computing, day) for day in days], ignore_index=True)
    if rows.empty:
        raise InputMissing(
            f"{computing.spec.name} has no rows in these days.", "Name days on which something was decided."
        )
    service, spec = computing.service, computing.spec
    seen = list(dict.fromkeys((*service.keys, *service.request)))
    spine = rows[seen].assign(**{DECISION_TIME: rows["meta_decision_at"]})
    columns = list(service.columns)
    sooner = {
        delay: features_at(
            spec, computing.store, spine.assign(**{DECISION_TIME: spine[DECISION_TIME] + delay})
        )[columns]
        for delay in (TICK_DELAY, DAILY_DELAY)
    }
    daily = [column for view in service.views if view.is_daily for column in view.columns]
    return Joins(
        rows,
        features_at(spec, computing.store, spine)[columns],
        sooner[TICK_DELAY].assign(**{column: sooner[DAILY_DELAY][column] for column in daily}),
        pd.DataFrame(_as_corrected(computing, spine), index=rows.index),
    )


def model_errors(joins: Joins, table: Table) -> ModelErrors | None:
    """What each leak does to a small model: trained on the earlier jobs, asked about the later ones.

    The last 30 % of the jobs, by their first decision, test it; rows count by their weight. None with fewer
    than 100 labelled rows on either side, or where all labels to train on are the same.
    """
    profile = profile_of(table)
    kind = profile.kind
    label = joins.rows[profile.label].to_numpy(dtype=float, na_value=np.nan)
    first = joins.rows.groupby(GROUP_KEY)["meta_decision_at"].min().sort_values(kind="stable")
    last_jobs = first.index[int(len(first) * (1 - TEST_SHARE)) :]
    is_test = joins.rows[GROUP_KEY].isin(last_jobs).to_numpy()
    train, test = (~np.isnan(label) & side for side in (~is_test, is_test))
    if min(train.sum(), test.sum()) < LEAST_FOR_A_MODEL or not np.ptp(label[train]):
        return None
    weight = joins.rows["meta_weight"].to_numpy(dtype=float)
    own = [name for name in inputs_among(table.column_names) if name in joins.rows]
    true = joins.corrected.astype(joins.served.dtypes[joins.corrected.columns])
    joined_ways = (joins.served, joins.early, joins.served.assign(**true))
    frames = [pd.concat([joins.rows[own], each], axis="columns") for each in joined_ways]
    together = inputs_as_numbers(
        pd.concat(frames, ignore_index=True),
        pd.concat([joins.rows["meta_decision_at"]] * len(frames), ignore_index=True),
    )
    served, early, corrected = np.split(together, len(frames))

    def fitted(inputs: np.ndarray) -> SmallModel:
        return fit(inputs[train], label[train], kind, weight[train])

    def error_of(model: SmallModel, inputs: np.ndarray) -> float:
        return round(error(model.says(inputs[test]), label[test], kind, weight[test]), 4)

    def of(leaking: np.ndarray) -> ModelError:
        model = fitted(leaking)
        return ModelError(error_of(model, leaking), error_of(model, served))

    honest = error_of(fitted(served), served)
    rows = int(train.sum()), int(test.sum())
    return ModelErrors(ERRORS[kind], *rows, honest, of(early), of(corrected))


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
    if isinstance(value, int | float | np.number):
        return float(value)
    return str(value)


def _rows(computing: Computing, day: date) -> pd.DataFrame:
    decided = computing.spine(day)
    return decided[decided[LEFT_OUT].isna()]


def _late(computing: Computing, rows: pd.DataFrame) -> dict[str, int]:
    """By column, the rows that were decided while the view's newest promised tick had not come out."""
    tables = {column: view.table.name for view in computing.service.views for column in view.columns}
    ops = Ops(computing.settings.ops_url)
    late = late_by_known_releases(rows["meta_decision_at"], ops, sorted(set(tables.values())))
    return {column: int(late[table].sum()) for column, table in tables.items() if table in late}


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
    gone = expired(Ops(computing.settings.ops_url))
    rows = as_corrected(computing.lakehouse, view.view, interval, gone).toArrow().to_pandas()
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
