"""The naive oracle gives every value that the domain text gives for its afternoon (and S1-S4, S6)."""

from datetime import date, timedelta

import pytest

from support.afternoon import AFTERNOON, afternoon_objects, at, expected, oracle_records, zone_ids
from support.oracle import (
    VIEWS,
    Landed,
    Silver,
    area_dispatch_15m,
    eta_v1,
    is_overdue,
    is_waiting,
    point_in_time,
    provider_activity_15m,
    provider_fleet_15m,
    provider_performance_1d,
    row_written,
    rows_written,
    served_row,
    tick_end,
    zone_demand_15m,
)

FINALLY = at("00:00", date(2026, 3, 12))
MINUTE, TICK, DELAY = timedelta(minutes=1), timedelta(minutes=15), timedelta(minutes=5)
ZONES = zone_ids()
TICKS = expected("ticks")
ACTIVITY = VIEWS["provider_activity_15m"]


@pytest.fixture(scope="module")
def silver() -> Silver:
    return Silver(oracle_records())


def by_tick(row: dict) -> str:
    return f"{row['tick']:%H:%M}"


@pytest.mark.parametrize("row", TICKS, ids=by_tick)
def test_provider_activity_at_every_tick(silver: Silver, row: dict) -> None:
    p1 = provider_activity_15m(silver, "P1", row["tick"])
    assert p1 is not None
    assert p1["offers_60m_count"] == row["P1_offers_60m"]
    assert p1["declines_60m_count"] == row["P1_declines_60m"]


@pytest.mark.parametrize("row", TICKS, ids=by_tick)
def test_available_drivers_at_every_tick(silver: Silver, row: dict) -> None:
    for corrected, column in ((False, "P1_available"), (True, "P1_available_corrected")):
        fleet = provider_fleet_15m(silver, "P1", row["tick"], corrected)
        assert fleet["drivers_available_count"] == row[column]


@pytest.mark.parametrize("row", TICKS, ids=by_tick)
@pytest.mark.parametrize("corrected", [False, True], ids=["served", "corrected"])
def test_zone_demand_at_every_tick(silver: Silver, row: dict, corrected: bool) -> None:
    for zone in ("Z1", "Z2"):
        demand = zone_demand_15m(silver, ZONES[zone], row["tick"], corrected)
        assert demand["requests_60m_count"] == row[f"{zone}_requests_60m"]
        assert demand["ring1_requests_60m_count"] == row["Z1_requests_60m"] + row["Z2_requests_60m"]


@pytest.mark.parametrize("row", TICKS, ids=by_tick)
@pytest.mark.parametrize("corrected", [False, True], ids=["served", "corrected"])
def test_waiting_jobs_at_every_tick(silver: Silver, row: dict, corrected: bool) -> None:
    tick = row["tick"]
    jobs = silver.before(tick, corrected).jobs.values()
    waiting = {each.job_id: each.waiting_since(tick) for each in jobs if is_waiting(each, tick)}
    assert listed(waiting, tick) == row["waiting_in_A1"]
    counts = [
        zone_demand_15m(silver, ZONES[zone], tick, corrected)["open_unassigned_count"]
        for zone in ("Z1", "Z2")
    ]
    assert sum(counts) == len(waiting)
    area = area_dispatch_15m(silver, ZONES["A1"], tick, corrected)
    ages = [tick - since for since in waiting.values()]
    assert area["open_unassigned_count"] == len(ages)
    for limit in (10, 20, 30):
        assert area[f"unassigned_over_{limit}m_count"] == sum(age > limit * MINUTE for age in ages)
    assert (area["unassigned_age_minutes_p90"] is None) == (ages == [])
    if ages:  # J8 alone, 5 and then 20 minutes: both are edges of buckets
        assert area["unassigned_age_minutes_p90"] * MINUTE == max(ages)


@pytest.mark.parametrize("row", TICKS, ids=by_tick)
@pytest.mark.parametrize("corrected", [False, True], ids=["served", "corrected"])
def test_overdue_assignments_at_every_tick(silver: Silver, row: dict, corrected: bool) -> None:
    tick = row["tick"]
    assignments = silver.before(tick, corrected).assignments.values()
    overdue = {each.job_id: each.first_promised_arrival_at for each in assignments if is_overdue(each, tick)}
    assert listed(overdue, tick) == row["overdue_corrected" if corrected else "overdue"]
    counts = [
        provider_activity_15m(silver, provider_id, tick, corrected)["overdue_assignment_count"]
        for provider_id in ("P1", "P2", "P3")
    ]
    assert sum(counts) == len(overdue)
    area = area_dispatch_15m(silver, ZONES["A1"], tick, corrected)
    assert area["overdue_assignment_count"] == len(overdue)


@pytest.mark.parametrize("row", TICKS, ids=by_tick)
@pytest.mark.parametrize("corrected", [False, True], ids=["served", "corrected"])
def test_arrivals_at_every_tick(silver: Silver, row: dict, corrected: bool) -> None:
    area = area_dispatch_15m(silver, ZONES["A1"], row["tick"], corrected)
    suffix = "_corrected" if corrected else ""
    arrivals, on_time = row[f"arrivals_60m{suffix}"], row[f"on_time_60m{suffix}"]
    assert area["arrivals_60m_count"] == arrivals
    assert area["on_time_ratio_60m"] == (on_time / arrivals if arrivals else None)


@pytest.mark.parametrize("row", expected("p1_offers"), ids=lambda row: row["offer"])
def test_what_the_model_may_see_at_an_offer_of_p1(silver: Silver, row: dict) -> None:
    usable = tick_end(row["decision"] - DELAY) - TICK
    assert usable == row["tick"]
    served = served_row(silver, ACTIVITY, "P1", row["decision"])
    assert served is not None
    assert seen(silver, usable) == (row["offers_60m"], row["declines_60m"], row["available"])
    assert served["offers_60m_count"] == row["offers_60m"]
    assert served["declines_60m_count"] == row["declines_60m"]
    ignoring = tick_end(row["decision"]) - TICK
    assert seen(silver, ignoring) == (
        row["ignoring_offers_60m"],
        row["ignoring_declines_60m"],
        row["ignoring_available"],
    )


def test_one_of_fifteen_cells_leaks_if_available_at_is_ignored() -> None:
    features = ("offers_60m", "declines_60m", "available")
    differing = [
        (row["offer"], name)
        for row in expected("p1_offers")
        for name in features
        if row[name] != row[f"ignoring_{name}"]
    ]
    assert differing == [("J6#1", "offers_60m")]


def test_looking_backwards_finds_what_a_join_over_all_rows_finds(silver: Silver) -> None:
    rows = rows_written(silver, ACTIVITY, at("16:00", date(2026, 3, 1)), at("21:00"))
    for row in expected("p1_offers"):
        own = [each for each in rows if each["provider_id"] == "P1"]
        joined = point_in_time(own, row["decision"], ACTIVITY.ttl)
        assert joined == served_row(silver, ACTIVITY, "P1", row["decision"])


def test_same_provider_asked_twice_is_two_offers(silver: Silver) -> None:  # S1
    offers = silver.at(FINALLY).offers
    for row in expected("offers"):
        offer = offers[row["offer"]]
        assert (offer.provider_id, offer.outcome) == (row["provider"], row["outcome"])
        assert f"{offer.offered_at:%H:%M:%S}" == row["offered"]
        assert f"{offer.responded_at:%H:%M:%S}" == row["answered"]
    assert len(offers) == 15 + 3
    assert [offers[f"J1#{n}"].outcome for n in (1, 3)] == ["declined", "accepted"]


def test_shuffled_or_resent_objects_change_nothing(silver: Silver) -> None:  # S1
    objects = afternoon_objects()
    resent = [each.later(timedelta(hours=3)) for each in objects]
    again = Silver(oracle_records([*reversed(resent), *reversed(objects)]))
    assert again.at(FINALLY).offers == silver.at(FINALLY).offers
    assert eta_v1(again, AFTERNOON) == eta_v1(silver, AFTERNOON)


def test_withdrawn_offer_is_not_a_no(silver: Silver) -> None:  # S2
    j4 = silver.at(FINALLY).offers["J4#1"]
    assert (j4.outcome, j4.responded_at, j4.response_seconds) == ("withdrawn", at("17:51:30"), None)
    p1 = provider_activity_15m(silver, "P1", at("19:15"))
    assert p1 is not None
    assert (p1["offer_accept_ratio_24h"], p1["offers_24h_count"]) == (2 / 4, 5)


@pytest.mark.parametrize("row", expected("eta_v1"), ids=lambda row: row["assignment"])
def test_eta_v1_row(silver: Silver, row: dict) -> None:  # S3, S4
    (built,) = [each for each in eta_v1(silver, AFTERNOON).rows if each["assignment_id"] == row["assignment"]]
    assert built["provider_id"] == row["provider"]
    assert built["incident_zone_id"] == ZONES[row["zone"]]
    assert built["incident_area_id"] == ZONES["A1"]
    assert built["service_type"] == row["service"]
    assert built["label_status"] == row["label_status"]
    assert built["label_is_censored"] == (row["label_status"] == "censored")
    assert built["label_censor_reason"] == row["label_censor_reason"]
    assert rounded(built["label_arrival_minutes"]) == row["arrival_minutes"]
    assert rounded(built["label_observed_minutes"]) == row["observed_minutes"]
    assert rounded(built["label_lower_bound_minutes"]) == row["lower_bound"]
    assert rounded(built["label_upper_bound_minutes"]) == row["upper_bound"]
    assert built["label_is_goa"] == row["is_goa"]
    assert built["label_arrival_evidence"] == row["evidence"]
    assert built["label_is_on_time"] == row["on_time"]
    assignment = silver.at(FINALLY).assignments[row["assignment"]]
    if assignment.arrived_at is not None:
        assert (assignment.arrived_at <= assignment.promised_arrival_at) == row["on_time_last_promise"]


def test_eta_v1_waterfall_sums_to_the_accepted_offers(silver: Silver) -> None:  # S3
    waterfall = eta_v1(silver, AFTERNOON).waterfall
    assert waterfall == {row["step"]: row["rows"] for row in expected("eta_v1_waterfall")}
    assert sum(waterfall.values()) == 2 * waterfall["accepted_offers"]
    assert list(waterfall) == ["accepted_offers", "scheduled", "second_tow", "backdated", "rows"]


def test_no_row_gives_one_provider_the_time_of_another(silver: Silver) -> None:  # S3
    minutes = [row["label_arrival_minutes"] for row in eta_v1(silver, AFTERNOON).rows]
    assert 36.5 not in [rounded(value) for value in minutes]


def test_window_falls_back_to_zero_with_no_event(silver: Silver) -> None:  # S6
    assert provider_activity_15m(silver, "P1", at("19:00"))["offers_60m_count"] == 1
    row = row_written(silver, ACTIVITY, "P1", at("19:15"))
    assert row is not None
    assert row["offers_60m_count"] == 0


def test_stamp_on_the_tick_belongs_to_the_next(silver: Silver) -> None:  # S6
    offer = {
        "event_id": "J9-01",
        "job_id": "J9",
        "event_type": "offered",
        "event_timestamp": "2026-03-10T19:10:00Z",
        "provider_id": "P1",
        "offer_id": "J9#1",
    }
    further = Silver([*oracle_records(), Landed("dispatch_events", offer, at("19:15:00"), "further", 1)])
    assert provider_activity_15m(further, "P1", at("19:15"))["offers_60m_count"] == 0
    assert provider_activity_15m(further, "P1", at("19:30"))["offers_60m_count"] == 1


def test_late_status_changes_no_row_as_served(silver: Silver) -> None:  # S7
    fleet = VIEWS["provider_fleet_15m"]
    available = {
        tick: tuple(
            provider_fleet_15m(silver, "P1", at(tick), corrected)["drivers_available_count"]
            for corrected in (False, True)
        )
        for tick in ("18:45", "19:00", "19:15")
    }
    assert available == {"18:45": (0, 1), "19:00": (0, 1), "19:15": (1, 1)}
    before = Silver([each for each in oracle_records() if each.landed_at < at("19:08")])
    for tick in ("18:45", "19:00"):
        assert fleet.values(before, "P1", at(tick)) == fleet.values(silver, "P1", at(tick))
        assert row_written(before, fleet, "P1", at(tick)) == row_written(silver, fleet, "P1", at(tick))


def test_provider_performance_at_the_cut_after_the_afternoon(silver: Silver) -> None:
    p1 = provider_performance_1d(silver, "P1", at("07:00", date(2026, 3, 11)))
    assert p1 is not None
    # Offers: H1#1 and the five of the afternoon, J4's withdrawn; accepted H1#1, J1#3, J3#2; J3#2 given back.
    assert (p1["offers_28d_count"], p1["offers_7d_count"], p1["accepted_28d_count"]) == (6, 5, 3)
    assert (p1["offer_accept_ratio_28d"], p1["offer_accept_ratio_7d"]) == (3 / 5, 2 / 4)
    assert (p1["reassign_ratio_28d"], p1["completion_ratio_28d"]) == (1 / 3, 2 / 3)
    # Arrivals: H1 38 minutes and 10 early, J1 54 minutes and 9 late.
    assert (p1["arrivals_28d_count"], p1["on_time_ratio_28d"], p1["goa_ratio_28d"]) == (2, 1 / 2, 0)
    assert (p1["arrival_minutes_p50_28d"], p1["arrival_minutes_p90_28d"]) == (40, 55)
    assert p1["arrival_minus_promise_minutes_p50_28d"] == -10
    assert p1["arrival_minus_promise_minutes_p90_28d"] == 10
    assert p1["response_seconds_p50_28d"] == 45  # 30, 30, 40, 60, 60 seconds
    assert (p1["gps_evidenced_arrival_ratio_28d"], p1["nps_mean_90d"], p1["nps_90d_count"]) == (0, None, 0)


def seen(silver: Silver, tick) -> tuple:
    activity = provider_activity_15m(silver, "P1", tick)
    return (
        activity["offers_60m_count"],
        activity["declines_60m_count"],
        provider_fleet_15m(silver, "P1", tick)["drivers_available_count"],
    )


def listed(since: dict, tick) -> str | None:
    """J1 8: the job and its whole minutes, as the tables list them; None for no job."""
    minutes = {job_id: (tick - start) // timedelta(minutes=1) for job_id, start in since.items()}
    return ", ".join(f"{job_id} {count}" for job_id, count in minutes.items()) or None


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
