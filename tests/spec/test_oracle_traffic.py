"""What the oracle takes the text to mean, where traffic gets difficult: one small case each."""

from datetime import timedelta

import pytest

from support.afternoon import at, oracle_records
from support.oracle import Silver, driver_state_15m, zone_traffic_15m
from support.road_tables import cell, ping_objects, reading_objects, status_objects

EN_ROUTE = """
| status   | t     |
|----------|-------|
| en_route | 12:00 |
"""
NONE = "| t |"


def silver_of(readings: str = NONE, statuses: str = NONE, pings: str = NONE) -> Silver:
    objects = [*reading_objects(readings), *status_objects(statuses), *ping_objects(pings)]
    return Silver(oracle_records(objects))


def traffic(silver: Silver, tick: str, corrected: bool = False, zone: str = "Z1") -> dict:
    values = zone_traffic_15m(silver, cell(zone), at(tick), corrected)
    assert values is not None
    return values


def test_ratio_weighs_the_readings_of_all_feeds_by_their_samples() -> None:
    readings = """
    | feed | t     | speed | free_flow | samples |
    |------|-------|-------|-----------|---------|
    | one  | 12:00 | 30    | 60        | 3       |
    | one  | 12:05 | 50    |           | 9       |
    | two  | 12:13 | 40    | 50        |         |
    """
    values = traffic(silver_of(readings), "12:15")
    assert values["speed_ratio_15m"] == (30 * 3 + 40) / (60 * 3 + 50)
    assert values["readings_30m_count"] == 3  # one of them unrated
    assert values["last_reading_at"] == at("12:00")


def test_reading_without_a_free_flow_speed_counts_and_has_no_ratio() -> None:
    values = traffic(silver_of("| t | speed |\n| 12:05 | 50 |"), "12:15")
    assert (values["speed_ratio_15m"], values["readings_30m_count"]) == (None, 1)


def test_sentinel_is_no_reading() -> None:
    readings = """
    | t     | speed | free_flow | samples | status |
    |-------|-------|-----------|---------|--------|
    | 12:05 | 0     | 60        | 0       | -101   |
    """
    assert zone_traffic_15m(silver_of(readings), cell("Z1"), at("12:15")) is None


def test_windows_end_at_the_tick_and_reach_the_cells_around() -> None:
    readings = """
    | zone | t     | speed | free_flow |
    |------|-------|-------|-----------|
    | Z1   | 12:00 | 30    | 60        |
    | Z1+1 | 12:10 | 60    | 60        |
    | Z1+2 | 12:10 | 10    | 60        |
    | Z1   | 12:15 | 60    | 60        |
    """
    silver = silver_of(readings)
    assert traffic(silver, "12:15")["speed_ratio_15m"] == 0.5
    assert traffic(silver, "12:15")["ring1_speed_ratio_30m"] == 90 / 120
    assert traffic(silver, "12:30")["speed_ratio_15m"] == 1.0
    assert traffic(silver, "12:30")["ring1_speed_ratio_30m"] == 150 / 180
    assert traffic(silver, "12:30")["last_reading_at"] == at("12:15")
    assert traffic(silver, "12:45")["speed_ratio_15m"] is None


def test_reading_landed_late_is_for_the_corrected_timeline() -> None:
    readings = """
    | t     | landed | speed | free_flow |
    |-------|--------|-------|-----------|
    | 12:01 | 12:02  | 30    | 60        |
    | 12:05 | 12:40  | 60    | 60        |
    """
    silver = silver_of(readings)
    assert traffic(silver, "12:15")["speed_ratio_15m"] == 0.5
    assert traffic(silver, "12:15", corrected=True)["speed_ratio_15m"] == 90 / 120


def test_zone_dies_24_hours_after_its_last_tile() -> None:
    silver = silver_of("| t | speed |\n| 12:05 | 50 |")
    last = at("12:00") + timedelta(hours=24)
    assert zone_traffic_15m(silver, cell("Z1"), last) is not None
    assert zone_traffic_15m(silver, cell("Z1"), last + timedelta(minutes=15)) is None
    assert zone_traffic_15m(silver, cell("Z1+1"), at("12:15")) is None


def test_fleet_pings_are_of_drivers_that_were_en_route() -> None:
    statuses = """
    | driver | status    | t     |
    |--------|-----------|-------|
    | D1     | available | 12:00 |
    | D1     | en_route  | 12:05 |
    | D1     | on_job    | 12:12 |
    """
    pings = """
    | driver | t     | speed |
    |--------|-------|-------|
    | D1     | 12:04 | 90    |
    | D1     | 12:05 | 12    |
    | D1     | 12:08 |       |
    | D1     | 12:11 | 30    |
    | D1     | 12:12 | 90    |
    | D2     | 12:11 | 90    |
    """
    values = traffic(silver_of(NONE, statuses, pings), "12:15")
    assert (values["fleet_pings_30m_count"], values["fleet_speed_kmh_p50_30m"]) == (2, 15)
    assert (values["readings_30m_count"], values["last_reading_at"]) == (0, None)


def test_fleet_ping_is_settled_by_what_is_known_with_it() -> None:
    statuses = """
    | status    | t     | landed |
    |-----------|-------|--------|
    | available | 12:00 | 12:01  |
    | en_route  | 12:05 | 12:20  |
    """
    pings = """
    | t     | landed | speed |
    |-------|--------|-------|
    | 12:10 | 12:11  | 30    |
    | 12:11 | 12:21  | 40    |
    """
    silver = silver_of(NONE, statuses, pings)
    assert zone_traffic_15m(silver, cell("Z1"), at("12:15")) is None
    for tick, corrected in (("12:30", False), ("12:30", True)):
        assert traffic(silver, tick, corrected)["fleet_pings_30m_count"] == 1  # 12:10 is never revised
    assert traffic(silver, "12:15", corrected=True)["fleet_speed_kmh_p50_30m"] == 40


@pytest.mark.parametrize(
    ("speed", "shown"), [(0, 5), (5, 5), (5.1, 10), (60, 60), (61, 70), (130, 130), (131, 200), (250, 200)]
)
def test_speed_is_the_upper_edge_of_its_bucket(speed: float, shown: int) -> None:
    silver = silver_of(NONE, EN_ROUTE, f"| t | speed |\n| 12:05 | {speed} |")
    assert traffic(silver, "12:15")["fleet_speed_kmh_p50_30m"] == shown


def test_driver_carries_the_ratio_of_the_cell_it_is_in() -> None:
    readings = """
    | zone | t     | speed | free_flow |
    |------|-------|-------|-----------|
    | Z1   | 12:05 | 30    | 60        |
    | Z2   | 12:05 | 45    | 60        |
    """
    silver = silver_of(readings, EN_ROUTE, "| t | zone |\n| 12:05 | Z2 |")
    assert driver_state_15m(silver, "D1", at("12:15"))["zone_speed_ratio_15m"] == 0.75
    assert driver_state_15m(silver, "D1", at("12:30"))["zone_speed_ratio_15m"] is None
    nowhere = silver_of(readings, EN_ROUTE)
    assert driver_state_15m(nowhere, "D1", at("12:15"))["zone_speed_ratio_15m"] is None
