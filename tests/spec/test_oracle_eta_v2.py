"""eta_v2 by the oracle: the afternoon row for row, then one small case a rule."""

from collections import Counter
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest

from support.afternoon import AFTERNOON, at, expected, oracle_records, zone_ids
from support.dispatch_tables import dispatch_objects
from support.oracle import Dataset, Silver, eta_v1, eta_v2
from support.oracle_eta_v2 import Point, decision_points
from support.pinged_job import ACCEPTED

DAY = timedelta(days=1)
FINALLY = at("07:00", AFTERNOON + 2 * DAY)
ROWS = expected("eta_v2")
STALE = expected("eta_v2_stale_open")
WATERFALL = expected("eta_v2_waterfall")


@pytest.fixture(scope="module")
def afternoon() -> Silver:
    return Silver(oracle_records())


@pytest.fixture(scope="module")
def built(afternoon: Silver) -> Dataset:
    return eta_v2(afternoon, AFTERNOON)


def silver_of(table: str) -> Silver:
    return Silver(oracle_records(dispatch_objects(table)))


def rows_of(table: str) -> list[dict]:
    return eta_v2(silver_of(table), AFTERNOON).rows


def points_of(silver: Silver, assignment_id: str = "o1") -> list[Point]:
    return decision_points(silver, silver.at(FINALLY).assignments[assignment_id])


def clocks(moments: list[datetime]) -> list[str]:
    return [f"{moment:%H:%M}" for moment in moments]


def decisions(table: str) -> dict[str, str]:
    return {f"{row['meta_decision_at']:%H:%M}": row["meta_stage"] for row in rows_of(table)}


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['assignment']} {row['seq']}")
def test_row_of_the_afternoon(built: Dataset, row: dict) -> None:
    key = (row["assignment"], row["decision"])
    (point,) = [each for each in built.rows if (each["assignment_id"], each["meta_decision_at"]) == key]
    assert (point["meta_stage"], point["meta_decision_seq"]) == (row["stage"], row["seq"])
    assert (point["meta_decision_date_et"], point["meta_weight"]) == (AFTERNOON, 1 / row["rows"])
    assert point["driver_id"] == row["driver"]
    assert point["label_status"] == row["label_status"]
    assert point["label_is_censored"] == (row["label_status"] == "censored")
    assert point["label_censor_reason"] == row["label_censor_reason"]
    assert rounded(point["label_remaining_minutes"]) == row["remaining_minutes"]
    assert rounded(point["label_observed_minutes"]) == row["observed_minutes"]
    assert rounded(point["label_lower_bound_minutes"]) == row["lower_bound"]
    assert rounded(point["label_upper_bound_minutes"]) == row["upper_bound"]
    assert (point["label_is_goa"], point["label_arrival_evidence"]) == (row["is_goa"], row["evidence"])
    assert point["label_is_gps_apart"] is (False if row["label_status"] == "observed" else None)


def test_rows_are_in_order_and_no_others(built: Dataset) -> None:
    keys = [(each["meta_decision_at"], each["assignment_id"]) for each in built.rows]
    assert keys == [(row["decision"], row["assignment"]) for row in ROWS]
    assert built.waterfall == {row["step"]: row["rows"] for row in WATERFALL}
    assert sum(built.waterfall.values()) == 2 * built.waterfall["decision_points"]


def test_22_rows_are_in_the_loss_and_their_weights_sum_to_6(built: Dataset) -> None:
    in_loss = [row for row in built.rows if row["label_status"] in ("observed", "censored")]
    assert Counter(row["assignment_id"] for row in in_loss) == {
        "J1#3": 5,
        "J2#1": 3,
        "J3#2": 1,
        "J3#3": 3,
        "J7#1": 7,
        "J8#3": 3,
    }
    counts = Counter(row["assignment_id"] for row in built.rows)
    assert sum(Fraction(1, counts[row["assignment_id"]]) for row in in_loss) == 6
    assert sum(row["meta_weight"] for row in built.rows) == pytest.approx(7)
    assert counts["J6#2"] == 4


def test_known_open_but_truly_over_is_stale(afternoon: Silver) -> None:
    assignments = afternoon.at(FINALLY).assignments
    of_day = [each for each in assignments.values() if each.accepted_at >= at("07:00")]
    stale = [
        (point.decision_at, each.assignment_id)
        for each in of_day
        for point in decision_points(afternoon, each)
        if point.is_stale
    ]
    assert sorted(stale) == sorted((row["decision"], row["assignment"]) for row in STALE)


def test_minutes_to_go_fall_along_an_assignment(built: Dataset) -> None:
    for assignment_id in ("J1#3", "J3#3", "J7#1", "J8#3"):
        own = [row for row in built.rows if row["assignment_id"] == assignment_id]
        left = [row["label_remaining_minutes"] for row in own]
        assert all(earlier > later for earlier, later in pairwise(left))


def test_acceptances_answer_the_question_of_eta_v1(afternoon: Silver, built: Dataset) -> None:
    first = {row["assignment_id"]: row for row in built.rows if row["meta_stage"] == "accepted"}
    before = {row["assignment_id"]: row for row in eta_v1(afternoon, AFTERNOON).rows}
    assert first.keys() == before.keys()
    for assignment_id, row in before.items():
        renamed = {**row, "label_remaining_minutes": row["label_arrival_minutes"]}
        shared = renamed.keys() & first[assignment_id].keys() - {"meta_weight"}
        assert {"provider_id", "incident_zone_id", "label_remaining_minutes"} < shared
        assert {name: renamed[name] for name in shared} == {
            name: first[assignment_id][name] for name in shared
        }


def test_features_are_those_a_reader_had_at_each_point(afternoon: Silver) -> None:
    features = {"driver_state_15m": ("duty_status",), "job_state_15m": ("stage", "promised_arrival_at")}
    rows = eta_v2(afternoon, AFTERNOON, features).rows
    seen = {
        f"{row['meta_decision_at']:%H:%M}": (
            row["driver_state_15m__duty_status"],
            row["job_state_15m__stage"],
            row["job_state_15m__promised_arrival_at"],
        )
        for row in rows
        if row["assignment_id"] == "J1#3"
    }
    # Ticks 17:15 and 17:30, read at 17:31 and 17:35, knew nothing of the 17:31 en route yet.
    assert seen == {
        "17:07": (None, None, None),
        "17:20": (None, "assigned", at("17:52")),
        "17:31": ("available", "assigned", at("17:52")),
        "17:35": ("available", "assigned", at("17:52")),
        "17:50": ("en_route", "en_route", at("18:10")),
    }


def test_twelve_ticks_at_most() -> None:
    points = points_of(silver_of(ACCEPTED))
    assert [point.stage for point in points] == ["accepted", *["open"] * 12]
    assert (points[1].decision_at, points[-1].decision_at) == (at("12:20"), at("15:05"))


def test_ticks_count_that_knew_it_open_not_that_passed() -> None:
    late = ACCEPTED.replace("12:02 | o1    | P1       |        |        |", "12:02 | o1 | P1 | | 12:16 |")
    assert clocks([point.decision_at for point in points_of(silver_of(late))][:2]) == ["12:02", "12:35"]


@pytest.mark.parametrize(
    ("accepted", "last"),
    [("12:04:59", "17:50"), ("12:05", "18:05")],  # six hours later: 18:04:59 and 18:05
)
def test_no_tick_is_read_more_than_six_hours_after_the_acceptance(accepted: str, last: str) -> None:
    table = ACCEPTED.replace(
        "| 12:02 | o1    | P1       |        |        |", f"| {accepted} | o1 | P1 | | 17:01 |"
    )
    silver = silver_of(table)
    opens = [point.decision_at for point in points_of(silver) if point.stage == "open"]
    assert clocks(opens) == ["17:20", "17:35", "17:50", "18:05"][: 3 + (last == "18:05")]
    waterfall = eta_v2(silver, AFTERNOON).waterfall
    assert waterfall["backdated"] == waterfall["decision_points"] == 1 + len(opens)


def test_twelve_ticks_include_the_stale_ones_and_the_one_at_en_route() -> None:
    en_route = ACCEPTED + "| en_route | 12:20 | o1 | P1 | D1 | | |\n"
    points = points_of(silver_of(en_route))
    assert [point.stage for point in points[:3]] == ["accepted", "en_route", "open"]
    assert clocks([points[1].decision_at, points[2].decision_at, points[-1].decision_at]) == [
        "12:20",
        "12:35",
        "15:05",
    ]
    assert len(points) == 1 + 12
    late_arrival = points_of(silver_of(ACCEPTED + "| on_scene | 12:30 | o1 | P1 | | 18:00 | |"))
    assert [point.is_stale for point in late_arrival] == [False, False, *[True] * 11]


@pytest.mark.parametrize(
    ("en_route", "is_point"),
    [("12:02", False), ("12:03", True), ("12:39:59", True), ("12:40", False), ("12:50", False)],
)
def test_en_route_is_a_point_between_acceptance_and_end(en_route: str, is_point: bool) -> None:
    table = ACCEPTED + f"| on_scene | 12:40 | | P1 | | | |\n| en_route | {en_route} | | P1 | D1 | | |"
    stages = [row["meta_stage"] for row in rows_of(table)]
    assert ("en_route" in stages) is is_point
    assert "accepted" in stages


def test_driver_is_the_last_named_by_the_decision() -> None:
    table = (
        ACCEPTED
        + """
    | driver_assigned | 12:10 |    | P1 | D1 | 12:11 | |
    | eta_updated     | 12:25 |    | P1 |    | 12:26 | |
    | en_route        | 12:35 |    | P1 | D2 | 12:36 | |
    | towing          | 12:50 |    | P2 | D9 | 12:51 | |
    | on_scene        | 13:00 |    | P1 | D3 | 13:01 | |
    """
    )
    silver = Silver(
        oracle_records(dispatch_objects(table)), token_of=lambda driver_id: f"token of {driver_id}"
    )
    named = {f"{row['meta_decision_at']:%H:%M}": row["driver_id"] for row in eta_v2(silver, AFTERNOON).rows}
    assert named == {
        "12:02": None,
        "12:20": "token of D1",
        "12:35": "token of D2",
        "12:50": "token of D2",  # P2 holds nothing here
    }


def test_filters_take_all_points_of_an_assignment_and_stale_ones_come_last() -> None:
    table = """
    | job | event     | t     | landed | offer | provider | kind       | scheduled_for    |
    |-----|-----------|-------|--------|-------|----------|------------|------------------|
    | J1  | requested | 12:00 |        |       |          | second_tow | 2026-03-11T12:00 |
    | J1  | offered   | 12:01 |        | o1    | P1       |            |                  |
    | J1  | accepted  | 12:02 | 12:30  | o1    | P1       |            |                  |
    | J1  | on_scene  | 12:50 | 13:01  | o1    | P1       |            |                  |
    | J2  | requested | 12:00 |        |       |          | second_tow |                  |
    | J2  | offered   | 12:01 |        | o2    | P1       |            |                  |
    | J2  | accepted  | 12:02 | 12:16  | o2    | P1       |            |                  |
    | J2  | on_scene  | 12:50 | 12:51  | o2    | P1       |            |                  |
    | J3  | requested | 12:00 |        |       |          | accident   |                  |
    | J3  | offered   | 12:01 |        | o3    | P1       |            |                  |
    | J3  | accepted  | 12:02 | 12:18  | o3    | P1       |            |                  |
    | J3  | on_scene  | 12:50 | 12:51  | o3    | P1       |            |                  |
    | J4  | requested | 12:00 |        |       |          | accident   |                  |
    | J4  | offered   | 12:01 |        | o4    | P1       |            |                  |
    | J4  | accepted  | 12:02 | 12:17  | o4    | P1       |            |                  |
    | J4  | on_scene  | 12:50 | 12:51  | o4    | P1       |            |                  |
    """
    # J1 is known open at ticks 12:45 and 13:00, the others at 12:30 and 12:45; at 12:50 all had arrived.
    assert eta_v2(silver_of(table), AFTERNOON).waterfall == {
        "decision_points": 4 * 3,
        "scheduled": 3,
        "second_tow": 3,
        "backdated": 3,
        "stale_open": 1,
        "rows": 2,
    }


def test_points_of_an_assignment_are_of_the_day_it_was_accepted() -> None:
    table = """
    | event       | t                | offer | provider | service | zone |
    |-------------|------------------|-------|----------|---------|------|
    | requested   | 2026-03-11T06:40 |       |          | tow     | Z1   |
    | offered     | 2026-03-11T06:50 | o1    | P1       |         |      |
    | accepted    | 2026-03-11T06:55 | o1    | P1       |         |      |
    | job_updated | 2026-03-11T07:10 |       |          | lockout | Z2   |
    | on_scene    | 2026-03-11T07:30 | o1    | P1       |         |      |
    """
    rows = rows_of(table)
    assert clocks([row["meta_decision_at"] for row in rows]) == ["06:55", "07:05", "07:20"]
    assert {row["meta_decision_date_et"] for row in rows} == {AFTERNOON}
    assert [row["local_hour_of_week"] for row in rows] == ["50", "51", "51"]  # Wednesday, 02 and 03
    # The job is the one stated by each point.
    assert [row["service_type"] for row in rows] == ["tow", "tow", "lockout"]
    assert [row["job_needs_tow"] for row in rows] == [True, True, False]
    zones = zone_ids()
    assert [row["incident_zone_id"] for row in rows] == [zones["Z1"], zones["Z1"], zones["Z2"]]
    assert eta_v2(silver_of(table), AFTERNOON + DAY).waterfall["decision_points"] == 0


def test_open_at_the_close_is_censored_there() -> None:
    *_, last = rows_of(ACCEPTED)
    assert (last["label_status"], last["label_censor_reason"]) == ("censored", "open_at_close")
    assert last["label_observed_minutes"] == (FINALLY - at("15:05")).total_seconds() / 60
    assert (last["label_remaining_minutes"], last["label_upper_bound_minutes"]) == (None, None)


def test_arrival_known_at_the_close_ends_it() -> None:
    arrived = ACCEPTED + "| on_scene | 15:02 | | P1 | | 2026-03-12T{} | |"
    in_time, too_late = (rows_of(arrived.format(clock)) for clock in ("06:59", "07:00"))
    assert [rows[-1]["label_status"] for rows in (in_time, too_late)] == ["observed", "censored"]
    assert [rows[-1]["meta_decision_at"] for rows in (in_time, too_late)] == [at("14:50"), at("15:05")]
    assert in_time[-1]["label_remaining_minutes"] == 12.0


def test_arrival_after_six_hours_is_invalid_at_every_point() -> None:
    rows = rows_of(ACCEPTED + "| on_scene | 18:02:01 | | P1 | | | |")
    assert len(rows) == 13
    for row in rows:
        assert (row["label_status"], row["label_is_censored"]) == ("invalid_arrival", False)
        assert [name for name, value in row.items() if name.endswith("_minutes") and value is not None] == []


def test_arrival_by_the_acceptance_leaves_the_acceptance_alone() -> None:
    table = ACCEPTED + "| on_scene | 12:02 | o1 | P1 | | 12:40 | |"
    (row,) = rows_of(table)
    assert (row["meta_stage"], row["label_status"]) == ("accepted", "invalid_arrival")
    assert eta_v2(silver_of(table), AFTERNOON).waterfall["stale_open"] == 2  # ticks 12:15 and 12:30


def test_job_so_far_grows_with_the_points() -> None:
    table = """
    | event     | t     | offer | provider | channel |
    |-----------|-------|-------|----------|---------|
    | requested | 12:00 |       |          |         |
    | offered   | 12:01 | o1    | P1       | phone   |
    | offered   | 12:01 | o2    | P2       |         |
    | accepted  | 12:02 | o1    | P1       |         |
    | declined  | 12:19 | o2    | P2       |         |
    | offered   | 12:30 | o3    | P1       |         |
    | declined  | 12:31 | o3    | P1       |         |
    """
    of_first = rows_of(table)[:3]
    assert clocks([row["job_decision_at"] for row in of_first]) == ["12:02", "12:20", "12:35"]
    assert [row["job_offers_so_far_count"] for row in of_first] == [2, 2, 3]
    assert [row["job_declines_so_far_count"] for row in of_first] == [0, 1, 2]
    assert [row["job_minutes_since_this_provider_declined"] for row in of_first] == [None, None, 4.0]
    assert {(row["job_channel"], row["meta_dispatch_channel"]) for row in of_first} == {("phone", "phone")}
