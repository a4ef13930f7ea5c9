"""Revisions: what a replay with changed code adds to rows that were published.

Published rows stay. Where the values in force differ now, a row of the next revision says so: at the
instants that had a row, and at those that have one now. Feast takes the newest revision.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from validation.clocks import Interval
from validation.contract import Table
from validation.contracts.features.feature_table import entity_keys, feature_columns

_TICK = "tick_at"


def newest_revisions(published: DataFrame, table: Table) -> DataFrame:
    """The rows in force: of each entity and instant, the one of the greatest revision."""
    newest = Window.partitionBy(*entity_keys(table), "event_timestamp").orderBy(F.desc("revision"))
    return (
        published.withColumn("age", F.row_number().over(newest)).where("age = 1").select(*table.column_names)
    )


def known_in(table: Table, parts: Sequence[Interval]) -> Column:
    """Whether a row of the table is known in one of the parts."""
    known = F.col(table.clock)
    inside = F.lit(False)
    for part in parts:
        inside |= (known > F.lit(part.start)) & (known <= F.lit(part.end))
    return inside


def content(rows: DataFrame, table: Table) -> DataFrame:
    """The rows without what a revision changes of itself."""
    return rows.select(*(name for name in table.column_names if name not in ("revision", "revised_at")))


def revised_rows(
    published: DataFrame, computed: DataFrame, table: Table, since: datetime, revised_at: datetime
) -> DataFrame:
    """Rows of the next revision: where the values in force after `since` are not what was published.

    `computed` begins a day earlier, so that every live entity has a row in force at `since`. All rows
    made have one revision: one more than the greatest published.
    """
    keys = entity_keys(table)
    features = [column.name for column in feature_columns(table) if column.name != _TICK]
    place = [*keys, "event_timestamp"]
    now = F.struct(*features).alias("now")
    alive = F.col(_TICK).isNotNull() if _TICK in table.column_names else F.lit(True)
    made = computed.select(
        *place, "available_at", "known_date", now, alive.alias("is_alive"), F.lit(True).alias("is_made")
    )
    stood = newest_revisions(published, table).select(
        *place, "available_at", "known_date", F.struct(*features).alias("then")
    )
    in_order = Window.partitionBy(*keys).orderBy("event_timestamp")
    at_places = (
        made.join(stood, place, "full")
        .withColumn(
            "in_force", F.last(F.when(F.col("is_made"), F.struct("now", "is_alive")), True).over(in_order)
        )
        .where(F.col("event_timestamp") > F.lit(since))
        .select(
            *place,
            F.coalesce(made["available_at"], stood["available_at"]).alias("available_at"),
            F.coalesce(made["known_date"], stood["known_date"]).alias("known_date"),
            F.col("then"),
            F.col("in_force.now").alias("now"),
            F.coalesce("in_force.is_alive", F.lit(False)).alias("is_alive"),
        )
    )
    types = {each.name: each.dataType for each in published.schema.fields}
    of_dead = {name: F.lit(False if name in table.false_when_dead else None) for name in features}
    dead = F.struct(*(value.cast(types[name]).alias(name) for name, value in of_dead.items()))
    revision = published.agg((F.coalesce(F.max("revision"), F.lit(-1)) + 1).cast("int").alias("revision"))
    changed = at_places.withColumn("now", F.coalesce("now", dead)).where(
        F.col("then").isNull() | ~F.col("then").eqNullSafe(F.col("now"))
    )
    rows = changed.crossJoin(F.broadcast(revision)).withColumn("revised_at", F.lit(revised_at))
    if _TICK in table.column_names:
        rows = rows.withColumn(_TICK, F.when(F.col("is_alive"), F.col("event_timestamp")))
    return rows.select(
        *(F.col(f"now.{name}") if name in features else F.col(name) for name in table.column_names)
    )
