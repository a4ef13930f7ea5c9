"""Every view where its long windows end: days, weeks and months after anything was heard."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lakehouse.settings import Settings
from lakehouse.vault import handle_of
from roadside.graph import Step
from support.adversarial import Adversary, land
from support.memory_road import ABOVE_BRONZE, MemoryRoad
from support.oracle import Silver, records_from_landing
from support.oracle_views import VIEWS, View
from support.oracle_windows import DAY
from support.tokens import driver_tokens
from support.written import assert_rows_are_the_oracle_s
from validation.clocks import TICK, Interval

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

TICKS = 24
START = datetime(2026, 3, 11, 4, tzinfo=UTC)
"""Records land in the 24 ticks from here on, around the cut of the 11th; both clock changes lie in reach."""
TICKS_AFTER = (1, 7, 28)
"""Days whose windows the views of every 15 minutes have, or end of which they die."""
DAYS_AFTER = (7, 28, 56, 90)
"""Business days that a daily view adds up."""


def ends_of_windows(is_daily: bool) -> list[Interval]:
    """The hours of ticks in which what was heard leaves, and the cuts about the one at which it does."""
    if is_daily:
        cuts = [START + days * DAY for days in DAYS_AFTER]
        return [Interval(cut - 2 * DAY, cut + 2 * DAY) for cut in cuts]
    return [Interval(START + days * DAY, START + days * DAY + TICKS * TICK) for days in TICKS_AFTER]


def is_feature(step: Step) -> bool:
    return step.name.startswith("features.")


@pytest.fixture(scope="module")
def road_and_silver(
    spark: SparkSession, spark_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[MemoryRoad, Silver]:
    """Silver and tiles of a quarter whose first hours alone were loud, and each view's ends of windows."""
    root: Path = tmp_path_factory.mktemp("loud")
    land(root, Adversary(7, START, TICKS).records())
    road = MemoryRoad(spark, handle_of(spark_settings))
    road.ingest(root)
    quarter = Interval(START, START + (max(DAYS_AFTER) + 2) * DAY)
    road.carry([quarter], [step for step in ABOVE_BRONZE if not is_feature(step)])
    for is_daily in (True, False):
        steps = [step for step in ABOVE_BRONZE if is_feature(step) and step.is_daily is is_daily]
        road.carry(ends_of_windows(is_daily), steps)
    return road, Silver(records_from_landing(root), driver_tokens(spark_settings))


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.name)
def test_what_leaves_a_long_window_leaves_it_where_the_oracle_says(
    road_and_silver: tuple[MemoryRoad, Silver], view: View
) -> None:
    road, silver = road_and_silver
    written = assert_rows_are_the_oracle_s(road, silver, view, ends_of_windows(view.is_daily))
    is_over_in_a_day = view.name in ("driver_state_15m", "job_state_15m")
    assert written or is_over_in_a_day
