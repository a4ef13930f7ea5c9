"""What the oracle takes the text to mean, where drivers get difficult: one small case each."""

from datetime import date, datetime, timedelta

import h3

from support.afternoon import AFTERNOON, at, oracle_records
from support.ascii_tables import table, yes_no
from support.oracle import Silver, driver_state_15m, provider_fleet_15m
from support.road_tables import cell, ping_objects, status_objects

ON_DUTY = """
| status    | t     |
|-----------|-------|
| available | 12:00 |
"""
NO_PINGS = "| t |"


def silver_of(statuses: str, pings: str = NO_PINGS) -> Silver:
    return Silver(oracle_records([*status_objects(statuses), *ping_objects(pings)]))


def state(silver: Silver, tick: str, corrected: bool = False) -> dict:
    values = driver_state_15m(silver, "D1", at(tick), corrected)
    assert values is not None
    return values


def test_greatest_status_is_by_time_then_known_then_object_and_line() -> None:
    tied = """
    | status    | t     | landed |
    |-----------|-------|--------|
    | on_break  | 12:00 | 12:16  |
    | available | 12:00 | 12:01  |
    | en_route  | 12:00 | 12:01  |
    """
    silver = silver_of(tied)
    assert state(silver, "12:15")["duty_status"] == "en_route"  # one object later than available
    assert state(silver, "12:15", corrected=True)["duty_status"] == "on_break"
    assert state(silver, "12:30")["duty_status"] == "on_break"


def test_status_on_the_tick_is_not_yet_and_one_24_hours_old_still_counts() -> None:
    silver = silver_of(ON_DUTY)
    assert driver_state_15m(silver, "D1", at("12:00"), corrected=True) is None
    last = at("12:00", date(2026, 3, 11))
    assert driver_state_15m(silver, "D1", last) is not None
    assert driver_state_15m(silver, "D1", last + timedelta(minutes=15)) is None


def test_runs_of_statuses_give_since_when() -> None:
    statuses = """
    | status    | t     |
    |-----------|-------|
    | offline   | 11:00 |
    | available | 12:00 |
    | en_route  | 12:05 |
    | available | 12:20 |
    | available | 12:40 |
    """
    silver = silver_of(statuses)
    cases = """
    | tick  | duty_status | duty_status_since_at | on_duty_since_at |
    |-------|-------------|----------------------|------------------|
    | 12:00 | offline     | 11:00                |                  |
    | 12:15 | en_route    | 12:05                | 12:00            |
    | 12:30 | available   | 12:20                | 12:00            |
    | 12:45 | available   | 12:20                | 12:00            |
    """
    assert_states(silver, cases)


def test_what_a_status_does_not_say_is_null_but_equipment_stands_until_declared_anew() -> None:
    statuses = """
    | status    | t     | truck | jobs | equipment         |
    |-----------|-------|-------|------|-------------------|
    | available | 12:00 | T1    | 1    |                   |
    | available | 12:10 | T1    | 2    | winch, wheel_lift |
    | en_route  | 12:20 |       |      |                   |
    | en_route  | 12:40 | T2    | 0    | jump_pack         |
    """
    cases = """
    | tick  | truck_id | active_job_count | is_tow_capable |
    |-------|----------|------------------|----------------|
    | 12:10 | T1       | 1                |                |
    | 12:15 | T1       | 2                | yes            |
    | 12:30 |          |                  | yes            |
    | 12:45 | T2       | 0                | no             |
    """
    silver = silver_of(statuses)
    for row in typed(cases):
        tick = row.pop("tick")
        values = driver_state_15m(silver, "D1", tick, corrected=tick == at("12:10"))
        assert {name: values[name] for name in row} == row, tick


def test_status_landed_late_is_for_the_corrected_timeline() -> None:
    statuses = """
    | status    | t     | landed |
    |-----------|-------|--------|
    | available | 12:00 | 12:01  |
    | on_job    | 12:10 | 12:50  |
    """
    silver = silver_of(statuses)
    assert [state(silver, tick)["duty_status"] for tick in ("12:15", "12:45", "13:00")] == [
        "available",
        "available",
        "on_job",
    ]
    assert state(silver, "12:15", corrected=True)["duty_status"] == "on_job"


def test_status_more_than_two_days_old_when_known_counts_in_neither_timeline() -> None:
    statuses = """
    | status    | t     | landed           |
    |-----------|-------|------------------|
    | available | 12:00 | 2026-03-12T11:59 |
    | on_job    | 12:05 | 2026-03-12T12:00 |
    """
    silver = silver_of(statuses)  # known at 12:00, and at 12:15
    assert state(silver, "12:15", corrected=True)["duty_status"] == "available"
    assert driver_state_15m(silver, "D1", at("12:15", date(2026, 3, 12))) is None


def test_fix_before_going_on_duty_is_not_where_the_driver_is() -> None:
    pings = """
    | t     | zone |
    |-------|------|
    | 11:58 | Z1   |
    | 12:00 | Z2   |
    """
    silver = silver_of(ON_DUTY, pings)
    assert state(silver, "12:15")["last_fix_at"] == at("12:00")
    only_before = silver_of(ON_DUTY, "\n".join(pings.splitlines()[:4]))
    assert state(only_before, "12:15")["last_zone_id"] is None
    fleet = provider_fleet_15m(only_before, "P1", at("12:15"))
    assert (fleet["last_fix_at"], fleet["is_location_tracked"]) == (at("11:58"), True)
    assert (fleet["drivers_silent_count"], fleet["available_fix_at"]) == (1, [])


def test_driver_off_duty_has_no_fix_and_is_not_silent() -> None:
    off_duty = ON_DUTY + "| offline | 12:10 |"
    silver = silver_of(off_duty, "| t |\n| 12:05 |\n| 12:12 |")
    assert state(silver, "12:15")["last_fix_at"] is None
    fleet = provider_fleet_15m(silver, "P1", at("12:15"))
    assert (fleet["drivers_silent_count"], fleet["drivers_on_duty_count"]) == (0, 0)
    assert fleet["last_fix_at"] == at("12:12")
    assert fleet["on_duty_minutes_60m"] == 10


def test_driver_turns_silent_when_the_last_fix_is_more_than_15_minutes_old() -> None:
    silver = silver_of(ON_DUTY, "| t |\n| 12:15 |")
    counts = [
        provider_fleet_15m(silver, "P1", at(tick))["drivers_silent_count"]
        for tick in ("12:15", "12:30", "12:45")
    ]
    assert counts == [1, 0, 1]  # the fix of 12:15 belongs to the next tick, and is 15 minutes old then


def test_implausible_jump_is_no_fix_and_what_follows_is_compared_with_it() -> None:
    far = "Z1+20"  # some 40 km
    pings = f"""
    | t     | landed | zone  |
    |-------|--------|-------|
    | 12:01 | 12:02  | Z1    |
    | 12:02 | 12:03  | {far} |
    | 12:20 | 12:21  | Z1    |
    | 12:21 | 12:22  | {far} |
    | 13:05 | 13:06  | Z1    |
    """
    silver = silver_of(ON_DUTY, pings)
    assert [each.event_timestamp for each in silver.fixes] == [at("12:01"), at("12:20"), at("13:05")]
    assert state(silver, "12:15")["last_zone_id"] == cell("Z1")


def test_fix_of_more_than_two_ticks_before_tells_nothing_of_how_the_driver_came() -> None:
    pings = """
    | t     | landed | zone  |
    |-------|--------|-------|
    | 12:14 | 12:14  | Z1    |
    | 12:15 | 12:46  | Z1+20 |
    | 13:01 | 13:01  | Z1    |
    """
    assert len(silver_of(ON_DUTY, pings).fixes) == 3


def test_last_fix_is_shown_at_the_centre_of_its_r9_cell() -> None:
    silver = silver_of(ON_DUTY, "| t | zone | speed | accuracy |\n| 12:05 | Z2 | 31.5 | 12 |")
    values = state(silver, "12:15")
    place = h3.cell_to_latlng(cell("Z2"))
    centre = h3.cell_to_latlng(h3.latlng_to_cell(*place, 9))
    assert (values["last_fix_latitude"], values["last_fix_longitude"]) == centre
    assert (values["last_zone_id"], values["last_speed_kmh"], values["last_fix_accuracy_m"]) == (
        cell("Z2"),
        31.5,
        12.0,
    )


def assert_states(silver: Silver, cases: str) -> None:
    for row in typed(cases):
        tick = row.pop("tick")
        values = driver_state_15m(silver, "D1", tick)
        assert {name: values[name] for name in row} == row, tick


def typed(cases: str) -> list[dict]:
    def clock_time(text: str) -> datetime:
        return at(text, AFTERNOON)

    clocks = dict.fromkeys(("tick", "duty_status_since_at", "on_duty_since_at"), clock_time)
    return table(cases, clocks | {"active_job_count": int, "is_tow_capable": yes_no})
