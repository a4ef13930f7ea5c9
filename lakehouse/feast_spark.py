"""Feast's Spark store, its answers taken from Spark as Arrow: columns keep the types Spark gave them.

Stock Feast 0.67 takes them through pandas, where an empty list is one of doubles: beside a list of
moments or booleans, as the available drivers of a provider are, no answer can be made and nothing
is written online. `type: spark` in feature_store.yaml is the stock store.
"""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa
from feast.infra.offline_stores.contrib.spark_offline_store.spark import (
    SparkOfflineStore,
    SparkOfflineStoreConfig,
    SparkRetrievalJob,
)
from feast.infra.offline_stores.offline_store import RetrievalJob


class ArrowSparkOfflineStoreConfig(SparkOfflineStoreConfig):
    """The stock store's settings; Feast finds the class by the store's name."""

    type: Literal["lakehouse.feast_spark.ArrowSparkOfflineStore"] = (
        "lakehouse.feast_spark.ArrowSparkOfflineStore"
    )


class ArrowSparkRetrievalJob(SparkRetrievalJob):
    """A query of the Spark store, answered as one chunk of Arrow: Feast writes only the first online."""

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        answered = self.to_spark_df().toArrow()
        return answered.combine_chunks() if answered.num_rows else answered.schema.empty_table()


class ArrowSparkOfflineStore(SparkOfflineStore):
    """The stock store; its reads answer as Arrow."""

    @staticmethod
    def pull_latest_from_table_or_query(*args: Any, **kwargs: Any) -> RetrievalJob:
        """The newest row per key of a range of time."""
        return _as_arrow(SparkOfflineStore.pull_latest_from_table_or_query(*args, **kwargs))

    @staticmethod
    def pull_all_from_table_or_query(*args: Any, **kwargs: Any) -> RetrievalJob:
        """Every row of a range of time."""
        return _as_arrow(SparkOfflineStore.pull_all_from_table_or_query(*args, **kwargs))

    @staticmethod
    def get_historical_features(*args: Any, **kwargs: Any) -> RetrievalJob:
        """The rows of a spine with the features as they could be read."""
        return _as_arrow(SparkOfflineStore.get_historical_features(*args, **kwargs))


def _as_arrow(job: RetrievalJob) -> RetrievalJob:
    """The stock store's job, answering as Arrow: the same query, no field more."""
    job.__class__ = ArrowSparkRetrievalJob
    return job
