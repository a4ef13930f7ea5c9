"""A small gradient-boosted model over a dataset's inputs: what a leak does to an error, or a first try.

scikit-learn's histogram gradient boosting, on one thread: it takes missing values as they are, and gives
the same model for the same rows. Small on purpose: it compares inputs, it is no model to serve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from training_datasets.card_profiles import LabelKind
from training_datasets.feature_statistics import values_of

ERRORS = {
    LabelKind.MINUTES: "mean error in minutes",
    LabelKind.ANSWER: "Brier score",
    LabelKind.GAIN: "mean error of the gain",
}
_SIZE: dict[str, Any] = {"max_iter": 150, "learning_rate": 0.08, "min_samples_leaf": 20, "random_state": 0}


@dataclass(frozen=True)
class SmallModel:
    """A fitted model; `says` what it expects of each row, minutes, a chance, or a gain.

    Attributes:
        used: the inputs it was fitted on: those that had a value in some row.
    """

    kind: LabelKind
    fitted: Any
    used: np.ndarray

    def says(self, inputs: np.ndarray) -> np.ndarray:
        """One number a row."""
        inputs = inputs[:, self.used]
        with threadpool_limits(1):
            if self.kind is LabelKind.ANSWER:
                found: np.ndarray = self.fitted.predict_proba(inputs)[:, 1]
            else:
                found = self.fitted.predict(inputs)
        return found


def inputs_as_numbers(inputs: pd.DataFrame, decided_at: pd.Series) -> np.ndarray:
    """Rows by inputs as numbers, NaN where one is missing; moments are ages at the decision.

    Rows that are to be compared go in together: of text only its levels are told apart.
    """
    columns = [values_of(inputs[name], decided_at).numbers for name in inputs.columns]
    return np.column_stack(columns) if columns else np.empty((len(inputs), 0))


def fit(
    inputs: np.ndarray, label: np.ndarray, kind: LabelKind, weight: np.ndarray | None = None
) -> SmallModel:
    """The model of these rows, alike or by weight: minutes by the median, a yes or no by its chance."""
    if kind is LabelKind.ANSWER:
        model, learned = HistGradientBoostingClassifier(**_SIZE), label.astype(int)
    else:
        loss = "absolute_error" if kind is LabelKind.MINUTES else "squared_error"
        model, learned = HistGradientBoostingRegressor(loss=loss, **_SIZE), label
    used = np.flatnonzero(~np.isnan(inputs).all(axis=0))
    with threadpool_limits(1):
        return SmallModel(kind, model.fit(inputs[:, used], learned, sample_weight=weight), used)


def error(said: np.ndarray, label: np.ndarray, kind: LabelKind, weight: np.ndarray | None = None) -> float:
    """How far off, by ERRORS; rows count alike, or by weight."""
    off = said - label
    return float(np.average(off**2 if kind is LabelKind.ANSWER else np.abs(off), weights=weight))
