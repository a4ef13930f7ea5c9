"""When a view is stale, against which clock, and of how many of its entities it has a value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from feast_plugins.redis_link import RedisLink
from feast_plugins.scripts import SCRIPTS
from feast_plugins.view_state import ViewState, micros
from lakehouse.redis_server import RedisAddress
from roadside.freshness import freshness

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
QUARTERS, DAILY = "zone_demand_15m", "area_service_1d"


@pytest.fixture
def state(redis_connection: str) -> ViewState:
    client = RedisAddress.parse(redis_connection).client()
    return ViewState(RedisLink(client, redis_connection, SCRIPTS, 1.0), "roadside")


def test_a_view_never_written_is_stale_and_covers_nothing(state: ViewState) -> None:
    (found,) = freshness(state, [QUARTERS])
    assert (found.complete_through, found.age, found.is_stale, found.coverage) == (None, None, True, None)


def test_age_is_measured_against_the_newest_view_or_a_given_moment(state: ViewState) -> None:
    state.complete(QUARTERS, NOON)
    state.complete(DAILY, NOON - timedelta(hours=25))
    by_data = freshness(state, [QUARTERS, DAILY])
    assert [(each.age, each.is_stale) for each in by_data] == [
        (timedelta(0), False),
        (timedelta(hours=25), False),
    ]
    later = freshness(state, [QUARTERS, DAILY], NOON + timedelta(minutes=30, seconds=1))
    assert [each.is_stale for each in later] == [True, True]


@pytest.mark.parametrize(("minutes", "is_stale"), [(30, False), (31, True)])
def test_a_quarter_hour_view_is_stale_once_a_run_had_its_time(
    state: ViewState, minutes: int, is_stale: bool
) -> None:
    state.complete(QUARTERS, NOON)
    (found,) = freshness(state, [QUARTERS], NOON + timedelta(minutes=minutes))
    assert found.is_stale is is_stale


def test_coverage_is_the_share_of_the_living_within_their_time_to_live(state: ViewState) -> None:
    state.complete(QUARTERS, NOON)
    ages = [timedelta(0), timedelta(days=2), timedelta(days=2, microseconds=1), timedelta(days=9)]
    state.add_live(QUARTERS, [b"a", b"b", b"c", b"d"], [micros(NOON - age) for age in ages], [b"1"] * 4)
    (found,) = freshness(state, [QUARTERS])
    assert (found.live, found.fresh, found.coverage) == (4, 2, 0.5)
    state.close(QUARTERS, [b"c", b"d"], [micros(NOON)] * 2, [b"1"] * 2)
    (found,) = freshness(state, [QUARTERS])
    assert (found.live, found.coverage) == (2, 1.0)
