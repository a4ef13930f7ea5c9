"""One Spark session per run, with the platform's own options, on a home of its own; the recordings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pyspark.sql import SparkSession

from lakehouse.redis_server import RedisAddress, ensure_redis, stop_redis
from lakehouse.settings import Settings, load_settings
from lakehouse.spark import CATALOG, spark_session
from lakehouse.tables import Lakehouse

PROJECT = Path(__file__).resolve().parent.parent
hypothesis.settings.register_profile("roadside", deadline=None)  # how long an example takes is no property
hypothesis.settings.load_profile("roadside")


def pytest_configure(config: pytest.Config) -> None:
    """Let PySpark leave the sockets it collected rows through to the garbage collector."""
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest modules first, so that no process is left alone with one at the end."""
    minutes: dict[Path, float] = {}
    for item in items:
        for mark in item.iter_markers("slow"):
            minutes[item.path] = max(minutes.get(item.path, 0), mark.kwargs["minutes"])
    items.sort(key=lambda item: -minutes.get(item.path, 0))


@pytest.fixture(scope="session")
def spark_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the session: a temporary home, two cores, plans that are interpreted."""
    return load_settings(
        {
            "ROADSIDE_HOME": str(tmp_path_factory.mktemp("home")),
            "ROADSIDE_JARS_DIR": os.environ.get("ROADSIDE_JARS_DIR", str(PROJECT / ".tools" / "jars")),
            "ROADSIDE_SPARK_CORES": "2",
            "ROADSIDE_SHUFFLE_PARTITIONS": "2",
            "ROADSIDE_SPARK_COMPILES": "false",
        }
    )


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """The folder of the recordings, which are no part of the project."""
    named = os.environ.get("ROADSIDE_RECORDED_DATA")
    if not named:
        pytest.skip("no recorded data: set ROADSIDE_RECORDED_DATA to its folder")
    return Path(named)


@pytest.fixture(scope="session")
def spark(spark_settings: Settings) -> Iterator[SparkSession]:
    """The run's Spark session."""
    session = spark_session(spark_settings)
    yield session
    session.stop()


@pytest.fixture
def lakehouse(spark: SparkSession) -> Iterator[Lakehouse]:
    """The tables of the session's home; empty at first, and dropped after the test."""
    yield Lakehouse(spark)
    for namespace in spark.sql(f"SHOW NAMESPACES IN {CATALOG}").collect():
        for table in spark.sql(f"SHOW TABLES IN {CATALOG}.{namespace[0]}").collect():
            spark.sql(f"DROP TABLE {CATALOG}.{namespace[0]}.{table['tableName']} PURGE")


@pytest.fixture(scope="session")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a private Redis of the run."""
    settings = load_settings({"ROADSIDE_HOME": str(tmp_path_factory.mktemp("redis"))})
    address = ensure_redis(settings)
    with address.client() as client:
        client.config_set("save", "")  # else each FLUSHALL writes a dump, and waits for the disk
    yield str(address)
    stop_redis(settings)


@pytest.fixture
def redis_connection(redis_address: str) -> str:
    """The connection string of that Redis, which is empty."""
    with RedisAddress.parse(redis_address).client() as client:
        client.flushall()
    return redis_address
