"""What the one session adds to Spark."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import SparkSession

from lakehouse.spark import frame_of_arrow


def test_a_frame_of_arrow_has_the_rows_behind_an_empty_chunk(spark: SparkSession) -> None:
    chunks = [pa.table({"n": pa.array(numbers, pa.int64())}) for numbers in ([1, 2], [], [3], [], [4, 5])]
    rows = pa.concat_tables(chunks)
    assert frame_of_arrow(spark, rows).toArrow()["n"].to_pylist() == [1, 2, 3, 4, 5]
    assert spark.createDataFrame(rows).count() == 2, "Spark's defect is gone: frame_of_arrow can go too"
