"""assigned_driver_trip: the assigned driver's distance and the age of the fix it rests on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.on_demand import answers

DECIDED = datetime(2026, 3, 10, 19, 15, tzinfo=UTC)


def request(latitude: float | None, longitude: float | None, **job: Any) -> dict[str, Any]:
    return {
        "driver_state_15m__last_fix_latitude": latitude,
        "driver_state_15m__last_fix_longitude": longitude,
        "driver_state_15m__last_fix_at": None if latitude is None else DECIDED - timedelta(minutes=6),
        "job_latitude": 0.0,
        "job_longitude": 0.0,
        "job_decision_at": DECIDED,
        **job,
    }


def test_a_degree_along_equator_and_meridian_is_the_same_arc() -> None:
    degree_km = 2 * 3.141592653589793 * 6371.0088 / 360
    north, east, here = answers("assigned_driver_trip", [request(1, 0), request(0, 1), request(0, 0)])
    assert north["assigned_driver_km"] == pytest.approx(degree_km)
    assert east["assigned_driver_km"] == pytest.approx(degree_km)
    assert (here["assigned_driver_km"], here["assigned_driver_fix_age_minutes"]) == (0, 6)


def test_no_driver_no_fix_or_no_place_reads_null() -> None:
    unassigned, no_place, nothing = answers(
        "assigned_driver_trip", [request(None, None), request(1, 0, job_latitude=None), {}]
    )
    assert set(unassigned.values()) == set(nothing.values()) == {None}
    assert no_place == {"assigned_driver_km": None, "assigned_driver_fix_age_minutes": 6}
