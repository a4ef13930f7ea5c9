"""The search answers as a plain loop does, however its rows come in batches, and of those that answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feast_plugins.search import CREATED_AT, HOLDS_AT, KEY, TRUE_AT, Questions

SCHEMA = pa.schema(
    [(KEY, pa.int64()), (TRUE_AT, pa.int64()), (CREATED_AT, pa.int64()), ("value", pa.int64())]
)
Row = tuple[int, int, int, int | None]
FAR = 2**60
"""So far apart, a key and a moment are no one number."""
MOMENTS = st.integers(0, 9) | st.sampled_from([-FAR, FAR])
ROWS = st.lists(st.tuples(st.integers(0, 3), MOMENTS, MOMENTS, st.none() | st.integers(0, 2)), max_size=12)


def ranked(rows: pa.Table) -> np.ndarray:
    order = sorted(
        range(rows.num_rows), key=lambda n: _age(tuple(rows.slice(n, 1).to_pylist()[0].values())[:4])
    )
    places = np.empty(rows.num_rows, dtype=np.int64)
    places[order] = np.arange(rows.num_rows)
    return places


def _age(row: Any) -> tuple[int, int, bool, int]:
    _, true_at, created_at, value = row
    return true_at, created_at, value is not None, value or 0


def naive(rows: list[Row], key: int, moment: int, ttl: int | None, from_created: bool) -> Row | None:
    holding = [r for r in rows if r[0] == key and (max(r[1:3]) if from_created else r[1]) <= moment]
    best = max(holding, key=_age, default=None)
    return None if best is None or (ttl is not None and best[1] < moment - ttl) else best


@settings(deadline=None)
@given(
    batches=st.lists(ROWS, max_size=4),
    questions=st.lists(st.tuples(st.integers(-1, 3), MOMENTS), min_size=1, max_size=8),
    ttl=st.none() | st.integers(0, 5),
    from_created=st.booleans(),
)
@example(
    batches=[[(3, FAR, 0, 1), (3, -FAR, 0, 0)]], questions=[(3, 0), (3, FAR)], ttl=None, from_created=False
)
def test_the_search_answers_as_a_loop(
    batches: list[list[Row]], questions: list[tuple[int, int]], ttl: int | None, from_created: bool
) -> None:
    schema = SCHEMA.append(pa.field(HOLDS_AT, pa.int64())) if from_created else SCHEMA
    read = [
        pa.RecordBatch.from_pylist(
            [dict(zip(schema.names, (*row, max(row[1:3])), strict=False)) for row in rows], schema=schema
        )
        for rows in batches
    ]
    keys, moments = (np.array(column, dtype=np.int64) for column in zip(*questions, strict=True))
    asked = Questions(keys, moments)
    kept = [
        each.take(pa.array(asked.answering(pa.Table.from_batches([each]), ranked, ttl)))
        for each in read
        if each.num_rows
    ]
    every = [row for rows in batches for row in rows]
    expected = [naive(every, key, moment, ttl, from_created) for key, moment in questions]
    nothing = (None,) * len(SCHEMA)
    for some in (read, kept):  # what answers nobody in its batch can be left out
        answered = asked.answered(pa.RecordBatchReader.from_batches(schema, some), ranked, ttl)
        found = answered.select(SCHEMA.names).to_pylist()
        assert [tuple(row.values()) for row in found] == [row or nothing for row in expected]
