"""The arrival as pings tell it, by the oracle, one small case a rule."""

import pytest

from support.afternoon import AFTERNOON
from support.oracle import eta_v1, eta_v2
from support.pinged_job import ACCEPTED, ARRIVED, pinged, points_and_minutes

AWAY = "12:34 | | Z1+1"


def arrival_by(table: str, *pings: str) -> tuple[float, bool]:
    """Minutes from the acceptance to the arrival that counts, and whether it is the pings'."""
    first = eta_v2(pinged(table, *pings), AFTERNOON).rows[0]
    assert first["meta_stage"] == "accepted"
    return round(first["label_remaining_minutes"], 2), first["label_is_gps_apart"]


def test_arrival_by_gps_before_the_stated_one_leaves_points_after_it_out() -> None:
    assert points_and_minutes(pinged(ARRIVED)) == {"12:02": 50.0, "12:20": 32.0, "12:35": 17.0, "12:50": 2.0}
    silver = pinged(ARRIVED, "12:43")
    assert points_and_minutes(silver) == {"12:02": 41.0, "12:20": 23.0, "12:35": 8.0}
    built = eta_v2(silver, AFTERNOON)
    left_out = {"scheduled": 0, "second_tow": 0, "backdated": 0, "stale_open": 1}
    assert built.waterfall == {"decision_points": 4, **left_out, "rows": 3}
    for row in built.rows:
        left = row["label_remaining_minutes"]
        assert row["label_observed_minutes"] == left
        assert (row["label_lower_bound_minutes"], row["label_upper_bound_minutes"]) == (left, left)
        assert (row["label_status"], row["label_is_censored"]) == ("observed", False)
        assert (row["label_arrival_evidence"], row["label_is_gps_apart"]) == ("status_and_gps", True)


def test_arrival_by_gps_after_the_stated_one_takes_points_before_it_in() -> None:
    late = ACCEPTED + "| on_scene | 12:34 | | P1 | | 12:50 | |"  # known open at ticks 12:15, 12:30 and 12:45
    assert points_and_minutes(pinged(late)) == {"12:02": 32.0, "12:20": 14.0}
    silver = pinged(late, "12:40 | | Z1+1", "12:43")
    assert points_and_minutes(silver) == {"12:02": 41.0, "12:20": 23.0, "12:35": 8.0}
    assert eta_v2(silver, AFTERNOON).waterfall["stale_open"] == 1


def test_point_at_the_arrival_by_gps_is_stale_and_no_tick_is_added() -> None:
    at_it = pinged(ACCEPTED + "| on_scene | 12:58 | | P1 | | | |", "12:50")
    assert points_and_minutes(at_it) == {"12:02": 48.0, "12:20": 30.0, "12:35": 15.0}
    known_at_1230 = pinged(ACCEPTED + "| on_scene | 12:28 | | P1 | | | |", AWAY, "12:37")
    assert points_and_minutes(known_at_1230) == {"12:02": 35.0, "12:20": 17.0}


@pytest.mark.parametrize(
    ("en_route", "on_scene", "pings", "is_point"),
    [
        ("12:42", "12:52", ["12:43"], True),
        ("12:43", "12:52", ["12:43"], False),
        ("12:36", "12:28", [AWAY, "12:37"], True),
        ("12:37", "12:28", [AWAY, "12:37"], False),
    ],
)
def test_en_route_is_a_point_before_the_arrival_by_gps(
    en_route: str, on_scene: str, pings: list[str], is_point: bool
) -> None:
    table = ACCEPTED + f"| on_scene | {on_scene} | | P1 | | | |\n| en_route | {en_route} | | P1 | | | |"
    rows = eta_v2(pinged(table, *pings), AFTERNOON).rows
    assert ("en_route" in [row["meta_stage"] for row in rows]) is is_point


@pytest.mark.parametrize(
    ("pings", "arrival"),
    [
        (["12:42"], (40.0, True)),
        (["12:46:59"], (44.98, True)),
        (["12:47"], (50.0, False)),
        (["12:41:59"], (50.0, False)),  # bears nothing out
        (["13:02"], (50.0, False)),  # nobody says that he was not there before
        (["12:57 | | Z1+1", "13:00"], (50.0, False)),
        (["12:57:01 | | Z1+1", "13:00"], (58.0, True)),
        (["12:58 | | Z1+1", "13:02"], (60.0, True)),
        (["12:58 | | Z1+1", "13:02:01"], (50.0, False)),
        (["12:53", "12:58 | | Z1+1", "13:02"], (50.0, False)),  # he left again
    ],
)
def test_arrival_is_corrected_if_pings_contradict_it_by_more_than_five_minutes(
    pings: list[str], arrival: tuple
) -> None:
    assert arrival_by(ARRIVED, *pings) == arrival


def test_finding_nobody_is_not_corrected() -> None:
    silver = pinged(ACCEPTED + "| gone_on_arrival | 12:52 | | P1 | | | |", "12:43")
    assert list(points_and_minutes(silver).values()) == [50.0, 32.0, 17.0, 2.0]
    for row in eta_v2(silver, AFTERNOON).rows:
        assert (row["label_is_goa"], row["label_arrival_evidence"]) == (True, "goa")
        assert row["label_is_gps_apart"] is False
    was_there = ARRIVED + "| gone_on_arrival | 12:55 | | P1 | | | |"
    assert arrival_by(was_there, "12:43") == (41.0, True)
    assert eta_v2(pinged(was_there, "12:43"), AFTERNOON).rows[0]["label_is_goa"] is True


@pytest.mark.parametrize(
    ("pings", "arrival"),
    [
        (["12:01"], (7.0, False)),
        (["12:02"], (7.0, False)),
        (["12:02:30"], (0.5, True)),
        (["12:01", "12:03"], (7.0, False)),  # the earliest is the evidence
    ],
)
def test_ping_by_the_acceptance_corrects_nothing(pings: list[str], arrival: tuple) -> None:
    assert arrival_by(ACCEPTED + "| on_scene | 12:09 | | P1 | | | |", *pings) == arrival


def test_earliest_of_the_pings_known_when_first_borne_out_is_the_evidence() -> None:
    assert arrival_by(ARRIVED, "12:50 | 12:51", "12:43 | 12:59") == (41.0, True)  # both known at 13:00
    assert arrival_by(ARRIVED, "12:50 | 12:51", "12:43 | 13:05") == (50.0, False)  # known at 13:15
    assert arrival_by(ARRIVED, "12:43 | 13:05") == (41.0, True)  # borne out by it alone, at 13:15
    assert arrival_by(ARRIVED, "12:45 | 13:05", "12:43 | 13:16") == (43.0, True)
    assert arrival_by(ARRIVED, "12:43 | 2026-03-12T06:59") == (41.0, True)  # known at the close
    assert arrival_by(ARRIVED, "12:43 | 2026-03-12T07:00") == (50.0, False)


def test_place_of_the_job_is_that_of_the_stated_arrival() -> None:
    moved = "| job_updated | 12:03 | | | | | Z2 |\n| job_updated | 12:47 | | | | | Z1 |"
    silver = pinged(ARRIVED.replace("actor", "zone") + moved, "12:43")
    for row in eta_v2(silver, AFTERNOON).rows:
        assert (row["label_arrival_evidence"], row["label_is_gps_apart"]) == ("status_and_gps", True)


def test_another_stated_arrival_is_borne_out_anew() -> None:
    pings = ("12:50 | 12:51", "12:42 | 13:05")
    assert arrival_by(ARRIVED, *pings) == (50.0, False)
    restated = ARRIVED + "| on_scene | 12:48 | | P1 | | 13:20 | |"  # by then both pings are known
    assert arrival_by(restated, *pings) == (40.0, True)


@pytest.mark.parametrize(
    ("on_scene", "ping", "minutes"),
    [
        ("18:03", "17:57", 355.0),
        ("18:10", "18:02", 360.0),
        ("18:03", "17:58", None),  # no more than 5 minutes
    ],
)
def test_arrival_by_gps_is_observed_within_six_hours(on_scene: str, ping: str, minutes: float | None) -> None:
    silver = pinged(ACCEPTED + f"| on_scene | {on_scene} | o1 | P1 | | | |", ping)
    first = eta_v2(silver, AFTERNOON).rows[0]
    assert first["label_remaining_minutes"] == minutes
    seen = (first["label_status"], first["label_is_gps_apart"], first["label_arrival_evidence"])
    is_invalid = minutes is None
    assert seen == (("invalid_arrival", None, None) if is_invalid else ("observed", True, "status_and_gps"))


def test_arrival_that_pings_move_beyond_six_hours_is_none() -> None:
    stated = ACCEPTED + "| on_scene | 18:00 | o1 | P1 | | | |"
    (first, *_) = eta_v2(pinged(stated, "18:05:30 | | Z1+1", "18:08"), AFTERNOON).rows
    assert (first["label_status"], first["label_remaining_minutes"]) == ("invalid_arrival", None)


@pytest.mark.parametrize("ending", ["completed | 12:52", "unassigned | 12:52", "driver_assigned | 12:20"])
def test_what_did_not_end_by_an_arrival_is_not_corrected(ending: str) -> None:
    rows = eta_v2(pinged(ACCEPTED + f"| {ending} | | P1 | | | |", "12:43"), AFTERNOON).rows
    assert {row["label_status"] for row in rows} <= {"missing_milestone", "censored"}
    assert {row["label_is_gps_apart"] for row in rows} == {None}


def test_eta_v1_keeps_the_stated_arrival() -> None:
    (row,) = eta_v1(pinged(ARRIVED, "12:43"), AFTERNOON).rows
    assert (row["label_arrival_minutes"], row["label_arrival_evidence"]) == (50.0, "status_and_gps")
    assert row["label_is_gps_apart"] is True
