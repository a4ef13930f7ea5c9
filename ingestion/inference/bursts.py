"""Since when: the run of landed objects in which something is more frequent than it usually is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

ENOUGH_NATS = 16.0
"""The likelihood ratio, as a logarithm, above which a run is no chance; as for the checks of feeds."""


MAYBE_NATS = 3.0
"""One in twenty."""


@dataclass(frozen=True)
class Burst:
    """Objects [first, last] of a profile, the counts in them, and the rows in the objects around.

    Both ends have hits.
    """

    first: int
    last: int
    hits: int
    rows: int
    nats: float
    rows_before: int = 0
    rows_after: int = 0

    @property
    def share(self) -> float:
        """Hits over rows."""
        return self.hits / self.rows

    @property
    def may_be_older(self) -> bool:
        """Whether it may have begun before the range: the rows before it could lack it by chance."""
        return self._chance_nats(self.rows_before) < MAYBE_NATS

    @property
    def is_over(self) -> bool:
        """Whether the rows after it are too many to lack it by chance."""
        return self._chance_nats(self.rows_after) > ENOUGH_NATS

    def _chance_nats(self, rows: int) -> float:
        return rows * (-math.log(1 - self.share) if self.share < 1 else math.inf) if rows else 0.0


def burst(hits: np.ndarray, rows: np.ndarray, usual: float) -> Burst | None:
    """The run that is least likely if the share of hits were the usual one; None if that could be chance.

    >>> found = burst(np.array([0, 0, 9, 8, 0]), np.array([9, 9, 9, 9, 9]), 0.01)
    >>> found.first, found.last, found.hits, found.rows, round(found.nats)
    (2, 3, 17, 18, 74)
    >>> burst(np.array([0, 3, 9]), np.array([300, 300, 300]), 0.003) is None
    True
    """
    if not hits.any():
        return None
    starts, ends = (np.concatenate([[0], np.cumsum(each)]).astype(float) for each in (hits, rows))
    of_hits, of_rows = (np.triu(each[None, 1:] - each[:-1, None]) for each in (starts, ends))
    share = np.divide(of_hits, of_rows, out=np.zeros_like(of_hits), where=of_rows > 0)
    usual = min(max(usual, 1e-6), 1 - 1e-6)
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = of_hits * np.log(share / usual) + np.where(
            share < 1, (of_rows - of_hits) * np.log((1 - share) / (1 - usual)), 0
        )
    nats = np.where((share > usual) & np.isfinite(nats), nats, 0)
    first, last = divmod(int(np.argmax(nats)), len(hits))
    best = float(nats[first, last])
    if best < ENOUGH_NATS:
        return None
    inside = np.flatnonzero(hits[first : last + 1]) + first
    first, last = int(inside[0]), int(inside[-1])  # objects without rows may stand around
    before, after = int(rows[:first].sum()), int(rows[last + 1 :].sum())
    return Burst(
        first,
        last,
        int(hits[first : last + 1].sum()),
        int(rows[first : last + 1].sum()),
        best,
        before,
        after,
    )


def gain_run(gains: np.ndarray) -> tuple[int, int, float]:
    """(first, last, sum) of the run of the greatest sum.

    >>> gain_run(np.array([-1.0, 2.0, 3.0, -9.0, 1.0]))
    (1, 2, 5.0)
    """
    best, start, total = (0, 0, 0.0), 0, 0.0
    for place, gain in enumerate(gains.tolist()):
        if total <= 0:
            start, total = place, 0.0
        total += gain
        if total > best[2]:
            best = (start, place, total)
    return best
