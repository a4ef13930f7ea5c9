"""What columns are said to be made of, held against Spark: the columns that its plans read, and features of
tiles that were changed measure by measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from roadside.column_lineage import lineage_named
from roadside.graph import Edge, step_named
from support.frames import frame_of
from transforms.features import area_service_1d, provider_activity_15m, provider_performance_1d
from transforms.grid import TICKS
from validation.clocks import TICK, Interval
from validation.contracts import table_named
from validation.contracts.features.feature_table import feature_columns

CUT = datetime(2026, 3, 10, 7, tzinfo=UTC)
DAY = Interval(CUT - timedelta(days=1), CUT)
pytestmark = pytest.mark.slow(minutes=1)

TRANSPARENT = (
    "silver.dispatch_events_precise",
    "silver.provider_status",
    "silver.gps_pings",
    "silver.service_outcomes",
    "silver.traffic_speeds",
    "silver.arrival_evidence",
    "tiles.driver_fixes_15m",
    "tiles.fleet_1d",
)
"""Tables whose plans Spark sees through: no function of ours stands between a column and what it reads."""
CARRIED = {
    "silver.gps_pings": {"latitude", "longitude", "driver_id"},
    "tiles.driver_fixes_15m": {"latitude", "longitude", "accuracy_m", "speed_kmh"},
}
"""What stands behind the order in the struct whose greatest is the last fix: read with it, never compared,
for no two fixes have one place in one object. And what groups the fixes remembered: they make no row."""


@pytest.fixture(scope="module")
def stored(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, DataFrame]:
    """An empty file of every table that these steps read."""
    folder = tmp_path_factory.mktemp("stored")
    frames = {}
    for name in dict.fromkeys(read for table in TRANSPARENT for read in step_named(table).reads):
        path = str(folder / name)
        frame_of(spark, table_named(name), []).write.parquet(path)
        frames[name] = spark.read.parquet(path)
    return frames


def location_of(payload: Any) -> Any:
    place = F.length(payload).cast("double")
    return F.when(payload.isNotNull(), F.struct(place.alias("latitude"), place.alias("longitude")))


def columns_read(frame: DataFrame) -> set[tuple[str, str]]:
    """(table, column) of what the frame's plan asks of its files."""
    leaves = frame._jdf.queryExecution().sparkPlan().collectLeaves()
    return set(_outputs(leaves))


def _outputs(leaves: Any) -> Iterator[tuple[str, str]]:
    for number in range(leaves.size()):
        leaf = leaves.apply(number)
        if not hasattr(leaf, "relation") or "Scan" not in leaf.nodeName():
            continue
        (path,) = (str(each) for each in [leaf.relation().location().rootPaths().head()])
        for place in range(leaf.output().size()):
            yield Path(path).name, leaf.output().apply(place).name()


@pytest.mark.parametrize("name", TRANSPARENT)
def test_spark_reads_for_a_column_what_it_is_made_of_and_nothing_else(
    stored: Mapping[str, DataFrame], name: str
) -> None:
    step = step_named(name)
    assert step.build is not None
    inputs = {read: stored[read] for read in step.reads}
    frame = step.build(inputs, DAY, Edge(location_of))[name]
    lineage = lineage_named(name)
    of_rows = {(made.of.table, made.of.column) for made in lineage.rows}
    seen: set[tuple[str, str]] = set()
    for column in table_named(name).column_names:
        read = columns_read(frame.select(column))
        carried = {each for each in read if each[1] in CARRIED.get(name, ())}
        made = lineage.made_of(column)
        direct = {(each.of.table, each.of.column) for each in made if each.how.is_direct}
        every = {(each.of.table, each.of.column) for each in made}
        assert direct <= read, f"{name}.{column} does not read {sorted(direct - read)}"
        more = read - every - of_rows - carried
        assert not more, f"{name}.{column} reads {sorted(more)} too"
        seen |= read
    assert of_rows <= seen, f"{name} never reads {sorted(of_rows - seen)}"


VIEWS = (provider_performance_1d, area_service_1d, provider_activity_15m)


@pytest.mark.parametrize("module", VIEWS, ids=lambda module: module.SPEC.table.short_name)
def test_a_feature_follows_the_measures_that_it_is_made_of_and_no_other(
    spark: SparkSession, module: ModuleType
) -> None:
    """One entity a measure, whose tiles differ from the first entity's in that measure alone."""
    spec = module.SPEC
    (tiles,) = step_named(spec.table.name).reads
    declared = lineage_named(spec.table.name)
    edges = {each.measure: len(each.edges) for each in spec.sums}
    measures = sorted(edges)
    rows = [
        row
        for changed in ["", *measures]
        for row in entity_rows(f"X{changed}", tiles, spec.keys, edges, changed)
    ]
    interval = Interval(CUT - TICK, CUT) if spec.grid is TICKS else DAY
    frame = frame_of(spark, table_named(tiles), rows)
    made = getattr(module, spec.table.short_name)(frame, interval)
    at_end = made.where(F.col("event_timestamp") == F.lit(interval.end))
    values = {row[spec.keys[0]]: row.asDict() for row in at_end.collect()}
    names = [column.name for column in feature_columns(spec.table)]
    for measure in measures:
        moved = {name for name in names if values[f"X{measure}"][name] != values["X"][name]}
        made_of_it = {
            name for name, made in declared.columns.items() if any(each.of.part == measure for each in made)
        }
        assert moved == made_of_it, f"{spec.table.name}: {measure}"


def entity_rows(
    entity: str, tiles: str, keys: tuple[str, ...], edges: Mapping[str, int], changed: str
) -> Iterator[dict[str, Any]]:
    """A tile of each measure, of an amount of its own; of the changed one more, in a greater bucket."""
    dimensions = [name for name in table_named(tiles).column_names if name.endswith("_id")]
    for number, (measure, buckets) in enumerate(sorted(edges.items()), start=3):
        is_changed = measure == changed
        is_whole = "withdrawn" not in measure and "cancelled" not in measure  # those are taken off a whole
        moment = CUT - timedelta(minutes=number + is_changed)
        for bucket in range(1, min(buckets, 5)) if buckets else [0]:
            yield {
                **dict.fromkeys(dimensions, entity),
                **({"service_type": "tow"} if "service_type" in keys else {}),
                "measure": measure,
                "bucket": min(bucket + 7 * is_changed, max(buckets - 1, 0)),
                "tile_at": CUT,
                "counts_at": CUT,
                "moment_at": moment,
                "known_at": CUT,
                "known_date": CUT.date(),
                "amount": (number + 100 * is_whole) * (3 if is_changed else 1),
            }
