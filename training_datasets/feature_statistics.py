"""What can be said of a feature by numbers: nulls, drift, and how much of a label it tells alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

MOST_LEVELS = 50
"""Levels of a category that are told apart; the rarer ones count as one."""
DRIFT_BINS = 10
LEAST_TO_COMPARE = 50
"""Rows that either side of a comparison needs: below, PSI is the noise of its ten bins."""
LEAST_LABELLED = 30
"""Rows with a label that a share of its variance needs."""
DRIFTED = 0.25
"""PSI from which a feature counts as drifted (DOMAIN section 4, a warning)."""
_TOO_MUCH_VARIANCE, _TOO_MUCH_AUC = 0.9, 0.98
_OUTERMOST = (0.025, 0.975)
_ROWS_A_BIN, _MOST_BINS = 20, 100
_HALF = 0.5


@dataclass(frozen=True)
class Values:
    """A feature's values as numbers, NaN where there is none; of a category they only tell levels apart."""

    numbers: np.ndarray
    is_category: bool = False

    def __len__(self) -> int:
        return len(self.numbers)

    def where(self, chosen: np.ndarray) -> Values:
        """The values of the rows chosen."""
        return Values(self.numbers[chosen], self.is_category)

    @property
    def nulls(self) -> np.ndarray:
        """Whether each is missing."""
        return np.isnan(self.numbers)


def values_of(column: pd.Series, decided_at: pd.Series) -> Values:
    """A feature as numbers: a moment is its age in minutes at the decision, text is a category.

    >>> decided = pd.Series(pd.to_datetime(["2026-03-10T18:05Z"] * 3))
    >>> seen = pd.Series(pd.to_datetime(["2026-03-10T18:00Z", None, "2026-03-10T17:05Z"]))
    >>> values_of(seen, decided).numbers.tolist()
    [5.0, nan, 60.0]
    >>> values_of(pd.Series(["tow", None, "lockout"]), decided).numbers.tolist()
    [1.0, nan, 0.0]
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        ages = (decided_at - column).dt.total_seconds() / 60
        return Values(ages.to_numpy(dtype=float, na_value=np.nan))
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return Values(column.to_numpy(dtype=float, na_value=np.nan))
    return Values(_levels(column), is_category=True)


def null_share(values: Values) -> float:
    """Share of the rows that have no value; NaN without rows."""
    return float(values.nulls.mean()) if len(values) else np.nan


def population_stability_index(before: Values, recent: Values) -> float | None:
    """How far the recent values' distribution is from that before: 0 equal, above 0.25 another one.

    Over the tenths of the values before (levels, of a category) and one bin for nulls; half a row is
    added to each, so that an empty bin is no infinity. None where either side has too few rows.
    """
    if min(len(before), len(recent)) < LEAST_TO_COMPARE:
        return None
    edges = _edges(before, DRIFT_BINS)
    shares = []
    for side in (before, recent):
        counts = np.bincount(_bins(side, edges), minlength=len(edges) + 2) + _HALF
        shares.append(counts / counts.sum())
    old, new = shares
    return float(np.sum((new - old) * np.log(new / old)))


def too_much(*, is_answer: bool) -> float:
    """What no single feature may tell of a label: a share of its variance, or an AUC of a yes or no.

    Tripwire T16: one that tells more is a leak nobody thought of.
    """
    return _TOO_MUCH_AUC if is_answer else _TOO_MUCH_VARIANCE


def told_alone(values: Values, label: np.ndarray, *, is_answer: bool) -> float | None:
    """What a feature tells of a label by itself; None with too few labels, or no value at all.

    Of a number the outermost labels count as the 2.5th and 97.5th hundredth: one long wait is most of the
    variance of a small day, and whatever happens to be high with it would tell nearly all.
    """
    if not len(values) or values.nulls.all():
        return None
    if is_answer:
        return best_auc(values, label)
    return explained_share(values, np.clip(label, *np.quantile(label, _OUTERMOST)) if len(label) else label)


def explained_share(values: Values, label: np.ndarray) -> float | None:
    """The share of the label's variance that the feature explains by itself, at best.

    The greatest of three, each adjusted for the numbers it fits: a line, a line over ranks (that of
    the ranks' variance), and the means of up to 100 bins of at least 20 rows; a null is a level of its
    own. None where fewer than 30 rows have a label, or all have the same.
    """
    if len(label) < LEAST_LABELLED or np.ptp(label) == 0:
        return None
    found = [_by_bins(values, label)]
    if not values.is_category:
        found += [_by_line(values.numbers, label), _by_line(ranks(values.numbers), ranks(label))]
    return max(0.0, *found)


def best_auc(values: Values, label: np.ndarray) -> float | None:
    """The area under the ROC curve of the feature alone against a label of 0 and 1, at best.

    The greatest of: ascending or descending, nulls first or last; and the shares of up to 100 bins of
    at least 20 rows. None where either answer was given fewer than 10 times.
    """
    yes = int(label.sum())
    if min(yes, len(label) - yes) < 10:
        return None
    bins = _bins(values, _edges(values, _MOST_BINS, _ROWS_A_BIN))
    counts = np.maximum(np.bincount(bins), 1)
    found = [auc((np.bincount(bins, weights=label) / counts)[bins], label)]
    if not values.is_category:
        for filled in (-np.inf, np.inf):
            raw = auc(np.where(values.nulls, filled, values.numbers), label)
            found += [raw, 1 - raw]
    return max(found)


def auc(score: np.ndarray, label: np.ndarray) -> float:
    """The chance that a row of 1 scores above a row of 0, ties as half; both must be there.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([0, 0, 1, 1]))
    0.875
    """
    yes = label == 1
    count = int(yes.sum())
    above = ranks(score)[yes].sum() - count * (count + 1) / 2
    return float(above / (count * (len(label) - count)))


def ranks(numbers: np.ndarray) -> np.ndarray:
    """Ranks from 1, ties by their mean; NaN stays."""
    ranked: np.ndarray = pd.Series(numbers).rank(method="average").to_numpy()
    return ranked


def _levels(column: pd.Series) -> np.ndarray:
    """Numbers of a category's levels, in the order of their names; the rarer ones share one."""
    text = column.astype("string").astype(object)
    counts = text.value_counts()
    common = sorted(counts.index, key=lambda level: (-counts[level], level))[:MOST_LEVELS]
    number = {level: float(place) for place, level in enumerate(sorted(common))}
    rare = float(len(number))
    return np.array([np.nan if pd.isna(each) else number.get(each, rare) for each in text], dtype=float)


def _edges(reference: Values, most: int, least_rows: int = 1) -> np.ndarray:
    """Upper edges of all bins but the last, which holds what is above; of a category its levels."""
    known = reference.numbers[~reference.nulls]
    if reference.is_category or not len(known):
        return np.unique(known)
    count = max(1, min(most, len(known) // least_rows))
    inner = np.quantile(known, np.arange(1, count) / count, method="inverted_cdf")
    return np.unique(inner)


def _bins(values: Values, edges: np.ndarray) -> np.ndarray:
    """The bin of each value, 0 to len(edges), which is also that of a level not among them; then nulls."""
    places = np.searchsorted(edges, values.numbers)
    if values.is_category and len(edges):
        known = edges[np.minimum(places, len(edges) - 1)] == values.numbers
        places = np.where(known, places, len(edges))
    found: np.ndarray = np.where(values.nulls, len(edges) + 1, places)
    return found


def _by_bins(values: Values, label: np.ndarray) -> float:
    bins = _bins(values, _edges(values, _MOST_BINS, _ROWS_A_BIN))
    counts, sums = np.bincount(bins), np.bincount(bins, weights=label)
    used = counts > 0
    between = np.sum(sums[used] ** 2 / counts[used]) - label.sum() ** 2 / len(label)
    return _adjusted(1 - between / _variation(label), len(label), int(used.sum()))


def _by_line(numbers: np.ndarray, label: np.ndarray) -> float:
    known = ~np.isnan(numbers)
    left, fitted = 0.0, 0
    if not known.all():
        left, fitted = _variation(label[~known]), 1
    if known.any():
        x, y = numbers[known] - numbers[known].mean(), label[known] - label[known].mean()
        spread = float(x @ x)
        told = float(x @ y) ** 2 / spread if spread > 0 else 0.0
        left, fitted = left + float(y @ y) - told, fitted + 1 + (spread > 0)
    return _adjusted(left / _variation(label), len(label), fitted)


def _adjusted(left: float, rows: int, fitted: int) -> float:
    """The share explained, from the share left, less what so many fitted numbers explain by chance."""
    return 1 - left * (rows - 1) / max(rows - fitted, 1)


def _variation(label: np.ndarray) -> float:
    return float(np.sum((label - label.mean()) ** 2))
