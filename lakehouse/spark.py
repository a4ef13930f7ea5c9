"""The one place where a Spark session is built."""

from __future__ import annotations

import os
import sys
from typing import Any

import pyarrow as pa
from pyspark.errors import IllegalArgumentException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from lakehouse.scratch import JAVA_OPTIONS, LOCAL_DIR, SCRATCH, in_own_scratch
from lakehouse.settings import PROJECT, Settings
from validation.errors import InputMissing, SettingError

CATALOG = "lake"
"""Name of the Iceberg catalog in Spark, pyiceberg and Feast."""

_COMPILE_LATER = " ".join(
    f"-XX:Tier4{name}={4 * usual}"
    for name, usual in {
        "InvocationThreshold": 5_000,
        "MinInvocationThreshold": 600,
        "CompileThreshold": 15_000,
        "BackEdgeThreshold": 40_000,
    }.items()
)
"""The JVM optimizes code only when it is four times as warm as usual: a tick plans many small queries."""

CLASS_ARCHIVE = PROJECT / ".tools" / "classes.jsa"
"""Java classes as `scripts/class_archive.py` left them; without it a JVM reads and checks them one by one."""

_ASKED_FOR_OFTEN = (
    "functions",
    "org.apache.spark.sql.functions",
    "org.apache.spark.sql.classic.SparkSession",
    "org.apache.spark.sql.classic.SparkSession$",
    "PythonUtils",
    "PythonSQLUtils",
    "SimplePythonFunction",
)
"""Java classes that PySpark asks for with every column."""


def catalog_options(settings: Settings) -> dict[str, str]:
    """Iceberg catalog properties, as Spark spells them after `spark.sql.catalog.lake.`."""
    if settings.catalog == "glue":
        options = {
            "type": "glue",
            "cache-enabled": "false",
            "warehouse": settings.warehouse_uri,
            "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        }
        if settings.glue_endpoint:
            options["glue.endpoint"] = settings.glue_endpoint
        if settings.s3_endpoint:
            options |= {"s3.endpoint": settings.s3_endpoint, "s3.path-style-access": "true"}
        return options
    return {
        "type": "jdbc",
        "uri": f"jdbc:sqlite:{settings.catalog_path}?busy_timeout=60000",
        "jdbc.schema-version": "V1",
        "warehouse": settings.warehouse_uri,
        "cache-enabled": "false",
    }


def spark_options(settings: Settings) -> dict[str, str]:
    """Every Spark option of the platform: UTC, ANSI, Iceberg, and small-machine sizes.

    Feast's Spark store is given the same options, so that a job started by Feast reads the same
    tables in the same time zone.

    Raises:
        SettingError: the folder of jars does not exist.
    """
    if not any(settings.jars_dir.glob("*.jar")):
        raise SettingError(f"ROADSIDE_JARS_DIR {settings.jars_dir} holds no jars.", "Run `make setup`.")
    options = {
        "spark.master": f"local[{settings.spark_cores}]",
        "spark.app.name": "roadside",
        "spark.driver.extraClassPath": f"{settings.jars_dir}/*",
        "spark.driver.memory": settings.spark_memory,
        LOCAL_DIR: str(settings.home / SCRATCH),
        JAVA_OPTIONS: f"-XX:+UseParallelGC {_COMPILE_LATER} -Dlog4j2.level=error",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.shuffle.partitions": str(settings.shuffle_partitions),
        "spark.default.parallelism": str(settings.spark_cores),
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": str(settings.shuffle_partitions),
        "spark.sql.codegen.wholeStage": settings.spark_compiles,
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.localRelationThreshold": "1m",  # larger: by tasks, not by the optimizer
        "spark.sql.ui.explainMode": "simple",  # a plan is described for listeners even without a UI
        "spark.sql.maxPlanStringLength": "10000",
        "spark.sql.constraintPropagation.enabled": "false",  # its cost explodes with computed columns
        "spark.python.daemon.module": "lakehouse.python_daemon",
        "spark.python.sql.dataFrameDebugging.enabled": "false",  # a stack walk per column, on every call
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.warehouse.dir": str(settings.home / "spark-warehouse"),
        f"spark.sql.catalog.{CATALOG}": "org.apache.iceberg.spark.SparkCatalog",
    }
    return options | {
        f"spark.sql.catalog.{CATALOG}.{name}": value for name, value in catalog_options(settings).items()
    }


def archive_option() -> str:
    """For a JVM of this checkout; nothing without an archive.

    One that does not fit this Java or its jars is left alone, without a word.
    """
    if not CLASS_ARCHIVE.exists():
        return ""
    return f"-XX:SharedArchiveFile={CLASS_ARCHIVE} -Xlog:cds=off -Xlog:cds+dynamic=off"


def spark_session(settings: Settings) -> SparkSession:
    """The process's Spark session, built on first use.

    Workers run this environment's Python. Nothing random or local to the machine enters a plan. Scratch is
    in a folder of this process; that of dead ones is removed.
    """
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["TZ"] = "UTC"
    java_home = PROJECT / ".tools" / "java_home"
    if "JAVA_HOME" not in os.environ and java_home.exists():
        os.environ["JAVA_HOME"] = java_home.read_text().strip()
    if settings.is_embedded:
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # a host name that does not resolve is no matter
    builder = SparkSession.builder
    options = in_own_scratch(spark_options(settings))
    options[JAVA_OPTIONS] = f"{archive_option()} {options[JAVA_OPTIONS]}"
    for name, value in options.items():
        builder = builder.config(name, value)
    session: SparkSession = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    for name in _ASKED_FOR_OFTEN:
        java_class(session, name)
    session.conf.set(
        "spark.sql.codegen.factoryMode", "FALLBACK" if settings.spark_compiles == "true" else "NO_CODEGEN"
    )
    return session


def java_class(session: SparkSession, name: str) -> Any:
    """A class of the JVM by its full name, or by a name PySpark imported; looked up once a process.

    py4j looks a name up at every use. A name without its package, or a package itself, is then searched
    for in every jar: milliseconds, and PySpark does so with nearly every column.
    """
    jvm = session._jvm
    known: dict[str, Any] = vars(jvm)
    if name not in known:
        known[name] = getattr(jvm, name)
    return known[name]


def frame_of_arrow(spark: SparkSession, rows: pa.Table, schema: StructType | None = None) -> DataFrame:
    """The rows as a frame, all of them: a chunk a column.

    Given a table of several chunks, `createDataFrame` of Spark 4.1 ends at the first that is empty and
    loses the rows behind it, without an error.
    """
    whole = rows.combine_chunks()
    return spark.createDataFrame(whole) if schema is None else spark.createDataFrame(whole, schema)


def table_at(spark: SparkSession, name: str, snapshot: int | None) -> DataFrame:
    """The rows that an Iceberg table had as of a snapshot, no rows without one; in its columns of today.

    A column that the table gained since is null, one that was widened is as wide as today.

    Raises:
        InputMissing: the snapshot is no longer kept.
        AnalysisException: there is no such table.
    """
    today = spark.table(name)
    if snapshot is None:
        return today.where(F.lit(False))
    try:
        held = spark.read.option("versionAsOf", snapshot).table(name)
    except IllegalArgumentException as error:
        raise InputMissing(
            f"{name} has no snapshot {snapshot}, or no longer.",
            "Begin anew: a reader's files are kept for a day.",
        ) from error
    known = set(held.columns)
    return held.select(
        *(
            (F.col(f"`{each.name}`") if each.name in known else F.lit(None))
            .cast(each.dataType)
            .alias(each.name)
            for each in today.schema.fields
        )
    )
