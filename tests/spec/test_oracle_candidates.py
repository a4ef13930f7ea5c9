"""Who could be asked, by the oracle: territory, capability, somebody on duty, the nearest; a case each.

Yesterday's jobs, more than 24 hours ago, make the daily rows that are read since 06:00 in New York, 10:00
UTC. Today's statuses are known at tick 12:15, which is read from 12:20 on.
"""

from dataclasses import replace
from datetime import timedelta

import h3
import pytest

from support.afternoon import AFTERNOON, at, oracle_records, zone_ids
from support.dispatch_tables import dispatch_objects
from support.oracle import Silver, matching_ranking_v1
from support.oracle_candidates import Question, candidates
from support.oracle_requests import km_between
from support.road_tables import cell, ping_objects, status_objects

DAY = timedelta(days=1)
YESTERDAY = AFTERNOON - DAY
HERE = h3.cell_to_latlng(zone_ids()["Z1"])
ELSEWHERE = h3.cell_to_parent(cell("Z1+9"), 6)
NONE = "| t |"
HEAD = """
| job | event | t | offer | provider | service | channel |
|-----|-------|---|-------|----------|---------|---------|
"""


def jobs(*of: tuple[str, str, str]) -> str:
    """Yesterday's jobs in Z1, of (provider, service, how it went on after the offer)."""
    rows = []
    for number, (provider_id, service, course) in enumerate(of):
        job = f"Y{number}"
        rows += [
            f"| {job} | requested | 11:00 | | | {service} | |",
            f"| {job} | offered | 11:01 | {job}#1 | {provider_id} | | digital |",
            *(f"| {job} | {event} | 11:10 | {job}#1 | {provider_id} | | |" for event in course.split()),
        ]
    return HEAD + "\n".join(rows)


def on_duty(*providers: str, status: str = "on_job") -> str:
    rows = (f"| D{each} | {each} | {status} | 12:00 |" for each in providers)
    return "\n".join(["| driver | provider | status | t |", *rows])


def at_zones(**zones: str) -> str:
    """A ping of a provider's driver in a zone: P1="Z1+4"."""
    rows = (f"| D{each} | {each} | {zone} | 12:10 |" for each, zone in zones.items())
    return "\n".join(["| driver | provider | zone | t |", *rows])


def asked(
    yesterday: str = NONE,
    statuses: str = NONE,
    pings: str = NONE,
    service: str | None = "lockout",
    more: tuple = (),
) -> Question:
    objects = [
        *dispatch_objects(yesterday, YESTERDAY),
        *status_objects(statuses),
        *ping_objects(pings),
        *more,
    ]
    return Question(Silver(oracle_records(objects)), at("12:20"), HERE, zone_ids()["A1"], service)


def test_territory_is_an_offer_in_the_area() -> None:
    question = asked(jobs(("P1", "tow", "declined")), on_duty("P1", "P2"))
    assert candidates(question) == ["P1"]
    assert candidates(replace(question, area_id=ELSEWHERE)) == []


def test_offers_of_the_day_make_no_territory_yet() -> None:
    today = dispatch_objects(jobs(("P1", "lockout", "completed")).replace("11:", "08:"))
    question = asked(statuses=on_duty("P1"), more=tuple(today))
    assert candidates(question) == []
    assert candidates(replace(question, decision_at=at("09:59:59", AFTERNOON + DAY))) == []
    later = status_objects(on_duty("P1"), AFTERNOON + DAY)
    question = asked(statuses=on_duty("P1"), more=(*today, *later))
    assert candidates(replace(question, decision_at=at("12:20", AFTERNOON + DAY))) == ["P1"]


@pytest.mark.parametrize(
    ("zone", "within_25", "within_50"), [("Z1+9", 1, 1), ("Z1+14", 0, 1), ("Z1+25", 0, 0)]
)
def test_territory_is_an_available_driver_near_and_further_where_the_area_is_sparse(
    zone: str, within_25: bool, within_50: bool
) -> None:
    km = km_between(HERE, h3.cell_to_latlng(cell(zone)))
    assert (km <= 24, km <= 49) == (within_25, within_50)
    assert not 24 < km < 26
    assert not 49 < km < 51
    statuses, pings = on_duty("P0", status="available"), at_zones(P0=zone)
    # All have territory, and nobody of theirs is on duty.
    at_home = [(f"P{number}", "tow", "declined") for number in range(1, 6)]
    assert candidates(asked(jobs(*at_home[:4]), statuses, pings)) == ["P0"] * within_50
    assert candidates(asked(jobs(*at_home), statuses, pings)) == ["P0"] * within_25


def test_driver_gives_territory_if_available_and_whatever_the_truck() -> None:
    pings = at_zones(P1="Z1", P2="Z1", P3="Z1")
    statuses = """
    | driver | provider | status    | t     | equipment |
    |--------|----------|-----------|-------|-----------|
    | DP1    | P1       | available | 12:00 | jump_pack |
    | DP2    | P2       | en_route  | 12:00 | flatbed   |
    | DP3    | P3       | on_break  | 12:00 |           |
    """
    assert candidates(asked(NONE, statuses, pings)) == ["P1"]
    tow = asked(jobs(("P1", "tow", "accepted completed")), statuses, pings, service="tow")
    assert candidates(replace(tow, area_id=ELSEWHERE)) == ["P1"]  # its tow gives no territory there


TOWED, STOOD = ("P1", "tow", "accepted completed"), ("P2", "lockout", "declined")
ACCEPTED, LOCKED = ("P3", "tow", "accepted"), ("P4", "lockout", "accepted completed")
STOOD_WITH_A_FLATBED = (
    *status_objects(
        "| driver | provider | status | t | equipment |\n| S | P2 | available | 12:05 | tow |", YESTERDAY
    ),
    *ping_objects("| driver | provider | t |\n| S | P2 | 12:10 |", YESTERDAY),
)


@pytest.mark.parametrize(
    ("service", "capable"),
    [
        ("tow", ["P1", "P2"]),  # finished a tow; stood there with a flatbed
        ("lockout", ["P1", "P2", "P3", "P4"]),  # needs no equipment
        ("winch_out", ["P1", "P2", "P3", "P4"]),
        (None, ["P1", "P2"]),  # whatever it may be, a tow truck will do
    ],
)
def test_capability_is_a_finished_job_or_equipment(service: str | None, capable: list[str]) -> None:
    statuses = on_duty("P1", "P2", "P3", "P4")
    question = asked(
        jobs(TOWED, STOOD, ACCEPTED, LOCKED), statuses, service=service, more=STOOD_WITH_A_FLATBED
    )
    assert sorted(candidates(question)) == capable


@pytest.mark.parametrize(
    ("status", "is_on_duty"),
    [("available", True), ("en_route", True), ("on_job", True), ("on_break", True), ("offline", False)],
)
def test_tracked_provider_is_on_duty_while_a_driver_is_not_offline(status: str, is_on_duty: bool) -> None:
    yesterday = jobs(("P1", "lockout", "declined")).replace("11:", "14:")  # asked in 24 hours, too
    question = asked(yesterday, on_duty("P1", status=status), at_zones(P1="Z1"))
    assert candidates(question) == ["P1"] * is_on_duty


def test_provider_nobody_tracks_is_on_duty_if_asked_in_24_hours() -> None:
    yesterday = jobs(("P1", "lockout", "declined"), ("P2", "lockout", "declined")).replace("11:", "14:")
    question = asked(yesterday, on_duty("P2", status="offline"))  # P2 has drivers, but no fix of 7 days
    assert candidates(question) == ["P1", "P2"]
    a_day_later = [
        (clock, candidates(replace(question, decision_at=at(clock)))) for clock in ("14:19:59", "14:20")
    ]
    assert a_day_later == [
        ("14:19:59", ["P1", "P2"]),
        ("14:20", []),
    ]  # tick 14:15: asked at 14:01 the day before


def test_status_counts_when_it_can_be_read() -> None:
    question = asked(jobs(("P1", "lockout", "declined")), on_duty("P1"))
    assert candidates(question) == ["P1"]
    assert candidates(replace(question, decision_at=at("12:19:59"))) == []


def test_nothing_is_near_a_job_without_a_place() -> None:
    question = asked(NONE, on_duty("P1", status="available"), at_zones(P1="Z1"))
    assert candidates(question) == ["P1"]
    assert candidates(replace(question, place=None, area_id=None)) == []


def test_nearest_come_first_by_driver_else_by_site_else_by_name() -> None:
    statuses = """
    | driver | provider | status    | t     | equipment |
    |--------|----------|-----------|-------|-----------|
    | DP1    | P1       | on_job    | 12:00 |           |
    | DP2    | P2       | on_job    | 12:00 |           |
    | DP3    | P3       | available | 12:00 | jump_pack |
    | DP4    | P4       | available | 12:00 | flatbed   |
    | DP5    | P5       | available | 12:00 | jump_pack |
    | EP5    | P5       | available | 12:00 | flatbed   |
    | DP6    | P6       | available | 12:00 | flatbed   |
    """
    pings = """
    | driver | provider | zone | t     |
    |--------|----------|------|-------|
    | DP3    | P3       | Z1+6 | 12:10 |
    | DP4    | P4       | Z1+2 | 12:10 |
    | DP5    | P5       | Z1   | 12:10 |
    | EP5    | P5       | Z1+8 | 12:10 |
    | DP6    | P6       | Z1+2 | 12:10 |
    """
    # P1's site is four cells away, and P3's at the job; P2 has none.
    stood = (
        "| driver | provider | status | t |\n| S | P1 | available | 12:05 |\n| U | P3 | available | 12:05 |"
    )
    fixes = "| driver | provider | zone | t |\n| S | P1 | Z1+4 | 12:10 |\n| U | P3 | Z1 | 12:10 |"
    sites = (*status_objects(stood, YESTERDAY), *ping_objects(fixes, YESTERDAY))
    providers = [f"P{number}" for number in range(1, 7)]
    yesterday = jobs(*((each, "tow", "accepted completed") for each in providers))
    question = asked(yesterday, statuses, pings, service="lockout", more=sites)
    assert candidates(question) == ["P5", "P4", "P6", "P1", "P3", "P2"]
    # A tow truck of P5 is further away, and P3 has none available: its site is near.
    tow = replace(question, service_type="tow")
    assert candidates(tow) == ["P3", "P4", "P6", "P1", "P5", "P2"]
    assert candidates(tow, most=2) == ["P3", "P4"]


def test_fifty_at_most() -> None:
    providers = [f"P{number:02}" for number in range(52)]
    yesterday = jobs(*((each, "lockout", "declined") for each in providers))
    assert candidates(asked(yesterday, on_duty(*providers))) == providers[:50]


def test_recall_is_measured_after_the_cap() -> None:
    today = """
    | event     | t     | offer | provider | service |
    |-----------|-------|-------|----------|---------|
    | requested | 12:25 |       |          | lockout |
    | offered   | 12:30 | o1    | P2       |         |
    """
    yesterday = jobs(("P1", "lockout", "declined"), ("P2", "lockout", "declined"))
    silver = asked(yesterday, on_duty("P1", "P2"), more=tuple(dispatch_objects(today))).silver
    for most, source, inside in ((50, "rule", 1), (1, "offered_outside_rule", 0)):
        built = matching_ranking_v1(silver, AFTERNOON, most_candidates=most)
        assert [row["meta_candidate_source"] for row in built.rows] == ["rule", source]
        assert [row["label_status"] for row in built.rows] == ["unobserved", "censored"]
        assert [(each.inside_count, each.offered_count) for each in built.recalls] == [(inside, 1)]
