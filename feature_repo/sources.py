"""Where feature rows are read from: the one place that names tables and clocks."""

from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource


def source_of(view: str) -> SparkSource:
    """The Iceberg table of a view: features.<view>.

    Rows are joined by `available_at`, the instant a reader could first have had them, so a
    point-in-time join cannot read what nobody could know; of two revisions the newest wins.
    """
    return SparkSource(
        name=view,
        table=f"lake.features.{view}",
        timestamp_field="available_at",
        created_timestamp_column="revised_at",
    )
