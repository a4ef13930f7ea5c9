"""When a tick of a source is complete, and what is missing where it is not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.completeness import Completeness, IncompleteTick, Stamp, incomplete_ticks
from lakehouse.landing_ledger import LandingLedger, ObjectOutcome, ObjectStatus
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from validation.clocks import TICK, Interval, tick_end

SOURCE = "dispatch_events"
FIVE = timedelta(minutes=5)
DAY = timedelta(days=1)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-10T{clock}").replace(tzinfo=UTC)


def stamps(*clocks: str) -> list[Stamp]:
    """Stamps known at their own ticks; `17:04>18:30` appeared late."""
    found = []
    for clock in clocks:
        landed_at, _, known_at = clock.partition(">")
        found.append(Stamp(at(landed_at), at(known_at) if known_at else tick_end(at(landed_at))))
    return found


def held(found: Iterable[IncompleteTick]) -> list[str]:
    return [f"{each.tick:%H:%M} {each.found_objects}/{each.expected_objects}" for each in found]


def judged(clocks: list[str], start: str, end: str, heartbeat: timedelta = FIVE) -> list[str]:
    return held(incomplete_ticks(SOURCE, stamps(*clocks), heartbeat, Interval(at(start), at(end))))


@pytest.mark.parametrize(
    ("clocks", "expected"),
    [
        (["17:00", "17:05", "17:10"], []),  # a stamp on a slot's start is inside it
        (["17:04:59", "17:09", "17:14:59"], []),
        (["17:04", "17:04:30", "17:14"], ["17:15 2/3"]),  # two in one slot do not make up for another
        (["17:00", "17:05", "17:15"], ["17:15 2/3"]),  # a stamp on the tick belongs to the next
        (["17:00", "17:05", "17:10>17:30"], ["17:15 2/3"]),  # known too late for its own tick
        ([], ["17:15 0/3"]),
    ],
)
def test_each_slot_of_a_tick_must_hold_a_stamp_known_by_then(clocks: list[str], expected: list[str]) -> None:
    assert judged(clocks, "17:00", "17:15") == expected


def test_a_heartbeat_longer_than_a_tick_asks_for_one_object_as_far_back_as_it() -> None:
    hour = timedelta(minutes=60)
    assert judged(["17:00"], "17:00", "18:15", hour) == ["18:15 0/1"]
    assert judged(["17:00>17:45"], "17:00", "18:15", hour) == ["17:15 0/1", "17:30 0/1", "18:15 0/1"]
    assert judged(["17:01"], "17:45", "18:15", timedelta(minutes=20)) == ["18:00 0/1", "18:15 0/1"]


def test_a_heartbeat_of_a_whole_tick_asks_for_one_object_in_it() -> None:
    assert judged(["17:00", "17:44"], "17:00", "17:45", TICK) == ["17:30 0/1"]


def test_what_is_missing_is_told_with_the_last_object_before() -> None:
    found = incomplete_ticks(SOURCE, stamps("17:04", "17:09"), FIVE, Interval(at("17:00"), at("17:30")))
    assert found == [
        IncompleteTick(SOURCE, at("17:15"), at("17:09"), 3, 2),
        IncompleteTick(SOURCE, at("17:30"), at("17:09"), 3, 0),
    ]


# -- over a ledger ------------------------------------------------------------------------------


class Ledger:
    """A ledger, and the verdicts over it."""

    def __init__(self, path: Path) -> None:
        ops = Ops(f"sqlite:///{path}/ops.db")
        self.entries, self.completeness = LandingLedger(ops), Completeness(ops)
        self.wide = Completeness(ops, {SOURCE: timedelta(minutes=60)})

    def land(
        self,
        *clocks: str,
        until: str,
        days_before: int = 0,
        source: str = SOURCE,
        archive: bool = False,
    ) -> list[str]:
        moments = [at(clock) - days_before * DAY for clock in clocks]
        objects = [LandedObject(_key(source, moment), moment, 10) for moment in moments]
        found = self.entries.register(source, objects, at(until) - days_before * DAY, archive)
        return [entry.key for entry in found]

    def read(self, keys: Iterable[str], lines: int) -> None:
        for key in keys:
            self.entries.record_outcome(ObjectOutcome(key, ObjectStatus.OK, lines, lines, 0, {}, 10, 1))


def _key(source: str, moment: datetime) -> str:
    return f"landing/{source}/{moment:%Y/%m/%d/%H}/{source}-{moment:%Y-%m-%d-%H-%M-%S}-a.json.gz"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


AFTER_FIVE = Interval(at("17:00"), at("18:00"))


def test_a_source_that_never_sent_an_object_holds_nothing(ledger: Ledger) -> None:
    assert ledger.completeness.held_ticks([SOURCE, "gps_pings"], AFTER_FIVE) == frozenset()
    assert ledger.completeness.last_object_at(SOURCE, at("18:00")) is None


def test_a_source_holds_nothing_before_the_tick_of_its_first_object(ledger: Ledger) -> None:
    ledger.land("17:31", "17:36", "17:41", until="18:00")
    assert held(ledger.completeness.incomplete(SOURCE, AFTER_FIVE)) == ["18:00 0/3"]
    assert ledger.completeness.incomplete(SOURCE, Interval(at("16:00"), at("17:30"))) == []


def test_an_archive_loaded_later_connects_nothing_before_the_source_was_live(ledger: Ledger) -> None:
    ledger.land("17:31", "17:36", "17:41", until="18:00")
    ledger.entries.close(SOURCE, at("18:00"))
    day = Interval(at("00:00"), at("18:00"))
    before = ledger.completeness.incomplete(SOURCE, day)
    assert ledger.land("16:01", "16:06", until="18:00", archive=True)
    assert ledger.completeness.incomplete(SOURCE, day) == before
    assert ledger.completeness.last_object_at(SOURCE, at("17:00")) is None


@pytest.mark.parametrize("heartbeat", [FIVE, timedelta(minutes=60)])
def test_a_silence_stays_held_when_an_archive_fills_it(ledger: Ledger, heartbeat: timedelta) -> None:
    completeness = ledger.completeness if heartbeat == FIVE else ledger.wide
    ledger.land("12:01", "12:06", "12:11", until="18:00")
    ledger.entries.close(SOURCE, at("18:00"))
    afternoon = Interval(at("12:00"), at("18:00"))
    before = completeness.held_ticks([SOURCE], afternoon)
    assert at("15:15") in before
    ledger.land("15:01", "15:06", "15:11", until="18:00", archive=True)
    assert completeness.held_ticks([SOURCE], afternoon) == before


def test_a_source_known_by_an_archive_alone_holds_nothing(ledger: Ledger) -> None:
    ledger.land("17:01", until="18:00", archive=True)
    assert ledger.completeness.held_ticks([SOURCE], AFTER_FIVE) == frozenset()


def test_a_tick_is_held_if_one_source_holds_it(ledger: Ledger) -> None:
    ledger.land("17:01", "17:06", "17:11", until="18:00")
    ledger.land("17:01", "17:06", "17:11", "17:16", "17:21", "17:26", until="18:00", source="gps_pings")
    sources = [SOURCE, "gps_pings"]
    assert held(ledger.completeness.incomplete("gps_pings", AFTER_FIVE)) == ["17:45 0/3", "18:00 0/3"]
    assert sorted(ledger.completeness.held_ticks(sources, AFTER_FIVE)) == [
        at("17:30"),
        at("17:45"),
        at("18:00"),
    ]
    assert ledger.completeness.last_complete_tick(sources, at("18:00")) == at("17:15")


def test_the_last_complete_tick_is_found_however_long_ago(ledger: Ledger) -> None:
    ledger.land("17:01", "17:06", "17:11", until="18:00", days_before=50)
    complete = at("17:15") - 50 * DAY
    assert ledger.completeness.last_complete_tick([SOURCE], at("18:00")) == complete


def test_before_the_first_object_every_tick_is_complete(ledger: Ledger) -> None:
    ledger.land("17:07", until="18:00")
    assert ledger.completeness.last_complete_tick([SOURCE], at("18:00")) == at("17:00")


def test_the_last_object_is_the_newest_stamp_though_a_straggler_came_after_it(ledger: Ledger) -> None:
    ledger.land("17:01", "17:14", until="17:15")
    ledger.entries.close(SOURCE, at("17:15"))
    ledger.land("17:03", until="18:00")
    (first, *_) = ledger.completeness.incomplete(SOURCE, Interval(at("17:30"), at("18:00")))
    assert first.last_object_at == at("17:14")
    assert ledger.completeness.last_object_at(SOURCE, at("18:00")) == at("17:14")


def test_a_setting_widens_the_heartbeat_of_one_source(ledger: Ledger) -> None:
    ledger.land("17:01", until="18:00")
    ledger.land("17:01", until="18:00", source="gps_pings")
    assert ledger.wide.held_ticks([SOURCE], AFTER_FIVE) == frozenset()
    assert len(ledger.wide.held_ticks(["gps_pings"], AFTER_FIVE)) == 4
    assert ledger.wide.held_ticks([SOURCE], Interval(at("18:00"), at("18:15"))) == {at("18:15")}


def test_expected_records_are_the_median_of_the_same_tick_on_seven_days(ledger: Ledger) -> None:
    assert ledger.completeness.expected_records(SOURCE, at("17:15")) is None
    for day, lines in [(1, 40), (2, 10), (3, 12), (8, 900)]:
        ledger.read(ledger.land("17:01", "17:06", until="18:00", days_before=day), lines)
    assert ledger.completeness.expected_records(SOURCE, at("17:15")) == 24
    assert ledger.completeness.expected_records(SOURCE, at("17:30")) is None
