"""DOMAIN scenarios that ask for the transforms alone: S5, S9, S19's calendar and S20's added feature."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lakehouse.settings import Settings
from lakehouse.tables import Lakehouse
from lakehouse.vault import handle_of
from roadside.graph import sources_read, step_named
from simulation.landing import LandingWriter
from support.afternoon import LandingObject, afternoon_objects, at, heartbeats
from support.memory_road import ABOVE_BRONZE, MemoryRoad, in_utc
from support.oracle import Silver, records_from_landing
from support.oracle_held import is_complete, objects_from_landing
from support.oracle_rows import rows_written
from support.oracle_views import VIEWS
from support.tokens import driver_tokens
from transforms.features import provider_activity_15m
from transforms.features.revisions import revised_rows
from transforms.features.sums import Count, Sum
from transforms.features.windows import view_rows
from transforms.grid import BUSINESS_DAYS
from transforms.tiles import dispatch_15m
from transforms.tiles.measures import has
from transforms.tiles.partials import Fact
from validation.clocks import Interval
from validation.contract import Column, Table, Type
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.contracts.training.eta_v1 import SERVICE_FEATURES
from validation.sources import SOURCES

pytestmark = [pytest.mark.slow(minutes=2), pytest.mark.timeout(600)]

DISPATCH, ACTIVITY = "dispatch_events", "provider_activity_15m"
WHOLE = Interval(at("15:30"), at("19:15"))
OF_DISPATCH = tuple(
    step
    for step in ABOVE_BRONZE
    if not step.is_daily
    and step.name.startswith(("silver.dispatch", "silver.lifecycle", "tiles.dispatch", "features."))
    and sources_read(step) == (DISPATCH,)
)


def land(root: Path, objects: Iterable[LandingObject]) -> None:
    writer = LandingWriter(root)
    for each in objects:
        writer.write(each.source, each.landed_at, each.object_id, each.records)


def carried(
    spark: SparkSession, settings: Settings, root: Path, steps: Any = OF_DISPATCH, **held: Any
) -> MemoryRoad:
    road = MemoryRoad(spark, handle_of(settings), held)
    road.ingest(root)
    road.carry([WHOLE], steps)
    return road


def rows_of(road: MemoryRoad, view: str) -> list[dict[str, Any]]:
    rows = road.rows[f"features.{view}"].to_pylist()
    return [{name: in_utc(value) for name, value in row.items()} for row in rows]


def test_s5_nothing_after_the_decision_can_move_a_feature(
    spark: SparkSession, spark_settings: Settings, tmp_path: Path
) -> None:
    decision = at("18:03")

    def changed(record: dict[str, Any]) -> dict[str, Any]:
        """Another promise, service, answer and actor, at the same time."""
        if record["event_timestamp"] <= decision:
            return record
        other = {"accepted": "declined", "declined": "accepted", "on_scene": "cancelled"}
        event_type = other.get(record["event_type"], record["event_type"])
        return record | {"event_type": event_type, "service_type": "winch_out", "actor": "system"}

    plain = [*afternoon_objects(with_history=False), *heartbeats(WHOLE.start, WHOLE.end)]
    land(tmp_path / "plain", plain)
    copy = [
        replace(each, records=tuple(changed(record) for record in each.records))
        if each.source == DISPATCH
        else each
        for each in plain
    ]
    assert copy != plain
    land(tmp_path / "copy", copy)
    roads = [carried(spark, spark_settings, tmp_path / name) for name in ("plain", "copy")]
    for step in OF_DISPATCH:
        if step.is_features:
            view = step.name.partition(".")[2]
            before, after = (
                [row for row in rows_of(road, view) if row["available_at"] <= decision] for road in roads
            )
            assert sorted(before, key=repr) == sorted(after, key=repr)
            assert before
            assert rows_of(roads[0], view) != rows_of(roads[1], view)


def test_s9_silence_is_not_zero(spark: SparkSession, spark_settings: Settings, tmp_path: Path) -> None:
    silent_from, back_at = at("17:41"), at("18:32")
    objects = [*afternoon_objects(with_history=False), *heartbeats(at("15:34"), at("19:30"))]
    land(
        tmp_path,
        [
            replace(each, landed_at=back_at, object_id=f"{each.object_id}-{each.landed_at:%H%M%S}")
            if each.source == DISPATCH and silent_from <= each.landed_at < back_at
            else each
            for each in objects
        ],
    )
    landed = objects_from_landing(tmp_path)
    held = {
        source.name: {tick for tick in WHOLE.ticks() if not is_complete(landed, source.name, tick)}
        for source in SOURCES
    }
    assert held[DISPATCH] == {at("17:45"), at("18:00"), at("18:15"), at("18:30")}
    road = carried(spark, spark_settings, tmp_path, ABOVE_BRONZE, **held)
    silver = Silver(records_from_landing(tmp_path), driver_tokens(spark_settings))
    for name, view in VIEWS.items():
        if view.is_daily:
            continue
        waiting = held[DISPATCH] if DISPATCH in view.sources else set()
        rows = rows_of(road, name)
        written = rows_written(silver, view, WHOLE.start, WHOLE.end, waiting)
        assert len(rows) == len(written), name
        found = {(*(row[key] for key in view.keys), row["event_timestamp"]): row for row in rows}
        for row in written:
            made = found[*(row[key] for key in view.keys), row["event_timestamp"]]
            assert {column: made[column] for column in row} == row, name
        assert not waiting & {row["event_timestamp"] for row in rows}
    ticks = {name: {row["event_timestamp"] for row in rows_of(road, name)} for name in VIEWS if "15m" in name}
    assert at("18:45") in ticks["zone_demand_15m"], "what the silence held shows at the next tick"
    assert held[DISPATCH] & ticks["provider_fleet_15m"], "a view of statuses alone went on"


def test_s19_six_o_clock_every_night_of_the_year(spark: SparkSession) -> None:
    """Over a year of cuts: usable at 06:00 in New York exactly, and one cut for each business date."""
    days = Interval(datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 12, 31, 12, tzinfo=UTC))
    first, last = BUSINESS_DAYS.bounds(days)
    numbers = spark.range(first + 1, last + 1)
    rows = numbers.select(
        F.date_from_unix_date(F.col("id").cast("int")).alias("day"),
        BUSINESS_DAYS.instant(F.col("id")).alias("cut"),
        BUSINESS_DAYS.available(F.col("id")).alias("usable"),
        F.from_utc_timestamp(BUSINESS_DAYS.available(F.col("id")), "America/New_York").alias("local"),
    ).collect()
    assert [row.day for row in rows] == [date(2026, 1, 2) + n * timedelta(days=1) for n in range(364)]
    assert {(row.local.hour, row.local.minute, row.local.date() == row.day) for row in rows} == {(6, 0, True)}
    at_night = {row.day: (row.cut.hour, row.usable - row.cut) for row in rows}
    lengths = {row.day: following.cut - row.cut for row, following in pairwise(rows)}
    three_hours = timedelta(hours=3)
    for day, hour, length in (
        (date(2026, 3, 7), 8, 23),  # the night in which the hour from 02:00 does not exist
        (date(2026, 3, 8), 7, 24),
        (date(2026, 6, 10), 7, 24),
        (date(2026, 10, 31), 7, 25),  # the night that has the hour from 01:00 twice
        (date(2026, 11, 1), 8, 24),
    ):
        assert at_night[day] == (hour, three_hours)
        assert lengths[day] == timedelta(hours=length)


def test_s20_a_feature_is_added_without_breaking_anybody(
    spark: SparkSession, spark_settings: Settings, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    """Published rows stay as they are; the replay adds a revision that differs in the new column alone."""
    added = "gave_back_24h_count"
    with_it = PROVIDER_ACTIVITY_15M
    without = replace(
        with_it,
        columns=tuple(each for each in with_it.columns if each.name != added),
        checks=tuple(each for each in with_it.checks if getattr(each, "column", None) != added),
    )
    land(tmp_path, [*afternoon_objects(with_history=False), *heartbeats(WHOLE.start, WHOLE.end)])
    road = carried(spark, spark_settings, tmp_path)
    computed = road.frame(with_it.name)

    lakehouse.create(without)
    lakehouse.replace(without, WHOLE, computed.drop(added), "released")
    released = values(lakehouse.read(without), without)
    lakehouse.create(with_it)
    published = lakehouse.read_known(with_it, WHOLE)
    now = datetime(2026, 4, 1, tzinfo=UTC)
    revision = revised_rows(published, computed, with_it, WHOLE.start, now)
    lakehouse.replace(with_it, WHOLE, published.unionByName(revision), "replay")

    after = lakehouse.read(with_it)
    assert values(after.where("revision = 0"), without) == released, "what was served stays"
    assert after.where("revision = 0").where(F.col(added).isNotNull()).isEmpty()
    clocks = ("revision", "revised_at")
    assert [strip(row, clocks) for row in values(after.where("revision = 1"), without)] == [
        strip(row, clocks) for row in released
    ], "who asks for the features of before gets the same"
    assert {row[added] for row in after.where("revision = 1").collect()} >= {0, 1}


def test_s20_a_feature_of_a_new_measure_leaves_every_other_column_and_tile_as_it_was(
    spark: SparkSession, spark_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """agent_reassigned_24h_count: a fact more in the tiles, a sum and a count more in the view."""
    objects = [*afternoon_objects(with_history=False), *heartbeats(WHOLE.start, WHOLE.end)]
    land(
        tmp_path,
        [replace(each, records=tuple(by_an_agent(record) for record in each.records)) for each in objects],
    )
    road = carried(spark, spark_settings, tmp_path)
    tiles, before = road.digest("tiles.dispatch_15m")["tiles.dispatch_15m"], rows_of(road, ACTIVITY)

    fact = Fact("agent_reassigned", (dispatch_15m.ENDED,), has("end_reason", "agent_reassigned"))
    monkeypatch.setattr(dispatch_15m, "ASSIGNMENTS", (*dispatch_15m.ASSIGNMENTS, fact))
    road.carry([WHOLE], [step_named("tiles.dispatch_15m")])
    with_fact = road.digest("tiles.dispatch_15m")["tiles.dispatch_15m"]
    assert [row for row in with_fact if "'agent_reassigned'" not in row] == tiles
    assert len(with_fact) > len(tiles)

    added = "agent_reassigned_24h_count"
    spec = replace(
        provider_activity_15m.SPEC,
        table=replace(
            PROVIDER_ACTIVITY_15M,
            columns=(*PROVIDER_ACTIVITY_15M.columns, Column(added, Type.LONG, "Taken away by an agent.")),
        ),
        sums=(*provider_activity_15m.SPEC.sums, Sum("agent_reassigned_24h", "agent_reassigned", 96)),
        features=(*provider_activity_15m.SPEC.features, Count(added, "agent_reassigned_24h")),
    )
    frame = view_rows(road.frame("tiles.dispatch_15m"), spec, WHOLE)
    made = [{name: in_utc(value) for name, value in row.items()} for row in frame.toArrow().to_pylist()]
    assert {row[added] for row in made} >= {0, 1}
    assert added not in SERVICE_FEATURES[ACTIVITY]
    for tick in WHOLE.ticks():
        assert in_force(made, tick, without=added) == in_force(before, tick), "eta_v1 and everybody else"


def by_an_agent(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"actor": "agent"} if record.get("event_type") == "unassigned" else record


def in_force(rows: Iterable[dict[str, Any]], tick: datetime, without: str = "") -> dict[str, dict[str, Any]]:
    """Each provider's values at the tick, clocks aside."""
    clocks = (without, "event_timestamp", "available_at", "revised_at", "revision", "known_date", "tick_at")
    known = sorted(
        (row for row in rows if row["event_timestamp"] <= tick), key=lambda r: r["event_timestamp"]
    )
    return {row["provider_id"]: strip(row, clocks) for row in known}


def values(rows: DataFrame, table: Table) -> list[dict[str, Any]]:
    """The rows' columns of the table, in order of provider and tick."""
    found = [row.asDict() for row in rows.select(*table.column_names).collect()]
    return sorted(found, key=lambda row: (row["provider_id"], row["event_timestamp"]))


def strip(row: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
