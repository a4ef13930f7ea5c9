"""What the oracle takes the text to mean, of fleets and of supply: one small case each."""

from datetime import timedelta

from support.afternoon import at, oracle_records
from support.oracle import (
    VIEWS,
    Silver,
    driver_state_15m,
    driver_states,
    provider_fleet_15m,
    row_written,
    rows_written,
    zone_supply_15m,
)
from support.road_tables import cell, ping_objects, status_objects

NO_PINGS = "| t |"


def silver_of(statuses: str, pings: str = NO_PINGS, token_of=lambda driver_id: driver_id) -> Silver:
    return Silver(oracle_records([*status_objects(statuses), *ping_objects(pings)]), token_of)


def test_driver_that_changes_company_is_the_new_ones_with_all_of_the_hour() -> None:
    statuses = """
    | provider | status    | t     |
    |----------|-----------|-------|
    | P1       | available | 12:00 |
    | P1       | on_job    | 12:10 |
    | P2       | available | 12:30 |
    """
    silver = silver_of(statuses)
    assert provider_fleet_15m(silver, "P2", at("12:30")) is None
    assert provider_fleet_15m(silver, "P1", at("12:45")) is None
    fleet = provider_fleet_15m(silver, "P2", at("12:45"))
    assert (fleet["on_duty_minutes_60m"], fleet["busy_ratio_60m"]) == (45, 20 / 45)
    closing = row_written(silver, VIEWS["provider_fleet_15m"], "P1", at("12:45"))
    assert {name: value for name, value in closing.items() if value is not None} == {
        "provider_id": "P1",
        "event_timestamp": at("12:45"),
        "available_at": at("12:50"),
        "is_location_tracked": False,
    }


def test_seconds_on_duty_are_whole_seconds_of_each_driver() -> None:
    statuses = """
    | driver | status    | t               |
    |--------|-----------|-----------------|
    | D1     | available | 11:00           |
    | D1     | offline   | 12:00:00.900000 |
    | D2     | available | 12:59:58.500000 |
    """
    fleet = provider_fleet_15m(silver_of(statuses), "P1", at("13:00"), corrected=True)
    assert (fleet["on_duty_minutes_60m"], fleet["busy_ratio_60m"]) == (1 / 60, 0.0)
    off_duty = provider_fleet_15m(silver_of("| status | t |\n| offline | 11:00 |"), "P1", at("13:00"))
    assert (off_duty["on_duty_minutes_60m"], off_duty["busy_ratio_60m"]) == (0, None)


def test_available_are_listed_newest_fix_first_then_by_token() -> None:
    statuses = """
    | driver | status    | t     | equipment |
    |--------|-----------|-------|-----------|
    | D1     | available | 12:00 | flatbed   |
    | D2     | available | 12:00 | winch     |
    | D3     | available | 12:00 |           |
    | D4     | on_job    | 12:00 | tow       |
    | D5     | available | 12:00 | tow       |
    """
    pings = """
    | driver | t     | zone |
    |--------|-------|------|
    | D1     | 12:10 | Z1   |
    | D2     | 12:10 | Z2   |
    | D3     | 12:12 | Z1   |
    | D4     | 12:13 | Z1   |
    """
    tokens = {"D1": "b", "D2": "a", "D3": "c", "D4": "d", "D5": "e"}
    silver = silver_of(statuses, pings, tokens.__getitem__)
    fleet = provider_fleet_15m(silver, "P1", at("12:15"))
    assert fleet["available_fix_at"] == [at("12:12"), at("12:10"), at("12:10")]
    assert fleet["available_is_tow"] == [False, False, True]
    assert fleet["available_latitude"][1] == driver_state_15m(silver, "a", at("12:15"))["last_fix_latitude"]
    assert fleet["tow_drivers_available_count"] == 2
    assert set(driver_states(silver, at("12:15"))) == set(tokens.values())


def test_at_most_32_are_listed() -> None:
    drivers = [f"D{number:02}" for number in range(40)]
    statuses = "| driver | status | t |\n" + "\n".join(f"| {each} | available | 12:00 |" for each in drivers)
    pings = "| driver | t |\n" + "\n".join(
        f"| {each} | 12:{number % 10:02} |" for number, each in enumerate(drivers)
    )
    fleet = provider_fleet_15m(silver_of(statuses, pings), "P1", at("12:15"))
    assert fleet["drivers_available_count"] == 40
    assert len(fleet["available_fix_at"]) == 32
    assert fleet["available_fix_at"][-1] == at("12:02")


def test_phone_provider_that_never_had_a_driver_has_no_row() -> None:
    silver = Silver(oracle_records())
    fleet = VIEWS["provider_fleet_15m"]
    assert provider_fleet_15m(silver, "P3", at("18:00")) is None
    rows = rows_written(silver, fleet, at("15:00"), at("21:00"))
    assert {row["provider_id"] for row in rows} == {"P1", "P2"}


def test_fleet_is_tracked_for_seven_days_after_a_fix_that_names_it() -> None:
    statuses = "| status | t |\n| on_break | 2026-03-17T12:00 |"
    pings = """
    | driver | provider | t     |
    |--------|----------|-------|
    | D9     | P1       | 12:15 |
    | D1     | P2       | 12:30 |
    """
    silver = silver_of(statuses, pings)
    last = at("12:15") + timedelta(days=7)
    tracked, no_longer = (
        provider_fleet_15m(silver, "P1", tick) for tick in (last, last + timedelta(minutes=15))
    )
    assert (tracked["is_location_tracked"], tracked["last_fix_at"]) == (True, at("12:15"))
    assert (no_longer["is_location_tracked"], no_longer["last_fix_at"]) == (False, None)


def test_supply_counts_drivers_by_rings_and_providers_once() -> None:
    statuses = """
    | driver | provider | status    | t     | equipment |
    |--------|----------|-----------|-------|-----------|
    | D1     | P1       | available | 12:00 | tow       |
    | D2     | P1       | available | 12:00 |           |
    | D3     | P2       | available | 12:00 | jump_pack |
    | D4     | P3       | on_job    | 12:00 | tow       |
    | D5     | P4       | available | 12:00 |           |
    | D6     | P5       | available | 12:00 |           |
    | D7     | P6       | offline   | 12:00 |           |
    """
    pings = """
    | driver | provider | t     | zone |
    |--------|----------|-------|------|
    | D1     | P1       | 12:10 | Z1   |
    | D2     | P1       | 12:10 | Z1+1 |
    | D3     | P2       | 12:10 | Z1+4 |
    | D4     | P3       | 12:10 | Z1+2 |
    | D5     | P4       | 12:10 | Z1+5 |
    | D7     | P6       | 12:10 | Z1   |
    """
    silver = silver_of(statuses, pings)
    supply = zone_supply_15m(silver, cell("Z1"), at("12:15"))
    assert supply == {
        "tick_at": at("12:15"),
        "available_drivers_count": 1,
        "ring1_available_drivers_count": 2,
        "ring4_available_drivers_count": 3,
        "ring4_tow_available_drivers_count": 1,
        "ring4_on_duty_drivers_count": 4,
        "ring4_silent_drivers_count": 0,
        "ring4_available_providers_count": 2,
    }
    silent = zone_supply_15m(silver, cell("Z1"), at("12:30"))
    assert (silent["ring4_silent_drivers_count"], silent["ring4_on_duty_drivers_count"]) == (4, 4)


def test_zone_lives_for_28_days_after_a_fix_within_four_rings() -> None:
    silver = silver_of("| status | t |\n| offline | 11:00 |", "| t | zone |\n| 12:00 | Z1+4 |")
    until = at("12:00") + timedelta(days=28)
    assert zone_supply_15m(silver, cell("Z1"), at("12:00"), corrected=True) is None
    assert zone_supply_15m(silver, cell("Z1"), at("12:15"))["ring4_on_duty_drivers_count"] == 0
    assert zone_supply_15m(silver, cell("Z1"), until) is not None
    assert zone_supply_15m(silver, cell("Z1"), until + timedelta(minutes=15)) is None
    assert zone_supply_15m(silver, cell("Z1+9"), at("12:15")) is None
