"""S9 at the ledger: the ticks that silence holds, from the landed objects alone.

The afternoon, with the objects and heartbeats of dispatch_events withheld from 17:41 to 18:32
while the other sources go on; then the backlog lands, stamped 18:32.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from lakehouse.completeness import Completeness
from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from simulation.landing import object_key
from support.afternoon import AFTERNOON_END, LandingObject, afternoon_objects, at, heartbeats
from validation.clocks import Interval
from validation.sources import SOURCES

DISPATCH = "dispatch_events"
SILENT_FROM, BACK_AT = at("17:41"), at("18:32")
WHOLE = Interval(at("15:30"), AFTERNOON_END)
HELD = [at("17:45"), at("18:00"), at("18:15"), at("18:30")]


def landed(silent: bool = True) -> list[LandingObject]:
    """The afternoon's objects, heartbeats at minutes 4, 9, 14, ...; dispatch's silence in the middle."""
    objects = [*afternoon_objects(with_history=False), *heartbeats(at("15:34"), AFTERNOON_END)]
    if not silent:
        return objects
    return [
        replace(each, landed_at=BACK_AT, object_id=f"{each.object_id}-{each.landed_at:%H%M%S}")
        if each.source == DISPATCH and SILENT_FROM <= each.landed_at < BACK_AT
        else each
        for each in objects
    ]


class Platform:
    """A ledger into which objects are registered as they appear."""

    def __init__(self, path: Path) -> None:
        self.ops = Ops(f"sqlite:///{path}/ops.db")
        self.ledger = LandingLedger(self.ops)

    def see(self, objects: Iterable[LandingObject], until: datetime) -> None:
        for source in SOURCES:
            found = [
                LandedObject(object_key(each.source, each.landed_at, each.object_id), each.landed_at, 10)
                for each in objects
                if each.source == source.name
            ]
            self.ledger.register(source.name, found, until)

    def close(self, until: datetime) -> None:
        for source in SOURCES:
            self.ledger.close(source.name, until)

    def held(self, source: str) -> list[datetime]:
        return sorted(Completeness(self.ops).held_ticks([source], WHOLE))


@pytest.fixture
def live(tmp_path: Path) -> Platform:
    """Each tick is registered with what had appeared by its end, and closed."""
    platform = Platform(tmp_path)
    for tick in WHOLE.ticks():
        platform.see([each for each in landed() if each.landed_at < tick], tick)
        platform.close(tick)
    return platform


def test_the_ticks_of_the_silence_are_held(live: Platform) -> None:
    assert live.held(DISPATCH) == HELD


@pytest.mark.parametrize("source", [source.name for source in SOURCES if source.name != DISPATCH])
def test_the_other_sources_hold_none(live: Platform, source: str) -> None:
    assert live.held(source) == []


def test_without_silence_no_tick_is_held(tmp_path: Path) -> None:
    platform = Platform(tmp_path)
    platform.see(landed(silent=False), WHOLE.end)
    assert platform.held(DISPATCH) == []


def test_what_is_missing_is_told(live: Platform) -> None:
    completeness = Completeness(live.ops)
    (first, *_, last) = completeness.incomplete(DISPATCH, Interval(at("17:30"), at("18:30")))
    assert (first.tick, first.found_objects, first.expected_objects) == (at("17:45"), 2, 3)
    assert (last.tick, last.found_objects, last.last_object_at) == (at("18:30"), 0, at("17:39"))
    assert completeness.last_complete_tick([DISPATCH, "gps_pings"], at("18:30")) == at("17:30")


def test_a_backfill_holds_the_same_ticks(live: Platform, tmp_path: Path) -> None:
    """Registered all at once, next year, where no tick is closed."""
    (tmp_path / "next_year").mkdir()
    backfilled = Platform(tmp_path / "next_year")
    backfilled.see(landed(), WHOLE.end)
    assert backfilled.held(DISPATCH) == live.held(DISPATCH) == HELD
    for source in SOURCES:
        entries = [backfilled.ledger.objects(source.name, WHOLE), live.ledger.objects(source.name, WHOLE)]
        assert entries[0] == entries[1]


@pytest.mark.parametrize("appears", ["18:20", "18:32"])
def test_what_appears_late_under_its_own_stamp_does_not_undo_the_hold(tmp_path: Path, appears: str) -> None:
    """A stream that stamps when it should have delivered: the ledger remembers when it did."""
    platform = Platform(tmp_path)
    for tick in WHOLE.ticks():
        withheld = tick <= at(appears)
        seen = [
            each
            for each in landed(silent=False)
            if each.landed_at < tick
            and not (withheld and each.source == DISPATCH and SILENT_FROM <= each.landed_at < at(appears))
        ]
        platform.see(seen, tick)
        platform.close(tick)
    held = [tick for tick in HELD if tick <= at(appears)]
    assert platform.held(DISPATCH) == held
    platform.see(landed(silent=False), WHOLE.end)  # registering again, all at once, changes nothing
    assert platform.held(DISPATCH) == held
