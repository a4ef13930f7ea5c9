"""The search of feast_plugins.search on the executors: spine and view meet by bucket of their keys.

A bucket holds all rows of its keys of both sides, so it is joined by itself, in Arrow and numpy, where it
lies. Nothing is collected, and no range is joined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructField, StructType

from feast_plugins.moments import schema_in_utc
from feast_plugins.ranking import ranked
from feast_plugins.search import KEY, Questions

AT, BUCKET = "roadside_at", "roadside_bucket"
_ASKED, _HELD = "roadside_asked_", "roadside_held_"
_BUCKETS_A_PARTITION = 16
_LEAST_BUCKETS = 64


@dataclass(frozen=True)
class Join:
    """What a bucket's two sides are joined by.

    Attributes:
        keys: how many columns name the entity.
        values: columns of the view's rows -> the answer's.
        deciding: columns of the view's rows that decide, in order, between those of equal clocks.
        ttl: microseconds that a row holds; None for ever.
    """

    keys: int
    values: tuple[tuple[str, str], ...]
    deciding: tuple[str, ...]
    ttl: int | None

    def of_bucket(self) -> Callable[[pa.Table, pa.Table], pa.Table]:
        """(spine's rows, view's rows) -> the spine's rows with the answers."""
        keys, values, deciding, ttl = self.keys, self.values, self.deciding, self.ttl

        def joined(spine: pa.Table, rows: pa.Table) -> pa.Table:
            if not spine.num_rows:  # a bucket of keys that nobody asks about
                rows = rows.slice(0, 0)
            asked, held = _numbered(
                [(spine[f"{_ASKED}{n}"], rows[f"{_HELD}{n}"]) for n in range(keys)],
                spine.num_rows,
                rows.num_rows,
            )
            questions = Questions(asked, spine[AT].to_numpy())
            history = rows.drop_columns([BUCKET, *(f"{_HELD}{n}" for n in range(keys))])
            history = history.append_column(KEY, pa.array(held)).combine_chunks()
            found = questions.answered(history.to_reader(), partial(ranked, values=deciding), ttl)
            answer = spine.drop_columns([AT, BUCKET, *(f"{_ASKED}{n}" for n in range(keys))])
            for name, told in values:
                answer = answer.append_column(told, found[name])
            return answer.cast(schema_in_utc(answer.schema))

        return joined


def joined(spine: DataFrame, at: Column, keys: Sequence[Column], history: DataFrame, join: Join) -> DataFrame:
    """The spine with the answers of one view.

    Args:
        at: the spine's moment in microseconds.
        keys: the spine's keys, of the types of the history's first columns.
        history: the view's rows: its keys first, none null; TRUE_AT, CREATED_AT, HOLDS_AT where rows hold
            later; the values.
    """
    partitions = int(str(spine.sparkSession.conf.get("spark.sql.shuffle.partitions")))
    buckets = max(_LEAST_BUCKETS, _BUCKETS_A_PARTITION * partitions)
    names = history.columns[: join.keys]
    asked = spine.select(
        "*",
        at.alias(AT),
        _bucket(keys, buckets),
        *(key.alias(f"{_ASKED}{n}") for n, key in enumerate(keys)),
    )
    held = history.withColumnsRenamed({name: f"{_HELD}{n}" for n, name in enumerate(names)}).select(
        "*", _bucket([F.col(f"{_HELD}{n}") for n in range(join.keys)], buckets)
    )
    types = {each.name: each.dataType for each in history.schema}
    answered = StructType(
        [*spine.schema.fields, *(StructField(told, types[name]) for name, told in join.values)]
    )
    sides = asked.groupBy(BUCKET).cogroup(held.groupBy(BUCKET))
    return sides.applyInArrow(join.of_bucket(), answered)


def _bucket(keys: Sequence[Column], buckets: int) -> Column:
    return (F.pmod(F.xxhash64(*keys), F.lit(buckets)) if keys else F.lit(0).cast("long")).alias(BUCKET)


def _numbered(
    pairs: Sequence[tuple[pa.ChunkedArray, pa.ChunkedArray]], asked: int, held: int
) -> tuple[np.ndarray, np.ndarray]:
    """A number per row of each side, the same for the same keys; -1 where one is null."""
    numbers = np.zeros(asked + held, dtype=np.int64)
    is_null = np.zeros(asked + held, dtype=bool)
    for of_spine, of_rows in pairs:
        both = pa.chunked_array([*of_spine.chunks, *of_rows.chunks], of_rows.type).combine_chunks()
        codes = both.dictionary_encode().indices
        is_null |= codes.is_null().to_numpy(zero_copy_only=False)
        own = codes.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        pairwise = numbers * (int(own.max(initial=0)) + 1) + own
        numbers = np.unique(pairwise, return_inverse=True)[1].astype(np.int64)
    numbers[is_null] = -1
    return numbers[:asked], numbers[asked:]
