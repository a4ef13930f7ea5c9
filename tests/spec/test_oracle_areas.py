"""What the oracle takes the text to mean of an area's dispatch: one small case each."""

from datetime import date, timedelta

import pytest

from support.afternoon import at, oracle_records, zone_ids
from support.dispatch_tables import dispatch_objects
from support.oracle import Silver, area_dispatch_15m, zone_demand_15m
from support.road_tables import ping_objects, status_objects

A1, Z1 = zone_ids()["A1"], zone_ids()["Z1"]
NONE = "| t |"
ACCEPTED = """
| event     | t     | landed | offer | provider | promise | actor    |
|-----------|-------|--------|-------|----------|---------|----------|
| requested | 12:00 |        |       |          |         |          |
| offered   | 12:01 |        | o1    | P1       |         |          |
| accepted  | 12:02 |        | o1    | P1       | 12:45   |          |
"""

ARRIVED_1230 = """| on_scene        | 12:30 | | | P1 | | |
| gone_on_arrival | 12:30 | | | P1 | | |
"""


def silver_of(events: str, statuses: str = NONE, pings: str = NONE) -> Silver:
    objects = [*dispatch_objects(events), *status_objects(statuses), *ping_objects(pings)]
    return Silver(oracle_records(objects))


def area(silver: Silver, tick: str, corrected: bool = False) -> dict:
    values = area_dispatch_15m(silver, A1, at(tick), corrected)
    assert values is not None
    return values


def waiting(silver: Silver, tick: str, corrected: bool = False) -> tuple:
    values = area(silver, tick, corrected)
    zone = zone_demand_15m(silver, Z1, at(tick), corrected)
    assert zone["open_unassigned_count"] == values["open_unassigned_count"]
    limits = (values[f"unassigned_over_{limit}m_count"] for limit in (10, 20, 30))
    return values["open_unassigned_count"], *limits, values["unassigned_age_minutes_p90"]


def test_job_waits_from_its_request_and_anew_from_a_retraction() -> None:
    later = """
    | unassigned | 12:20 | |    | P1 | | provider |
    | offered    | 12:41 | | o2 | P2 | |          |
    | accepted   | 12:42 | | o2 | P2 | |          |
    """
    silver = silver_of(ACCEPTED + later)
    assert waiting(silver, "12:15") == (0, 0, 0, 0, None)
    assert waiting(silver, "12:30") == (1, 0, 0, 0, 10)  # 10 minutes, not over 10
    assert waiting(silver, "12:45") == (0, 0, 0, 0, None)
    # As corrected nothing else is true: of the wait that is over, 12:30 still knows.
    assert waiting(silver, "12:30", corrected=True) == (1, 0, 0, 0, 10)


def test_retraction_of_an_acceptance_that_was_replaced_lets_nobody_wait() -> None:
    later = """
    | offered    | 12:05 | | o2 | P2 | | |
    | accepted   | 12:06 | | o2 | P2 | | |
    | unassigned | 12:07 | |    | P1 | | provider |
    """
    assert waiting(silver_of(ACCEPTED + later), "12:15") == (0, 0, 0, 0, None)


def test_acceptance_landed_late_ends_the_wait_only_as_corrected() -> None:
    silver = silver_of(ACCEPTED.replace("| accepted  | 12:02 |        |", "| accepted  | 12:02 | 12:50  |"))
    assert waiting(silver, "12:15") == (1, 1, 0, 0, 15)
    assert waiting(silver, "12:30") == (1, 1, 1, 0, 30)
    assert waiting(silver, "12:45") == (1, 1, 1, 1, 50)
    assert waiting(silver, "12:45", corrected=True) == (0, 0, 0, 0, None)
    assert waiting(silver, "13:00") == (0, 0, 0, 0, None)


def test_event_of_the_future_has_not_happened() -> None:
    ahead = ACCEPTED.replace("| accepted  | 12:02 |        |", "| accepted  | 12:20 | 12:10  |")
    silver = silver_of(ahead)
    values = area(silver, "12:15")
    assert waiting(silver, "12:15") == (1, 1, 0, 0, 15)
    assert (values["open_assignment_count"], values["offers_per_accept_60m"]) == (0, None)
    assert values["first_offer_accept_ratio_60m"] == 0.0
    assert area(silver, "12:30")["open_assignment_count"] == 1


def test_wait_is_dropped_24_hours_after_it_began() -> None:
    silver = silver_of("| event | t |\n| requested | 12:00 |")
    last = at("12:00", date(2026, 3, 11))
    assert area_dispatch_15m(silver, A1, last)["unassigned_age_minutes_p90"] == 1440
    assert area_dispatch_15m(silver, A1, last + timedelta(minutes=15))["open_unassigned_count"] == 0


def test_scheduled_jobs_and_second_tows_are_offers_but_not_demand() -> None:
    events = """
    | job | event     | t     | offer | provider | scheduled_for    | kind       |
    |-----|-----------|-------|-------|----------|------------------|------------|
    | J1  | requested | 12:00 |       |          | 2026-03-12T12:00 |            |
    | J1  | offered   | 12:01 | o1    | P1       |                  |            |
    | J2  | requested | 12:02 |       |          |                  | second_tow |
    | J3  | requested | 12:03 |       |          |                  | roadside   |
    """
    values = area(silver_of(events), "12:15")
    assert (values["requests_60m_count"], values["open_unassigned_count"]) == (1, 1)
    assert (values["offers_60m_count"], values["first_offers_60m_count"]) == (1, 1)


def test_first_offers_are_a_cohort_without_the_withdrawn() -> None:
    events = """
    | job | event           | t     | offer | provider |
    |-----|-----------------|-------|-------|----------|
    | J1  | requested       | 12:00 |       |          |
    | J1  | offered         | 12:01 | a     | P1       |
    | J1  | declined        | 12:02 | a     | P1       |
    | J1  | offered         | 12:03 | b     | P1       |
    | J1  | accepted        | 12:04 | b     | P1       |
    | J2  | requested       | 12:00 |       |          |
    | J2  | offered         | 12:01 | c     | P2       |
    | J2  | offer_withdrawn | 12:02 | c     | P2       |
    | J2  | offered         | 12:03 | d     | P2       |
    | J2  | accepted        | 12:04 | d     | P2       |
    | J3  | requested       | 12:00 |       |          |
    | J3  | offered         | 12:05 | e     | P2       |
    | J3  | accepted        | 12:06 | e     | P2       |
    """
    silver = silver_of(events)
    values = area(silver, "12:15")
    assert (values["first_offers_60m_count"], values["first_offer_accept_ratio_60m"]) == (3, 1 / 2)
    assert (values["offers_60m_count"], values["offers_per_accept_60m"]) == (5, 5 / 3)
    values = area(silver, "13:15")
    assert (values["first_offer_accept_ratio_60m"], values["offers_per_accept_60m"]) == (None, None)


def test_arrivals_are_measured_from_acceptance_and_against_the_first_promise() -> None:
    later = """
    | eta_updated     | 12:30          | |    | P1 | 13:20 | |
    | on_scene        | 12:45:00.000001| |    | P1 |       | |
    | gone_on_arrival | 12:50          | |    | P1 |       | |
    """
    silver = silver_of(ACCEPTED + later)
    early, values = area(silver, "12:45"), area(silver, "13:00")
    assert early["open_assignment_count"] == 1
    assert (values["arrivals_60m_count"], values["arrivals_4h_count"]) == (1, 1)
    assert (values["on_time_ratio_60m"], values["on_time_ratio_4h"]) == (0.0, 0.0)
    assert (values["arrival_minutes_p50_4h"], values["arrival_minutes_p90_4h"]) == (45, 45)
    assert values["arrival_minus_promise_minutes_p50_4h"] == 5
    assert values["goa_60m_count"] == 1
    assert (values["open_assignment_count"], values["overdue_assignment_count"]) == (0, 0)


def test_what_happened_on_the_edge_of_a_window_is_in_it_and_leaves_at_the_next_tick() -> None:
    silver = silver_of(ACCEPTED.replace("12:01", "12:30").replace("12:02", "12:30") + ARRIVED_1230)
    values, after = area(silver, "13:30"), area(silver, "13:45")
    assert (values["offers_60m_count"], values["offers_per_accept_60m"]) == (1, 1.0)
    assert (after["offers_60m_count"], after["offers_per_accept_60m"]) == (0, None)
    assert (values["arrivals_60m_count"], after["arrivals_60m_count"]) == (1, 0)
    assert (values["goa_60m_count"], after["goa_60m_count"]) == (1, 0)
    values, after = area(silver, "16:30"), area(silver, "16:45")
    assert (values["arrivals_4h_count"], values["on_time_ratio_4h"]) == (1, 1.0)
    assert (after["arrivals_4h_count"], after["on_time_ratio_4h"]) == (0, None)
    assert (after["arrival_minutes_p50_4h"], after["arrival_minus_promise_minutes_p50_4h"]) == (None, None)


def test_quantiles_are_of_the_ranks_they_say() -> None:
    events = "| job | event | t | offer | provider | promise |\n"
    for n in range(1, 11):  # arrive after 5, 10, ... 50 minutes, 4, 8, ... 40 past the promise
        events += f"""
        | J{n} | requested | 12:00             |      |    |               |
        | J{n} | offered   | 12:01             | o{n} | P1 |               |
        | J{n} | accepted  | 12:02             | o{n} | P1 | 12:{2 + n:02} |
        | J{n} | on_scene  | 12:{2 + 5 * n:02} |      | P1 |               |
        """
    values = area(silver_of(events), "13:00")
    assert (values["arrival_minutes_p50_4h"], values["arrival_minutes_p90_4h"]) == (25, 45)
    assert values["arrival_minus_promise_minutes_p50_4h"] == 20


def test_age_is_that_of_nine_in_ten_of_those_who_wait() -> None:
    requested = "".join(f"| J{n} | requested | 12:{5 * n:02} |\n" for n in range(10))
    silver = silver_of("| job | event | t |\n" + requested)
    # 60, 55, 50, 45, ... 15 minutes: the ninth from below is 55, in the bucket (50, 60]
    assert waiting(silver, "13:00") == (10, 10, 8, 6, 60)


def test_arrival_without_a_promise_is_no_part_of_the_on_time_ratio() -> None:
    later = "| on_scene | 12:40 | | | P1 | | |"
    values = area(silver_of(ACCEPTED.replace("12:45", "     ") + later), "12:45")
    assert (values["arrivals_60m_count"], values["on_time_ratio_60m"]) == (1, None)


@pytest.mark.parametrize(("actor", "gave_back"), [("provider", 1), ("agent", 0), ("", 0)])
def test_what_a_provider_gave_back_counts_when_it_did(actor: str, gave_back: int) -> None:
    silver = silver_of(ACCEPTED + f"| unassigned | 12:20 | | | P1 | | {actor} |")
    assert area(silver, "12:30")["gave_back_60m_count"] == gave_back
    assert area(silver, "13:30")["gave_back_60m_count"] == 0


def test_drivers_are_counted_where_their_last_fix_lies() -> None:
    statuses = """
    | driver | status    | t     |
    |--------|-----------|-------|
    | D1     | available | 12:00 |
    | D2     | on_job    | 12:00 |
    | D3     | available | 12:00 |
    | D4     | available | 12:00 |
    """
    pings = """
    | driver | t     | zone |
    |--------|-------|------|
    | D1     | 12:10 | Z1   |
    | D2     | 12:05 | Z2   |
    | D3     | 12:10 | Z1+9 |
    """
    silver = silver_of("| event | t |", statuses, pings)
    values = area(silver, "12:15")
    assert (values["drivers_on_duty_count"], values["drivers_available_count"]) == (2, 1)
    assert [area(silver, tick)["drivers_silent_count"] for tick in ("12:15", "12:30")] == [0, 2]


def test_area_lives_for_28_days_after_any_request_or_fix() -> None:
    scheduled = "| event | t | scheduled_for |\n| requested | 12:00 | 2026-04-01T12:00 |"
    for silver in (silver_of(scheduled), silver_of("| event | t |", NONE, "| t |\n| 12:00 |")):
        until = at("12:00") + timedelta(days=28)
        assert area_dispatch_15m(silver, A1, at("12:00"), corrected=True) is None
        assert area_dispatch_15m(silver, A1, until)["requests_60m_count"] == 0
        assert area_dispatch_15m(silver, A1, until + timedelta(minutes=15)) is None
