"""Two tables of a dataset's rows, held against each other by row id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Compared:
    """What differs.

    Attributes:
        added, removed: rows of the second, of the first alone.
        differing: by column, rows of both with another value; a column of one side alone is not among them.
    """

    added: int
    removed: int
    differing: Mapping[str, int]


def compared(a: pa.Table, b: pa.Table, key: str) -> Compared:
    """Rows of one side alone, and by column how many rows of both have another value."""
    in_both_a = a.filter(pc.is_in(a[key], value_set=b[key])).sort_by(key)
    in_both_b = b.filter(pc.is_in(b[key], value_set=a[key])).sort_by(key)
    shared = [name for name in a.column_names if name in b.column_names and name != key]
    counts = {name: _unlike(in_both_a[name], in_both_b[name]) for name in shared}
    return Compared(b.num_rows - in_both_b.num_rows, a.num_rows - in_both_a.num_rows, counts)


def _unlike(a: pa.ChunkedArray, b: pa.ChunkedArray) -> int:
    """Places where one is null and the other is not, or both have values that differ."""
    if a.type != b.type:
        return len(a)
    one_null = pc.xor(pc.is_null(a), pc.is_null(b))
    other_value = pc.fill_null(pc.not_equal(a, b), False)
    return int(pc.sum(pc.or_(one_null, other_value)).as_py() or 0)
