"""A step that fails and a source that is silent are told before six, and nothing fits meanwhile."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest

from lakehouse.settings import Settings
from roadside.promise_check import Asked, Kept, State
from roadside.promise_forecast import Forecast, forecast
from roadside.promise_obstacles import needed_through
from support.promised_nights import MADE, NIGHTS, Nights, minutes, utc
from validation.clocks import TICK

DAY, CUT, SIX = NIGHTS[1]
HALF_PAST_FOUR = utc("2026-03-11 08:30")  # in New York
QUARTER_TO_THREE = utc("2026-03-11 06:45")
LAST_TICK = {"start": CUT - TICK, "end": CUT}
EVENTS, PRECISE = "silver.dispatch_events", "silver.dispatch_events_precise"
SOURCES = ("dispatch_events", "gps_pings", "provider_status", "service_outcomes")


@pytest.fixture
def nights(settings: Settings) -> Nights:
    """A home that made all until a quarter of an hour before the cut, and then the sources' tables."""
    nights = Nights(settings)
    nights.make(*MADE, start=utc("2026-02-01 00:00"), end=CUT - TICK, seconds=60)
    nights.make(*(name for name in MADE if name.startswith(("bronze.", "quarantine."))), **LAST_TICK)
    for day in (9, 10):
        nights.release_night(date(2026, 3, day), utc(f"2026-03-{day:02d} 08:00"))
    return nights


def foretold(nights: Nights, at: datetime = HALF_PAST_FOUR, asked: Asked | None = None) -> Forecast:
    return forecast(replace(nights.settings, spark_cores=1), DAY, at, asked)


def failing(nights: Nights, asked: Asked | None = None) -> list[tuple[str, str]]:
    return [(each.step, each.error_kind) for each in foretold(nights, asked=asked).failing]


def fail(nights: Nights, *names: str, after: float = 10, kind: str = "CheckFailed") -> None:
    """Runs over the tick of the cut that began so many minutes after it."""
    nights.make(*names, **LAST_TICK, status="failed", begun=CUT + minutes(after), error_kind=kind)


def test_without_an_obstacle_the_night_fits(nights: Nights) -> None:
    found = foretold(nights)
    assert (found.failing, found.held, found.fits) == ((), (), True)


def test_a_step_that_a_check_stopped_is_named_and_nothing_fits_until_it_ran(
    run: Callable, nights: Nights
) -> None:
    """At ten past three of the cut silver is stopped; at half past four somebody asks."""
    fail(nights, EVENTS)
    fail(nights, PRECISE, kind="Blocked")
    (found,) = foretold(nights).failing
    assert (found.step, found.interval.end, found.error_kind) == (EVENTS, CUT, "CheckFailed")
    answer = run("promise", "--at", "2026-03-11T08:30Z")
    assert answer.code == 1
    assert answer.out.startswith(
        "At 2026-03-11T08:30Z the promise of 06:00 ET on 2026-03-11 (2026-03-11T10:00Z) does not fit as "
        f"things stand: {EVENTS} failed (CheckFailed, run {found.run_id}). If that passed now, "
    )
    assert f"  next: roadside runs show {found.run_id}\n" in answer.out
    assert f"  next: roadside quality list --run {found.run_id}\n" in answer.out
    told = json.loads(run("promise", "--at", "2026-03-11T08:30Z", "--json").out)
    assert told["fits"] is False
    assert [each["run_id"] for each in told["failing"]] == [found.run_id]
    nights.make(EVENTS, PRECISE, **LAST_TICK, begun=CUT + minutes(95))
    assert (failing(nights), foretold(nights).fits) == ([], True)


def test_what_failed_otherwise_is_looked_at_as_a_run(nights: Nights) -> None:
    fail(nights, EVENTS, kind="Unreachable")
    (found,) = foretold(nights).failing
    assert found.next_steps == (f"roadside runs show {found.run_id}",)


def test_a_step_far_up_the_road_of_the_one_view_asked_for_is_named(nights: Nights) -> None:
    asked = Asked(views=("area_hour_1d",))
    fail(nights, "silver.provider_status")
    assert failing(nights, asked) == [("silver.provider_status", "CheckFailed")]
    assert failing(nights, Asked(views=("provider_service_1d",))) == [], "which reads events alone"


def test_a_step_that_nothing_promised_is_made_of_breaks_no_promise(nights: Nights) -> None:
    """The traffic of the tick of the cut is for the datasets of other days."""
    fail(nights, "features.zone_traffic_15m", "features.market_dispatch_15m")
    assert (failing(nights), foretold(nights).fits) == ([], True)


def test_only_the_last_run_over_what_is_lacking_counts(nights: Nights) -> None:
    """It runs again; or another command failed over time that is made since, or made other time since."""
    nights.make(EVENTS, start=CUT - 3 * TICK, end=CUT - TICK, status="failed", begun=CUT)
    assert failing(nights) == [], "made, whatever failed over it later"
    fail(nights, EVENTS)
    nights.make(EVENTS, start=utc("2026-03-01 00:00"), end=utc("2026-03-02 00:00"), begun=CUT + minutes(30))
    assert failing(nights) == [(EVENTS, "CheckFailed")]
    nights.make(EVENTS, **LAST_TICK, status="running", begun=CUT + minutes(60))
    assert failing(nights) == []


def test_a_run_whose_process_died_has_failed(nights: Nights) -> None:
    nights.make(EVENTS, **LAST_TICK, status="running", host=socket.gethostname())
    assert failing(nights) == [(EVENTS, "ProcessDied")]


def test_a_run_of_another_host_whose_death_nobody_sees_has_failed_after_two_hours(nights: Nights) -> None:
    nights.make(EVENTS, **LAST_TICK, status="running", begun=CUT, host="elsewhere")
    assert failing(nights) == []
    found = foretold(nights, CUT + minutes(121))
    assert [(each.step, each.error_kind) for each in found.failing] == [(EVENTS, "ProcessDied")]


def test_once_all_that_is_promised_is_out_no_failure_is_in_its_way(nights: Nights) -> None:
    fail(nights, EVENTS)
    nights.release_night(DAY, CUT + minutes(30))
    assert (failing(nights), foretold(nights).fits) == ([], True)


def test_a_dataset_needs_its_rows_to_the_close_and_features_to_its_last_decision() -> None:
    """eta_v1 of the 9th closes at the cut, two days later; matching_acceptance_v1 of the 10th ends there."""
    eta = Kept("dataset", "eta_v1", date(2026, 3, 9), SIX, None, State.NOT_DUE)
    needed = needed_through([eta])
    assert needed["silver.lifecycle"] == CUT
    assert needed["features.zone_traffic_15m"] == utc("2026-03-10 07:00")
    assert "features.provider_profile_1d" not in needed
    accepted = Kept("dataset", "matching_acceptance_v1", date(2026, 3, 10), SIX, None, State.NOT_DUE)
    assert needed_through([eta, accepted])["features.zone_demand_15m"] == CUT


def land(nights: Nights, through: datetime, **until: datetime) -> None:
    """Each source's objects until that moment, its ticks closed through another."""
    for source in SOURCES:
        nights.land(source, utc("2026-03-10 20:00"), until.get(source, through))
        nights.close(source, through)


FEED_DIES = utc("2026-03-11 04:00")  # midnight in New York


def test_a_feed_that_is_dead_is_told_before_the_cut_is_made(run: Callable, nights: Nights) -> None:
    land(nights, QUARTER_TO_THREE, dispatch_events=FEED_DIES)
    found = foretold(nights, QUARTER_TO_THREE)
    assert found.held == (
        "held now by dispatch_events (since 2026-03-11T04:15Z, by its tick of 2026-03-11T06:45Z)",
    )
    assert (found.fits, {each.ready_at for each in found.things if each.kind == "view"}) == (False, {None})
    answer = run("promise", "--at", "2026-03-11T06:45Z")
    assert answer.code == 1
    assert f"does not fit as things stand: {found.held[0]}." in answer.out
    assert "  next: roadside freshness\n" in answer.out


def test_a_feed_that_is_dead_is_told_while_the_cut_was_not_made(nights: Nights) -> None:
    """Its sources are closed through the cut, and beyond: it is judged at the cut."""
    land(nights, utc("2026-03-11 08:15"), dispatch_events=FEED_DIES)
    found = foretold(nights)
    assert found.held == (
        "held now by dispatch_events (since 2026-03-11T04:15Z, by its tick of 2026-03-11T07:00Z)",
    )
    assert found.fits is False


def test_a_feed_that_was_whole_at_the_cut_holds_no_view_though_it_died_since(nights: Nights) -> None:
    land(nights, utc("2026-03-11 08:15"), dispatch_events=CUT)
    assert (foretold(nights).held, foretold(nights).fits) == ((), True)


@pytest.mark.parametrize("at", [QUARTER_TO_THREE, QUARTER_TO_THREE + minutes(10), CUT, HALF_PAST_FOUR])
def test_a_tick_that_nobody_closed_yet_holds_nothing(nights: Nights, at: datetime) -> None:
    """What landed in it nobody has looked for, be it over for a second or for hours."""
    land(nights, utc("2026-03-11 06:30"))
    assert (foretold(nights, at).held, foretold(nights, at).fits) == ((), True)


def test_a_feed_that_came_back_holds_no_more(nights: Nights) -> None:
    land(nights, FEED_DIES)
    for source in SOURCES:
        back = utc("2026-03-11 05:00") if source == "dispatch_events" else FEED_DIES
        nights.land(source, back, QUARTER_TO_THREE)
        nights.close(source, QUARTER_TO_THREE)
    assert foretold(nights, QUARTER_TO_THREE).held == ()


def test_a_view_is_held_by_the_sources_it_reads_alone(nights: Nights) -> None:
    land(nights, QUARTER_TO_THREE, provider_status=FEED_DIES)
    found = {each.name: each.ready_at for each in foretold(nights, QUARTER_TO_THREE).things}
    assert found["area_hour_1d"] is None
    assert found["provider_service_1d"] is not None


def test_a_moment_that_is_past_is_judged_by_what_was_closed_then(nights: Nights) -> None:
    """Asked at eight of what stood at half past three, UTC: the feed lived."""
    land(nights, utc("2026-03-11 08:15"), dispatch_events=FEED_DIES)
    assert foretold(nights, utc("2026-03-11 03:30")).held == ()
