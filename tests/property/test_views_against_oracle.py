"""Every view against the naive oracle, on records made to hit edges, whatever is held, in any chunks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from lakehouse.settings import Settings
from lakehouse.vault import handle_of
from roadside.corrected import CORRECTED_VIEWS
from support.adversarial import Adversary, land
from support.corrected import assert_corrected_is_the_oracle_s
from support.memory_road import ABOVE_BRONZE, MemoryRoad
from support.oracle import Silver, records_from_landing
from support.oracle_landing import SOURCES
from support.oracle_views import VIEWS
from support.tokens import driver_tokens
from support.written import assert_rows_are_the_oracle_s
from validation.clocks import TICK, Interval, business_day_start

pytestmark = [pytest.mark.slow(minutes=2), pytest.mark.timeout(900)]

TICKS = 24
CUTS = {
    "a plain day": datetime(2026, 3, 11, 7, tzinfo=UTC),
    "the day of 23 hours": datetime(2026, 3, 8, 7, tzinfo=UTC),
    "the day of 25 hours": datetime(2026, 11, 1, 8, tzinfo=UTC),
}
"""03:00 in New York; each example's ticks lie around one."""


def start_of(cut: datetime) -> datetime:
    return cut - TICKS // 2 * TICK


def test_the_cuts_are_cuts() -> None:
    assert [business_day_start(cut.date()) for cut in CUTS.values()] == list(CUTS.values())


@pytest.mark.parametrize(
    ("seed", "day", "is_held_too"),
    [
        (0, "a plain day", True),  # a job closed and never requested; an answer to an offer that lies ahead
        (4, "the day of 23 hours", False),  # an acceptance of no offer; a promise older than the acceptance
    ],
)
def test_every_view_equals_the_oracle(
    spark: SparkSession, spark_settings: Settings, seed: int, day: str, is_held_too: bool
) -> None:
    assert_every_view_equals_the_oracle(spark, spark_settings, seed, day, is_held_too=is_held_too)


def test_every_view_as_corrected_equals_the_oracle(spark: SparkSession, spark_settings: Settings) -> None:
    """By all that was known at the end, also of what was stated of a job or claim afterwards."""
    start = start_of(CUTS["a plain day"])
    whole = Interval(start, start + TICKS * TICK)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        land(root, Adversary(1, start, TICKS).records())
        road = MemoryRoad(spark, handle_of(spark_settings))
        road.ingest(root)
        road.carry([whole], [step for step in ABOVE_BRONZE if not step.is_features])
        by_end, by_cut = (
            Silver([each for each in records_from_landing(root) if each.known_at <= known], tokens)
            for known in (whole.end, CUTS["a plain day"])  # what tiles of ticks, and of days, have seen
            for tokens in [driver_tokens(spark_settings)]
        )
        for view in VIEWS.values():
            if view.name in CORRECTED_VIEWS:
                silver = by_cut if view.is_daily else by_end
                instants = view.instants(whole.start, whole.end)[:: 1 if view.is_daily else 8]
                assert assert_corrected_is_the_oracle_s(road, silver, view, instants), view.name


@pytest.mark.long
@settings(
    max_examples=int(os.environ.get("ROADSIDE_EXAMPLES", "10")),
    deadline=None,
    phases=[Phase.generate],  # an example takes half a minute: none is made smaller
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32), day=st.sampled_from(sorted(CUTS)))
def test_every_view_equals_the_oracle_on_any_stream(
    spark: SparkSession, spark_settings: Settings, seed: int, day: str
) -> None:
    assert_every_view_equals_the_oracle(spark, spark_settings, seed, day, is_held_too=True)


def assert_every_view_equals_the_oracle(
    spark: SparkSession, spark_settings: Settings, seed: int, day: str, *, is_held_too: bool
) -> None:
    start = start_of(CUTS[day])
    with TemporaryDirectory() as folder:
        root = Path(folder)
        land(root, Adversary(seed, start, TICKS).records())
        road = MemoryRoad(spark, handle_of(spark_settings))
        road.ingest(root)
        whole = Interval(start, start + TICKS * TICK)
        road.carry([whole])
        silver = Silver(records_from_landing(root), driver_tokens(spark_settings))
        for view in VIEWS.values():
            assert assert_rows_are_the_oracle_s(road, silver, view, [whole]), f"no row of {view.name}"
        if is_held_too:
            assert_every_view_equals_the_oracle_when_held(road, silver, whole, Random(seed))


def assert_every_view_equals_the_oracle_when_held(
    road: MemoryRoad, silver: Silver, whole: Interval, chance: Random
) -> None:
    """Three ticks of ten lack one source or another; the features made in two chunks, the later first."""
    ticks = [whole.start + n * TICK for n in range(1, TICKS + 1)]
    road.held = {source: {each for each in ticks if chance.random() < 0.1} for source in SOURCES}
    edge = whole.start + chance.randrange(1, TICKS) * TICK
    chunks = [Interval(edge, whole.end), Interval(whole.start, edge)]
    road.carry(chunks, [step for step in ABOVE_BRONZE if step.is_features])
    for view in VIEWS.values():
        assert_rows_are_the_oracle_s(road, silver, view, [whole])


@pytest.mark.long
@pytest.mark.parametrize(("length", "ticks", "partitions"), [(14, 7, 8), (4, 1, 1)])
def test_any_chunks_in_any_order_and_parallelism_give_the_same_rows(
    spark: SparkSession, spark_settings: Settings, tmp_path: Path, length: int, ticks: int, partitions: int
) -> None:
    """Of every silver, tile and feature table, about the day of 25 hours."""
    start = CUTS["the day of 25 hours"] - length // 2 * TICK
    land(tmp_path, Adversary(20, start, length).records())
    road = MemoryRoad(spark, handle_of(spark_settings))
    road.ingest(tmp_path)
    tables = [name for step in ABOVE_BRONZE for name in step.writes]
    road.carry([Interval(start, start + length * TICK)])
    whole = road.digest(*tables)
    edges = [start + n * TICK for n in (*range(0, length, ticks), length)]
    chunks = [Interval(first, last) for first, last in pairwise(edges)]
    Random(5).shuffle(chunks)
    with shuffled_over(spark, partitions):
        road.carry(chunks)
    for name, rows in road.digest(*tables).items():
        assert rows == whole[name], name
    assert sum(bool(rows) for rows in whole.values()) > 20


@contextmanager
def shuffled_over(spark: SparkSession, partitions: int) -> Iterator[None]:
    options = ("spark.sql.shuffle.partitions", "spark.sql.adaptive.coalescePartitions.initialPartitionNum")
    before = {name: spark.conf.get(name) for name in options}
    for name in options:
        spark.conf.set(name, str(partitions))
    yield
    for name, value in before.items():
        spark.conf.set(name, value)
