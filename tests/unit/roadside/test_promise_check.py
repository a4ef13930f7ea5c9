"""Six o'clock, every night of the year: what the ledgers say, and what readers have meanwhile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from typing import Self

import pytest

from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.settings import Settings
from support.airflow_home import ROOT
from support.promised_nights import DATASETS, MADE, NIGHTS, VIEWS, Nights, minutes, states, utc
from training_datasets.specs import spec_named

DAY, CUT, SIX = NIGHTS[1]
BEFORE = DAY - timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def nights(settings: Settings) -> Nights:
    return Nights(settings)


@pytest.fixture
def night(nights: Nights) -> Nights:
    """Bronze since February, the day before out in time, and of this day nothing yet."""
    nights.make(*MADE, start=utc("2026-02-01 00:00"), end=CUT)
    nights.release_night(BEFORE, utc("2026-03-10 08:00"))
    return nights


@pytest.mark.parametrize(("day", "cut", "six"), NIGHTS)
def test_what_is_out_at_six_is_kept_on_every_night(
    day: date, cut: datetime, six: datetime, nights: Nights
) -> None:
    nights.release_night(day, six)
    found = nights.kept(day, six)
    assert states(found) == dict.fromkeys([*VIEWS, *DATASETS], "kept")
    assert (found.promised_at, found.broken) == (six, ())
    assert {each.name: each.due for each in found.things} == {
        **dict.fromkeys(VIEWS, cut),
        "eta_v1": day - timedelta(days=2),
        "eta_v2": day - timedelta(days=2),
        "matching_acceptance_v1": day - timedelta(days=1),
        "matching_ranking_v1": day - timedelta(days=2),
    }


@pytest.mark.parametrize(("day", "cut", "six"), NIGHTS)
def test_a_second_before_six_nothing_is_due_and_at_six_all_of_it(
    day: date, cut: datetime, six: datetime, nights: Nights
) -> None:
    nights.release_views(day - timedelta(days=1), cut - timedelta(hours=20))
    assert set(states(nights.kept(day, six - SECOND)).values()) == {"not due yet"}
    assert set(states(nights.kept(day, six)).values()) == {"missing"}


@pytest.mark.parametrize(("day", "cut", "six"), NIGHTS)
def test_what_comes_out_after_six_is_late_by_as_much(
    day: date, cut: datetime, six: datetime, nights: Nights
) -> None:
    nights.release_night(day, six + minutes(12))
    assert set(states(nights.kept(day, six + minutes(30))).values()) == {"late 12 min"}
    assert set(states(nights.kept(day, six)).values()) == {"missing"}, "at six nobody had it"


def test_a_publication_killed_at_ten_past_five_leaves_readers_yesterday_s(night: Nights) -> None:
    """S19: of the night's release one view came out, and one dataset."""
    night.release_views(DAY, utc("2026-03-11 09:05"), ["area_hour_1d"])
    night.release_day("matching_acceptance_v1", BEFORE, utc("2026-03-11 09:10"))
    found = night.kept(DAY, SIX)
    assert {each.name for each in found.broken} == {
        *VIEWS, "eta_v1", "eta_v2", "matching_ranking_v1",
    } - {"area_hour_1d"}  # fmt: skip
    have = {each.name: each.readers_have for each in found.broken}
    eta, profile = have["eta_v1"], have["provider_profile_1d"]
    assert eta is not None
    assert profile is not None
    assert (eta.what, eta.release_id) == (date(2026, 3, 8), "dataset-20260310T0700Z-1")
    assert (profile.what, profile.release_id) == (utc("2026-03-10 07:00"), "daily-20260310T0700Z-1")
    because = {each.name: each.because for each in found.broken}
    assert because["provider_profile_1d"] is not None
    assert because["provider_profile_1d"].why == "it is made, and not released"
    assert because["provider_profile_1d"].next_step == (
        "roadside run --start 2026-03-11T06:45Z --end 2026-03-11T07:00Z"
    )
    assert because["eta_v1"] is not None
    assert because["eta_v1"].next_step == (
        "roadside dataset build eta_v1 --start 2026-03-09 --end 2026-03-10"
    )


def test_one_dataset_s_day_that_is_missing_breaks_the_promise(night: Nights) -> None:
    night.release_night(DAY, SIX - minutes(40))
    built = night.settings.datasets_dir / "eta_v2" / "_manifests" / "2026-03-09.json"
    built.unlink()
    (lost,) = night.kept(DAY, SIX).broken
    assert (lost.name, lost.state) == ("eta_v2", "missing")
    assert lost.because is not None
    assert lost.because.why == "it was released, and its file or manifest is gone"
    assert lost.readers_have is not None
    assert lost.readers_have.what == date(2026, 3, 8)


def test_a_day_that_is_built_and_not_released_is_missing(night: Nights) -> None:
    night.release_night(DAY, SIX - minutes(40))
    day = date(2026, 3, 12)
    night.release_views(day, utc("2026-03-12 08:00"))
    night.build_day(spec_named("eta_v1"), date(2026, 3, 10))
    found = {each.name: each for each in night.kept(day, utc("2026-03-12 10:00")).broken}
    assert set(found) == set(DATASETS)
    assert found["eta_v1"].because is not None
    assert found["eta_v1"].because.why == "it is built, and not released"


def test_the_release_of_a_later_cut_holds_the_one_that_was_passed_over(nights: Nights) -> None:
    nights.release_views(DAY + timedelta(days=1), utc("2026-03-12 08:00"))
    found = nights.kept(DAY, utc("2026-03-12 10:00"))
    assert {each.published_at for each in found.things if each.kind == "view"} == {utc("2026-03-12 08:00")}
    assert {each.late_by for each in found.things if each.kind == "view"} == {timedelta(hours=22)}


def test_a_later_revision_takes_nothing_from_what_was_in_time(night: Nights) -> None:
    night.release_night(DAY, SIX - minutes(40))
    night.release_views(DAY, SIX - minutes(40))
    tables = {"features.area_hour_1d": 7}
    Releases(night.ops, lambda: SIX + minutes(90)).publish(ReleaseKind.DAILY, CUT, SIX, tables)
    assert night.kept(DAY, SIX + minutes(120)).broken == ()


def test_a_view_that_was_not_made_says_why(night: Nights) -> None:
    """The run of its cut failed; another's source is not closed."""
    day, six = date(2026, 3, 12), utc("2026-03-12 10:00")
    night.release_night(DAY, SIX)
    span = {"start": utc("2026-03-12 06:45"), "end": utc("2026-03-12 07:00")}
    night.make("features.area_hour_1d", **span, status="failed")
    night.close("dispatch_events", utc("2026-03-12 05:00"))
    night.close("gps_pings", utc("2026-03-12 07:00"))
    why = {each.name: each.because.why for each in night.kept(day, six).broken if each.because}
    assert why["area_hour_1d"].endswith("failed (CheckFailed)")
    assert why["provider_profile_1d"] == "dispatch_events not closed through 2026-03-12T07:00Z"
    assert why["eta_v1"] == "dispatch_events not closed through 2026-03-12T07:00Z"


def test_a_view_that_a_silent_source_holds_is_told_as_held(night: Nights) -> None:
    """Events ended at 06:00 UTC, an hour before the cut; pings and statuses go on."""
    ledger = LandingLedger(night.ops)
    for source, end in (("dispatch_events", CUT - minutes(60)), ("gps_pings", CUT), ("provider_status", CUT)):
        stamps = [end - n * minutes(5) for n in range(1, 60)]
        name = f"landing/{source}/{{0:%Y/%m/%d/%H}}/{source}-{{0:%Y-%m-%d-%H-%M-%S}}-beat.json.gz"
        ledger.register(source, [LandedObject(name.format(each), each, 20) for each in stamps], end)
        ledger.close(source, CUT)
    found = {each.name: each for each in night.kept(DAY, SIX).broken}
    held = found["provider_service_1d"]
    assert held.is_held
    assert held.because is not None
    assert held.because.why.startswith("held by dispatch_events since ")


def test_nothing_is_due_that_needs_days_before_the_home_s_first(nights: Nights) -> None:
    """Begun on the evening of the 9th in ET: no whole day of the 9th, and a cut each since."""
    nights.make(*MADE, start=utc("2026-03-10 00:00"), end=CUT)
    found = states(nights.kept(DAY, SIX))
    assert found["provider_profile_1d"] == "missing"
    assert found["eta_v1"] == "not due yet"
    assert found["matching_acceptance_v1"] == "missing", "of the 10th, which is whole"


def test_the_command_ends_with_one_at_six_and_names_what_to_type(run: Callable, night: Nights) -> None:
    night.release_views(DAY, utc("2026-03-11 09:05"))
    words = ("promise", "check", "--date", "2026-03-11")
    early = run(*words, "--at", "2026-03-11T09:59Z")
    assert early.code == 0
    assert early.out.startswith(
        "The promise of 06:00 ET on 2026-03-11 (2026-03-11T10:00Z) is due in 1 min: 6 of 10 are out "
    )
    answer = run(*words, "--at", "2026-03-11T10:00Z")
    assert answer.code == 1
    assert answer.out.startswith(
        "The promise of 06:00 ET on 2026-03-11 (2026-03-11T10:00Z) is broken: 4 missing (eta_v1, eta_v2, "
        "matching_acceptance_v1, matching_ranking_v1); 6 of 10 are out at 2026-03-11T10:00Z."
    )
    assert "2026-03-08, dataset-20260310T0700Z-1" in answer.out
    assert "next: roadside dataset build eta_v1 --start 2026-03-09 --end 2026-03-10" in answer.out
    night.release_night(DAY, utc("2026-03-11 09:30"))
    kept = run(*words, "--at", "2026-03-11T10:00Z")
    assert (kept.code, kept.out.splitlines()[0]) == (
        0,
        "The promise of 06:00 ET on 2026-03-11 (2026-03-11T10:00Z) is kept: 10 of 10 are out at "
        "2026-03-11T10:00Z.",
    )


def test_asked_at_the_end_of_a_night_s_work_what_is_not_out_is_missing_before_six(
    run: Callable, night: Nights
) -> None:
    night.release_views(DAY, utc("2026-03-11 07:20"))
    words = ("promise", "check", "--date", "2026-03-11", "--as-if-due")
    early = run(*words, "--at", "2026-03-11T07:25Z")
    assert early.code == 1
    assert "is broken: 4 missing (eta_v1, eta_v2, matching_acceptance_v1" in early.out
    night.release_night(DAY, utc("2026-03-11 07:30"))
    assert run(*words, "--at", "2026-03-11T07:35Z").code == 0
    assert run(*words, "--at", "2026-03-11T10:30Z").code == 0, "and later it is asked as of then"


def test_at_half_past_five_what_was_not_published_ends_the_check_with_one(
    run: Callable, night: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the publication of 05:30 asks: without --as-if-due nothing is due yet, whatever became of it."""
    it_is(utc("2026-03-11 09:34"), monkeypatch)
    night.release_night(DAY, utc("2026-03-11 08:50"))
    (night.settings.datasets_dir / "eta_v2" / "_manifests" / "2026-03-09.json").unlink()
    words = ("promise", "check", "--date", "2026-03-11")
    answer = run(*words, "--as-if-due")
    assert answer.code == 1
    assert "is broken: 1 missing (eta_v2)" in answer.out
    assert run(*words).code == 0


def test_the_independent_check_of_a_scheduler_dead_for_two_days_ends_with_one(
    run: Callable, night: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The embedded home's clock is its data's, and the night of its data was kept."""
    for source in ("dispatch_events", "gps_pings"):
        night.close(source, utc("2026-03-11 18:00"))
    night.release_night(DAY, utc("2026-03-11 08:50"))
    it_is(utc("2026-03-13 10:00"), monkeypatch)
    line = (ROOT / "airflow" / "promise-check").read_text()
    (words,) = re.findall(r"&& roadside (promise check[^;]*);;", line)
    answer = run(*words.split())
    assert answer.code == 1
    assert "of 06:00 ET on 2026-03-13 (2026-03-13T10:00Z) is broken: 10 missing" in answer.out
    assert run("promise", "check").code == 0, "the day of the data is not the day on the wall"


def it_is(moment: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the clock on the wall, as the command reads it."""

    class Wall(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromisoformat(moment.isoformat()).astimezone(tz)

    monkeypatch.setattr("roadside.commands.promise.datetime", Wall)


def test_json_tells_a_monitor_what_broke(run: Callable, night: Nights) -> None:
    night.release_views(DAY, utc("2026-03-11 10:12"))
    at = ("--at", "2026-03-11T11:00Z")
    answer = run("promise", "check", *at, "--view", "area_hour_1d", "--dataset", "eta_v1", "--json")
    told = json.loads(answer.out)
    assert (answer.code, told["is_broken"], told["broken"]) == (1, True, ["features.area_hour_1d", "eta_v1"])
    assert [each["late_by"] for each in told["things"]] == [720.0, None]
    assert told["things"][1]["readers_have"]["what"] == "2026-03-08"


def test_without_a_moment_a_home_of_history_is_asked_for_the_day_of_its_data(
    run: Callable, night: Nights
) -> None:
    night.close("dispatch_events", utc("2026-03-11 18:00"))
    night.release_night(DAY, utc("2026-03-14 00:00"))
    answer = run("promise", "check")
    assert answer.code == 1
    assert "of 06:00 ET on 2026-03-11" in answer.out
    assert "made after the fact" in answer.out


def test_an_empty_home_and_a_wrong_name_are_told(run: Callable, nights: Nights) -> None:
    nights.release_views(DAY, SIX)
    answer = run("promise", "check", "--view", "area_hour_2d")
    assert answer.code == 2
    assert "Did you mean area_hour_1d" in answer.err
    assert run("promise", "--at", "now", "check").code == 2, "the option would not be heard"


def test_a_home_without_a_ledger_says_so(run: Callable) -> None:
    answer = run("promise", "check")
    assert answer.code == 2
    assert "Nothing was made in" in answer.err
