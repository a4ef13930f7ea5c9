"""matching_acceptance_v1 by the oracle: the afternoon row for row (S2), then one small case a rule."""

from collections import Counter
from datetime import timedelta

import pytest

from support.afternoon import AFTERNOON, at, expected, oracle_records, zone_ids
from support.dispatch_tables import dispatch_objects
from support.oracle import Dataset, Silver, matching_acceptance_v1

DAY = timedelta(days=1)
ZONES = zone_ids()
ROWS = expected("matching_acceptance_v1")
WATERFALL = expected("matching_acceptance_v1_waterfall")


@pytest.fixture(scope="module")
def afternoon() -> Silver:
    return Silver(oracle_records())


@pytest.fixture(scope="module")
def built(afternoon: Silver) -> Dataset:
    return matching_acceptance_v1(afternoon, AFTERNOON)


def dataset(table: str) -> Dataset:
    return matching_acceptance_v1(Silver(oracle_records(dispatch_objects(table))), AFTERNOON)


def the_row(table: str) -> dict:
    (row,) = dataset(table).rows
    return row


def rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["offer"])
def test_row_of_the_afternoon(built: Dataset, row: dict) -> None:
    (offer,) = [each for each in built.rows if each["offer_id"] == row["offer"]]
    assert (offer["provider_id"], offer["service_type"]) == (row["provider"], row["service"])
    assert (offer["incident_zone_id"], offer["incident_area_id"]) == (ZONES[row["zone"]], ZONES["A1"])
    assert offer["meta_decision_at"] == row["decision"]
    assert (offer["meta_decision_date_et"], offer["meta_weight"]) == (AFTERNOON, 1.0)
    assert (offer["meta_dispatch_channel"], offer["meta_program_id"]) == (row["channel"], row["program"])
    assert offer["label_outcome"] == row["outcome"]
    assert offer["label_is_accepted"] == row["is_accepted"]
    assert offer["label_status"] == row["label_status"]
    assert offer["label_is_censored"] == (row["label_status"] == "censored")
    assert offer["label_response_seconds"] == row["response_seconds"]
    assert offer["label_was_given_back"] == row["was_given_back"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["offer"])
def test_request_of_the_afternoon(built: Dataset, row: dict) -> None:
    (offer,) = [each for each in built.rows if each["offer_id"] == row["offer"]]
    assert (offer["job_service_type"], offer["job_needs_tow"]) == (row["service"], row["service"] == "tow")
    assert (offer["job_decision_at"], offer["job_requested_at"]) == (row["decision"], row["requested"])
    assert offer["job_channel"] == row["channel"]
    assert offer["job_offers_so_far_count"] == row["offers_so_far"]
    assert offer["job_declines_so_far_count"] == row["declines_so_far"]
    assert rounded(offer["job_minutes_since_this_provider_declined"]) == row["minutes_since_declined"]
    assert rounded(offer["job_tow_leg_km"], 3) == row["tow_leg_km"]
    assert offer["local_hour_of_week"] == (
        "37" if row["decision"] < at("18:00") else "38"
    )  # Tuesday, 13 and 14
    assert [offer[name] for name in ("job_vehicle_class", "job_is_highway", "job_timezone")] == [None] * 3


def test_rows_are_in_order_and_no_others(built: Dataset) -> None:
    assert [each["offer_id"] for each in built.rows] == [row["offer"] for row in ROWS]
    assert built.waterfall == {row["step"]: row["rows"] for row in WATERFALL}


def test_withdrawn_offer_is_not_a_no(built: Dataset) -> None:  # S2
    assert Counter(each["label_is_accepted"] for each in built.rows) == {True: 7, False: 6, None: 1}
    no = Counter(each["label_outcome"] for each in built.rows if each["label_is_accepted"] is False)
    assert no == {"declined": 3, "expired": 1, "no_contact": 2}
    assert [each["offer_id"] for each in built.rows if each["label_is_accepted"] is None] == ["J4#1"]


def test_pairs_asked_twice_are_kept(built: Dataset) -> None:
    pairs = Counter((each["job_id"], each["provider_id"]) for each in built.rows)
    assert {pair for pair, count in pairs.items() if count == 2} == {("J1", "P1"), ("J3", "P2"), ("J8", "P2")}
    assert max(pairs.values()) == 2


def test_one_offer_was_given_back(built: Dataset) -> None:
    assert [each["offer_id"] for each in built.rows if each["label_was_given_back"]] == ["J3#2"]


def test_features_are_those_a_reader_had(afternoon: Silver) -> None:  # S8
    features = {
        "provider_activity_15m": ("offers_60m_count", "declines_60m_count"),
        "provider_fleet_15m": ("drivers_available_count",),
        "provider_service_1d": ("completed_90d_count",),
        "provider_profile_1d": ("is_tow_capable", "tenure_days"),
        "incident_area_hour_1d": ("weeks_8w_count",),
    }
    rows = {row["offer_id"]: row for row in matching_acceptance_v1(afternoon, AFTERNOON, features).rows}
    for each in expected("p1_offers"):
        row = rows[each["offer"]]
        assert row["provider_activity_15m__offers_60m_count"] == each["offers_60m"]
        assert row["provider_activity_15m__declines_60m_count"] == each["declines_60m"]
        assert row["provider_fleet_15m__drivers_available_count"] == each["available"]
    # At the cut of the 10th: its only jobs were those of the history, on Sunday, March 1.
    for offer, completed in {"J1#1": 1, "J3#2": None, "J7#1": 1}.items():
        assert rows[offer]["provider_service_1d__completed_90d_count"] == completed
        assert rows[offer]["provider_profile_1d__tenure_days"] == 8
        assert rows[offer]["incident_area_hour_1d__weeks_8w_count"] == 0
    assert [rows[offer]["provider_profile_1d__is_tow_capable"] for offer in ("J1#1", "J2#1")] == [True, False]


OFFERED = """
| event     | t     | offer | provider | channel | offer_expires_at | actor |
|-----------|-------|-------|----------|---------|------------------|-------|
| requested | 11:59 |       |          |         |                  |       |
"""


@pytest.mark.parametrize(
    ("channel", "expires", "answered", "is_resolved"),
    [
        ("digital", "", "12:16:30", True),  # 90 seconds and 15 minutes
        ("digital", "", "12:16:31", False),
        ("phone", "", "12:30", True),
        ("phone", "", "12:30:01", False),
        ("partner", "", "12:30", True),
        ("", "", "12:16:31", True),  # nobody answered within 15 minutes: by phone, as it seems
        ("digital", "12:10", "12:25", True),
        ("phone", "12:05", "12:20:01", False),
        ("phone", "12:05", "", False),
    ],
)
def test_offer_is_resolved_within_15_minutes_of_its_expiry(
    channel: str, expires: str, answered: str, is_resolved: bool
) -> None:
    table = OFFERED + f"| offered | 12:00 | o1 | P1 | {channel} | {expires} | |\n"
    if answered:
        table += f"| declined | {answered} | o1 | P1 | | | |\n"
    waterfall = {"offers": 1, "scheduled": 0, "unresolved": int(not is_resolved), "rows": int(is_resolved)}
    assert dataset(table).waterfall == waterfall


@pytest.mark.parametrize("cancelled", ["12:16:30", "12:16:31"])
def test_cancel_that_finds_a_long_expired_offer_open_resolves_nothing(cancelled: str) -> None:
    table = (
        OFFERED + f"| offered | 12:00 | o1 | P1 | digital | | |\n| cancelled | {cancelled} | | | | | member |"
    )
    assert dataset(table).waterfall["unresolved"] == int(cancelled > "12:16:30")


def test_filters_count_in_order_and_a_refused_offer_counts_once() -> None:
    table = """
    | job | event       | t     | offer | provider | kind       | scheduled_for    |
    |-----|-------------|-------|-------|----------|------------|------------------|
    | J1  | requested   | 12:00 |       |          |            | 2026-03-11T12:00 |
    | J1  | offered     | 12:01 | o1    | P1       |            |                  |
    | J2  | requested   | 12:00 |       |          |            |                  |
    | J2  | offered     | 12:01 | o2    | P1       |            |                  |
    | J2  | declined    | 12:02 | o2    | P1       |            |                  |
    | J2  | job_updated | 12:03 |       |          |            | 2026-03-11T12:00 |
    | J2  | offered     | 12:04 | o3    | P1       |            |                  |
    | J2  | declined    | 12:05 | o3    | P1       |            |                  |
    | J3  | requested   | 12:00 |       |          | second_tow |                  |
    | J3  | offered     | 12:01 | o4    | P1       |            |                  |
    | J3  | declined    | 12:02 | o4    | P1       |            |                  |
    | J4  | offered     | 12:01 | o5    | P1       |            |                  |
    | J4  | declined    | 12:02 | o5    | P1       |            |                  |
    | J5  | requested   | 12:00 |       |          |            |                  |
    | J5  | offered     | 12:01 | o6    | P1       |            |                  |
    """
    built = dataset(table)
    assert built.waterfall == {"offers": 6, "scheduled": 3, "unresolved": 1, "rows": 2}
    assert [row["offer_id"] for row in built.rows] == ["o2", "o4"]  # J4's request is not known


@pytest.mark.parametrize(
    ("answer", "outcome", "is_accepted"),
    [
        ("| declined | 12:01 | o1 | P1 | | | |", "declined", False),
        ("| offer_expired | 12:01 | o1 | P1 | | | |", "expired", False),
        ("| no_contact | 12:01 | o1 | P1 | | | |", "no_contact", False),
        ("| offer_withdrawn | 12:01 | o1 | P1 | | | |", "withdrawn", None),
        ("| cancelled | 12:01 | | | | | member |", "withdrawn", None),
        ("| accepted | 12:01 | o1 | P1 | | | |", "accepted", True),
        (
            "| accepted | 12:01 | o1 | P1 | | | |\n| eta_rejected | 12:03 | o1 | P1 | | | agent |",
            "eta_rejected",
            True,
        ),
    ],
)
def test_outcome_and_what_it_says(answer: str, outcome: str, is_accepted: bool | None) -> None:
    row = the_row(OFFERED + "| offered | 12:00 | o1 | P1 | | | |\n" + answer)
    assert (row["label_outcome"], row["label_is_accepted"]) == (outcome, is_accepted)
    assert (row["label_status"] == "censored") == row["label_is_censored"] == (is_accepted is None)
    answered = outcome in ("declined", "accepted", "eta_rejected")
    assert row["label_response_seconds"] == (60 if answered else None)
    assert row["label_was_given_back"] is (False if outcome == "eta_rejected" else None), "open at the close"


def test_offer_led_to_the_assignment_of_its_first_acceptance() -> None:
    table = """
    | event      | t     | offer | assignment | provider | actor    |
    |------------|-------|-------|------------|----------|----------|
    | requested  | 12:00 |       |            |          |          |
    | offered    | 12:01 | o1    |            | P1       |          |
    | accepted   | 12:02 | o1    | {first}         | P1       |          |
    | unassigned | 12:03 |       | a1         | P1       | provider |
    | accepted   | 12:04 | o1    | {second}         | P1       |          |
    """
    given_back = [
        the_row(table.format(first=first, second=second))["label_was_given_back"]
        for first, second in (("a1", "a2"), ("a2", "a1"))
    ]
    assert given_back == [True, None]


def test_give_back_counts_if_it_was_known_at_three_in_the_morning() -> None:
    table = OFFERED + "| offered | 12:00 | o1 | P1 | | | |\n| accepted | 12:01 | o1 | P1 | | | |\n"
    given_back = table + "| unassigned | 2026-03-11T{} | | P1 | | | provider |"
    labels = {
        clock: the_row(given_back.format(clock))["label_was_given_back"]
        for clock in ("06:43", "06:44", "06:59")
    }
    assert labels == {
        "06:43": True,
        "06:44": True,
        "06:59": None,
    }  # landed a minute later: at 07:00, too late


def test_day_of_an_offer_begins_at_three_in_new_york() -> None:
    table = """
    | event     | t                | offer | provider |
    |-----------|------------------|-------|----------|
    | requested | 2026-03-10T06:00 |       |          |
    | offered   | 2026-03-10T06:59 | o1    | P1       |
    | declined  | 2026-03-10T07:00 | o1    | P1       |
    | offered   | 2026-03-10T07:00 | o2    | P1       |
    | declined  | 2026-03-10T07:01 | o2    | P1       |
    | offered   | 2026-03-11T06:40 | o3    | P1       |
    | declined  | 2026-03-11T06:41 | o3    | P1       |
    | offered   | 2026-03-11T07:00 | o4    | P1       |
    """
    rows = dataset(table).rows
    assert [row["offer_id"] for row in rows] == ["o2", "o3"]
    assert {row["meta_decision_date_et"] for row in rows} == {AFTERNOON}
    # Tuesday, 03 in New York, and Wednesday, 02.
    assert [row["local_hour_of_week"] for row in rows] == ["27", "50"]
