"""What a caller states about the job at a decision, by the oracle: one small case a field."""

import h3
import pytest

from support.afternoon import AFTERNOON, at, oracle_records, zone_ids
from support.dispatch_tables import dispatch_objects
from support.oracle import Silver, matching_acceptance_v1
from support.oracle_requests import NEVER_KEPT, km_between, request_fields

ZONES = zone_ids()
FINALLY = at("22:00")
JOB = """
| event       | t     | offer | provider | service | zone | destination | channel |
|-------------|-------|-------|----------|---------|------|-------------|---------|
| requested   | 12:00 |       |          | tow     | Z1   | Z2          |         |
| offered     | 12:01 | o1    | P1       |         |      |             | digital |
| declined    | 12:02 | o1    | P1       |         |      |             |         |
| offered     | 12:02 | o2    | P2       |         |      |             | phone   |
| declined    | 12:05 | o2    | P2       |         |      |             |         |
| offered     | 12:05 | o3    | P1       |         |      |             |         |
| declined    | 12:06 | o3    | P1       |         |      |             |         |
| job_updated | 12:10 |       |          | lockout | Z2   |             |         |
| job_updated | 12:20 |       |          |         |      | Z1          |         |
"""
Z1_TO_Z2_KM = h3.great_circle_distance(
    h3.cell_to_latlng(ZONES["Z1"]), h3.cell_to_latlng(ZONES["Z2"]), unit="km"
)


def request(clock: str, provider_id: str = "P1", offer_id: str = "o1", table: str = JOB) -> dict:
    state = Silver(oracle_records(dispatch_objects(table))).at(FINALLY)
    offer = state.offers.get(offer_id)
    return request_fields(state, state.jobs["J1"], provider_id, at(clock), offer, timezone_of={}.get)


def test_place_and_service_are_the_last_stated_by_the_decision() -> None:
    before, then = request("12:09:59"), request("12:10")
    places = [tuple(each[name] for name in NEVER_KEPT) for each in (before, then)]
    assert places == [h3.cell_to_latlng(ZONES["Z1"]), h3.cell_to_latlng(ZONES["Z2"])]
    assert [each["job_service_type"] for each in (before, then)] == ["tow", "lockout"]
    assert [each["job_needs_tow"] for each in (before, then)] == [True, False]


def test_tow_leg_goes_from_the_last_place_to_the_last_destination() -> None:
    legs = {clock: request(clock)["job_tow_leg_km"] for clock in ("11:59", "12:00", "12:10", "12:20")}
    assert legs["11:59"] is None
    assert legs["12:00"] == pytest.approx(Z1_TO_Z2_KM, rel=1e-6)
    assert legs["12:10"] == 0
    assert legs["12:20"] == pytest.approx(Z1_TO_Z2_KM, rel=1e-6)
    nowhere = JOB.replace("| Z2          |", "|             |")
    assert request("12:00", table=nowhere)["job_tow_leg_km"] is None


def test_great_circle_is_of_the_mean_earth() -> None:
    assert km_between((0, 0), (0, 180)) == pytest.approx(6371.0088 * 3.141592653589793)
    assert km_between((43.6, -116.2), (43.6, -116.2)) == 0


def test_time_zone_is_the_callers_business() -> None:
    asked = []

    def timezone_of(zone_id: str) -> str:
        asked.append(zone_id)
        return "America/Boise"

    silver = Silver(oracle_records(dispatch_objects(JOB)))
    rows = matching_acceptance_v1(silver, AFTERNOON, timezone_of=timezone_of).rows
    assert {row["job_timezone"] for row in rows} == {"America/Boise"}
    assert asked == [ZONES["Z1"]] * 3


def test_nothing_is_known_before_the_request() -> None:
    early = request("11:59:59")
    names = ("job_requested_at", "job_service_type", "job_needs_tow", "job_latitude", "job_timezone")
    assert [early[name] for name in names] == [None] * 5
    assert request("12:00")["job_requested_at"] == at("12:00")


def test_channel_is_what_the_offer_itself_said() -> None:
    assert [request("12:30", offer_id=each)["job_channel"] for each in ("o1", "o2", "o3", "none")] == [
        "digital",
        "phone",
        None,
        None,
    ]


def test_job_so_far_ends_before_the_decision() -> None:
    so_far = {
        clock: (each["job_offers_so_far_count"], each["job_declines_so_far_count"])
        for clock in ("12:01", "12:02", "12:05", "12:06", "12:07")
        for each in (request(clock),)
    }
    assert so_far == {"12:01": (0, 0), "12:02": (1, 0), "12:05": (2, 1), "12:06": (3, 2), "12:07": (3, 3)}


def test_minutes_since_a_decline_are_the_providers_own_newest() -> None:
    name = "job_minutes_since_this_provider_declined"
    since = [request(clock)[name] for clock in ("12:02", "12:02:30", "12:06", "12:07")]
    assert since == [None, 0.5, 4.0, 1.0]
    assert [request("12:07", provider)[name] for provider in ("P2", "P3")] == [2.0, None]
