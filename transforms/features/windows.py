"""From tiles to feature rows: spans in which amounts count, summed, and where sums change.

An amount of the tile that ends at instant t counts in a window of w instants at t <= T < t + w: as
served from the tick that knew it, as corrected from when it was true. Both edges are explicit, all
sums are of integers, so any order of rows and tasks gives the same result.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.features.spec import ViewSpec
from transforms.grid import Grid, Instants, counts_in
from transforms.timeline import Timeline
from transforms.zones import with_disk
from validation.clocks import Interval
from validation.contract import Table
from validation.contracts.features.feature_table import feature_columns
from validation.spark_schema import struct_of

SPAN_COLUMNS = ("measure", "amount", "moment", "enter", "leave", "content")
"""Of a frame of spans, beside its keys; `moment` in microseconds, enter and leave by number."""
_CONTENT_FORMAT = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", "ignoreNullFields": "false"}


def feature_rows(spans: DataFrame, spec: ViewSpec, instants: Instants) -> DataFrame:
    """The view's rows at these instants: changed, daily, closing; revision 0."""
    return with_clocks(feature_values(spans, spec, instants), spec.table, spec.grid)


def view_rows(
    tiles: DataFrame,
    spec: ViewSpec,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """The rows of a view that is made of one family of tiles."""
    instants = spec.grid.instants(interval, held)
    spans = tile_spans(tiles, spec, instants, timeline)
    if spec.rings:
        spans = with_rings(spans, spec)
    return feature_rows(spans, spec, instants)


def tile_spans(
    tiles: DataFrame, spec: ViewSpec, instants: Instants, timeline: Timeline = Timeline.AS_SERVED
) -> DataFrame:
    """One row per tile row and running sum it counts in at some of the instants.

    Columns: the keys, measure (number of the sum), amount, moment, enter and leave: the amount
    counts at instants enter <= T < leave. Rows without a key belong to no entity.
    """
    counts, known = spec.grid.known(F.col("counts_at")), spec.grid.known(F.col("known_at"))
    enter = F.greatest(counts, known) if timeline is Timeline.AS_SERVED else counts
    counted = f"element_at({_sums_by_measure(spec)}, measure)"
    is_entity = F.lit(True)
    for key in spec.keys:
        is_entity = is_entity & (F.col(key) != "")
    read = tiles.where(
        is_entity
        & F.col("measure").isin(sorted({each.measure for each in spec.sums}))
        & (F.col("known_at") > F.lit(spec.oldest_known(instants)))
    )
    return (
        read.withColumn("counted", F.explode(F.expr(counted)))  # deterministic: a map of numbers
        .select(
            *spec.keys,
            (F.col("counted.number") + F.col("bucket")).alias("measure"),
            "amount",
            F.unix_micros("moment_at").alias("moment"),
            enter.alias("enter"),
            (spec.grid.known(F.col("tile_at")) + F.col("counted.window")).alias("leave"),
            F.lit(None).cast("string").alias("content"),
        )
        .where(counts_in(instants))
    )


def _sums_by_measure(spec: ViewSpec) -> str:
    """A SQL map from measure to the (number, window) of the sums it adds to."""
    by_measure: dict[str, list[str]] = {}
    for each in spec.sums:
        number = spec.measures.number(each.name)
        by_measure.setdefault(each.measure, []).append(
            f"named_struct('number', {number}, 'window', {each.window})"
        )
    entries = (f"'{measure}', array({', '.join(listed)})" for measure, listed in by_measure.items())
    return f"map({', '.join(entries)})"


def with_rings(spans: DataFrame, spec: ViewSpec) -> DataFrame:
    """The zones' own spans, and the rings' sums for every zone at most so many cells away."""
    farthest = max(steps for _, steps in spec.rings.values())
    rings = F.array(
        *(
            F.when(
                (F.col("measure") == spec.measures.number(own)) & (F.col("distance") <= steps),
                F.lit(spec.measures.number(ring)),
            )
            for ring, (own, steps) in spec.rings.items()
        )
    )
    of_rings = sorted({spec.measures.number(own) for own, _ in spec.rings.values()})
    around = (
        spans.where(F.col("measure").isin(of_rings))
        .join(with_disk(spans.select("zone_id"), farthest), "zone_id")
        .withColumn("zone_id", F.col("ring_zone_id"))
        .withColumn("measure", F.explode(F.array_compact(rings)))
    )
    return spans.unionByName(around.select(*spans.columns))


def feature_values(spans: DataFrame, spec: ViewSpec, instants: Instants) -> DataFrame:
    """The features where a row is due: keys, `number` of the instant, `is_dead`, the features.

    A content (JSON of the columns of `spec.carried`) is opened into these columns.
    """
    types = {each.name: each.dataType.simpleString() for each in struct_of(spec.table).fields}
    types |= dict.fromkeys(spec.carried, "string")
    names = [feature.name for feature in spec.features]
    returned = ", ".join(
        [
            *(f"`{key}` string" for key in spec.keys),
            "number bigint",
            "is_dead boolean",
            *(f"{name} {types[name]}" for name in names),
        ]
    )
    keys = [F.col(key) for key in spec.keys]
    columns = [*keys, *(F.col(name) for name in SPAN_COLUMNS)]
    values = (
        spans.select(*columns).repartition(*keys).mapInArrow(spec.summing.rows(spec.keys, instants), returned)
    )
    for name, carried in spec.carried.items():
        values = values.withColumn(name, opened(F.col(name), spec.table, carried)).select(
            *(column for column in values.columns if column != name), f"{name}.*"
        )
    return values


def content_of(columns: Mapping[str, Column]) -> Column:
    """Columns as one text, equal where they are equal; nulls and microseconds are kept."""
    return F.to_json(F.struct(*(column.alias(name) for name, column in columns.items())), _CONTENT_FORMAT)


def opened(content: Column, table: Table, names: Sequence[str]) -> Column:
    """The columns of a content, typed as in the table's contract."""
    types = {each.name: each.dataType.simpleString() for each in struct_of(table).fields}
    schema = ", ".join(f"{name} {types[name]}" for name in names)
    return F.from_json(content, schema, _CONTENT_FORMAT)


def with_clocks(values: DataFrame, table: Table, grid: Grid) -> DataFrame:
    """The values (with `number` and `is_dead`) as rows of the feature table, revision 0."""
    instant = grid.instant(F.col("number"))
    rows = (
        values.withColumn("event_timestamp", instant)
        .withColumn("available_at", grid.available(F.col("number")))
        .withColumn("revision", F.lit(0))
        .withColumn("revised_at", F.col("available_at"))
        .withColumn("known_date", F.to_date(instant - F.expr("INTERVAL 15 MINUTES")))
    )
    if any(column.name == "tick_at" for column in feature_columns(table)):
        rows = rows.withColumn("tick_at", F.when(~F.col("is_dead"), instant))
    return rows.drop("number", "is_dead")
