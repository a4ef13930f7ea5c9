"""Which rows a view writes: what changed, once a day while the entity lives, and when it dies."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from transforms.grid import Instants


def first_places(count: int, width: int, instants: Instants) -> np.ndarray:
    """Each entity's place at the instant compared with; if there is none, also at the one after it."""
    compared = np.arange(count, dtype=np.int64) * width
    return compared if instants.has_before else np.concatenate([compared, compared + 1])


def beat_places(names: Sequence[str], numbers: np.ndarray, beat: int) -> np.ndarray:
    """Places of the entities' beats among the instants after the first: entity * width + position,
    where the width is one more than the instants.

    An entity's beat falls where the instant's number equals the key's hash, modulo the beat.
    """
    phases = np.array([crc32(name.encode()) % beat for name in names], np.int64)
    code, offset = np.nonzero(numbers[None, 1:] % beat == phases[:, None])
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
    due: np.ndarray = inside & ((changed & (is_live | was_live)) | (is_beat & is_live))
    if not instants.has_before:
        due |= (offset == 1) & is_live
    return due


def differs_from_row_before(values: np.ndarray) -> np.ndarray:
    """Whether each value differs from the one before it; the first does."""
    return np.concatenate([[True], values[1:] != values[:-1]])
