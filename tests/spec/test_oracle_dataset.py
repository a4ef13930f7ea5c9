"""What the oracle takes the text to mean, where eta_v1 gets difficult: one small case each."""

from datetime import timedelta

import pytest

from support.afternoon import AFTERNOON, at, oracle_records, zone_ids
from support.dispatch_tables import dispatch_objects
from support.oracle import Landed, Silver, eta_v1, zone_demand_15m

DAY = timedelta(days=1)
ACCEPTED = """
| event     | t     | offer | provider | promise | actor |
|-----------|-------|-------|----------|---------|-------|
| requested | 12:00 |       |          |         |       |
| offered   | 12:01 | o1    | P1       |         |       |
| accepted  | 12:02 | o1    | P1       | 12:45   |       |
"""


def silver_of(table: str) -> Silver:
    return Silver(oracle_records(dispatch_objects(table)))


def the_row(table: str, *more: Landed) -> dict:
    silver = Silver([*oracle_records(dispatch_objects(table)), *more])
    (row,) = eta_v1(silver, AFTERNOON).rows
    return row


@pytest.mark.parametrize(
    ("event", "actor", "reason"),
    [
        ("unassigned", "provider", "provider_gave_back"),
        ("unassigned", "agent", "agent_reassigned"),
        ("unassigned", "", "agent_reassigned"),
        ("cancelled", "member", "member_cancelled"),
        ("cancelled", "system", "member_cancelled"),
        ("cancelled", "provider", "provider_gave_back"),
        ("eta_rejected", "agent", "eta_rejected"),
    ],
)
def test_every_loss_of_an_assignment_is_a_censoring(event: str, actor: str, reason: str) -> None:
    row = the_row(ACCEPTED + f"| {event} | 12:20 | | | | {actor} |")
    assert (row["label_status"], row["label_censor_reason"]) == ("censored", reason)
    assert (row["label_observed_minutes"], row["label_lower_bound_minutes"]) == (18.0, 18.0)
    assert (row["label_upper_bound_minutes"], row["label_is_goa"]) == (None, None)


def test_assignment_still_open_at_the_close_is_censored_there() -> None:
    row = the_row(ACCEPTED)
    close = at("07:00", AFTERNOON + 2 * DAY)  # 03:00 ET
    assert row["label_censor_reason"] == "open_at_close"
    assert row["label_observed_minutes"] == (close - at("12:02")).total_seconds() / 60


def test_cancel_after_arrival_changes_nothing() -> None:
    row = the_row(ACCEPTED + "| on_scene | 12:40 | | P1 | | |\n| cancelled | 12:50 | | | | member |")
    assert (row["label_status"], row["label_arrival_minutes"]) == ("observed", 38.0)
    assert (row["label_is_on_time"], row["label_wait_minutes"]) == (True, 40.0)


@pytest.mark.parametrize("clock", ["12:01:30", "12:02", "18:02:01"])
def test_arrival_outside_six_hours_is_invalid(clock: str) -> None:
    table = f"""
    | event     | t       | assignment | provider |
    |-----------|---------|------------|----------|
    | requested | 12:00   |            |          |
    | offered   | 12:01   |            | P1       |
    | accepted  | 12:02   | a1         | P1       |
    | on_scene  | {clock} | a1         | P1       |
    """
    row = the_row(table)
    assert (row["label_status"], row["label_arrival_minutes"]) == ("invalid_arrival", None)
    assert (row["label_is_censored"], row["label_arrival_evidence"]) == (False, None)


def test_gone_on_arrival_without_on_scene_is_its_own_evidence() -> None:
    row = the_row(ACCEPTED + "| gone_on_arrival | 12:40 | | P1 | | |")
    assert (row["label_arrival_evidence"], row["label_is_goa"]) == ("goa", True)


@pytest.mark.parametrize(
    ("minute", "metres_north", "evidence"),
    [("12:50", 299, "status_and_gps"), ("12:51", 0, "status_only"), ("12:40", 302, "status_only")],
)
def test_ping_near_the_arrival_is_evidence(minute: str, metres_north: float, evidence: str) -> None:
    (job, *_) = dispatch_objects(ACCEPTED)
    ping = {
        "event_id": "ping",
        "provider_id": "P1",
        "driver_id": "D1",
        "latitude": job.records[0]["latitude"] + metres_north / 111_195,
        "longitude": job.records[0]["longitude"],
        "event_timestamp": f"2026-03-10T{minute}:00Z",
    }
    landed = Landed("gps_pings", ping, at("12:59"), "pings", 1)
    row = the_row(ACCEPTED + "| on_scene | 12:40 | | P1 | | |", landed)
    assert row["label_arrival_evidence"] == evidence


def test_filters_count_in_order_and_a_refused_row_counts_once() -> None:
    table = """
    | job | event     | t     | landed | offer | provider | kind       | scheduled_for    |
    |-----|-----------|-------|--------|-------|----------|------------|------------------|
    | J1  | requested | 12:00 |        |       |          | second_tow | 2026-03-11T12:00 |
    | J1  | offered   | 12:01 |        | o1    | P1       |            |                  |
    | J1  | accepted  | 12:02 | 12:30  | o1    | P1       |            |                  |
    | J2  | requested | 12:00 |        |       |          | second_tow |                  |
    | J2  | offered   | 12:01 |        | o2    | P1       |            |                  |
    | J2  | accepted  | 12:02 | 12:30  | o2    | P1       |            |                  |
    | J3  | requested | 12:00 |        |       |          | accident   |                  |
    | J3  | offered   | 12:01 |        | o3    | P1       |            |                  |
    | J3  | accepted  | 12:02 | 12:18  | o3    | P1       |            |                  |
    | J4  | requested | 12:00 |        |       |          | accident   |                  |
    | J4  | offered   | 12:01 |        | o4    | P1       |            |                  |
    | J4  | accepted  | 12:02 | 12:17  | o4    | P1       |            |                  |
    """
    waterfall = eta_v1(silver_of(table), AFTERNOON).waterfall
    assert waterfall == {"accepted_offers": 4, "scheduled": 1, "second_tow": 1, "backdated": 1, "rows": 1}


def test_job_facts_are_those_of_the_decision() -> None:
    table = """
    | event       | t     | offer | provider | service   | zone | program |
    |-------------|-------|-------|----------|-----------|------|---------|
    | requested   | 12:00 |       |          | tow       | Z1   | G1      |
    | job_updated | 12:01 |       |          | winch_out | Z2   |         |
    | offered     | 12:01 | o1    | P1       |           |      |         |
    | accepted    | 12:02 | o1    | P1       |           |      |         |
    | job_updated | 12:03 |       |          | lockout   | Z1   | G2      |
    """
    row = the_row(table)
    assert (row["service_type"], row["meta_program_id"]) == ("winch_out", "G1")
    assert row["incident_zone_id"] == zone_ids()["Z2"]
    demand = zone_demand_15m(silver_of(table), zone_ids()["Z1"], at("12:15"))
    assert demand is not None
    assert (demand["requests_60m_count"], demand["tow_requests_60m_count"]) == (1, 1)  # as requested
