"""Where feature rows are read from: the one place that names tables and clocks."""

import os

from feast import SnowflakeSource
from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource


def source_of(view: str) -> SparkSource | SnowflakeSource:
    """The table of a view: lake.features.<view>, or where Snowflake is read "<database>"."features"."<view>".

    Rows are joined by `available_at`, the instant a reader could first have had them, so a
    point-in-time join cannot read what nobody could know; of two revisions the newest wins.

    Feast imports the definitions by itself: which of the two it is, and the database, stand in the
    environment that it was started with (lakehouse.settings.VARIABLES).

    Raises:
        KeyError: Snowflake is to be read, and ROADSIDE_SNOWFLAKE_DATABASE is not set.
    """
    if os.environ.get("ROADSIDE_FEAST_STORES") == "snowflake":
        return SnowflakeSource(
            name=view,
            database=os.environ["ROADSIDE_SNOWFLAKE_DATABASE"],
            schema="features",
            table=view,
            timestamp_field="available_at",
            created_timestamp_column="revised_at",
        )
    return SparkSource(
        name=view,
        table=f"lake.features.{view}",
        timestamp_field="available_at",
        created_timestamp_column="revised_at",
    )
