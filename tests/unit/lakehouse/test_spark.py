"""What the one session adds to Spark."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from lakehouse.processes import this_process
from lakehouse.settings import Settings
from lakehouse.spark import CATALOG, CLASS_ARCHIVE, archive_option, frame_of_arrow, java_class, table_at
from validation.errors import InputMissing


def test_a_frame_of_arrow_has_the_rows_behind_an_empty_chunk(spark: SparkSession) -> None:
    chunks = [pa.table({"n": pa.array(numbers, pa.int64())}) for numbers in ([1, 2], [], [3], [], [4, 5])]
    rows = pa.concat_tables(chunks)
    assert frame_of_arrow(spark, rows).toArrow()["n"].to_pylist() == [1, 2, 3, 4, 5]
    assert spark.createDataFrame(rows).count() == 2, "Spark's defect is gone: frame_of_arrow can go too"


def test_the_jvm_maps_the_classes_that_setup_archived(spark: SparkSession) -> None:
    assert CLASS_ARCHIVE.exists(), "run `make setup`"
    told = spark.sparkContext.getConf().get("spark.driver.extraJavaOptions")
    assert f"-XX:SharedArchiveFile={CLASS_ARCHIVE} " in str(told)
    if sys.platform == "linux":  # which tells what a process maps
        pid = java_class(spark, "java.lang.ProcessHandle").current().pid()
        assert str(CLASS_ARCHIVE) in Path(f"/proc/{pid}/maps").read_text()


def test_scratch_and_the_jvm_s_own_files_lie_in_the_process_s_folder(
    spark: SparkSession, spark_settings: Settings
) -> None:
    own = spark_settings.home / "scratch" / this_process().folder_name
    assert spark.sparkContext.getConf().get("spark.local.dir") == str(own)
    assert java_class(spark, "java.lang.System").getProperty("java.io.tmpdir") == str(own)
    assert own.stat().st_mode & 0o777 == 0o700


def test_without_an_archive_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lakehouse.spark.CLASS_ARCHIVE", tmp_path / "classes.jsa")
    assert archive_option() == ""
    (tmp_path / "classes.jsa").touch()
    assert archive_option().startswith(f"-XX:SharedArchiveFile={tmp_path}/classes.jsa ")


def test_a_table_is_read_as_of_a_snapshot_in_its_columns_of_today(spark: SparkSession) -> None:
    name = f"{CATALOG}.demo.gained"
    spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.demo")
    spark.sql(f"CREATE TABLE {name} (n INT) USING iceberg")
    try:
        assert table_at(spark, name, None).collect() == []
        spark.sql(f"INSERT INTO {name} VALUES (1)")
        (first,) = (
            row.snapshot_id for row in spark.sql(f"SELECT snapshot_id FROM {name}.snapshots").collect()
        )
        spark.sql(f"ALTER TABLE {name} ADD COLUMN told STRING")
        spark.sql(f"ALTER TABLE {name} ALTER COLUMN n TYPE BIGINT")
        spark.sql(f"INSERT INTO {name} VALUES (2, 'two')")
        held = table_at(spark, name, first)
        assert held.schema == spark.table(name).schema
        assert [(row.n, row.told) for row in held.collect()] == [(1, None)]
        assert held.where("told IS NULL AND n > 0").count() == 1
        assert table_at(spark, name, None).collect() == []
        with pytest.raises(InputMissing, match="has no snapshot 7, or no longer"):
            table_at(spark, name, 7)
    finally:
        spark.sql(f"DROP TABLE {name} PURGE")
