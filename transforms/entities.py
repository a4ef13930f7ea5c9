"""Rows of a partition, entity by entity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

CHUNK_ROWS = 2_000_000
"""Entities are worked on in groups of about so many rows, to bound memory."""


@dataclass(frozen=True)
class Entities:
    """The entities of some rows, and which one each row is about.

    Attributes:
        keys: a table of the key columns, one row an entity.
        codes: per row, the number of its entity.
    """

    keys: pa.Table
    codes: np.ndarray

    @property
    def names(self) -> list[str]:
        """The keys of each entity, joined by `|`."""
        parts = [column.to_pylist() for column in self.keys.columns]
        return ["|".join(part) for part in zip(*parts, strict=True)]

    def columns(self, codes: np.ndarray) -> dict[str, pa.Array]:
        """The key columns of these entities."""
        taken = self.keys.take(pa.array(codes))
        return {name: taken.column(name).combine_chunks() for name in self.keys.column_names}


def by_entity(table: pa.Table, keys: Sequence[str]) -> Iterator[tuple[pa.Table, Entities]]:
    """The table, entity by entity, in pieces of about CHUNK_ROWS rows that part no entity."""
    table = table.sort_by([(key, "ascending") for key in keys])
    is_first = np.zeros(len(table), bool)
    is_first[0] = True
    for key in keys:
        codes = table.column(key).combine_chunks().dictionary_encode().indices.to_numpy()
        is_first[1:] |= codes[1:] != codes[:-1]
    starts = np.flatnonzero(is_first)
    ends = np.append(starts[1:], len(table))
    start = 0
    while start < len(starts):
        stop = max(start + 1, int(np.searchsorted(ends, ends[start] - 1 + CHUNK_ROWS)))
        rows = slice(starts[start], ends[stop - 1])
        piece = table.slice(rows.start, rows.stop - rows.start)
        own_keys = table.select(list(keys)).take(pa.array(starts[start:stop]))
        yield piece, Entities(own_keys, np.cumsum(is_first[rows]) - 1)
        start = stop
