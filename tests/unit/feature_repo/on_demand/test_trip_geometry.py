"""trip_geometry: distances by an independent formula, tow trucks only when one is needed, nulls."""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from support.on_demand import answers

DECIDED = datetime(2026, 3, 10, 19, 15, tzinfo=UTC)
HERE = (37.80, -122.27)
FLEET = "provider_fleet_15m__available_"


def request(drivers: list[tuple[float, float, int, bool]] | None, **job: Any) -> dict[str, Any]:
    """A job at HERE, and drivers as (latitude, longitude, minutes since the fix, tows)."""
    columns = list(zip(*drivers, strict=True)) if drivers else [(), (), (), ()]
    fixes = [DECIDED - timedelta(minutes=age) for age in columns[2]]
    lists = {"latitude": columns[0], "longitude": columns[1], "fix_at": fixes, "is_tow": columns[3]}
    return {
        **{FLEET + name: None if drivers is None else list(values) for name, values in lists.items()},
        "job_latitude": HERE[0],
        "job_longitude": HERE[1],
        "job_needs_tow": False,
        "job_decision_at": DECIDED,
        **job,
    }


def chord_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great circle by the angle between two vectors in space; no half-angle sines."""

    def vector(latitude: float, longitude: float) -> tuple[float, float, float]:
        up, east = math.radians(latitude), math.radians(longitude)
        return math.cos(up) * math.cos(east), math.cos(up) * math.sin(east), math.sin(up)

    return 6371.0088 * 2 * math.asin(math.dist(vector(*a), vector(*b)) / 2)


def test_distances_are_great_circles() -> None:
    chance = random.Random(7)
    places = [(chance.uniform(24, 49), chance.uniform(-125, -67)) for _ in range(50)]
    (found,) = answers("trip_geometry", [request([(*place, 5, False) for place in places])])
    nearest, second, *_ = sorted(chord_km(HERE, place) for place in places)
    assert found["nearest_available_driver_km"] == pytest.approx(nearest, rel=1e-9)
    assert found["second_available_driver_km"] == pytest.approx(second, rel=1e-9)
    assert chord_km((52.2296756, 21.0122287), (52.406374, 16.9251681)) == pytest.approx(278.4, abs=0.3)


NEAR, MIDDLE, FAR = (37.81, -122.27), (37.85, -122.27), (37.95, -122.27)  # 1.1, 5.6 and 16.7 km north


def test_only_trucks_that_tow_count_when_a_tow_is_needed() -> None:
    drivers = [(*NEAR, 4, False), (*MIDDLE, 9, True), (*FAR, 2, True)]
    any_truck, tow, unsaid = answers(
        "trip_geometry", [request(drivers, job_needs_tow=needs) for needs in (False, True, None)]
    )
    assert any_truck == unsaid
    assert [round(each["nearest_available_driver_km"], 1) for each in (any_truck, tow)] == [1.1, 5.6]
    assert [round(each["second_available_driver_km"], 1) for each in (any_truck, tow)] == [5.6, 16.7]
    assert [each["available_within_10km_count"] for each in (any_truck, tow)] == [2, 1]
    assert [each["nearest_fix_age_minutes"] for each in (any_truck, tow)] == [4, 9]


def test_no_list_is_unknown_and_an_empty_one_is_nobody() -> None:
    untracked, nobody, no_tow, one = answers(
        "trip_geometry",
        [
            request(None),
            request([]),
            request([(*NEAR, 4, False)], job_needs_tow=True),
            request([(*NEAR, 4, False)]),
        ],
    )
    assert set(untracked.values()) == {None}
    assert nobody == no_tow == dict.fromkeys(nobody) | {"available_within_10km_count": 0}
    assert one["second_available_driver_km"] is None
    assert one["available_within_10km_count"] == 1


def test_a_request_that_says_too_little_reads_null() -> None:
    drivers = [(*NEAR, 4, False)]
    no_place, half_a_place, no_moment = answers(
        "trip_geometry",
        [
            request(drivers, job_latitude=None, job_longitude=None),
            request(drivers, job_longitude=float("nan")),
            request(drivers, job_decision_at=None),
        ],
    )
    assert set(no_place.values()) == set(half_a_place.values()) == {None}
    assert no_moment["nearest_fix_age_minutes"] is None
    assert no_moment["available_within_10km_count"] == 1


def test_of_two_drivers_as_near_the_newer_fix_is_the_nearest() -> None:
    (found,) = answers("trip_geometry", [request([(*NEAR, 2, False), (*NEAR, 8, False)])])
    assert found["nearest_fix_age_minutes"] == 2


def test_lists_as_spark_and_arrow_hand_them_over() -> None:
    listed = request([(*NEAR, 4, True), (*MIDDLE, 9, False)])
    arrays = {
        name: np.array(
            [each.replace(tzinfo=None) for each in values] if name.endswith("fix_at") else values,
            dtype="datetime64[us]" if name.endswith("fix_at") else None,
        )
        for name, values in listed.items()
        if name.startswith(FLEET)
    }
    assert answers("trip_geometry", [listed | arrays]) == answers("trip_geometry", [listed])


def test_the_site_is_there_whether_a_driver_is_or_not() -> None:
    site = {"provider_profile_1d__site_latitude": 37.85, "provider_profile_1d__site_longitude": -122.27}
    tracked, untracked, no_site, no_place = answers(
        "trip_geometry",
        [
            request([(*NEAR, 4, False)]) | site,
            request(None) | site,
            request([(*NEAR, 4, False)]),
            request(None, job_latitude=None) | site,
        ],
    )
    assert tracked["site_to_job_km"] == untracked["site_to_job_km"]
    assert tracked["site_to_job_km"] == pytest.approx(chord_km(HERE, MIDDLE), rel=1e-9)
    assert no_site["site_to_job_km"] is no_place["site_to_job_km"] is None


def test_no_rows_make_no_rows() -> None:
    assert answers("trip_geometry", []) == []
