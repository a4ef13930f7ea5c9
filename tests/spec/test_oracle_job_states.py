"""What the oracle takes the text to mean of where a job stands: one small case each."""

from datetime import date, timedelta

import pytest

from support.afternoon import at, oracle_records, zone_ids
from support.ascii_tables import table
from support.dispatch_tables import dispatch_objects
from support.oracle import VIEWS, Silver, job_state_15m, rows_written

GIVEN_BACK = """
| event       | t     | landed | offer | provider | driver | promise | actor    |
|-------------|-------|--------|-------|----------|--------|---------|----------|
| requested   | 12:01 |        |       |          |        |         |          |
| offered     | 12:20 |        | o1    | P1       |        |         |          |
| declined    | 12:35 |        | o1    | P1       |        |         |          |
| offered     | 12:50 |        | o2    | P2       |        |         |          |
| accepted    | 13:05 |        | o2    | P2       |        | 13:45   |          |
| en_route    | 13:20 |        |       | P2       | D2     |         |          |
| eta_updated | 13:25 |        |       | P2       |        | 14:00   |          |
| unassigned  | 13:35 |        |       | P2       |        |         | provider |
| offered     | 13:50 |        | o3    | P3       |        |         |          |
| accepted    | 13:51 |        | o3    | P3       |        | 14:30   |          |
| on_scene    | 14:05 |        |       | P3       |        |         |          |
| towing      | 14:20 |        |       | P3       |        |         |          |
| completed   | 14:35 |        |       | P3       |        |         |          |
"""
EXPECTED = """
| tick  | stage      | since | offers | declines | provider | driver | first | promise | extensions |
|-------|------------|-------|--------|----------|----------|--------|-------|---------|------------|
| 12:15 | unassigned | 12:01 | 0      | 0        |          |        |       |         |            |
| 12:30 | offered    | 12:20 | 1      | 0        |          |        |       |         |            |
| 12:45 | unassigned | 12:35 | 1      | 1        |          |        |       |         |            |
| 13:00 | offered    | 12:50 | 2      | 1        |          |        |       |         |            |
| 13:15 | assigned   | 13:05 | 2      | 1        | P2       |        | 13:45 | 13:45   | 0          |
| 13:30 | en_route   | 13:20 | 2      | 1        | P2       | t-D2   | 13:45 | 14:00   | 1          |
| 13:45 | unassigned | 13:35 | 2      | 1        |          |        |       |         |            |
| 14:00 | assigned   | 13:51 | 3      | 1        | P3       |        | 14:30 | 14:30   | 0          |
| 14:15 | on_scene   | 14:05 | 3      | 1        | P3       |        | 14:30 | 14:30   | 0          |
| 14:30 | towing     | 14:20 | 3      | 1        | P3       |        | 14:30 | 14:30   | 0          |
| 14:45 | closed     | 14:35 | 3      | 1        |          |        | 14:30 | 14:30   | 0          |
"""
COLUMNS = {
    "since": "stage_since_at",
    "offers": "offers_count",
    "declines": "declines_count",
    "provider": "assigned_provider_id",
    "driver": "assigned_driver_id",
    "first": "first_promised_arrival_at",
    "promise": "promised_arrival_at",
    "extensions": "promise_extension_count",
}
MOMENTS = dict.fromkeys(("tick", "since", "first", "promise"), at)
COUNTS = dict.fromkeys(("offers", "declines", "extensions"), int)


def silver_of(events: str) -> Silver:
    return Silver(oracle_records(dispatch_objects(events)), lambda driver_id: f"t-{driver_id}")


@pytest.mark.parametrize("row", table(EXPECTED, MOMENTS | COUNTS), ids=lambda row: f"{row['tick']:%H:%M}")
def test_job_moves_from_stage_to_stage(row: dict) -> None:
    values = job_state_15m(silver_of(GIVEN_BACK), "J1", row["tick"])
    found = {name: values[COLUMNS.get(name, name)] for name in row if name != "tick"}
    assert found == {name: value for name, value in row.items() if name != "tick"}
    assert (values["area_id"], values["zone_id"]) == (zone_ids()["A1"], zone_ids()["Z1"])


def test_job_lives_until_a_tick_after_it_was_closed() -> None:
    rows = rows_written(silver_of(GIVEN_BACK), VIEWS["job_state_15m"], at("12:00"), at("17:00"))
    assert [row["tick_at"] for row in rows[:-1]] == [each["tick"] for each in table(EXPECTED, MOMENTS)]
    assert (rows[-1]["event_timestamp"], rows[-1]["stage"]) == (at("15:00"), None)


def test_job_closed_exactly_a_tick_ago_still_lives() -> None:
    events = "| event | t | landed |\n| requested | 12:01 | |\n| cancelled | 12:15 | 12:15 |"
    silver = silver_of(events)
    assert job_state_15m(silver, "J1", at("12:30"))["stage"] == "closed"
    assert job_state_15m(silver, "J1", at("12:45")) is None


def test_open_job_dies_24_hours_after_its_request() -> None:
    silver = silver_of("| event | t |\n| requested | 12:00 |")
    last = at("12:00", date(2026, 3, 11))
    assert job_state_15m(silver, "J1", last) is not None
    assert job_state_15m(silver, "J1", last + timedelta(minutes=15)) is None


def test_what_lies_ahead_is_not_known_yet() -> None:
    events = """
    | event     | t     | landed | offer | provider |
    |-----------|-------|--------|-------|----------|
    | requested | 12:01 | 12:02  |       |          |
    | offered   | 12:20 | 12:10  | o1    | P1       |
    """
    silver = silver_of(events)
    values = job_state_15m(silver, "J1", at("12:15"))
    assert (values["stage"], values["stage_since_at"], values["offers_count"]) == (
        "unassigned",
        at("12:01"),
        0,
    )
    values = job_state_15m(silver, "J1", at("12:30"))
    assert (values["stage"], values["stage_since_at"], values["offers_count"]) == ("offered", at("12:20"), 1)
    ahead = silver_of("| event | t | landed |\n| requested | 12:15 | 12:10 |")
    assert job_state_15m(ahead, "J1", at("12:15")) is None


def test_facts_are_as_last_stated_and_the_place_as_requested() -> None:
    events = """
    | event       | t     | service | program | zone |
    |-------------|-------|---------|---------|------|
    | requested   | 12:01 | tow     | G1      | Z1   |
    | job_updated | 12:05 | lockout |         | Z2   |
    """
    values = job_state_15m(silver_of(events), "J1", at("12:15"))
    assert (values["service_type"], values["program_id"]) == ("lockout", "G1")
    assert values["zone_id"] == zone_ids()["Z1"]


def test_there_is_no_corrected_timeline_of_jobs() -> None:
    with pytest.raises(ValueError, match="only as served"):
        job_state_15m(silver_of(GIVEN_BACK), "J1", at("12:15"), corrected=True)
