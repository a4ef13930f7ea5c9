"""The point-in-time search: of each question's key the newest row that holds, found by sorting numbers.

A key is a number here. Rows come in batches, so that no more than one batch and the rows found so far
are in memory: a row that answers a question of all batches also answers it of those read so far.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

KEY, TRUE_AT, CREATED_AT = "roadside_key", "roadside_true_at", "roadside_created_at"
HOLDS_AT = "roadside_holds_at"
NOT_CREATED = -(2**62)
"""Stands for the created time of a row that has none: older than any."""
_LIMIT = 2**63


@dataclass(frozen=True)
class Questions:
    """What is asked: keys from 0 on, -1 for a key that no row has; moments in microseconds of UTC."""

    keys: np.ndarray
    moments: np.ndarray

    def answered(
        self,
        batches: pa.RecordBatchReader,
        ranked: Callable[[pa.Table], np.ndarray],
        ttl: int | None,
    ) -> pa.Table:
        """One row per question, null where none holds.

        Args:
            batches: rows with KEY, TRUE_AT, CREATED_AT (none null) and the values; where they have
                HOLDS_AT, no less than TRUE_AT, they hold from then on.
            ranked: a place per row, from 0 on, in order of (TRUE_AT, CREATED_AT, values).
            ttl: microseconds that a row holds; None for ever.
        """
        held = batches.schema.empty_table()
        at = np.full(len(self.keys), -1)
        for batch in batches:
            if not batch.num_rows:
                continue
            rows = pa.concat_tables([held, pa.Table.from_batches([batch])]).combine_chunks()
            found = self._holding(rows, ranked, ttl)
            is_used = _used(rows, found)
            at = np.where(found >= 0, (np.cumsum(is_used) - 1)[found], -1)
            held = rows.take(pa.array(np.flatnonzero(is_used)))
        return held.take(pa.array(at, mask=at < 0))

    def answering(
        self, rows: pa.Table, ranked: Callable[[pa.Table], np.ndarray], ttl: int | None
    ) -> np.ndarray:
        """The positions of the rows that answer a question; of all rows no others can.

        Args: as of `answered`, the rows in one chunk.
        """
        return np.flatnonzero(_used(rows, self._holding(rows, ranked, ttl)))

    def _holding(
        self, rows: pa.Table, ranked: Callable[[pa.Table], np.ndarray], ttl: int | None
    ) -> np.ndarray:
        """Per question the number of the row that answers it, -1 for none that still holds."""
        found = self._found(rows, ranked)
        if ttl is None:
            return found
        return np.where(_numbers(rows, TRUE_AT)[found] < self.moments - ttl, -1, found)

    def _found(self, rows: pa.Table, ranked: Callable[[pa.Table], np.ndarray]) -> np.ndarray:
        """Per question the number of the row that answers it, -1 for none; of any age."""
        holds_later = HOLDS_AT in rows.column_names
        keys, holds = _numbers(rows, KEY), _numbers(rows, HOLDS_AT if holds_later else TRUE_AT)
        order, asked = _in_one_number(keys, holds, self.keys, self.moments)
        placed = np.argsort(order)
        sorted_order = order[placed]
        if holds_later:
            placed = _greatest_so_far(keys[placed], ranked(rows)[placed], placed)
        else:
            _order_twins(rows, sorted_order, placed, ranked)
        turn = np.argsort(asked)  # questions in order are looked up faster
        last = np.empty(len(asked), dtype=np.int64)
        last[turn] = np.searchsorted(sorted_order, asked[turn], side="right") - 1
        found = placed[last]
        return np.where((last >= 0) & (keys[found] == self.keys), found, -1)


def _used(rows: pa.Table, found: np.ndarray) -> np.ndarray:
    """Whether a row is found by a question."""
    is_used = np.zeros(rows.num_rows, dtype=bool)
    is_used[found[found >= 0]] = True
    return is_used


def _in_one_number(
    keys: np.ndarray, holds: np.ndarray, asked_keys: np.ndarray, moments: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and questions as numbers that rise with (key, moment); a row is at most what it answers."""
    first = min(int(holds.min()), int(moments.min()))
    span = max(int(holds.max()), int(moments.max())) - first + 1
    if (max(int(keys.max()), int(asked_keys.max())) + 1) * span < _LIMIT:
        return keys * span + (holds - first), asked_keys * span + (moments - first)
    steps = np.unique(holds)  # by rank, where moments lie too far apart
    ranks = np.searchsorted(steps, holds) + 1
    asked = np.searchsorted(steps, moments, side="right")
    return keys * (len(steps) + 1) + ranks, asked_keys * (len(steps) + 1) + asked


def _order_twins(
    rows: pa.Table, sorted_order: np.ndarray, placed: np.ndarray, ranked: Callable[[pa.Table], np.ndarray]
) -> None:
    """Put rows of one key and moment in order, the newest last; they stand in a row already."""
    is_next_equal = sorted_order[1:] == sorted_order[:-1]
    if is_next_equal.any():
        is_twin = np.append(is_next_equal, False) | np.append(False, is_next_equal)
        twins = placed[is_twin]
        ranks = ranked(rows.take(pa.array(twins)))
        placed[is_twin] = twins[np.lexsort((ranks, sorted_order[is_twin]))]


def _greatest_so_far(keys: np.ndarray, ranks: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """At each place the row of the greatest rank among those of its key until there."""
    greatest = np.maximum.accumulate(keys * (len(ranks) + 1) + ranks) % (len(ranks) + 1)
    by_rank = np.empty(len(ranks), dtype=np.int64)
    by_rank[ranks] = placed
    return by_rank[greatest]


def _numbers(rows: pa.Table, column: str) -> np.ndarray:
    numbers: np.ndarray = rows[column].to_numpy()
    return numbers
