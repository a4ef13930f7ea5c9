"""When today's data will be ready: by hand-made graphs, and by ledgers written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest

from lakehouse.settings import Settings
from roadside.commands.promise import forecast_sentence
from roadside.durations import Took, Work
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
from roadside.step_times import StepTimes
from support.promised_nights import DATASETS, MADE, NIGHTS, VIEWS, Nights, minutes, utc
from validation.clocks import TICK

DAY, CUT, SIX = NIGHTS[1]
NO_TIME, SECOND = timedelta(0), timedelta(seconds=1)


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


@dataclass(frozen=True)
class Night:
    """A night until half an hour before its cut."""

    nights: Nights
    day: date
    cut: datetime
    six: datetime

    def foretold(self, at: datetime) -> Forecast:
        return forecast(replace(self.nights.settings, steps_at_once=99, spark_cores=1), self.day, at)


BEFORE = {
    date(2026, 3, 8): utc("2026-03-07 08:00"),
    date(2026, 3, 11): utc("2026-03-10 07:00"),
    date(2026, 11, 1): utc("2026-10-31 07:00"),
}
"""The cut of the day before."""


@pytest.fixture
def nights(settings: Settings) -> Nights:
    return Nights(settings)


@pytest.fixture(params=NIGHTS, ids=lambda night: str(night[0]))
def night(request: pytest.FixtureRequest, nights: Nights, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A step takes 5.9 s a table and 0.1 s more a tick, a daily one 60 s; datasets came in 20 and 30 min."""
    monkeypatch.setenv("ROADSIDE_STEPS_AT_ONCE", "99")
    monkeypatch.setenv("ROADSIDE_SPARK_CORES", "1")
    day, cut, six = request.param
    nights.make(*MADE, start=cut - timedelta(days=35), end=cut - 2 * TICK)
    measured(nights, BEFORE[day])
    for back, out, lag in ((2, BEFORE[day] - timedelta(hours=23), 20), (1, BEFORE[day] + minutes(60), 30)):
        nights.release_views(day - timedelta(days=back), out)
        for name in DATASETS:
            closed = back + (1 if name == "matching_acceptance_v1" else 2)
            nights.release_day(name, day - timedelta(days=closed), out + minutes(lag))
    return Night(nights, day, cut, six)


def measured(nights: Nights, cut: datetime) -> None:
    """Runs over few ticks and over a day, the daily ones over the tick of the cut."""
    lengths = list(enumerate((1, 1, 1, 1, 2, 4, 96)))
    for each in STEPS:
        if each.is_daily:
            nights.time(each.name, *((cut - timedelta(days=n), 1, 60.0) for n in range(4)))
        else:
            ends = [(cut - n * timedelta(days=1, hours=1), ticks) for n, ticks in lengths]
            tables = len(each.writes)
            nights.time(each.name, *((end, ticks, tables * (5.9 + 0.1 * ticks)) for end, ticks in ends))


def ready(found: Forecast) -> dict[str, datetime | None]:
    return {each.name: _second(each.ready_at) for each in found.things}


def _second(moment: datetime | None) -> datetime | None:
    return None if moment is None else (moment + timedelta(seconds=0.5)).replace(microsecond=0)


def test_before_the_cut_the_night_is_foretold_from_it_on(night: Night) -> None:
    """Two ticks are to come. The chain of the cut's, in seconds: 12 12 30 6 60 60."""
    found = night.foretold(night.cut - minutes(20))
    assert (found.missing, found.cut_begins_at, found.promised_at) == (2, night.cut, night.six)
    assert [(leg.step, round(leg.seconds, 6)) for leg in found.path] == [
        ("bronze.dispatch_events", 12),
        ("silver.dispatch_events", 12),
        ("silver.lifecycle", 30),
        ("silver.arrival_evidence", 6),
        ("tiles.dispatch_1d", 60),
        ("features.provider_performance_1d", 60),
    ]
    features = night.cut + minutes(3)
    assert ready(found) == {
        **dict.fromkeys(VIEWS, features),
        **dict.fromkeys(DATASETS, features + minutes(25)),
    }
    assert found.slack == pytest.approx(minutes(152), abs=SECOND)
    assert (found.fits, found.not_measured, found.at_most) == (True, (), ())


def test_two_nights_of_a_dataset_make_a_guess_of_half_to_twice_the_time(night: Night) -> None:
    found = night.foretold(night.cut - minutes(20))
    assert found.is_guess
    assert _second(found.soonest_at) == night.cut + minutes(3 + 12.5)
    assert _second(found.latest_at) == night.cut + minutes(3 + 50)


def test_a_night_whose_datasets_waited_for_a_person_tells_nothing_of_others(night: Night) -> None:
    """Six hours behind the features once would make each night late for weeks."""
    out = BEFORE[night.day] - timedelta(hours=47)
    night.nights.release_views(night.day - timedelta(days=3), out)
    for name in DATASETS:
        closed = 3 + (1 if name == "matching_acceptance_v1" else 2)
        night.nights.release_day(name, night.day - timedelta(days=closed), out + minutes(360))
    found = night.foretold(night.cut - minutes(20))
    assert _second(found.latest_at) == night.cut + minutes(3 + 50)
    assert {each.by for each in found.things if each.name in DATASETS} == {
        "25.0 min after the daily release, as on 2 nights"
    }


def test_a_tick_still_missing_before_the_cut_comes_first(night: Night) -> None:
    """A minute before the cut the tick before takes 66 s, so that of the cut begins 6 s late."""
    found = night.foretold(night.cut - minutes(1))
    assert _second(found.cut_begins_at) == night.cut + 6 * SECOND
    assert ready(found)["area_hour_1d"] == night.cut + (6 + 180) * SECOND


def test_ticks_that_have_ended_are_made_as_one_and_may_cost_the_promise(night: Night) -> None:
    """Ten minutes before six the two of them take 181 s, then the datasets 25 min."""
    at = night.six - minutes(10)
    found = night.foretold(at)
    assert (found.missing, found.cut_begins_at) == (2, at)
    assert ready(found)["area_hour_1d"] == at + 181 * SECOND
    assert ready(found)["eta_v1"] == at + 181 * SECOND + minutes(25)
    assert found.fits is False


@pytest.mark.parametrize(
    ("day", "midnight", "ticks"),
    [
        (date(2026, 3, 8), "2026-03-08 05:00", 8),  # of three hours by the clock two passed
        (date(2026, 3, 11), "2026-03-11 04:00", 12),
        (date(2026, 11, 1), "2026-11-01 04:00", 16),
    ],
)
def test_an_outage_since_midnight_lacks_the_ticks_that_passed(
    day: date, midnight: str, ticks: int, nights: Nights
) -> None:
    """The chain over them is of ten tables (10 x (5.9 s + 0.1 s a tick)), and of two daily steps."""
    cut, six = next((cut, six) for each, cut, six in NIGHTS if each == day)
    nights.make(*MADE, start=cut - timedelta(days=35), end=utc(midnight))
    measured(nights, BEFORE[day])
    found = Night(nights, day, cut, six).foretold(cut)
    assert found.missing == ticks
    assert ready(found)["area_hour_1d"] == _second(cut + (10 * (5.9 + 0.1 * ticks) + 120) * SECOND)


def times(cores: int = 1, **laws: tuple[float, float]) -> StepTimes:
    """Of runs over several lengths, by fixed seconds and seconds a tick."""
    return StepTimes(
        {
            step: [Took(Work(n, n), 1, fixed + a_tick * n, str(n)) for n in (1, 2, 4, 8, 96)]
            for step, (fixed, a_tick) in laws.items()
        },
        cores,
    )


OF_A_TICK = times(a=(8, 2), b=(16, 4), c=(5, 0), d=(1, 0))
"""Over one tick SECONDS."""


@pytest.mark.parametrize(
    ("at", "ended", "cut_takes"),
    [
        (CUT, None, 50 + 100 + 1),
        (CUT - TICK, 48 + 96, 31),
        (CUT - 20 * SECOND, 48 + 96, 31),
        (CUT + timedelta(hours=1), None, 50 + 100 + 1),
    ],
)
def test_an_outage_is_foretold_as_it_is_carried(at: datetime, ended: int | None, cut_takes: int) -> None:
    """Twenty ticks lack the first steps, the tick of the cut all: what has ended is one run.

    Each step takes as long as one over what it lacks: a and b over twenty ticks or 21, c and d over one.
    """
    ticks = (*(MissingTick(CUT - n * TICK, DIAMOND[:2]) for n in range(20, 0, -1)), MissingTick(CUT, DIAMOND))
    found = forecast_at(DAY, at, Facts((view(),), None, ticks, OF_A_TICK, at_once=9))
    begins = at if ended is None else max(CUT, at + ended * SECOND)
    assert (found.missing, _second(found.cut_begins_at)) == (21, begins)
    assert ready(found)["area_hour_1d"] == begins + cut_takes * SECOND


def test_an_outage_of_days_is_foretold_day_by_day() -> None:
    """Of three days by the calendar, UTC: what is fixed counts thrice."""
    ticks = tuple(MissingTick(CUT - n * TICK, DIAMOND[:1]) for n in range(2 * 96 - 1, -1, -1))
    found = forecast_at(DAY, CUT, Facts((view(),), None, ticks, OF_A_TICK))
    assert ready(found)["area_hour_1d"] == CUT + (3 * 8 + 2 * 192) * SECOND


def test_a_process_s_first_run_of_a_step_counts_once_for_what_has_ended() -> None:
    """30 s more of the first: an outage over two days is one process, each later tick one of its own."""
    first = [Took(Work(n, n), 1, 38 + 2 * n) for n in (1, 2, 4, 96)]
    later = [Took(Work(n, n), 1, 8 + 2 * n, is_first=False) for n in (96, 192)]
    ticks = tuple(MissingTick(CUT - n * TICK, DIAMOND[:1]) for n in range(4 * 24, -1, -1))
    facts = Facts((view(),), None, ticks, StepTimes({"a": first + later}))
    ended = 30 + 2 * 8 + 2 * 97
    assert ready(forecast_at(DAY, CUT, facts))["area_hour_1d"] == CUT + ended * SECOND
    early = forecast_at(DAY, CUT - TICK, facts)
    assert ready(early)["area_hour_1d"] == CUT + (30 + 8 + 2) * SECOND


def test_it_fits_only_if_the_latest_that_is_likely_is_before_six() -> None:
    """A minute a tick; of nine runs one took half and one twice as long: between half and twice is likely."""
    runs = [Took(Work(1, 1), 1, 60 * part, str(n)) for n, part in enumerate([0.5, *[1.0] * 7, 2.0])]
    times = StepTimes({"a": runs})

    def told(at: datetime) -> Forecast:
        return forecast_at(DAY, at, Facts((view(),), None, (MissingTick(CUT, DIAMOND[:1]),), times))

    found = told(SIX - 2 * minutes(1))
    assert (found.soonest_at, found.ready_at, found.latest_at) == (
        SIX - 90 * SECOND,
        SIX - 60 * SECOND,
        SIX,
    )
    assert (found.is_guess, found.fits) == (False, True)
    later = told(SIX - 90 * SECOND)
    assert (later.slack, later.fits) == (30 * SECOND, False)
    assert forecast_sentence(later) == (
        "All that is promised for 06:00 ET on 2026-03-11 (2026-03-11T10:00Z) is expected at "
        "2026-03-11T09:59:30Z, under 1 min before the promise, but may be under 1 min late."
    )


def test_what_waits_for_the_cut_is_not_foretold_longer_for_it() -> None:
    """Three hours of waiting are no part of what may take twice as long."""
    ticks = (MissingTick(CUT, DIAMOND[:1]),)
    found = forecast_at(DAY, CUT - timedelta(hours=3), Facts((view(),), None, ticks, OF_A_TICK))
    assert (found.soonest_at, found.ready_at, found.latest_at) == (
        CUT + 5 * SECOND,
        CUT + 10 * SECOND,
        CUT + 20 * SECOND,
    )


def test_what_is_out_is_not_made_again_and_datasets_follow_the_release(night: Night) -> None:
    night.nights.make(*MADE, start=night.cut - 2 * TICK, end=night.cut)
    out = night.cut + minutes(60)
    night.nights.release_views(night.day, out)
    found = night.foretold(out + minutes(10))
    assert (found.missing, found.path) == (0, ())
    assert {each.is_out for each in found.things if each.kind == "view"} == {True}
    assert ready(found)["eta_v1"] == out + minutes(25)
    assert (found.soonest_at, found.latest_at) == (out + minutes(12.5), out + minutes(50))
    later = night.foretold(out + minutes(40))
    assert ready(later)["eta_v1"] == out + minutes(65), "25 min from now, for it is not begun"
    night.nights.release_night(night.day, night.cut + minutes(120))
    done = night.foretold(night.cut + minutes(121))
    assert (done.ready_at, done.latest_at, done.fits) == (None, None, True)


def view(*, held: bool = False) -> Kept:
    because = Reason("held by dispatch_events since 06:15Z", "", is_hold=held) if held else None
    return Kept("view", "area_hour_1d", CUT, SIX, None, State.NOT_DUE, because=because)


def test_a_step_that_was_never_measured_leaves_it_open() -> None:
    ticks = (MissingTick(CUT, DIAMOND),)
    known = {name: runs for name, runs in OF_A_TICK.runs.items() if name != "c"}
    dataset = Kept("dataset", "eta_v1", date(2026, 3, 9), SIX, None, State.NOT_DUE)
    found = forecast_at(DAY, CUT, Facts((view(), dataset), None, ticks, StepTimes(known), {}, 2))
    assert (found.not_measured, found.fits) == (("c", "eta_v1"), None)
    assert ready(found) == {"area_hour_1d": None, "eta_v1": None}
    whole = StepTimes(known | {"c": [Took(Work(192, 192), 1, 5.0)]})
    told = forecast_at(DAY, CUT, Facts((view(), dataset), None, ticks, whole, {"eta_v1": Lag(60, 1)}, 2))
    assert (told.not_measured, told.at_most, told.fits) == ((), ("c",), True)
    assert ready(told)["eta_v1"] == CUT + timedelta(seconds=31 + 60)


def test_a_view_that_is_held_does_not_come_out_today() -> None:
    found = forecast_at(DAY, CUT, Facts((view(held=True),)))
    assert (found.fits, found.held) == (False, ("held by dispatch_events since 06:15Z",))


def test_after_six_what_nobody_measured_is_late_already() -> None:
    found = forecast_at(DAY, SIX, Facts((view(),), is_empty=True))
    assert found.fits is False


def test_the_command_names_the_path_and_ends_by_whether_it_fits(run: Callable, night: Night) -> None:
    answer = run("promise", "--at", f"{night.cut - minutes(20):%Y-%m-%dT%H:%MZ}")
    assert answer.code == 0
    told, likely, *_ = answer.out.splitlines()
    assert told == (
        f"All that is promised for 06:00 ET on {night.day} ({night.six:%Y-%m-%dT%H:%MZ}) is expected at "
        f"{night.cut + minutes(28):%Y-%m-%dT%H:%MZ}, 2 h 32 min before the promise."
    )
    assert likely.startswith(
        f"Likely between {night.cut + minutes(15):%Y-%m-%dT%H:%M:30Z} and "
        f"{night.cut + minutes(53):%Y-%m-%dT%H:%MZ}, a guess"
    )
    assert "99 steps at once; 2 ticks to be made through it" in answer.out
    assert "features.provider_performance_1d" in answer.out
    late = run("promise", "--at", f"{night.six - minutes(10):%Y-%m-%dT%H:%MZ}", "--json")
    told = json.loads(late.out)
    assert (late.code, told["fits"], round(told["slack"])) == (1, False, -(15 * 60 + 181))
    assert told["soonest_at"] < told["ready_at"] < told["latest_at"]
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
