"""Runs over intervals of which a part was published before, by a step whose values the test sets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from lakehouse.ops import runs
from lakehouse.settings import Settings
from lakehouse.tables import Lakehouse
from roadside import graph, revising
from roadside import runner as runner_module
from roadside.graph import Edge, Frames, Step, step_named
from roadside.runner import Runner
from support.feature_rows import DELAY, at, tick_row
from validation.clocks import Interval
from validation.contracts import table_named
from validation.errors import Unreachable
from validation.spark_schema import struct_of

NAME = "features.zone_demand_15m"
TABLE = table_named(NAME)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
WHOLE = Interval(at(10), at(13))
MIDDLE = Interval(at(11), at(12))

Row = tuple[datetime, int, int, datetime]
"""Tick, requests, revision, revised_at."""


class City:
    """One zone, with a row at each tick that holds `requests`."""

    def __init__(self, settings: Settings, spark: SparkSession) -> None:
        self.requests = 1
        self.step = Step(NAME, (NAME,), {}, self._build, rests=False)
        self.runner = Runner(settings, spark, now=lambda: NOW)
        self._spark = spark

    def _build(self, _inputs: Frames, interval: Interval, _edge: Edge) -> Frames:
        rows = [
            tick_row("zone_demand_15m", "Z1", tick, requests_60m_count=self.requests)
            for tick in interval.ticks()
        ]
        return {NAME: self._spark.createDataFrame(rows, struct_of(TABLE))}

    def run(self, interval: Interval, requests: int) -> None:
        self.requests = requests
        (result,) = self.runner.run(interval, [self.step], force=True)
        assert result.status == "published", result.error

    def rows(self) -> list[Row]:
        frame = self.runner.lakehouse.read(TABLE).orderBy("event_timestamp", "revision")
        return [
            (
                row.event_timestamp.replace(tzinfo=UTC),
                row.requests_60m_count,
                row.revision,
                row.revised_at.replace(tzinfo=UTC),
            )
            for row in frame.collect()
        ]


def first(interval: Interval, requests: int) -> list[Row]:
    return [(tick, requests, 0, tick + DELAY) for tick in interval.ticks()]


def revised(interval: Interval, requests: int, revision: int = 1) -> list[Row]:
    return [(tick, requests, revision, NOW) for tick in interval.ticks()]


@pytest.fixture
def city(
    lakehouse: Lakehouse,  # dropped after the test
    tmp_path_factory: pytest.TempPathFactory,
    spark_settings: Settings,
    spark: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
) -> City:
    home = tmp_path_factory.mktemp("revised")
    made = City(replace(spark_settings, ops_url=f"sqlite:///{home}/ops.db"), spark)
    monkeypatch.setattr(runner_module, "STEPS", (made.step,))
    return made


def test_the_parts_never_published_are_first_made_and_the_others_revised(city: City) -> None:
    city.run(MIDDLE, requests=1)
    city.run(WHOLE, requests=2)
    assert city.rows() == sorted(
        first(WHOLE, 2)[:4] + first(MIDDLE, 1) + revised(MIDDLE, 2) + first(WHOLE, 2)[8:]
    )
    city.run(WHOLE, requests=2)
    assert len(city.rows()) == 16
    city.run(Interval(at(12), at(13)), requests=3)
    assert city.rows()[-8:] == sorted(first(WHOLE, 2)[8:] + revised(Interval(at(12), at(13)), 3))


def test_a_revision_that_another_comes_before_is_made_of_that_one(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held to what stood when it began, nothing would seem to have changed."""
    passed = iter(range(1_000))
    monkeypatch.setattr(city.runner.runs, "_now", lambda: NOW + timedelta(seconds=next(passed)))
    others = iter([2])

    def overtaken(*args: Any, **more: Any) -> DataFrame | None:
        rows = revising.revised(*args, **more)
        for requests in others:
            city.run(MIDDLE, requests)
            city.requests = 1
        return rows

    city.run(MIDDLE, requests=1)
    monkeypatch.setattr("roadside.runner.revised", overtaken)
    city.run(MIDDLE, requests=1)
    stand = first(MIDDLE, 1) + revised(MIDDLE, 2) + revised(MIDDLE, 1, revision=2)
    assert sorted(city.rows()) == sorted(stand)


def test_where_the_published_part_is_the_same_the_others_are_added_only(city: City) -> None:
    city.run(MIDDLE, requests=1)
    city.run(WHOLE, requests=1)
    assert city.rows() == first(WHOLE, 1)


def test_what_a_run_left_that_was_cut_off_is_replaced(city: City) -> None:
    city.run(MIDDLE, requests=7)
    with city.runner.ops.write() as connection:
        connection.execute(runs.update().values(status="failed", error_kind="ProcessDied"))
    city.run(WHOLE, requests=1)
    assert city.rows() == first(WHOLE, 1)


def test_what_reads_a_table_does_not_stand_once_a_run_that_changed_it_dies(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Step("features.reader", ("features.zone_traffic_15m",), {NAME: timedelta(hours=1)})
    monkeypatch.setattr(graph, "STEPS", (city.step, reader))
    city.run(MIDDLE, requests=1)
    made = city.runner.runs.begin(reader.writes[0], WHOLE, "c1")
    city.runner.runs.finish(made.run_id, snapshot_id=None, rows=1)

    def die(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(city.runner.lakehouse, "publish", die)
    with pytest.raises(KeyboardInterrupt):
        city.run(MIDDLE, requests=2)
    assert city.runner.runs.published(reader.writes[0], WHOLE, "c1") is None


def test_a_source_that_cannot_be_listed_fails_alone(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_args: object, **_more: object) -> None:
        raise Unreachable("The store does not answer.", "Try again.")

    monkeypatch.setattr(runner_module, "register_landed", unreachable)
    source = step_named("bronze.traffic_speeds")
    monkeypatch.setattr(runner_module, "STEPS", (source, city.step))
    results = city.runner.run(MIDDLE, [source, city.step])
    assert [(each.status, type(each.error)) for each in results] == [
        ("failed", Unreachable),
        ("published", type(None)),
    ]
    release = city.runner.releases.for_table(NAME)
    assert release is not None
    assert list(release.tables) == [NAME], "what is whole is released"
