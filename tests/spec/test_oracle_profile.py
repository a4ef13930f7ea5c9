"""What the oracle takes the text to mean of a company's profile: one small case each."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import h3
import pytest

from support.afternoon import at, oracle_records
from support.dispatch_tables import dispatch_objects
from support.oracle import VIEWS, Silver, business_day_start, row_written, rows_written
from support.oracle_profile import provider_profile_1d
from support.road_tables import cell, ping_objects, status_objects

CUT = business_day_start(date(2026, 3, 11))
DAY = timedelta(days=1)
NONE = "| t |"
# D1 stands available in Z1 at 12:15, a tick, and at no other.
ONCE = """
| status    | t     | equipment |
|-----------|-------|-----------|
| available | 12:05 | flatbed   |
| offline   | 12:20 |           |
"""
SEEN = "| t |\n| 12:10 |"
COMPLETED = """
| event     | t     | landed | offer | provider | service |
|-----------|-------|--------|-------|----------|---------|
| requested | 12:00 |        |       |          | lockout |
| offered   | 12:01 |        | o1    | P1       |         |
| accepted  | 12:02 |        | o1    | P1       |         |
| completed | 12:50 |        |       | P1       |         |
"""


def silver_of(events: str = NONE, statuses: str = NONE, pings: str = NONE) -> Silver:
    objects = [*dispatch_objects(events), *status_objects(statuses), *ping_objects(pings)]
    return Silver(oracle_records(objects))


def profile(
    silver: Silver, provider_id: str = "P1", cut: datetime = CUT, corrected: bool = False
) -> dict[str, Any]:
    values = provider_profile_1d(silver, provider_id, cut, corrected)
    assert values is not None
    return values


def place(values: dict[str, Any]) -> tuple[float | None, float | None]:
    return values["site_latitude"], values["site_longitude"]


def centre(zone: str) -> tuple[float, float]:
    latitude, longitude = h3.cell_to_latlng(cell(zone))
    return latitude, longitude


def test_companies_of_the_afternoon_and_its_history() -> None:
    # All were first asked on March 1, a Sunday: nine business days before that of the 10th.
    pings = """
    | driver | provider | zone | t     |
    |--------|----------|------|-------|
    | D3     | P2       | Z1   | 16:05 |
    | D3     | P2       | Z2   | 19:21 |
    """
    silver = Silver([*oracle_records(), *oracle_records(ping_objects(pings))])
    # D1 and D2 have flatbeds, and no fix to stand at.
    assert profile(silver, "P1") == {
        "site_latitude": None,
        "site_longitude": None,
        "service_types": ["tow"],  # H1 and J1; J3 was given back
        "is_tow_capable": True,
        "is_digital": True,
        "is_location_tracked": False,
        "territory_areas_count": 1,
        "tenure_days": 9,
    }
    # D3 in Z1 from 16:15 to 17:30, at 18:15 and at 18:30: 8 ticks; in Z2 from 19:30 to 06:45: 46.
    assert profile(silver, "P2") == {
        "site_latitude": centre("Z2")[0],
        "site_longitude": centre("Z2")[1],
        "service_types": ["fuel_delivery", "jump_start", "lockout"],  # J8, H2, J3; J5's tow is open
        "is_tow_capable": False,
        "is_digital": True,
        "is_location_tracked": True,
        "territory_areas_count": 1,
        "tenure_days": 9,
    }
    # Asked by phone alone; no driver of it is tracked.
    assert profile(silver, "P3") == {
        "site_latitude": None,
        "site_longitude": None,
        "service_types": ["flat_tire", "tow"],  # J6; H3 and J7
        "is_tow_capable": True,
        "is_digital": False,
        "is_location_tracked": False,
        "territory_areas_count": 1,
        "tenure_days": 9,
    }


def test_lives_through_trucks_only() -> None:
    silver = silver_of(NONE, ONCE, SEEN)
    assert profile(silver) == {
        "site_latitude": centre("Z1")[0],
        "site_longitude": centre("Z1")[1],
        "service_types": [],
        "is_tow_capable": True,
        "is_digital": False,
        "is_location_tracked": True,
        "territory_areas_count": 0,
        "tenure_days": None,
    }
    assert VIEWS["provider_profile_1d"].entities(silver, CUT) == {"P1"}


@pytest.mark.parametrize(
    ("statuses", "pings"),
    [
        (ONCE, NONE),  # no last zone
        (ONCE, SEEN.replace("12:10", "12:04")),  # from before it was on duty
        (ONCE.replace("available", "on_break "), SEEN),
        (ONCE.replace("12:20", "12:13"), SEEN),  # available between two ticks
    ],
)
def test_does_not_live_where_no_driver_stood_at_a_tick(statuses: str, pings: str) -> None:
    silver = silver_of(NONE, statuses, pings)
    assert provider_profile_1d(silver, "P1", CUT) is None
    assert VIEWS["provider_profile_1d"].entities(silver, CUT) == {"P1"}


def test_driver_stands_as_the_tick_knew_it_even_if_corrected() -> None:
    # Offline before the tick of 12:15, which the tick did not know; available, which it did not know.
    offline_late = "| status | t | landed |\n| available | 12:05 | 12:06 |\n| offline | 12:11 | 12:17 |"
    available_late = "| status | t | landed |\n| available | 12:05 | 12:16 |\n| offline | 12:20 | 12:21 |"
    silver = silver_of(NONE, offline_late, SEEN)
    assert place(profile(silver)) == centre("Z1")
    assert profile(silver, corrected=True) == profile(silver)
    silver = silver_of(NONE, available_late, SEEN)
    assert [provider_profile_1d(silver, "P1", CUT, corrected) for corrected in (False, True)] == [None, None]


def test_site_is_where_drivers_stood_at_most_ticks_each_by_itself() -> None:
    # Z1: D1 at 12:15. Z1+4: D2 and D3 at 12:15. Z2: D4 at 12:15, 12:30 and 12:45.
    statuses = """
    | driver | status    | t     |
    |--------|-----------|-------|
    | D1     | available | 12:05 |
    | D2     | available | 12:05 |
    | D3     | available | 12:05 |
    | D1     | offline   | 12:20 |
    | D2     | offline   | 12:20 |
    | D3     | offline   | 12:20 |
    | D4     | available | 12:05 |
    | D4     | offline   | 12:50 |
    """
    pings = """
    | driver | t     | zone |
    |--------|-------|------|
    | D1     | 12:10 | Z1   |
    | D2     | 12:10 | Z1+4 |
    | D3     | 12:10 | Z1+4 |
    | D4     | 12:10 | Z2   |
    """
    assert place(profile(silver_of(NONE, statuses, pings))) == centre("Z2")
    three = "\n".join(line for line in statuses.splitlines() if "D4" not in line)
    assert place(profile(silver_of(NONE, three, pings))) == centre("Z1+4")


def test_of_two_cells_with_as_many_ticks_it_is_the_one_whose_id_is_less() -> None:
    assert cell("Z2") < cell("Z1")
    statuses = """
    | driver | status    | t     |
    |--------|-----------|-------|
    | D1     | available | 12:05 |
    | D2     | available | 12:05 |
    | D1     | offline   | 12:20 |
    | D2     | offline   | 12:20 |
    """
    pings = """
    | driver | t     | zone |
    |--------|-------|------|
    | D1     | 12:10 | Z1   |
    | D2     | 12:10 | Z2   |
    """
    assert place(profile(silver_of(NONE, statuses, pings))) == centre("Z2")
    swapped = pings.replace("Z2", "Z3").replace("Z1", "Z2").replace("Z3", "Z1")
    assert place(profile(silver_of(NONE, statuses, swapped))) == centre("Z2")
    longer = statuses.replace("| D1     | offline   | 12:20 |", "| D1     | offline   | 12:35 |")
    assert place(profile(silver_of(NONE, longer, pings))) == centre("Z1")


def test_tick_on_a_cut_is_of_the_day_that_begins_and_leaves_after_28_business_days() -> None:
    # Available at 07:00 UTC alone, the cut of the 11th: by what happened on the business day before.
    statuses = """
    | status    | t                |
    |-----------|------------------|
    | available | 2026-03-11T06:46 |
    | offline   | 2026-03-11T07:05 |
    """
    silver = silver_of(NONE, statuses, "| t |\n| 2026-03-11T06:50 |")
    assert provider_profile_1d(silver, "P1", CUT) is None
    values = {days: profile(silver, cut=CUT + days * DAY) for days in (1, 6, 7, 28)}
    assert {place(each) for each in values.values()} == {centre("Z1")}
    assert provider_profile_1d(silver, "P1", CUT + 29 * DAY) is None
    # The fix is of the business day of the 10th, the first of the seven before the cut of the 17th.
    tracked = {days: each["is_location_tracked"] for days, each in values.items()}
    assert tracked == {1: True, 6: True, 7: False, 28: False}


@pytest.mark.parametrize(("hour", "lives"), [(7, False), (8, True)])
def test_28_business_days_with_a_short_one_begin_at_three_in_new_york(hour: int, lives: bool) -> None:
    # 28 times 24 hours before the cut of March 11 it was 02:00 in New York.
    tick = datetime(2026, 2, 11, hour, tzinfo=UTC)
    moments = [f"{tick + timedelta(minutes=each):%Y-%m-%dT%H:%M}" for each in (-14, -10, 5)]
    statuses = f"| status | t |\n| available | {moments[0]} |\n| offline | {moments[2]} |"
    silver = silver_of(NONE, statuses, f"| t |\n| {moments[1]} |")
    assert (provider_profile_1d(silver, "P1", CUT) is not None) is lives


def test_driver_that_changes_company_stood_for_each_at_its_own_ticks() -> None:
    # P1's at 12:15, in Z1; P2's at 12:30, still in Z1, and at 12:45 and 13:00, in Z2.
    statuses = """
    | provider | status    | t     | equipment |
    |----------|-----------|-------|-----------|
    | P1       | available | 12:05 |           |
    | P2       | available | 12:20 | tow       |
    | P2       | offline   | 13:05 |           |
    """
    pings = """
    | provider | t     | zone |
    |----------|-------|------|
    | P1       | 12:10 | Z1   |
    | P1       | 12:40 | Z2   |
    """
    silver = silver_of(NONE, statuses, pings)
    one, other = profile(silver, "P1"), profile(silver, "P2")
    assert (place(one), place(other)) == (centre("Z1"), centre("Z2"))
    # Nothing was declared while it was P1's; a fix is of the company that it names.
    assert (one["is_tow_capable"], other["is_tow_capable"]) == (False, True)
    assert (one["is_location_tracked"], other["is_location_tracked"]) == (True, False)


@pytest.mark.parametrize(
    ("equipment", "status", "is_tow_capable"),
    [
        ("flatbed", "available", True),
        ("winch", "available", False),
        ("", "available", False),
        ("flatbed", "on_job", False),  # at work
    ],
)
def test_tows_by_a_truck_that_stood_available(equipment: str, status: str, is_tow_capable: bool) -> None:
    statuses = f"| status | t | equipment |\n| {status} | 12:05 | {equipment} |\n| offline | 12:20 | |"
    values = profile(silver_of(COMPLETED, statuses, SEEN))
    assert (values["is_tow_capable"], values["service_types"]) == (is_tow_capable, ["lockout"])


def test_tows_by_a_tow_that_it_finished() -> None:
    values = profile(silver_of(COMPLETED.replace("lockout", "tow    ")))
    assert (values["is_tow_capable"], values["service_types"]) == (True, ["tow"])


def test_services_are_of_finished_jobs_each_once_in_order() -> None:
    events = """
    | job | event           | t     | offer | provider | service   | actor    |
    |-----|-----------------|-------|-------|----------|-----------|----------|
    | J1  | requested       | 12:00 |       |          | winch     |          |
    | J1  | offered         | 12:01 | a     | P1       |           |          |
    | J1  | accepted        | 12:02 | a     | P1       |           |          |
    | J1  | gone_on_arrival | 12:20 |       | P1       |           |          |
    | J2  | requested       | 12:00 |       |          | lockout   |          |
    | J2  | offered         | 12:01 | b     | P1       |           |          |
    | J2  | accepted        | 12:02 | b     | P1       |           |          |
    | J2  | completed       | 12:40 |       | P1       |           |          |
    | J3  | requested       | 12:00 |       |          | lockout   |          |
    | J3  | offered         | 12:01 | c     | P1       |           |          |
    | J3  | accepted        | 12:02 | c     | P1       |           |          |
    | J3  | completed       | 12:40 |       | P1       |           |          |
    | J4  | requested       | 12:00 |       |          | tow       |          |
    | J4  | offered         | 12:01 | d     | P1       |           |          |
    | J4  | accepted        | 12:02 | d     | P1       |           |          |
    | J4  | unassigned      | 12:10 |       | P1       |           | provider |
    | J5  | offered         | 12:01 | e     | P1       |           |          |
    | J5  | accepted        | 12:02 | e     | P1       |           |          |
    | J5  | completed       | 12:40 |       | P1       |           |          |
    """
    values = profile(silver_of(events))
    assert values["service_types"] == ["lockout", "winch"]  # J5's is not known
    assert values["is_tow_capable"] is False


def test_without_a_finished_job_the_list_is_empty() -> None:
    declined = """
    | event     | t     | offer | provider |
    |-----------|-------|-------|----------|
    | requested | 12:00 |       |          |
    | offered   | 12:01 | o1    | P1       |
    | declined  | 12:02 | o1    | P1       |
    """
    values = profile(silver_of(declined))
    assert (values["service_types"], values["is_tow_capable"], values["tenure_days"]) == ([], False, 0)
    assert (values["territory_areas_count"], place(values)) == (1, (None, None))


def test_completion_landed_late_is_for_the_corrected_timeline() -> None:
    silver = silver_of(COMPLETED.replace("12:50 |        |", "12:50 | 2026-03-11T07:00 |"))
    assert profile(silver)["service_types"] == []
    assert profile(silver, corrected=True)["service_types"] == ["lockout"]
    assert profile(silver, cut=CUT + DAY)["service_types"] == ["lockout"]


def test_fix_that_the_cut_did_not_know_tracks_nobody_even_if_corrected() -> None:
    pings = "| t | landed |\n| 12:10 | 2026-03-11T{} |"
    known, unknown = (silver_of(COMPLETED, NONE, pings.format(clock)) for clock in ("06:59", "07:00"))
    assert profile(known)["is_location_tracked"] is True
    assert [profile(unknown, corrected=each)["is_location_tracked"] for each in (False, True)] == [False] * 2
    assert profile(unknown, cut=CUT + DAY)["is_location_tracked"] is True


def test_fix_alone_lets_no_company_live() -> None:
    assert provider_profile_1d(silver_of(NONE, NONE, SEEN), "P1", CUT) is None


def test_tenure_goes_back_to_the_oldest_offer_of_90_business_days() -> None:
    # The first is of the business day of the 10th, from its first moment; the second of that of the
    # 11th; the third, the instant before a cut, of the 11th too.
    events = """
    | job | event   | t                   | offer | provider |
    |-----|---------|---------------------|-------|----------|
    | J1  | offered | 2026-03-10T07:00    | o1    | P1       |
    | J2  | offered | 2026-03-11T07:00    | o2    | P1       |
    | J3  | offered | 2026-03-12T06:59:59 | o3    | P1       |
    """
    silver = silver_of(events)
    first = business_day_start(date(2026, 3, 10))
    assert provider_profile_1d(silver, "P1", first, corrected=True) is None
    tenures = {days: profile(silver, cut=first + days * DAY)["tenure_days"] for days in (1, 2, 3, 90, 91)}
    assert tenures == {1: 0, 2: 1, 3: 2, 90: 89, 91: 89}
    assert provider_profile_1d(silver, "P1", first + 92 * DAY) is None


def test_offer_90_business_days_old_and_the_clock_put_forward() -> None:
    # The 90 business days before the cut of March 11 began on December 11 at 03:00 in New York, 08:00 UTC.
    events = "| event | t | offer | provider |\n| offered | 2025-12-11T{} | o1 | P1 |"
    assert provider_profile_1d(silver_of(events.format("07:59")), "P1", CUT) is None
    assert profile(silver_of(events.format("08:00")))["tenure_days"] == 89


def test_what_was_accepted_before_90_business_days_names_no_service() -> None:
    accepted = COMPLETED.replace("| accepted  | 12:02 |", "| accepted  | 2026-03-11T07:00 |")
    accepted = accepted.replace("| completed | 12:50 |", "| completed | 2026-03-11T08:00 |")
    silver = silver_of(accepted + "| offered | 2026-03-15T12:00 | | o2 | P1 | |")
    last = CUT + 90 * DAY
    assert profile(silver, cut=last)["service_types"] == ["lockout"]
    assert profile(silver, cut=last + DAY)["service_types"] == []


@pytest.mark.parametrize(
    ("channel", "answered", "is_digital"),
    [
        ("digital", "12:40", True),
        ("phone", "12:02", False),
        ("", "12:16", True),  # within 15 minutes
        ("", "12:17", False),
    ],
)
def test_digital_by_the_channel_of_an_offer(channel: str, answered: str, is_digital: bool) -> None:
    events = f"""
    | event     | t          | offer | provider | channel   |
    |-----------|------------|-------|----------|-----------|
    | requested | 12:00      |       |          |           |
    | offered   | 12:01      | o1    | P1       | {channel} |
    | declined  | {answered} | o1    | P1       |           |
    """
    assert profile(silver_of(events))["is_digital"] is is_digital


def test_digital_for_90_business_days_after_the_offer_made_so() -> None:
    events = """
    | job | event   | t                | offer | provider | channel |
    |-----|---------|------------------|-------|----------|---------|
    | J1  | offered | 12:01            | o1    | P1       | digital |
    | J2  | offered | 12:01            | o2    | P2       | digital |
    | J3  | offered | 2026-03-15T12:00 | o3    | P1       | phone   |
    """
    silver, last = silver_of(events), CUT + 89 * DAY
    values = [profile(silver, cut=cut)["is_digital"] for cut in (CUT, last, last + DAY)]
    assert values == [True, True, False]


def test_territory_is_the_areas_of_the_offers_each_once() -> None:
    events = """
    | job | event     | t     | offer | provider | zone |
    |-----|-----------|-------|-------|----------|------|
    | J1  | requested | 12:00 |       |          | Z1   |
    | J1  | offered   | 12:01 | a     | P1       |      |
    | J2  | requested | 12:00 |       |          | Z2   |
    | J2  | offered   | 12:01 | b     | P1       |      |
    | J3  | requested | 12:00 |       |          | Z1   |
    | J3  | offered   | 12:01 | c     | P1       |      |
    | J4  | offered   | 12:01 | d     | P1       |      |
    """
    objects = dispatch_objects(events)
    # Both zones lie in A1, and J4 nowhere.
    assert profile(Silver(oracle_records(objects)))["territory_areas_count"] == 1
    request_of_j3 = objects[4].records[0]
    request_of_j3["latitude"], request_of_j3["longitude"] = centre("Z1+20")
    assert profile(Silver(oracle_records(objects)))["territory_areas_count"] == 2


def test_rows_are_written_at_every_cut_and_closed() -> None:
    silver = silver_of(COMPLETED, ONCE, SEEN)
    view = VIEWS["provider_profile_1d"]
    rows = rows_written(silver, view, at("12:00"), at("12:00") + 95 * DAY)
    *living, closing = rows
    assert [row["event_timestamp"] for row in living] == [CUT + days * DAY for days in range(90)]
    assert [row["tenure_days"] for row in living] == list(range(90))
    assert sum(row["site_latitude"] is not None for row in living) == 28
    assert {name: value for name, value in closing.items() if value is not None} == {
        "provider_id": "P1",
        "event_timestamp": CUT + 90 * DAY,
        "available_at": CUT + 90 * DAY + timedelta(hours=3),
        "is_tow_capable": False,
        "is_digital": False,
        "is_location_tracked": False,
    }
    assert row_written(silver, view, "P9", CUT) is None
