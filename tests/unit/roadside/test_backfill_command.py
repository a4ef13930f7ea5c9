"""`roadside backfill`, over a ledger written by hand: no Spark, no rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from lakehouse.step_timings import START, StepTiming, StepTimings
from roadside.backfill import Carried, Limits
from roadside.backfill_outlook import outlook, timings_of
from roadside.cli import main
from roadside.commands.backfill import _told
from roadside.graph import Step, step_named
from roadside.prices import prices
from roadside.runner import step_version
from roadside.unmade import upstream
from roadside.volumes import Volume
from validation.clocks import Interval
from validation.errors import NotReady

DAY = datetime(2026, 3, 10, tzinfo=UTC)
VIEW = "zone_demand_15m"
STEPS = upstream([VIEW])
"""Five, each of which reads the one before."""
TWO_DAYS = ("backfill", "--from", "2026-03-10", "--to", "2026-03-12", "--view", VIEW)


def days(start: float, end: float) -> Interval:
    return Interval(DAY + timedelta(days=start), DAY + timedelta(days=end))


def made(settings: Settings, steps: tuple[Step, ...], interval: Interval, version: str = "") -> None:
    runs = RunLedger(Ops(settings.ops_url), lambda: DAY)
    for step in steps:
        for name in step.writes:
            begun = runs.begin(name, interval, version or step_version(step, settings))
            runs.finish(begun.run_id, snapshot_id=1, rows=0)


@pytest.fixture
def stale(settings: Settings) -> Settings:
    """Two days made by other code, and of each step four runs of a day that took 60 s."""
    settings.home.mkdir(parents=True)
    made(settings, STEPS, days(0, 2), "older")
    timings = StepTimings(Ops(settings.ops_url))
    for n in range(4):
        for step in STEPS:
            finished = DAY + timedelta(days=60 + n)
            timings.record(StepTiming(step.name, days(n - 9, n - 8), 60, settings.spark_cores, finished))
    return settings


def told(answer: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(answer.out)  # type: ignore[attr-defined]
    return found


def test_the_plan_tells_what_is_stale_and_what_making_it_takes(stale: Settings, run: Callable) -> None:
    answer = run(*TWO_DAYS, "--chunk-days", "1", "--json")
    assert answer.code == 0, answer.err
    plan = told(answer)
    assert [(each["step"], each["why"], each["hours"]) for each in plan["unmade"]] == [  # type: ignore[attr-defined]
        (step.name, "other code made it", 48.0) for step in STEPS
    ]
    assert plan["predicted_seconds"] == 10 + 2 * 5 * 60, "the start, and five steps in a row of two chunks"
    assert (plan["likely_seconds"], plan["past_runs_predicted"]) == ([305, 1220], 0), "four tell too little"
    assert plan["dollars"] == pytest.approx(610 / 3600 * 2 * 0.075738, abs=1e-4)
    assert (plan["fits_deadline"], plan["unmeasured"]) == (None, [])


def test_fewer_chunks_take_less_where_a_run_takes_the_same_whatever_it_holds(
    stale: Settings, run: Callable
) -> None:
    assert told(run(*TWO_DAYS, "--json"))["predicted_seconds"] == 10 + 5 * 60


def test_the_start_is_foretold_as_it_was_timed(stale: Settings, run: Callable) -> None:
    """The first of a home makes its tables too."""
    assert told(run(*TWO_DAYS, "--json"))["start_seconds"] == 10
    timings = StepTimings(Ops(stale.ops_url))
    for n, seconds in enumerate((40.0, 16.0)):
        timings.record(StepTiming(START, days(n, n + 1), seconds, 2, DAY + timedelta(days=n)))
    plan = told(run(*TWO_DAYS, "--json"))
    assert (plan["start_seconds"], plan["predicted_seconds"]) == (16, 16 + 5 * 60)


def test_runs_that_were_no_process_s_first_take_less(stale: Settings, run: Callable) -> None:
    """Twelve of each step took 20 s where the first ones took 60."""
    timings = StepTimings(Ops(stale.ops_url))
    for n in range(12):
        for step in STEPS:
            finished = DAY + timedelta(days=70 + n)
            timings.record(StepTiming(step.name, days(n - 30, n - 29), 20, 2, finished, is_first=False))
    plan = told(run(*TWO_DAYS, "--chunk-days", "1", "--json"))
    assert plan["predicted_seconds"] == 10 + 5 * 60 + 5 * 20


@pytest.mark.parametrize(("deadline", "code", "fits"), [("21m", 0, True), ("20m", 1, False)])
def test_a_plan_beyond_its_deadline_exits_1(
    stale: Settings, run: Callable, deadline: str, code: int, fits: bool
) -> None:
    answer = run(*TWO_DAYS, "--chunk-days", "1", "--deadline", deadline, "--json")
    assert (answer.code, told(answer)["fits_deadline"]) == (code, fits)
    assert told(answer)["cores_needed"] == (1 if fits else None), "no step's time hangs on its rows"


def test_a_plan_is_told_to_a_person(stale: Settings, run: Callable) -> None:
    answer = run(*TWO_DAYS, "--chunk-days", "1", "--deadline", "21m")
    assert "other code made it" in answer.out
    assert "Takes about 10 min on 2 cores, 3 steps at once" in answer.out
    assert "Fits 21 min, which takes 1 core" in answer.out


def test_what_never_ran_is_never_said_to_fit(home: Path, run: Callable) -> None:
    (home / "landing").mkdir(parents=True)
    answer = run(*TWO_DAYS, "--deadline", "99d", "--json")
    assert (answer.code, told(answer)["fits_deadline"]) == (1, False)
    plan = told(answer)
    assert plan["unmeasured"] == [step.name for step in STEPS]
    assert (plan["likely_seconds"], plan["cores_needed"], plan["dollars_on_cores_needed"]) == (None,) * 3
    assert plan["at_least"] == ["predicted_seconds", "dollars"], "nothing landed, so nothing is written"
    assert not (home / "ops.db").exists(), "a plan writes nothing"


def test_what_never_ran_is_told_as_the_least_it_takes(
    home: Path, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "landing").mkdir(parents=True)
    monkeypatch.setattr(
        "roadside.backfill_outlook.volumes_of", lambda *_home: lambda *_part: Volume(is_known=False)
    )
    answer = run(*TWO_DAYS)
    assert "Takes at least 10 s on" in answer.out
    names = f"{STEPS[0].name}, {STEPS[1].name} and 3 more"
    assert f"how much more cannot be told: {names} never ran here" in answer.out
    assert "Costs at least $" in answer.out
    assert "Needs at least 0 B of disk" in answer.out
    assert "eight in ten" not in answer.out


def test_bronze_may_stay_as_it_is(stale: Settings, run: Callable) -> None:
    plan = told(run(*TWO_DAYS, "--keep-bronze", "--json"))
    assert [each["step"] for each in plan["unmade"]] == [step.name for step in STEPS[1:]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("more", [(), ("--execute",)])
def test_where_all_stands_there_is_nothing_to_do(
    settings: Settings, run: Callable, more: tuple[str, ...]
) -> None:
    settings.home.mkdir(parents=True)
    made(settings, STEPS, days(0, 2))
    answer = run(*TWO_DAYS, *more)
    assert answer.code == 0
    assert "Nothing of [2026-03-10T00:00Z, 2026-03-12T00:00Z) is to be made" in answer.out


def test_a_program_that_asked_for_json_is_answered_that_nothing_was_made(
    settings: Settings, run: Callable
) -> None:
    settings.home.mkdir(parents=True)
    made(settings, STEPS, days(0, 2))
    answer = run(*TWO_DAYS, "--execute", "--json")
    assert (answer.code, json.loads(answer.out)) == (0, [])
    assert "Nothing of [2026-03-10T00:00Z, 2026-03-12T00:00Z) is to be made" in answer.err


def test_the_hole_that_a_backfill_looks_back_to_is_told(stale: Settings, run: Callable) -> None:
    made(stale, STEPS, days(-9, -5), "older")
    answer = run(*TWO_DAYS)
    assert "tiles.dispatch_15m was never made over [2026-03-05T00:00Z, 2026-03-10T00:00Z)" in answer.err
    assert "made by other code before 2026-03-10T00:00Z" in answer.err


def test_a_limit_needs_something_to_stop(home: Path, run: Callable) -> None:
    answer = run(*TWO_DAYS, "--stop-after", "2h")
    assert (answer.code, "Add --execute." in answer.err) == (2, True)


def test_a_range_that_ends_before_it_begins_is_told_by_its_own_names(home: Path, run: Callable) -> None:
    answer = run("backfill", "--from", "2026-03-12", "--to", "2026-03-10")
    assert (answer.code, "--to 2026-03-10 is not after --from 2026-03-12" in answer.err) == (2, True)


def test_a_limit_asks_for_chunks_that_it_has_time_for(
    stale: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day of five steps takes 300 s behind the 10 s of the start, two days at once take more."""

    def volume(_name: str, interval: Interval) -> Volume:
        return Volume(1000 * ((interval.end - interval.start) / timedelta(days=1)))

    monkeypatch.setattr("roadside.backfill_outlook.volumes_of", lambda _settings, _within: volume)
    for limits, chunk_days in (
        (Limits(), 2),
        (Limits(after=timedelta(seconds=311)), 1),
        (Limits(dollars=1e300), 2),
    ):
        plan, _ = outlook(stale, STEPS, days(0, 2), prices(), limits=limits)
        assert plan.chunk_days == chunk_days


@pytest.mark.parametrize("dollars", ["inf", "nan"])
def test_a_limit_is_a_number_of_dollars(dollars: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"backfill --from 2026-03-01 --to 2026-03-02 --execute --stop-after-dollars {dollars}"
    assert main(line.split()) == 2
    assert "--stop-after-dollars" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("done", "next_step"), [(0, "a smaller --chunk-days"), (1, "The same command goes on from there.")]
)
def test_what_a_limit_stopped_is_told_with_what_goes_on(done: int, next_step: str) -> None:
    with pytest.raises(NotReady, match=f"Stopped after {done} of 4 chunks: no time") as stopped:
        _told(Carried((), done, 4, 10.0, 10.0, "no time"), as_json=True)
    assert next_step in stopped.value.next_step


def timed(settings: Settings, start: float, end: float, finished: int) -> StepTiming:
    timing = StepTiming("silver.gps_pings", days(start, end), 1, 2, DAY + timedelta(seconds=finished))
    StepTimings(Ops(settings.ops_url)).record(timing)
    return timing


def test_runs_of_a_day_tell_of_a_backfill_however_many_ticks_came_since(settings: Settings) -> None:
    """Three days of ticks: the ledger's newest 200 runs are ticks alone."""
    whole = [timed(settings, n, n + 1, n) for n in range(5)]
    for n in range(300):
        timed(settings, 5 + n / 96, 5 + (n + 1) / 96, 100 + n)
    assert timings_of(settings, step_named("silver.gps_pings")) == whole[::-1]


def test_runs_of_a_day_in_the_run_ledger_are_found_behind_ticks_that_were_timed(settings: Settings) -> None:
    """What was made before steps were timed."""
    made(settings, (step_named("silver.gps_pings"),), days(-1, 0))
    for n in range(300):
        timed(settings, n / 96, (n + 1) / 96, 100 + n)
    assert [each.interval for each in timings_of(settings, step_named("silver.gps_pings"))] == [days(-1, 0)]


def test_ticks_tell_only_where_no_run_of_a_day_does(settings: Settings) -> None:
    ticks = [timed(settings, 0.25 * n, 0.25 * n + 0.25, n) for n in range(20)]
    assert timings_of(settings, step_named("silver.gps_pings")) == ticks[::-1]
    day = timed(settings, 0, 1, 30)
    assert timings_of(settings, step_named("silver.gps_pings")) == [day]
    again = timed(settings, 0, 1, 40)
    assert timings_of(settings, step_named("silver.gps_pings")) == [again], "the newest of an interval"
