"""Chance, keyed: the same key draws the same numbers on every machine, in any order of keys."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")

_BLOCK = 64
_STANDARD_NORMAL = NormalDist()


def generator(seed: int, *key: int | str) -> np.random.Generator:
    """A numpy generator of its own for a seed and a key such as ("jobs", 20522)."""
    parts = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in key]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *parts])))


class Draws:
    """One entity's stream of numbers; cheap single draws out of blocks of uniforms."""

    def __init__(self, seed: int, *key: int | str) -> None:
        self._generator = generator(seed, *key)
        self._block: list[float] = []

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number in [low, high)."""
        if not self._block:
            self._block = self._generator.random(_BLOCK).tolist()
        return low + (high - low) * self._block.pop()

    def chance(self, share: float) -> bool:
        """True with the given probability; always one draw."""
        return self.uniform() < share

    def seconds(self, low: float, high: float) -> int:
        """Whole seconds in [low, high)."""
        return int(self.uniform(low, high))

    def index(self, count: int) -> int:
        """A position in [0, count)."""
        return int(self.uniform() * count)

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, all alike."""
        return items[self.index(len(items))]

    def normal(self, mean: float = 0.0, deviation: float = 1.0) -> float:
        """A normal number."""
        return mean + deviation * _STANDARD_NORMAL.inv_cdf(self.uniform(1e-12, 1.0))

    def lognormal(self, median: float, sigma: float) -> float:
        """A lognormal number of the given median."""
        return median * math.exp(self.normal(0.0, sigma))

    def exponential(self, mean: float) -> float:
        """An exponential number of the given mean."""
        return -mean * math.log(self.uniform(1e-12, 1.0))
