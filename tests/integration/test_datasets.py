"""Every dataset over a small city and the afternoon, carried along the whole road, against the oracle."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from feast import FeatureStore
from pyspark.sql import SparkSession

from lakehouse import feast_edge
from lakehouse.settings import Settings
from lakehouse.spark import CATALOG
from lakehouse.vault import handle_of
from roadside.graph import STEPS
from roadside.locations import location_opener
from roadside.runner import Runner
from simulation.afternoon import AFTERNOON, write_afternoon
from simulation.city import SimulationConfig, simulate
from support.oracle import Silver, records_from_landing
from support.tokens import driver_tokens
from training_datasets.build import BuildResult, build
from training_datasets.spec import DatasetSpec
from training_datasets.specs import SPECS, spec_named
from validation.clocks import Interval
from validation.contracts.training.row_index import ROW_INDEX

# The warnings are Feast's and pyspark's own.
pytestmark = [pytest.mark.slow(minutes=4), pytest.mark.timeout(1500), pytest.mark.filterwarnings("ignore")]

DAY = timedelta(days=1)
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 12, 8, tzinfo=UTC)
NOW = datetime(2026, 3, 12, 9, tzinfo=UTC)
TABLES = [table for step in STEPS for table in step.tables]


@dataclass
class City:
    """A city of four days with the afternoon in it, its tables made through the afternoon's closes."""

    settings: Settings
    runner: Runner
    store: FeatureStore

    def build(self, spec: DatasetSpec, start: date = AFTERNOON, days: int = 1, **options: Any) -> BuildResult:
        return build(
            self.settings,
            self.runner.lakehouse,
            self.store,
            spec,
            start,
            start + days * DAY,
            location_of=location_opener(handle_of(self.settings)),
            now=lambda: NOW,
            **options,
        )

    def rows(self, spec: DatasetSpec, day: date = AFTERNOON) -> pd.DataFrame:
        """The day's rows by their key in the lake."""
        folder = self.settings.datasets_dir / spec.name / f"{spec.table.partition}={day}"
        index = self.runner.lakehouse.read(ROW_INDEX).where(f"dataset = '{spec.name}'").toPandas()
        rows = pd.read_parquet(folder).merge(index, on="meta_row_id", validate="one_to_one")
        return rows.set_index("row_key")


@pytest.fixture(scope="module")
def city(spark: SparkSession, spark_settings: Settings) -> Iterator[City]:
    simulate(
        SimulationConfig(
            start=date(2026, 3, 8), days=5, providers=8, jobs_per_day=40, ping_seconds=600, pings_days=4
        ),
        spark_settings.home,
    )
    write_afternoon(spark_settings.home, start=END, end=END)  # the city's heartbeats do
    runner = Runner(spark_settings, spark)
    for result in runner.run(Interval(START, END)):
        assert (result.error, result.is_broken) == (None, False), result
    feast_edge.apply(spark_settings)
    yield City(spark_settings, runner, feast_edge.feature_store(spark_settings))
    shutil.rmtree(spark_settings.datasets_dir, ignore_errors=True)
    for table in (*TABLES, *(spec.table for spec in SPECS), ROW_INDEX):
        spark.sql(f"DROP TABLE IF EXISTS {CATALOG}.{table.name} PURGE")


@pytest.fixture(scope="module")
def silver(city: City) -> Silver:
    return Silver(records_from_landing(city.settings.home), driver_tokens(city.settings))


@pytest.fixture(scope="module")
def built(city: City) -> dict[str, BuildResult]:
    return {spec.name: city.build(spec) for spec in SPECS}


@pytest.mark.parametrize("name", [spec.name for spec in SPECS])
def test_the_rows_of_a_dataset_are_whole(city: City, built: dict[str, BuildResult], name: str) -> None:
    rows = city.rows(spec_named(name))
    assert len(rows) == built[name].rows > 0
