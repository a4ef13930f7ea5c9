"""A tick less of look-back and the rows differ: what a view needs of its tiles, and not more, is declared.

Each view runs where a tile counts for the last time: given what it declares or just what it needs, its rows
are the right ones; with a tick less not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from lakehouse.settings import Settings
from lakehouse.vault import handle_of
from roadside.graph import step_named
from simulation.landing import LandingWriter
from support.memory_road import ABOVE_BRONZE, MemoryRoad
from support.oracle import Silver, records_from_landing
from support.oracle_views import VIEWS
from support.tokens import driver_tokens
from support.written import assert_rows_are_the_oracle_s
from transforms.features import provider_activity_15m, provider_performance_1d
from transforms.features.spec import ViewSpec
from validation.clocks import TICK, Interval, known_date

pytestmark = [pytest.mark.slow(minutes=2), pytest.mark.timeout(600)]

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
WHOLE = Interval(NOON, NOON + 4 * DAY)
OFFERED_AT = NOON + timedelta(minutes=7)
NOT_READ = ("silver.traffic", "tiles.traffic", "tiles.area_hour", "features.")


@dataclass(frozen=True)
class Loud:
    """One offer and one driver available: the road up to the tiles, and the oracle of the same records."""

    road: MemoryRoad
    silver: Silver

    def known(self, table: str) -> list[datetime]:
        """The instants at which rows of the table became known, in order."""
        return sorted({each.astimezone(UTC) for each in self.road.rows[table]["known_at"].to_pylist()})

    def are_the_oracle_s(self, view: str, interval: Interval, tiles: str, look_back: timedelta) -> bool:
        """Whether the view's rows over the interval are the oracle's, with these tiles read so far back."""
        carry(self.road, view, interval, tiles, look_back)
        try:
            assert_rows_are_the_oracle_s(self.road, self.silver, VIEWS[view], [interval])
        except AssertionError:
            return False
        return True


@pytest.fixture(scope="module")
def loud(spark: SparkSession, spark_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Loud:
    root: Path = tmp_path_factory.mktemp("loud")
    writer = LandingWriter(root)

    def event(kind: str, **more: Any) -> dict[str, Any]:
        place = {"latitude": 43.6, "longitude": -116.2}
        happened = {"event_type": kind, "event_timestamp": OFFERED_AT, "service_type": "tow"}
        return {"event_id": f"J1-{kind}", "job_id": "J1"} | happened | place | more

    offer = event("offered", provider_id="P1", offer_id="J1#1")
    writer.write("dispatch_events", OFFERED_AT, "a", [event("requested"), offer])
    duty = {"event_id": "S1", "provider_id": "P1", "driver_id": "D1", "status": "available"}
    writer.write("provider_status", OFFERED_AT, "a", [duty | {"event_timestamp": OFFERED_AT}])
    road = MemoryRoad(spark, handle_of(spark_settings))
    road.ingest(root)
    road.carry([WHOLE], [step for step in ABOVE_BRONZE if not step.name.startswith(NOT_READ)])
    return Loud(road, Silver(records_from_landing(root), driver_tokens(spark_settings)))


def carry(road: MemoryRoad, view: str, interval: Interval, tiles: str, look_back: timedelta) -> None:
    step = step_named(f"features.{view}")
    road.carry([interval], [replace(step, reads={**step.reads, tiles: look_back})])


def window(spec: ViewSpec, name: str) -> int:
    return next(each.window for each in spec.sums if each.name == name)


def last_of_28_days(loud: Loud) -> tuple[Interval, timedelta]:
    """The tick at which the offer leaves the longest window, and how far back of it the offer was known."""
    span = window(provider_activity_15m.SPEC, "offered_28d") * TICK
    left = loud.known("tiles.dispatch_15m")[0] + span
    return Interval(left - TICK, left), span


def last_of_28_business_days(loud: Loud) -> tuple[Interval, timedelta]:
    """The cut at which it leaves the month; the clocks do not change in between."""
    span = window(provider_performance_1d.SPEC, "offers_28d") * DAY
    left = loud.known("tiles.dispatch_1d")[0] + span
    return Interval(left - TICK, left), span


@pytest.mark.parametrize(
    ("view", "tiles", "where"),
    [
        ("provider_activity_15m", "tiles.dispatch_15m", last_of_28_days),
        ("provider_performance_1d", "tiles.dispatch_1d", last_of_28_business_days),
    ],
)
def test_a_tick_less_of_look_back_and_the_rows_are_not_the_oracle_s(
    loud: Loud, view: str, tiles: str, where: Callable[[Loud], tuple[Interval, timedelta]]
) -> None:
    interval, needed = where(loud)
    declared = step_named(f"features.{view}").reads[tiles]
    assert declared >= needed
    read = [declared, needed, needed - TICK]
    assert [loud.are_the_oracle_s(view, interval, tiles, each) for each in read] == [True, True, False]


def test_a_driver_s_state_told_a_day_ago_is_read_and_a_tick_less_of_look_back_misses_it(loud: Loud) -> None:
    """It is told again at the interval's only tick, and nothing has changed."""
    tiles = "tiles.driver_states_15m"
    first = loud.road.rows[tiles].slice(0, 1)
    told = loud.known(tiles)[0]
    again = [
        row | {"known_at": told + DAY, "known_date": known_date(told + DAY)} for row in first.to_pylist()
    ]
    table = pa.concat_tables([first, pa.Table.from_pylist(again, first.schema)])
    road = MemoryRoad(loud.road.spark, loud.road.handle, rows={**loud.road.rows, tiles: table})
    declared = step_named("features.provider_fleet_15m").reads[tiles]
    assert declared >= DAY
    made = []
    for look_back in (declared, DAY, DAY - TICK):
        interval = Interval(told + DAY - TICK, told + DAY)
        carry(road, "provider_fleet_15m", interval, tiles, look_back)
        made.append(road.digest("features.provider_fleet_15m")["features.provider_fleet_15m"])
    assert made[0] == made[1] == []
    assert len(made[2]) == 1, "a driver who was there all day seems to arrive"
