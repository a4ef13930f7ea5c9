"""Spines in memory: of what zone their times are."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from feast_plugins.spines import spine_of


@pytest.mark.parametrize(
    ("moment", "is_told"),
    [
        ("2026-03-10T18:00:00", True),
        ("2026-03-10T18:00:00Z", False),
        ("2026-03-10T14:00:00-04:00", False),
        (datetime(2026, 3, 10, 18), True),  # noqa: DTZ001 - without a zone, on purpose
        (datetime(2026, 3, 10, 18, tzinfo=UTC), False),
    ],
)
def test_a_time_without_a_zone_is_utc_and_said_also_of_texts_and_objects(
    monkeypatch: pytest.MonkeyPatch, moment: Any, is_told: bool
) -> None:
    monkeypatch.setattr("feast_plugins.spines._warned", set())
    asked = pd.DataFrame({"provider_id": ["P1"], "event_timestamp": pd.Series([moment], dtype=object)})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        spine = spine_of(asked, {"provider_id": ("string", "fleet")}, [], "entity_ts", allow_future=True)
    assert spine.start == datetime(2026, 3, 10, 18, tzinfo=UTC)
    assert ["no time zone" in str(each.message) for each in told] == [True] * is_told
