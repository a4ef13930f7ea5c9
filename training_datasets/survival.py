"""How long something lasts where some were not watched to the end: the Kaplan-Meier estimate. Pure.

Kaplan, Meier: Nonparametric estimation from incomplete observations, JASA 53 (1958); the variance is
Greenwood's, the bounds are on the log-minus-log scale (Kalbfleisch, Prentice), so they stay in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""


@dataclass(frozen=True)
class Survival:
    """The share for which it has not happened yet, after each instant at which it happened to some.

    Attributes:
        times: the instants, ascending; `share` holds from each until the next, and is 1 before the first.
        lower, upper: 95 % bounds of the share.
        durations: what was observed of every row, ascending.
        events: rows for which it happened; the others were cut off.
    """

    times: np.ndarray
    share: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    durations: np.ndarray
    events: int

    @property
    def rows(self) -> int:
        """Rows, cut off or not."""
        return len(self.durations)

    def at(self, moments: np.ndarray, values: np.ndarray | None = None) -> np.ndarray:
        """The share (or the bound given) at each moment; 1 before anything happened."""
        curve = np.append(1.0, self.share if values is None else values)
        found: np.ndarray = curve[np.searchsorted(self.times, moments, side="right")]
        return found

    def at_risk(self, moment: float) -> int:
        """Rows that were still watched just before the moment."""
        return self.rows - int(np.searchsorted(self.durations, moment, side="left"))

    def quantile(self, part: float) -> float | None:
        """The first time by which it happened to this part of all; None if the curve stays above."""
        reached = np.flatnonzero(self.share <= 1 - part + 1e-12)
        return float(self.times[reached[0]]) if len(reached) else None

    def mean_through(self, horizon: float) -> float:
        """The mean of the time until it happens, where longer times count as the horizon."""
        inside = self.times[self.times < horizon]
        edges = np.concatenate(([0.0], inside, [horizon]))
        return float(np.sum(np.diff(edges) * np.append(1.0, self.share[: len(inside)])))


def kaplan_meier(durations: np.ndarray, has_happened: np.ndarray) -> Survival:
    """The estimate for rows watched so long, each until it happened or was cut off.

    A row cut off at an instant counts as watched at that instant.

    >>> curve = kaplan_meier(np.array([1.0, 2, 2, 3, 4]), np.array([1, 1, 0, 0, 1], dtype=bool))
    >>> curve.times.tolist(), curve.share.round(3).tolist()
    ([1.0, 2.0, 4.0], [0.8, 0.6, 0.0])
    >>> curve.quantile(0.5), curve.quantile(0.3), round(curve.mean_through(4), 3)
    (4.0, 2.0, 3.0)
    """
    ordered = np.sort(durations.astype(float))
    times, happened = np.unique(durations[has_happened].astype(float), return_counts=True)
    watched = len(ordered) - np.searchsorted(ordered, times, side="left")
    share = np.cumprod(1 - happened / watched)
    lower, upper = _bounds(share, happened, watched)
    return Survival(times, share, lower, upper, ordered, int(has_happened.sum()))


def _bounds(share: np.ndarray, happened: np.ndarray, watched: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.sqrt(np.cumsum(happened / (watched * (watched - happened))))
        log = np.log(share)
        width = np.exp(Z95 * greenwood / -log)
        lower, upper = np.exp(log * width), np.exp(log / width)
    inner = (share > 0) & (share < 1)
    return np.where(inner, lower, share), np.where(inner, upper, share)
