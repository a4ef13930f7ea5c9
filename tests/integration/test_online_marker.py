"""How far `feast materialize` moves a view's marker: never over rows that it left out."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from feast import FeatureStore

from lakehouse.redis_server import RedisAddress
from support.online_store import HOUR, NOON, quiet, read, row, settings_of, store_of, view_of, write_rows

OFFERS = "fleet__offers"


@pytest.fixture
def sparse(tmp_path: Path, redis_connection: str) -> FeatureStore:
    """P1 has a row of yesterday and one of noon, P2 one between."""
    source = tmp_path / "fleet.parquet"
    write_rows(source, row("P1", NOON - 20 * HOUR, 1), row("P2", NOON - 6 * HOUR, 2), row("P1", NOON, 3))
    return store_of(settings_of(tmp_path, redis_connection), [view_of(source)])


def materialized(store: FeatureStore, start: datetime, end: datetime) -> datetime | None:
    """The marker after this range was materialized."""
    with quiet():
        store.materialize(start, end)
    online = store._get_provider().online_store
    return online.state(store.config).complete_through().get("fleet")


def test_a_range_that_leaves_a_hole_does_not_move_the_marker_over_it(
    sparse: FeatureStore, caplog: pytest.LogCaptureFixture
) -> None:
    first = NOON - 20 * HOUR
    assert materialized(sparse, first - HOUR, first) == first
    assert materialized(sparse, NOON - HOUR, NOON) == first
    assert f"fleet: this range begins at {(NOON - HOUR).isoformat()}" in caplog.text
    assert read(sparse, "P1", "P2")[OFFERS] == [3, None]
    assert materialized(sparse, NOON - 6 * HOUR, NOON) == first
    assert materialized(sparse, first, NOON) == NOON
    assert read(sparse, "P1", "P2")[OFFERS] == [3, 2]


def test_a_range_of_a_time_to_live_closes_any_hole(sparse: FeatureStore) -> None:
    first = NOON - 20 * HOUR
    assert materialized(sparse, first - HOUR, first) == first
    assert materialized(sparse, NOON - HOUR, NOON) == first
    with quiet():
        sparse.materialize_incremental(NOON + HOUR)
    online = sparse._get_provider().online_store
    assert online.state(sparse.config).complete_through() == {"fleet": NOON}
    assert read(sparse, "P1", "P2")[OFFERS] == [3, 2]


def test_ranges_that_touch_move_the_marker_on_though_one_found_nothing(sparse: FeatureStore) -> None:
    first, second = NOON - 20 * HOUR, NOON - 6 * HOUR
    assert materialized(sparse, first, first + HOUR) == first
    assert materialized(sparse, first + HOUR, first + 2 * HOUR) == first
    assert materialized(sparse, first + 2 * HOUR, second) == second


def test_after_redis_lost_all_only_a_range_that_reaches_far_back_moves_the_marker(
    sparse: FeatureStore, redis_connection: str
) -> None:
    first = NOON - 20 * HOUR
    for start, end, expected in (
        (NOON - HOUR, NOON, None),
        (first - HOUR, NOON, NOON),
        (NOON - timedelta(days=2), NOON, NOON),
    ):
        assert materialized(sparse, first - HOUR, first) == first
        with RedisAddress.parse(redis_connection).client() as client:
            client.flushall()
        assert materialized(sparse, start, end) == expected
        with RedisAddress.parse(redis_connection).client() as client:
            client.flushall()
