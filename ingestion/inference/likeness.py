"""How alike two lots of values are: for a field that left and one that came, or one whose unit changed."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import SequenceMatcher
from typing import Any

import numpy as np

_ENOUGH = 30
_BIN = 0.1
_TOKEN, _NUMBERED = re.compile(r"[^\W_]+"), re.compile(r"[A-Za-z]{1,2}[0-9]+")


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Kolmogorov and Smirnov's: the most by which two empirical distributions differ, 0 to 1.

    >>> distance([1, 2, 3, 4], [1, 2, 3, 4]), distance([1, 2], [3, 4])
    (0.0, 1.0)
    """
    a, b = np.sort(np.asarray(one, dtype=float)), np.sort(np.asarray(other, dtype=float))
    points = np.concatenate([a, b])
    steps = (np.searchsorted(each, points, side="right") / len(each) for each in (a, b))
    return float(np.max(np.abs(np.subtract(*steps))))


def mask(text: str) -> str:
    """How a text is written, without what it says.

    Runs of digits and of three letters and more, and what mixes letters and digits unless as in J1.

    >>> mask("J-10234"), mask("P17"), mask("01 Mar 2024 12:01:18.707"), mask("4S4BSANC5K3000001")
    ('J-9', 'P9', '9 a 9 9:9:9.9', 'x')
    """
    return _TOKEN.sub(_masked, text[:64])


def _masked(token: re.Match[str]) -> str:
    text = token[0]
    if text.isdigit():
        return "9"
    if text.isalpha():
        return "a" if len(text) > 2 else text
    return f"{text.rstrip('0123456789')}9" if _NUMBERED.fullmatch(text) else "x"


def moment_of(value: Any) -> datetime | None:
    """The moment a value is, if it says its zone."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not None else None


def alike(one: Sequence[Any], other: Sequence[Any]) -> float | None:
    """0 to 1, how far two lots of values could be of one field; None if there are too few to say.

    Numbers and moments by their distributions, texts by how they are written and how often they repeat.
    """
    if min(len(one), len(other)) < _ENOUGH:
        return None
    numbers = [[each for each in lot if _is_number(each)] for lot in (one, other)]
    if all(len(found) > 0.9 * len(lot) for found, lot in zip(numbers, (one, other), strict=True)):
        return 1 - distance(*numbers)
    texts = [[each for each in lot if isinstance(each, str)] for lot in (one, other)]
    if all(len(found) > 0.9 * len(lot) for found, lot in zip(texts, (one, other), strict=True)):
        masks, words = (_overlap(*(map(f, lot) for lot in texts)) for f in (mask, str))
        shares = sorted(len(set(lot)) / len(lot) for lot in texts)
        return max(words, masks * math.sqrt(shares[0] / shares[1]))
    kinds = [Counter(type(each).__name__ for each in lot) for lot in (one, other)]
    return _overlap(kinds[0].elements(), kinds[1].elements())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _overlap(one: Any, other: Any) -> float:
    a, b = Counter(one), Counter(other)
    of_a, of_b = sum(a.values()), sum(b.values())
    return sum(min(a[each] / of_a, b[each] / of_b) for each in a)


def names_alike(one: str, other: str) -> float:
    """0 to 1, by the last names of two paths, or the whole where one is spelled flat.

    >>> names_alike("latitude", "lat") > 0.7, names_alike("vehicle.make", "vehicle_make")
    (True, 1.0)
    >>> names_alike("event_type", "location") < 0.5
    True
    """
    whole = [re.sub(r"[^a-z0-9]", "", each.lower()) for each in (one, other)]
    last = [re.sub(r"[^a-z0-9]", "", each.rpartition(".")[2].lower()) for each in (one, other)]
    return max(_spelled_alike(*whole), _spelled_alike(*last))


def _spelled_alike(one: str, other: str) -> float:
    short, long = sorted((one, other), key=len)
    if len(short) >= 3 and (long.startswith(short) or long.endswith(short)):
        return max(0.8, len(short) / len(long))
    if len(short) >= 2 and short[0] == long[0] and _is_subsequence(short, long):
        return max(0.6, SequenceMatcher(None, one, other).ratio())
    return SequenceMatcher(None, one, other).ratio()


def _is_subsequence(short: str, long: str) -> bool:
    letters = iter(long)
    return all(letter in letters for letter in short)


def densities(reference: Sequence[float]) -> tuple[np.ndarray, int]:
    """Logarithms of the shares of positive values by tenths of their logarithm, smoothed; the first tenth."""
    tenths = np.floor(np.log(np.asarray(reference)) / _BIN).astype(int)
    first = int(tenths.min()) - 3
    counts = np.bincount(tenths - first, minlength=int(tenths.max()) - first + 4).astype(float)
    smooth = np.convolve(counts, (0.1, 0.2, 0.4, 0.2, 0.1), mode="same") + 0.02
    return np.log(smooth / smooth.sum()), first


def log_density(values: np.ndarray, reference: tuple[np.ndarray, int]) -> np.ndarray:
    """Of each positive value, the logarithm of its density in the reference."""
    logs, first = reference
    places = np.floor(np.log(values) / _BIN).astype(int) - first
    inside = (places >= 0) & (places < len(logs))
    found = np.full(len(values), logs.min() - 3)
    found[inside] = logs[places[inside]]
    return found
