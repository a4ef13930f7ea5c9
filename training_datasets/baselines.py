"""Rules without a model that a model has to beat, scored by what they foretold and what came. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from training_datasets.feature_statistics import auc

if TYPE_CHECKING:
    from training_datasets.loading import Dataset

CLOSE_MINUTES = 10.0
_LEAST_CHANCE = 1e-6

Rule = Callable[["Dataset", np.ndarray], np.ndarray]


def as_it_is(_dataset: Dataset, values: np.ndarray) -> np.ndarray:
    """What the column says."""
    return values


def least_first(_dataset: Dataset, values: np.ndarray) -> np.ndarray:
    """An order in which the least is the best."""
    return -values


def less_the_wait(dataset: Dataset, values: np.ndarray) -> np.ndarray:
    """Minutes less those since the first decision of the same job and provider, at least 0."""
    decided = dataset.meta["meta_decision_at"]
    first = decided.groupby([dataset.meta["meta_group"], dataset.keys["provider_id"]]).transform("min")
    waited = (decided - first).dt.total_seconds().to_numpy() / 60
    left: np.ndarray = np.maximum(values - waited, 0.0)
    return left


@dataclass(frozen=True)
class Baseline:
    """A rule without a model.

    Attributes:
        column: the input or label that it reads.
        lacking: what to say where the dataset has no such column.
        is_in_hindsight: not known at the decision, so that no model could use it: to compare with only.
    """

    title: str
    column: str
    rule: Rule = as_it_is
    lacking: str = ""
    is_in_hindsight: bool = False

    def foretold(self, dataset: Dataset) -> np.ndarray | None:
        """What it foretells of each row, NaN where it has nothing to say; None without its column."""
        frame = next((part for part in (dataset.X, dataset.y) if self.column in part), None)
        if frame is None:
            return None
        return self.rule(dataset, frame[self.column].to_numpy(dtype=float, na_value=np.nan))


@dataclass(frozen=True)
class Score:
    """How a rule did on the rows for which it had something to say.

    Attributes:
        scored: these rows (pairs, of a ranking); of: all that it was asked about.
        measures: name -> value; empty where nothing could be scored.
    """

    title: str
    scored: int
    of: int
    measures: dict[str, float]
    lacking: str = ""


def score_of_minutes(
    foretold: np.ndarray, observed: np.ndarray, weight: np.ndarray | None = None
) -> dict[str, float]:
    """Of a duration: error in minutes, and how often it was close; rows count alike, or by weight.

    Neither may be missing.
    """
    error = foretold - observed
    off = np.abs(error)
    return {
        "mean error": float(np.average(off, weights=weight)),
        "median error": weighted_quantile(off, 0.5, weight),
        "p90 error": weighted_quantile(off, 0.9, weight),
        "bias": float(np.average(error, weights=weight)),
        f"within {CLOSE_MINUTES:.0f} min": float(np.average(off <= CLOSE_MINUTES, weights=weight)),
    }


def weighted_quantile(values: np.ndarray, share: float, weight: np.ndarray | None) -> float:
    """The value below which lies this share of the weight; of rows that count alike, interpolated.

    >>> weighted_quantile(np.array([10.0, 20.0, 30.0]), 0.5, np.array([0.1, 0.1, 1.0]))
    30.0
    """
    if weight is None:
        return float(np.quantile(values, share))
    return float(np.quantile(values, share, weights=weight, method="inverted_cdf"))


def score_of_answers(foretold: np.ndarray, answered: np.ndarray) -> dict[str, float]:
    """Of a yes or no: how well the chance orders, and how well it is a chance. Neither may be missing."""
    chance = np.clip(foretold, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    surprise = -np.where(answered == 1, np.log(chance), np.log1p(-chance)).mean()
    found = {"Brier": float(((foretold - answered) ** 2).mean()), "log loss": float(surprise)}
    return {"AUC": auc(foretold, answered), **found} if np.ptp(answered) else found


def ordered_pairs(foretold: np.ndarray, gain: np.ndarray, rounds: pd.Series) -> tuple[int, float]:
    """Pairs of one round with unlike gains, and the share of them that is ordered by gain, ties as half."""
    rows = pd.DataFrame({"round": rounds.to_numpy(), "foretold": foretold, "gain": gain})
    pairs = rows.merge(rows, on="round")
    better = pairs[pairs["gain_x"] > pairs["gain_y"]]
    if better.empty:
        return 0, float("nan")
    ahead = better["foretold_x"] - better["foretold_y"]
    return len(better), float(((ahead > 0) + 0.5 * (ahead == 0)).mean())
