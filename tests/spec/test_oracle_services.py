"""What the oracle takes the text to mean of services and areas by day: one small case each."""

from datetime import date, timedelta

from support.afternoon import at, oracle_records, zone_ids
from support.dispatch_tables import dispatch_objects
from support.oracle import (
    VIEWS,
    Silver,
    area_service_1d,
    business_day_start,
    provider_area_1d,
    provider_service_1d,
    row_written,
    rows_written,
    served_row,
)

A1, Z2 = zone_ids()["A1"], zone_ids()["Z2"]
CUT = business_day_start(date(2026, 3, 11))
AFTERNOON = Silver(oracle_records())
DAY = timedelta(days=1)


def silver_of(events: str) -> Silver:
    return Silver(oracle_records(dispatch_objects(events)))


def test_services_of_a_provider_over_the_afternoon_and_its_history() -> None:
    # P1's tows: H1 (38 minutes, 30 on scene), J1 declined, J1 accepted (54, 39 on scene), J4 withdrawn.
    assert provider_service_1d(AFTERNOON, ("P1", "tow"), CUT) == {
        "offers_90d_count": 4,
        "offer_accept_ratio_90d": 2 / 3,
        "completed_90d_count": 2,
        "arrival_minutes_p50_90d": 40,
        "on_scene_minutes_p50_90d": 30,
    }
    # J3, given back; J6's flat tire, declined.
    assert provider_service_1d(AFTERNOON, ("P1", "lockout"), CUT) == {
        "offers_90d_count": 1,
        "offer_accept_ratio_90d": 1.0,
        "completed_90d_count": 0,
        "arrival_minutes_p50_90d": None,
        "on_scene_minutes_p50_90d": None,
    }
    assert provider_service_1d(AFTERNOON, ("P1", "fuel_delivery"), CUT) is None


def test_gone_on_arrival_is_finished_and_was_not_on_scene() -> None:
    lockout = provider_service_1d(AFTERNOON, ("P2", "lockout"), CUT)
    assert lockout["completed_90d_count"] == 1
    assert (lockout["arrival_minutes_p50_90d"], lockout["on_scene_minutes_p50_90d"]) == (25, None)


def test_areas_of_a_provider() -> None:
    assert provider_area_1d(AFTERNOON, ("P1", A1), CUT) == {
        "offers_90d_count": 6,
        "accepts_90d_count": 3,
        "offer_accept_ratio_90d": 3 / 5,
        "arrival_minutes_p50_90d": 40,
        "last_offered_at": at("18:03"),
    }


def test_tows_of_the_area() -> None:
    # Requested H1, H3, J1, J4, J7 (J5 is for tomorrow); accepted after 2, 3, 5 and 4 minutes; J4 never.
    # Offers H1, H3, J1 three, J4, J7; J5's is of no immediate job. Arrivals H1 38, H3 55, J1 54, J7 84
    # minutes; 10 and 2 early, 9 and 12 late; 30, 32, 39 and 38 minutes on scene.
    assert area_service_1d(AFTERNOON, (A1, "tow"), CUT) == {
        "requests_28d_count": 5,
        "request_to_accept_minutes_p50_28d": 5,
        "offers_per_job_28d": 7 / 5,
        "arrivals_28d_count": 4,
        "arrival_minutes_p50_28d": 55,
        "arrival_minutes_p90_28d": 85,
        "arrival_minus_promise_minutes_p50_28d": 0,
        "on_scene_minutes_p50_28d": 35,
        "member_cancel_ratio_28d": 1 / 5,
        "goa_ratio_28d": 0.0,
    }


def test_requests_are_of_the_service_asked_for_and_the_rest_of_the_one_in_force() -> None:
    events = """
    | event       | t     | service | offer | provider |
    |-------------|-------|---------|-------|----------|
    | requested   | 12:00 | tow     |       |          |
    | job_updated | 12:01 | lockout |       |          |
    | offered     | 12:02 |         | o1    | P1       |
    | accepted    | 12:03 |         | o1    | P1       |
    | on_scene    | 12:20 |         |       | P1       |
    """
    silver = silver_of(events)
    tow = area_service_1d(silver, (A1, "tow"), CUT)
    assert (tow["requests_28d_count"], tow["request_to_accept_minutes_p50_28d"]) == (1, 5)
    assert (tow["offers_per_job_28d"], tow["arrivals_28d_count"], tow["goa_ratio_28d"]) == (0.0, 0, None)
    assert area_service_1d(silver, (A1, "lockout"), CUT) is None
    assert provider_service_1d(silver, ("P1", "lockout"), CUT)["offers_90d_count"] == 1
    assert VIEWS["provider_service_1d"].entities(silver, CUT) == {("P1", "lockout")}


def test_offer_without_a_service_or_an_area_belongs_to_nobody() -> None:
    silver = silver_of("| event | t | offer | provider |\n| offered | 12:00 | o1 | P1 |")
    for name in ("provider_service_1d", "provider_area_1d", "area_service_1d"):
        assert VIEWS[name].entities(silver, CUT) == set()


def test_event_on_the_cut_belongs_to_the_next_day_and_one_90_days_old_still_counts() -> None:
    events = """
    | event     | t                | offer | provider |
    |-----------|------------------|-------|----------|
    | requested | 2026-03-10T06:59 |       |          |
    | offered   | 2026-03-10T07:00 | o1    | P1       |
    """
    silver, key = silver_of(events), ("P1", "tow")
    first = business_day_start(date(2026, 3, 10))
    assert provider_service_1d(silver, key, first, corrected=True) is None
    last = business_day_start(date(2026, 3, 10) + 90 * DAY)
    assert provider_service_1d(silver, key, last)["offers_90d_count"] == 1
    assert provider_service_1d(silver, key, last + DAY) is None


def test_completion_landed_late_is_for_the_corrected_timeline() -> None:
    events = """
    | event     | t     | landed           | offer | provider |
    |-----------|-------|------------------|-------|----------|
    | requested | 12:00 |                  |       |          |
    | offered   | 12:01 |                  | o1    | P1       |
    | accepted  | 12:02 |                  | o1    | P1       |
    | on_scene  | 12:20 |                  |       | P1       |
    | completed | 12:50 | 2026-03-11T07:00 |       | P1       |
    """
    silver, key = silver_of(events), ("P1", "tow")
    served, corrected = (provider_service_1d(silver, key, CUT, each) for each in (False, True))
    assert (served["completed_90d_count"], served["on_scene_minutes_p50_90d"]) == (0, None)
    assert (corrected["completed_90d_count"], corrected["on_scene_minutes_p50_90d"]) == (1, 30)
    assert provider_service_1d(silver, key, CUT + DAY) == corrected


def test_rows_of_two_keys_are_written_at_every_cut_and_closed() -> None:
    silver = silver_of(
        "| event | t | offer | provider |\n| requested | 12:00 | | |\n| offered | 12:01 | o1 | P1 |"
    )
    view = VIEWS["provider_area_1d"]
    rows = rows_written(silver, view, at("12:00"), at("12:00") + 95 * DAY)
    assert len(rows) == 91
    *living, closing = rows
    assert {(row["provider_id"], row["area_id"]) for row in rows} == {("P1", A1)}
    assert {row["offers_90d_count"] for row in living} == {1}
    assert closing["offers_90d_count"] is None
    assert served_row(silver, view, ("P1", A1), CUT + 3 * DAY + timedelta(hours=3)) == rows[3]
    assert served_row(silver, view, ("P1", None), CUT) is None
    assert row_written(silver, view, ("P9", A1), CUT) is None
