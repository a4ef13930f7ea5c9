"""FACTS P15: stock Feast 0.67 says PRESENT of an unknown entity and serves a value past its TTL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from feast import FeatureStore

from support.online_store import (
    HOUR,
    NOON,
    quiet,
    read,
    row,
    settings_of,
    statuses,
    store_of,
    view_of,
    write_rows,
)

OFFERS = "fleet__offers"
TTL = timedelta(days=2)
AGES = {"P1": timedelta(0), "P2": TTL, "P3": TTL + timedelta(microseconds=1)}


@pytest.fixture
def stores(tmp_path: Path, redis_connection: str) -> dict[str, FeatureStore]:
    """The stock store and ours over the same rows; the newest is of noon, P4's closes it."""
    source = tmp_path / "fleet.parquet"
    write_rows(
        source,
        *(row(provider, NOON - age, 3) for provider, age in AGES.items()),
        row("P4", NOON - HOUR, 3),
        row("P4", NOON, None),
    )
    both = {}
    for number, name in enumerate(("stock", "ours")):
        both[name] = store_of(
            settings_of(tmp_path / name, f"{redis_connection},db={number}", ours=name == "ours"),
            [view_of(source, ttl=TTL)],
        )
        with quiet():
            both[name].materialize(NOON - 3 * TTL, NOON)
    return both


@pytest.mark.parametrize(
    ("provider", "stock", "ours"),
    [
        ("P1", "PRESENT", "PRESENT"),
        ("P2", "PRESENT", "PRESENT"),
        ("P3", "PRESENT", "OUTSIDE_MAX_AGE"),
        ("P4", "PRESENT", "NULL_VALUE"),
        ("P9", "PRESENT", "NOT_FOUND"),
    ],
)
def test_p15_what_is_served_is_said_as_it_is(
    stores: dict[str, FeatureStore], provider: str, stock: str, ours: str
) -> None:
    assert statuses(stores["stock"], provider)["offers"] == stock
    assert statuses(stores["ours"], provider)["offers"] == ours


def test_p15_a_value_is_served_through_its_time_to_live_and_no_longer(
    stores: dict[str, FeatureStore],
) -> None:
    assert read(stores["stock"], "P1", "P2", "P3", "P4", "P9")[OFFERS] == [3, 3, 3, None, None]
    assert read(stores["ours"], "P1", "P2", "P3", "P4", "P9")[OFFERS] == [3, 3, None, None, None]
