"""When today's data will be ready: by hand-made graphs, and by ledgers written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from lakehouse.run_history import TickMeasured, measured_ticks
from lakehouse.settings import Settings
from roadside.graph import STEPS, Step
from roadside.promise_check import Kept, Reason, State
from roadside.promise_forecast import (
    Facts,
    Forecast,
    Lag,
    MissingTick,
    critical_path,
    forecast,
    forecast_at,
    scheduled,
)
from support.promised_nights import DATASETS, MADE, VIEWS, Nights, minutes, utc
from validation.clocks import TICK

DAY, CUT, SIX = date(2026, 3, 11), utc("2026-03-11 07:00"), utc("2026-03-11 10:00")
NO_TIME = timedelta(0)
DAILY = [name for name in MADE if name.endswith("_1d")]


def step(name: str, *reads: str) -> Step:
    return Step(name, (name,), dict.fromkeys(reads, NO_TIME))


DIAMOND = (step("a"), step("b", "a"), step("c"), step("d", "b", "c"))
SECONDS = {"a": 10.0, "b": 20.0, "c": 5.0, "d": 1.0}


@pytest.mark.parametrize(
    ("at_once", "begins", "path"),
    [
        (9, {"a": 0, "b": 10, "c": 0, "d": 30}, "a b d"),
        (2, {"a": 0, "b": 10, "c": 0, "d": 30}, "a b d"),  # b holds no place while it waits for a
        (1, {"a": 0, "b": 10, "c": 30, "d": 35}, "a b c d"),
    ],
)
def test_the_critical_path_is_the_chain_that_ends_last(
    at_once: int, begins: dict[str, float], path: str
) -> None:
    legs = scheduled(DIAMOND, SECONDS, at_once)
    assert {leg.step: leg.begin for leg in legs} == begins
    assert " ".join(leg.step for leg in critical_path(legs)) == path


def test_a_step_that_waited_for_a_place_says_so() -> None:
    path = critical_path(scheduled(DIAMOND, SECONDS, 1))
    assert [(leg.step, leg.after, leg.for_a_place) for leg in path] == [
        ("a", None, False),
        ("b", "a", False),
        ("c", "b", True),
        ("d", "c", False),
    ]


def test_with_places_for_all_the_path_is_the_longest_chain_of_the_road() -> None:
    """Against a sum along the reads that knows no places."""
    seconds = {each.name: float(len(each.name)) for each in STEPS}
    ends: dict[str, float] = {}
    for each in STEPS:
        end = seconds[each.name] + max((ends[name] for name in each.reads), default=0.0)
        ends |= dict.fromkeys(each.writes, end)
    legs = scheduled(STEPS, seconds, len(STEPS))
    assert critical_path(legs)[-1].end == max(ends.values())
    assert sum(leg.seconds for leg in critical_path(legs)) == max(ends.values())


@pytest.fixture
def nights(settings: Settings) -> Nights:
    return Nights(settings)


@pytest.fixture
def night(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> Nights:
    """Made through 06:30 UTC, 6 s a table and tick, 60 s a daily one; datasets 20 and 30 min after that."""
    monkeypatch.setenv("ROADSIDE_STEPS_AT_ONCE", "99")
    nights.make(*MADE, start=utc("2026-02-01 00:00"), end=utc("2026-03-11 06:15"), seconds=3600)
    nights.make(*DAILY, start=utc("2026-03-10 06:45"), end=utc("2026-03-10 07:00"), seconds=60)
    nights.make(*MADE, start=utc("2026-03-11 06:15"), end=utc("2026-03-11 06:30"), seconds=6)
    for day, lag in ((9, 20), (10, 30)):
        out = utc(f"2026-03-{day:02d} 08:00")
        nights.release_views(date(2026, 3, day), out)
        for name in DATASETS:
            back = 1 if name == "matching_acceptance_v1" else 2
            nights.release_day(name, date(2026, 3, day - back), out + minutes(lag))
    return nights


def foretold(nights: Nights, at: datetime) -> Forecast:
    return forecast(replace(nights.settings, steps_at_once=99), DAY, at)


def ready(found: Forecast) -> dict[str, datetime | None]:
    return {each.name: each.ready_at for each in found.things}


def test_before_the_cut_the_night_is_foretold_from_it_on(night: Nights) -> None:
    """06:45 and the cut are to come. The chain of the cut's tick, in seconds: 12 12 30 6 60 60."""
    found = foretold(night, utc("2026-03-11 06:40"))
    assert (found.missing, found.cut_begins_at) == (2, CUT)
    assert [(leg.step, leg.seconds) for leg in found.path] == [
        ("bronze.dispatch_events", 12),
        ("silver.dispatch_events", 12),
        ("silver.lifecycle", 30),
        ("silver.arrival_evidence", 6),
        ("tiles.dispatch_1d", 60),
        ("features.provider_performance_1d", 60),
    ]
    features = CUT + minutes(3)
    assert ready(found) == {
        **dict.fromkeys(VIEWS, features),
        **dict.fromkeys(DATASETS, features + minutes(25)),
    }
    assert (found.slack, found.fits) == (minutes(152), True)
    assert (found.not_measured, found.of_longer) == ((), ())


def test_a_tick_still_missing_before_the_cut_comes_first(night: Nights) -> None:
    """At 06:59 the tick of 06:45 takes 66 s, so that of the cut begins 6 s late."""
    found = foretold(night, utc("2026-03-11 06:59"))
    assert found.cut_begins_at == CUT + timedelta(seconds=6)
    assert ready(found)["area_hour_1d"] == CUT + timedelta(seconds=6 + 180)


def test_ticks_that_have_ended_are_made_as_one_and_may_cost_the_promise(night: Nights) -> None:
    """At 09:50 those of 06:45 and the cut take 180 s, then the datasets 25 min."""
    found = foretold(night, utc("2026-03-11 09:50"))
    assert (found.missing, found.cut_begins_at) == (2, utc("2026-03-11 09:50"))
    assert ready(found)["area_hour_1d"] == utc("2026-03-11 09:53")
    assert ready(found)["eta_v1"] == utc("2026-03-11 10:18")
    assert (found.slack, found.fits) == (-minutes(18), False)


@pytest.mark.parametrize(
    ("at", "runs"),
    [
        (CUT, [31]),
        (CUT - TICK, [30, 31]),
        (CUT - TICK + timedelta(seconds=880), [30, 31]),
        (CUT + timedelta(hours=1), [31]),
    ],
)
def test_an_outage_is_foretold_as_it_is_carried(at: datetime, runs: list[int]) -> None:
    """Twenty ticks lack the first steps, the tick of the cut all: what has ended is one run."""
    ticks = (*(MissingTick(CUT - n * TICK, DIAMOND[:2]) for n in range(20, 0, -1)), MissingTick(CUT, DIAMOND))
    measured = {name: TickMeasured(seconds, 3, TICK) for name, seconds in SECONDS.items()}
    found = forecast_at(DAY, at, Facts((view(),), None, ticks, measured, at_once=9))
    begins = at if len(runs) == 1 else max(CUT, at + timedelta(seconds=runs[0]))
    assert (found.missing, found.cut_begins_at) == (21, begins)
    assert ready(found)["area_hour_1d"] == begins + timedelta(seconds=31)


def test_an_outage_of_days_is_foretold_day_by_day() -> None:
    ticks = tuple(MissingTick(CUT - n * TICK, DIAMOND[:1]) for n in range(2 * 96 - 1, -1, -1))
    measured = {"a": TickMeasured(10.0, 3, TICK)}
    found = forecast_at(DAY, CUT, Facts((view(),), None, ticks, measured))
    assert ready(found)["area_hour_1d"] == CUT + timedelta(seconds=30), "of three days by the calendar, UTC"


def test_what_is_out_is_not_made_again_and_datasets_follow_the_release(night: Nights) -> None:
    night.make(*MADE, start=utc("2026-03-11 06:30"), end=CUT)
    night.release_views(DAY, utc("2026-03-11 08:00"))
    found = foretold(night, utc("2026-03-11 08:10"))
    assert (found.missing, found.path) == (0, ())
    assert {each.is_out for each in found.things if each.kind == "view"} == {True}
    assert ready(found)["eta_v1"] == utc("2026-03-11 08:25")
    later = foretold(night, utc("2026-03-11 08:40"))
    assert ready(later)["eta_v1"] == utc("2026-03-11 09:05"), "25 min from now, for it is not begun"
    night.release_night(DAY, utc("2026-03-11 09:00"))
    done = foretold(night, utc("2026-03-11 09:01"))
    assert (done.ready_at, done.fits) == (None, True)


def view(*, held: bool = False) -> Kept:
    because = Reason("held by dispatch_events since 06:15Z", "", is_hold=held) if held else None
    return Kept("view", "area_hour_1d", CUT, SIX, None, State.NOT_DUE, because=because)


def test_a_step_that_was_never_measured_leaves_it_open(night: Nights) -> None:
    ticks = (MissingTick(CUT, DIAMOND),)
    known = {name: TickMeasured(seconds, 3, TICK) for name, seconds in SECONDS.items() if name != "c"}
    dataset = Kept("dataset", "eta_v1", date(2026, 3, 9), SIX, None, State.NOT_DUE)
    found = forecast_at(DAY, CUT, Facts((view(), dataset), None, ticks, known, {}, 2))
    assert (found.not_measured, found.fits) == (("c", "eta_v1"), None)
    assert ready(found) == {"area_hour_1d": None, "eta_v1": None}
    whole = known | {"c": TickMeasured(5.0, 1, timedelta(days=2))}
    told = forecast_at(DAY, CUT, Facts((view(), dataset), None, ticks, whole, {"eta_v1": Lag(60, 1)}, 2))
    assert (told.not_measured, told.of_longer, told.fits) == ((), ("c",), True)
    assert ready(told)["eta_v1"] == CUT + timedelta(seconds=31 + 60)


def test_a_view_that_is_held_does_not_come_out_today() -> None:
    found = forecast_at(DAY, CUT, Facts((view(held=True),)))
    assert (found.fits, found.held) == (False, ("held by dispatch_events since 06:15Z",))


def test_after_six_what_nobody_measured_is_late_already() -> None:
    found = forecast_at(DAY, SIX, Facts((view(),), is_empty=True))
    assert found.fits is False


def test_a_tick_is_measured_by_runs_of_a_tick_else_by_the_shortest(nights: Nights) -> None:
    hour = {"start": utc("2026-03-10 00:00"), "end": utc("2026-03-10 01:00")}
    nights.make("silver.jobs", **hour, seconds=40)
    nights.make("silver.jobs", start=utc("2026-03-09 00:00"), end=utc("2026-03-10 00:00"), seconds=400)
    assert measured_ticks(nights.ops, "silver.jobs", with_cut=False) == TickMeasured(40, 1, minutes(60))
    for end, seconds in (("01:15", 3), ("01:30", 9), ("01:45", 4)):
        moment = utc(f"2026-03-10 {end}")
        nights.make("silver.jobs", start=moment - TICK, end=moment, seconds=seconds)
    assert measured_ticks(nights.ops, "silver.jobs", with_cut=False) == TickMeasured(4, 3, TICK)
    assert measured_ticks(nights.ops, "silver.jobs", with_cut=True) == TickMeasured(400, 1, minutes(1440))
    assert measured_ticks(nights.ops, "silver.offers", with_cut=False) is None


def test_the_command_names_the_path_and_ends_by_whether_it_fits(run: Callable, night: Nights) -> None:
    answer = run("promise", "--at", "2026-03-11T06:40Z")
    assert answer.code == 0
    assert answer.out.startswith(
        "All that is promised for 06:00 ET on 2026-03-11 (2026-03-11T10:00Z) is expected at "
        "2026-03-11T07:28Z, 2 h 32 min before the promise."
    )
    assert "99 steps at once; 2 ticks to be made through it" in answer.out
    assert "features.provider_performance_1d" in answer.out
    late = run("promise", "--at", "2026-03-11T09:50Z", "--json")
    told = json.loads(late.out)
    assert (late.code, told["fits"], told["slack"]) == (1, False, -1080.0)
    assert told["critical_path"][-1]["step"] == "features.provider_performance_1d"


def test_datasets_that_were_never_released_cannot_be_told(run: Callable, nights: Nights) -> None:
    nights.make(*MADE, start=utc("2026-02-01 00:00"), end=utc("2026-03-11 06:30"), status="published")
    answer = run("promise", "--at", "2026-03-11T06:40Z")
    assert answer.code == 6
    assert "Not measured:" in answer.out
    assert "eta_v1, eta_v2" in answer.out


def test_a_home_that_ingested_nothing_cannot_be_told(run: Callable, nights: Nights) -> None:
    nights.close("gps_pings", utc("2026-03-11 06:30"))
    answer = run("promise", "--at", "2026-03-11T06:40Z")
    assert answer.code == 6
    assert "nothing has been ingested yet" in answer.out
