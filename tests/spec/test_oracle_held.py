"""Silence is not zero (S9): a source that lands nothing holds the ticks of its views."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from simulation.landing import SOURCES, LandingWriter
from support.afternoon import LandingObject, afternoon_objects, at, expected, oracle_records
from support.oracle import (
    VIEWS,
    LandedObject,
    Silver,
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
FIVE_MINUTES = timedelta(minutes=5)


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


@pytest.mark.parametrize(("days", "is_written"), [(2, False), (3, True)])
def test_after_three_days_of_silence_there_is_nothing_to_compare_with(days: int, is_written: bool) -> None:
    silver = Silver(oracle_records())
    tick = at("12:00") + timedelta(days=6)  # nothing has happened for days
    ticks = set(ACTIVITY.instants(tick - timedelta(days=days, minutes=15), tick - timedelta(minutes=15)))
    assert (row_written(silver, ACTIVITY, "P1", tick, ticks) is not None) == is_written


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


def test_object_seen_after_its_tick_was_closed_does_not_complete_it() -> None:
    late = LandedObject("gps_pings", at("12:14"), at("12:45"))
    assert not is_complete([*objects("12:04", "12:09"), late], "gps_pings", at("12:15"))


def objects(*stamps: str, source: str = "gps_pings") -> list[LandedObject]:
    return [LandedObject(source, at(stamp), tick_end(at(stamp))) for stamp in stamps]
