"""Silence is not zero (S9): a source that lands nothing holds the ticks of its views."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from simulation.landing import SOURCES, LandingWriter
from support.afternoon import LandingObject, afternoon_objects, at, expected, oracle_records, zone_ids
from support.dispatch_tables import dispatch_objects
from support.oracle import (
    VIEWS,
    LandedObject,
    Silver,
    business_day_start,
    held_instants,
    is_complete,
    objects_from_landing,
    provider_activity_15m,
    records_from_landing,
    row_written,
    rows_written,
    served_row,
    tick_end,
)

SILENT_FROM, BACK_AT = at("17:41"), at("18:32")
HELD = {at("17:45"), at("18:00"), at("18:15"), at("18:30")}
ACTIVITY = VIEWS["provider_activity_15m"]
FIVE_MINUTES, TICK, DAY = timedelta(minutes=5), timedelta(minutes=15), timedelta(days=1)


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The afternoon with dispatch withheld from 17:41 to 18:32; a beat a source at minutes 4, 9, 14, ..."""
    root = tmp_path_factory.mktemp("withheld")
    writer = LandingWriter(root)
    for number, each in enumerate([*afternoon_objects(), *beats(at("15:34"), at("21:00"))]):
        is_withheld = each.source == "dispatch_events" and SILENT_FROM <= each.landed_at < BACK_AT
        if is_withheld and not each.records:
            continue
        landed_at = BACK_AT if is_withheld else each.landed_at
        writer.write(each.source, landed_at, f"{each.object_id}-{number:04}", each.records)
    return root


def beats(first: datetime, end: datetime) -> list[LandingObject]:
    count = (end - first) // FIVE_MINUTES
    stamps = [first + n * FIVE_MINUTES for n in range(count)]
    return [LandingObject(source, stamp, "beat") for stamp in stamps for source in SOURCES]


@pytest.fixture(scope="module")
def silver(landed: Path) -> Silver:
    return Silver(records_from_landing(landed))


def held(landed: Path, view: str) -> frozenset[datetime]:
    return held_instants(objects_from_landing(landed), VIEWS[view], at("16:00"), at("20:45"))


@pytest.mark.parametrize("view", [view for view in VIEWS.values() if not view.is_daily], ids=lambda v: v.name)
def test_exactly_the_views_that_read_dispatch_are_held(landed: Path, view) -> None:
    assert held(landed, view.name) == (HELD if "dispatch_events" in view.sources else set())


def test_no_row_is_written_while_held_and_the_next_holds_everything(landed: Path, silver: Silver) -> None:
    ticks = held(landed, ACTIVITY.name)
    rows = rows_written(silver, ACTIVITY, at("17:15"), at("18:45"), ticks)
    written = [row["event_timestamp"] for row in rows if row["provider_id"] == "P1"]
    assert written == [at("17:30"), at("18:45")]
    on_time = Silver(oracle_records())
    for provider_id in ("P1", "P2", "P3"):
        values = provider_activity_15m(silver, provider_id, at("18:45"))
        assert values == provider_activity_15m(on_time, provider_id, at("18:45"))


def test_held_tick_is_not_what_the_next_one_is_compared_with() -> None:
    silver = Silver([each for each in oracle_records() if each.landed_at < at("17:30")])
    now, before = (provider_activity_15m(silver, "P1", at(tick)) for tick in ("17:45", "17:30"))
    assert now == before | {"tick_at": at("17:45")}
    assert row_written(silver, ACTIVITY, "P1", at("17:45")) is None
    assert row_written(silver, ACTIVITY, "P1", at("17:45"), {at("17:30")}) is not None


def test_a_beat_that_was_held_is_written_at_the_next_tick() -> None:
    silver = Silver(oracle_records())
    quiet = at("12:00") + timedelta(days=6)  # nothing has happened for days
    beat = next(tick for n in range(96) if ACTIVITY.is_heartbeat("P1", tick := quiet + n * TICK))

    def is_written(after: int, *held_after: int) -> bool:
        held_ticks = {beat + n * TICK for n in held_after}
        return row_written(silver, ACTIVITY, "P1", beat + after * TICK, held_ticks) is not None

    assert [is_written(after) for after in (-1, 0, 1)] == [False, True, False]
    assert [is_written(after, 0, 1) for after in (0, 1, 2, 3)] == [False, False, True, False]
    assert [is_written(-1, -3, -2), is_written(1, -1)] == [False, False]


@pytest.mark.parametrize(("held_ticks", "is_closed"), [(0, True), (4, True), (191, True), (192, False)])
def test_who_dies_in_the_silence_is_closed_after_it(held_ticks: int, is_closed: bool) -> None:
    silver = Silver(oracle_records())
    offers = silver.at(at("23:00")).offers.values()
    last_asked = max(each.offered_at for each in offers if each.provider_id == "P3")
    back_at = tick_end(last_asked + 28 * DAY) + held_ticks * TICK
    ticks = {back_at - n * TICK for n in range(1, held_ticks + 1)}
    row = row_written(silver, ACTIVITY, "P3", back_at, ticks)
    assert (row is not None) == is_closed
    if row is not None:
        assert set(row.values()) == {"P3", back_at, ACTIVITY.available_at(back_at), None}


@pytest.mark.parametrize("day", [date(2026, 3, 10), date(2026, 8, 2)], ids=["plain", "night of 25 hours"])
def test_daily_view_has_no_row_at_a_held_cut_and_compares_over_seven(day: date) -> None:
    requested = "| event | t | offer | provider |\n| requested | 07:00 | | |\n| offered | 07:00 | o1 | P1 |"
    silver = Silver(oracle_records(dispatch_objects(requested, day)))
    view, key = VIEWS["provider_area_1d"], ("P1", zone_ids()["A1"])
    last_live, first, second, third = (business_day_start(day + n * DAY) for n in (90, 91, 92, 93))
    assert row_written(silver, view, key, last_live)["offers_90d_count"] == 1
    assert row_written(silver, view, key, last_live, {last_live}) is None
    assert row_written(silver, view, key, first)["offers_90d_count"] is None
    assert row_written(silver, view, key, second, {first})["offers_90d_count"] is None
    assert row_written(silver, view, key, second) is None
    assert row_written(silver, view, key, third, {first, second})["offers_90d_count"] is None
    held_cuts = [business_day_start(day + n * DAY) for n in range(91, 99)]
    eighth, ninth = held_cuts[-1], business_day_start(day + 99 * DAY)
    assert row_written(silver, view, key, eighth, set(held_cuts[:-1]))["offers_90d_count"] is None
    assert row_written(silver, view, key, ninth, set(held_cuts)) is None


@pytest.mark.parametrize("row", expected("ticks"), ids=lambda row: f"{row['tick']:%H:%M}")
def test_corrected_timeline_has_the_held_ticks(silver: Silver, row: dict) -> None:
    activity = provider_activity_15m(silver, "P1", row["tick"], corrected=True)
    assert activity["offers_60m_count"] == row["P1_offers_60m"]
    assert activity["declines_60m_count"] == row["P1_declines_60m"]


def test_decision_in_the_silence_sees_the_last_tick_before_it(landed: Path, silver: Silver) -> None:
    row = served_row(silver, ACTIVITY, "P1", at("18:20"), held(landed, ACTIVITY.name))
    assert row is not None
    assert row["tick_at"] == at("17:30")
    assert row["offers_60m_count"] == 3
    after = served_row(silver, ACTIVITY, "P1", at("18:50"), held(landed, ACTIVITY.name))
    assert after["tick_at"] == at("18:45")


def test_row_may_be_read_for_two_days_of_a_silence_and_not_longer(silver: Silver) -> None:
    ticks = set(ACTIVITY.instants(at("17:30"), at("17:30") + 3 * DAY))
    last = at("17:35") + 2 * DAY
    assert served_row(silver, ACTIVITY, "P1", last, ticks)["tick_at"] == at("17:30")
    assert served_row(silver, ACTIVITY, "P1", last + timedelta(seconds=1), ticks) is None


def test_slot_holds_its_start_and_not_its_end() -> None:
    tick = at("12:15")
    for stamps, is_whole in (
        (("12:00", "12:05", "12:10"), True),
        (("12:04:59", "12:09:59", "12:14:59"), True),
        (("12:04", "12:09"), False),
        (("12:00", "12:01", "12:02", "12:10", "12:14"), False),
        (("12:04", "12:09", "12:15"), False),
        ((), True),  # nothing landed yet: not connected
        (("12:16",), True),
    ):
        assert is_complete(objects(*stamps), "gps_pings", tick) == is_whole, stamps
    assert is_complete(objects("12:04", "12:09", "12:14", source="dispatch_events"), "gps_pings", tick)


def test_heartbeat_longer_than_a_tick_asks_for_one_object_as_far_back_as_it() -> None:
    hour, landed = timedelta(hours=1), objects("12:00")
    ticks = ("12:15", "13:00", "13:15")
    assert [is_complete(landed, "gps_pings", at(tick), hour) for tick in ticks] == [True, True, False]


def test_object_seen_after_its_tick_was_closed_does_not_complete_it() -> None:
    late = LandedObject("gps_pings", at("12:14"), at("12:45"))
    assert not is_complete([*objects("12:04", "12:09"), late], "gps_pings", at("12:15"))


def objects(*stamps: str, source: str = "gps_pings") -> list[LandedObject]:
    return [LandedObject(source, at(stamp), tick_end(at(stamp))) for stamp in stamps]
