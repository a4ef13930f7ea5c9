"""What the two timelines mean, for every view: served values stay, corrected ones do not mind the landing."""

from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Any

import pytest

from support.afternoon import at, expected, oracle_records
from support.dispatch_tables import dispatch_objects
from support.oracle import VIEWS, Landed, Silver, View, tick_end
from support.oracle_views import parts_of
from support.road_tables import ping_objects, reading_objects, status_objects

EVENTS = """
| job | event     | t     | landed           | offer | provider | promise | service |
|-----|-----------|-------|------------------|-------|----------|---------|---------|
| J9  | requested | 17:25 | 17:50            |       |          |         | winch   |
| J9  | offered   | 17:26 | 17:50            | J9#1  | P1       |         |         |
| J9  | accepted  | 17:27 | 17:51            | J9#1  | P1       | 18:00   |         |
| J9  | on_scene  | 18:12 | 2026-03-11T07:10 |       | P1       |         |         |
| J9  | completed | 18:40 | 2026-03-11T07:20 |       | P1       |         |         |
"""
STATUSES = """
| driver | provider | status    | t     | landed | equipment |
|--------|----------|-----------|-------|--------|-----------|
| D4     | P2       | available | 16:30 |        | flatbed   |
| D4     | P2       | en_route  | 17:20 | 17:50  |           |
| D4     | P3       | available | 18:05 | 19:10  |           |
| D4     | P3       | offline   | 18:50 |        |           |
"""
PINGS = """
| driver | provider | zone | t     | landed | speed |
|--------|----------|------|-------|--------|-------|
| D1     | P1       | Z1   | 16:50 |        | 0     |
| D1     | P1       | Z2   | 17:40 | 18:25  | 41    |
| D1     | P1       | Z1+1 | 18:20 |        |       |
| D3     | P2       | Z2   | 17:55 | 18:20  | 33    |
| D4     | P2       | Z2   | 17:58 |        | 57    |
| D4     | P3       | Z1+4 | 18:20 | 18:50  |       |
"""
READINGS = """
| feed | zone | t     | landed | speed | free_flow |
|------|------|-------|--------|-------|-----------|
| one  | Z1   | 17:05 |        | 30    | 60        |
| two  | Z1   | 17:12 | 17:40  | 50    | 60        |
| one  | Z2   | 18:10 | 19:20  | 20    |           |
| two  | Z1+1 | 18:20 |        | 44    | 50        |
"""
CUT = at("07:00", date(2026, 3, 11))
SEEN = (
    "drivers_available_mean_8w",
    "site_latitude",
    "site_longitude",
    "is_tow_capable",
    "is_location_tracked",
)
BOTH = [view for view in VIEWS.values() if view.name != "job_state_15m"]


def records() -> list[Landed]:
    dispatch, statuses = dispatch_objects(EVENTS), status_objects(STATUSES)
    objects = [*dispatch, *statuses, *ping_objects(PINGS), *reading_objects(READINGS)]
    return [*oracle_records(), *oracle_records(objects)]


@cache
def everything() -> Silver:
    return Silver(records())


@cache
def known_by(instant: datetime) -> Silver:
    """As if nothing had landed since."""
    return Silver([each for each in records() if each.known_at <= instant])


@cache
def landed_at_once() -> Silver:
    """As if every record had landed in the moment of which it speaks."""
    return Silver(
        replace(each, landed_at=each.event_timestamp, known_at=tick_end(each.event_timestamp))
        for each in records()
    )


def instants(view: View) -> list[datetime]:
    return [CUT] if view.is_daily else [row["tick"] for row in expected("ticks")]


def values(silver: Silver, view: View, corrected: bool = False) -> dict[tuple[Any, datetime], Any]:
    everyone = everybody(view)
    return {
        (key, instant): view.values(silver, key, instant, corrected)
        for instant in instants(view)
        for key in everyone
    }


def everybody(view: View) -> list[Any]:
    """In order; of the many zones near a request or a fix, every fourth."""
    entities = sorted(view.entities(everything(), CUT), key=parts_of)
    return entities if len(entities) < 50 else entities[::4]


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.name)
def test_what_lands_later_changes_nothing_that_was_served(view: View) -> None:
    everyone = everybody(view)
    for instant in instants(view):
        living = view.entities(everything(), instant)
        for key in everyone:
            then, now = (view.values(silver, key, instant) for silver in (known_by(instant), everything()))
            assert then == now, (key, instant)
            assert now is None or key in living


@pytest.mark.parametrize("view", BOTH, ids=lambda view: view.name)
def test_corrected_is_what_would_have_been_served_had_all_landed_at_once(view: View) -> None:
    then, now = values(everything(), view, corrected=True), values(landed_at_once(), view)
    assert less_what_ticks_saw(then) == less_what_ticks_saw(now)


def less_what_ticks_saw(found: dict[Any, Any]) -> dict[Any, Any]:
    """Without what has one timeline: trucks in the daily views, as each tick or cut knew them."""
    return {
        place: each and {name: value for name, value in each.items() if "tick_at" in each or name not in SEEN}
        for place, each in found.items()
    }


@pytest.mark.parametrize("view", BOTH, ids=lambda view: view.name)
def test_the_timelines_differ_in_every_view(view: View) -> None:
    assert values(everything(), view) != values(everything(), view, corrected=True)
