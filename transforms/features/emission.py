"""Which rows a view writes: what changed, once a day while the entity lives, and when it dies."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from transforms.grid import Instants


def first_places(count: int, width: int, instants: Instants) -> np.ndarray:
    """Each entity's place at the instant compared with, and at those where all begins anew."""
    compared = np.arange(count, dtype=np.int64) * width
    return np.concatenate([compared + place for place in (0, *instants.anew)])


def beat_places(names: Sequence[str], numbers: np.ndarray, beat: int) -> np.ndarray:
    """Places of the entities' beats among the instants after the first: entity * width + position,
    where the width is one more than the instants.

    An entity's beat falls where the instant's number equals the key's hash, modulo the beat; if that
    instant was held, on the next that was not.
    """
    phases = np.array([crc32(name.encode()) % beat for name in names], np.int64)
    passed = (numbers[None, :] - phases[:, None]) // beat
    code, offset = np.nonzero(passed[:, 1:] > passed[:, :-1])
    return code * (len(numbers) + 1) + 1 + offset


def due_rows(
    offset: np.ndarray,
    count: int,
    is_live: np.ndarray,
    changed: np.ndarray,
    is_beat: np.ndarray,
    instants: Instants,
) -> np.ndarray:
    """Which rows are written, of rows sorted by entity and position (`offset`) among the instants."""
    was_live = np.concatenate([[False], is_live[:-1]])
    inside = (offset > 0) & (offset < count)
    due: np.ndarray = (changed & (is_live | was_live)) | (is_beat & is_live)
    return inside & np.where(np.isin(offset, instants.anew), is_live, due)


def differs_from_row_before(values: np.ndarray) -> np.ndarray:
    """Whether each value differs from the one before it; the first does."""
    return np.concatenate([[True], values[1:] != values[:-1]])
