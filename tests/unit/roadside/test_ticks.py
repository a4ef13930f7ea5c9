"""The next tick, after an ordinary quarter of an hour, an outage and a failure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.ops import Ops, runs
from lakehouse.run_history import made_by_table
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.graph import STEPS, Step, step_named
from roadside.runner import StepResult, step_version
from roadside.ticks import run_ticks, sources_of, ticks_due
from validation.clocks import TICK, Interval
from validation.errors import CheckFailed, NotReady

START, NOON = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC)
DEMAND = "features.zone_demand_15m"
TABLES = [name for step in STEPS for name in step.writes]
HOUR = timedelta(hours=1)


def tick_at(moment: datetime) -> Interval:
    return Interval(moment - TICK, moment)


def made(settings: Settings, *names: str, interval: Interval, code: str = "code") -> Ops:
    ops = Ops(settings.ops_url)
    ledger = RunLedger(ops, lambda: NOON)
    for name in names:
        ledger.finish(ledger.begin(name, interval, code).run_id, snapshot_id=None, rows=0)
    return ops


def test_without_history_there_is_no_next_tick(settings: Settings) -> None:
    with pytest.raises(NotReady, match="Nothing has been ingested yet"):
        ticks_due(Ops(settings.ops_url), NOON)


def test_the_ticks_of_an_outage_come_one_by_one(settings: Settings) -> None:
    ops = made(settings, *TABLES, interval=Interval(START, NOON))
    ends = [tick.end for tick in ticks_due(ops, NOON + 3 * TICK)]
    assert ends == [NOON + TICK, NOON + 2 * TICK, NOON + 3 * TICK]


def test_nothing_is_due_twice(settings: Settings) -> None:
    ops = made(settings, *TABLES, interval=Interval(START, NOON))
    assert ticks_due(ops, NOON) == []


def test_a_tick_that_one_table_lacks_is_made_up_for(settings: Settings) -> None:
    made(settings, *TABLES, interval=Interval(START, NOON))
    made(settings, *(name for name in TABLES if name != "silver.offers"), interval=tick_at(NOON + TICK))
    ops = made(settings, *TABLES, interval=tick_at(NOON + 2 * TICK))
    assert ticks_due(ops, NOON + 2 * TICK) == [tick_at(NOON + TICK), tick_at(NOON + 2 * TICK)]


def test_an_old_hole_is_left_to_a_run(settings: Settings) -> None:
    made(settings, *TABLES, interval=Interval(START, NOON))
    hole = Interval(START + timedelta(days=1), START + timedelta(days=2))
    made(settings, "silver.offers", interval=Interval(hole.end, NOON))
    assert ticks_due(Ops(settings.ops_url), NOON) == []


SATURDAY, SUNDAY = datetime(2026, 3, 14, 12, tzinfo=UTC), datetime(2026, 3, 15, tzinfo=UTC)
LATER = SATURDAY + timedelta(days=5)
BRONZE = [name for step in STEPS if step.build is None for name in step.writes]


@pytest.mark.parametrize("ingested", [Interval(SATURDAY, SUNDAY), Interval(SATURDAY, SATURDAY + 60 * HOUR)])
def test_an_outage_of_60_hours_that_was_killed_behind_bronze_is_gone_on_with(
    settings: Settings, ingested: Interval
) -> None:
    """Killed in its first span; or all of it was ingested by hand before."""
    made(settings, *TABLES, interval=Interval(START, SATURDAY))
    ops = made(settings, *BRONZE, interval=ingested)
    assert ticks_due(ops, SATURDAY + 60 * HOUR)[0].start == SATURDAY


def test_what_a_source_brings_days_late_is_gone_on_with_after_a_kill(settings: Settings) -> None:
    """Pings come after five days; killed behind their bronze of the first, the other sources being live."""
    late = [name for name in TABLES if "bronze.gps_pings" in sources_of(name)]
    made(settings, *TABLES, interval=Interval(START, SATURDAY))
    made(settings, *(each for each in TABLES if each not in late), interval=Interval(SATURDAY, LATER))
    ops = made(settings, "bronze.gps_pings", "quarantine.gps_pings", interval=Interval(SATURDAY, SUNDAY))
    assert ticks_due(ops, LATER + TICK)[0].start == SATURDAY


@pytest.mark.parametrize(("replayed", "is_dead", "first"), [
    (Interval(START, START + 24 * HOUR), False, NOON),
    (Interval(START, START + 24 * HOUR), True, NOON - 40 * HOUR),
    (Interval(START, START + HOUR), False, NOON - 40 * HOUR),
])  # fmt: skip
def test_what_a_replay_replaces_is_made_again_once_when_it_has_ended(
    settings: Settings, replayed: Interval, is_dead: bool, first: datetime
) -> None:
    """Of two days it replaces what the views read; a live tick meanwhile makes what was never made."""
    ops = made(settings, *TABLES, interval=Interval(START, NOON))
    ledger = RunLedger(ops, lambda: NOON)
    ledger.supersede({DEMAND: Interval(NOON - 40 * HOUR, NOON)})
    made(settings, DEMAND, interval=Interval(START, NOON - 40 * HOUR))
    chunk = ledger.begin("silver.jobs", replayed, "code")
    if is_dead:
        with ops.write() as connection:
            connection.execute(runs.update().values(process_started="long ago"))
    assert ticks_due(ops, NOON + TICK)[0].start == first
    ledger.finish(chunk.run_id, snapshot_id=None, rows=0)
    assert ticks_due(ops, NOON + TICK)[0].start == NOON - 40 * HOUR


def test_upkeep_over_whole_days_is_no_replay(settings: Settings) -> None:
    ops = made(settings, *TABLES, interval=Interval(START, NOON))
    ledger = RunLedger(ops, lambda: NOON)
    ledger.supersede({DEMAND: Interval(NOON - 40 * HOUR, NOON)})
    made(settings, DEMAND, interval=Interval(START, NOON - 40 * HOUR))
    for name in ("compaction.silver.jobs", "retention.silver.jobs", "s3.features.zone_demand_15m"):
        ledger.begin(name, Interval(START, START + 24 * HOUR), "code")
    assert ticks_due(ops, NOON + TICK)[0].start == NOON - 40 * HOUR


@pytest.mark.parametrize(("hours", "first"), [(1.9, NOON), (2.1, NOON - 40 * HOUR)])
def test_a_replay_of_another_host_is_believed_to_go_on_for_two_hours(
    settings: Settings, hours: float, first: datetime
) -> None:
    """Nobody here would see that it died."""
    ops = made(settings, *TABLES, interval=Interval(START, NOON))
    ledger = RunLedger(ops, lambda: NOON)
    ledger.supersede({DEMAND: Interval(NOON - 40 * HOUR, NOON)})
    made(settings, DEMAND, interval=Interval(START, NOON - 40 * HOUR))
    ledger.begin("silver.jobs", Interval(START, START + 24 * HOUR), "code")
    with ops.write() as connection:
        connection.execute(runs.update().values(host="elsewhere"))
    assert ticks_due(ops, NOON + TICK, now=lambda: NOON + hours * HOUR)[0].start == first


class Road:
    """A runner that keeps a ledger, one step of which fails at one tick; rows of its own it has none."""

    def __init__(self, settings: Settings, failing: str, at: datetime) -> None:
        self.ops, self.failing, self.at = Ops(settings.ops_url), failing, at
        self.settings = settings
        self.as_one_failing = ""
        self.made: list[tuple[Interval, set[str]]] = []

    def run(self, tick: Interval, steps: Sequence[Step]) -> list[StepResult]:
        return self.backfill([tick], steps, only_lacking=False)

    def backfill(
        self, chunks: Sequence[Interval], steps: Sequence[Step], *, only_lacking: bool
    ) -> list[StepResult]:
        (chunk,) = chunks
        ledger, broken, results = RunLedger(self.ops, lambda: NOON), set[str](), []
        for step in steps:
            fails = step.name == self.failing and chunk.holds(self.at)
            fails = fails or (step.name == self.as_one_failing and only_lacking)
            blocked = any(name in broken for name in step.reads)
            if fails or blocked:
                broken |= set(step.writes)
            elif step.due(chunk):
                version = step_version(step, self.settings)
                for name in step.writes:
                    ledger.finish(ledger.begin(name, chunk, version).run_id, snapshot_id=None, rows=0)
            status = "failed" if fails else "blocked" if blocked else "published"
            results.append(StepResult(step.name, chunk, status, error=CheckFailed("no") if fails else None))
        self.made.append((chunk, {each.step for each in results if not each.is_broken}))
        return results


def test_what_is_whole_reaches_redis_although_a_step_failed(
    settings: Settings, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, released = [], []
    (settings.home / "landing").mkdir(parents=True)
    made(settings, *TABLES, interval=tick_at(NOON))
    failing = Road(settings, "silver.gps_pings", NOON + TICK)
    monkeypatch.setattr("roadside.spark_runner.open_runner", lambda _settings, look_back: failing)
    monkeypatch.setattr(
        "roadside.commands.online.write_views", lambda _settings, until: written.append(until)
    )
    monkeypatch.setattr(
        "roadside.feature_releases.release_left", lambda _settings, span, _steps: released.append(span)
    )
    answer = run("tick", "--until", f"{NOON + TICK:%Y-%m-%dT%H:%MZ}", "--json")
    assert released == [Interval(NOON + TICK - 48 * HOUR, NOON + TICK)], "what the last one left, too"
    assert (answer.code, written) == (CheckFailed("no").exit_code, [NOON + TICK])
    assert "failed" in {each["status"] for each in json.loads(answer.out)}


def test_where_no_tick_is_due_the_last_is_told_with_the_runs_that_made_it(
    settings: Settings, run: Callable
) -> None:
    """What an earlier try made is known to the next by that; runs of other code made nothing of this one."""
    (settings.home / "landing").mkdir(parents=True)
    made(settings, *TABLES, interval=tick_at(NOON))
    version = step_version(step_named(DEMAND), settings)
    ops = made(settings, DEMAND, interval=Interval(NOON - 4 * TICK, NOON), code=version)
    answer = run("tick", "--until", f"{NOON:%Y-%m-%dT%H:%MZ}", "--no-online", "--json")
    told = json.loads(answer.out)
    assert (answer.code, {each["status"] for each in told}) == (0, {"skipped"})
    assert [each["step"] for each in told] == [step.name for step in STEPS if step.due(tick_at(NOON))]
    assert {(each["start"], each["end"]) for each in told} == {
        ("2026-03-10T11:45:00+00:00", "2026-03-10T12:00:00+00:00")
    }
    last = RunLedger(ops, lambda: NOON).published(DEMAND, tick_at(NOON), version)
    assert last is not None
    assert {each["step"]: each["runs"] for each in told if each["runs"]} == {
        DEMAND: {DEMAND: {"run_id": last.run_id, "snapshot_id": None}}
    }
    assert "made already" in answer.err


def test_a_dry_run_tells_an_outage_as_it_is_carried(settings: Settings, run: Callable) -> None:
    """Three ticks, over no cut; one view has the first of them already."""
    (settings.home / "landing").mkdir(parents=True)
    made(settings, *TABLES, interval=tick_at(NOON))
    made(settings, DEMAND, interval=tick_at(NOON + TICK), code=step_version(step_named(DEMAND), settings))
    answer = run("tick", "--until", f"{NOON + 3 * TICK:%Y-%m-%dT%H:%MZ}", "--dry-run", "--json")
    would = {(each["start"][11:16], each["end"][11:16], each["would"]) for each in json.loads(answer.out)}
    assert would == {("12:00", "12:45", "run"), ("12:15", "12:45", "run"), ("12:00", "12:45", "not due")}
    (later,) = [each["step"] for each in json.loads(answer.out) if each["start"][11:16] == "12:15"]
    assert later == DEMAND


def carried(road: Road, count: int) -> list[tuple[str, bool]]:
    """So many ticks behind noon; what was made, as told, and whether pings were."""
    told: list[Interval] = []
    results = run_ticks(
        road,  # type: ignore[arg-type]
        [tick_at(NOON + n * TICK) for n in range(1, count + 1)],
        lambda span, _done: told.append(span),
    )
    assert told == [span for span, _ in road.made]
    assert {each.error is None for each in results if each.status == "failed"} <= {False}
    return [
        (f"{span.start:%H:%M}-{span.end:%H:%M}", "silver.gps_pings" in names) for span, names in road.made
    ]


def test_an_outage_is_carried_as_one_run(settings: Settings) -> None:
    made(settings, *TABLES, interval=Interval(START, NOON))
    road = Road(settings, "", NOON)
    assert carried(road, 4) == [("12:00-13:00", True)]
    assert ticks_due(road.ops, NOON + 4 * TICK) == []


def test_a_bad_tick_does_not_hold_the_good_ones_before_it(settings: Settings) -> None:
    """The third of four: all else is carried as one, its step and its readers then tick by tick up to it."""
    made(settings, *TABLES, interval=Interval(START, NOON))
    road = Road(settings, "silver.gps_pings", NOON + 3 * TICK)
    assert carried(road, 4) == [
        ("12:00-13:00", False),
        ("12:00-12:15", True),
        ("12:15-12:30", True),
        ("12:30-12:45", False),
    ], "behind it nothing is left to make"
    assert "features.zone_demand_15m" in road.made[0][1]
    first, *_ = ticks_due(road.ops, NOON + 4 * TICK)
    assert first == tick_at(NOON + 3 * TICK)


def test_a_failure_is_told_once(settings: Settings) -> None:
    made(settings, *TABLES, interval=Interval(START, NOON))
    road = Road(settings, "silver.gps_pings", NOON + 2 * TICK)
    ticks = [tick_at(NOON + n * TICK) for n in (1, 2)]
    results = run_ticks(road, ticks, lambda _span, _done: None)  # type: ignore[arg-type]
    assert [each.interval for each in results if each.error is not None] == [ticks[1]]


def test_an_outage_of_days_is_carried_day_by_day_and_the_bad_step_sits_out(settings: Settings) -> None:
    made(settings, *TABLES, interval=Interval(START, NOON))
    road = Road(settings, "silver.gps_pings", NOON + TICK)
    carried(road, 4 * 24 * 2)
    whole = [f"{span}" for span, _ in road.made if span.end - span.start > TICK]
    assert whole == [
        "[2026-03-10T12:00Z, 2026-03-11T00:00Z)",
        "[2026-03-11T00:00Z, 2026-03-12T00:00Z)",
        "[2026-03-12T00:00Z, 2026-03-12T12:00Z)",
    ]
    assert not any("silver.gps_pings" in names for _, names in road.made)
    assert len(road.made) == 3 + 1, "the bad tick by itself, and no other"


def test_a_table_gets_no_tick_while_it_lacks_the_one_before(settings: Settings) -> None:
    """Pings are bad at the first tick. The lifecycle failed over both at once, and goes on without them."""
    made(settings, *TABLES, interval=Interval(START, NOON))
    road = Road(settings, "silver.gps_pings", NOON + TICK)
    road.as_one_failing = "silver.lifecycle"
    carried(road, 2)
    second = next(names for span, names in road.made if span == tick_at(NOON + 2 * TICK))
    assert not {"silver.gps_pings", "silver.arrival_evidence", "features.provider_performance_1d"} & second
    assert {"silver.lifecycle", "features.zone_demand_15m"} <= second


def test_what_was_made_with_the_others_is_not_made_by_itself_again(settings: Settings) -> None:
    """So that no tick that is out already is released anew."""
    made(settings, *TABLES, interval=Interval(START, NOON))
    road = Road(settings, "silver.gps_pings", NOON + 3 * TICK)
    carried(road, 4)
    (_, as_one), *by_themselves = road.made
    assert len(by_themselves) == 3
    assert [names & as_one for _, names in by_themselves] == [set(), set(), set()]


def test_a_passing_failure_in_an_outage_of_60_hours_is_made_up_for(settings: Settings) -> None:
    """Sources wait with the last span until the lifecycle was tried again: behind it nobody would."""
    made(settings, *TABLES, interval=Interval(START, SATURDAY))
    until, road = SATURDAY + 60 * HOUR, Road(settings, "silver.lifecycle", SATURDAY + TICK)
    results = run_ticks(road, ticks_due(road.ops, until), quietly)  # type: ignore[arg-type]
    assert max(each.interval.end for each in results if "dispatch" in each.step) == SUNDAY + 24 * HOUR
    assert max(each.interval.end for each in results if each.step == "silver.gps_pings") == until
    road.failing = ""
    run_ticks(road, ticks_due(road.ops, until), quietly)  # type: ignore[arg-type]
    whole, made_now = (Interval(START, until),), made_by_table(road.ops)
    names = {name for step in STEPS if not step.is_daily for name in step.writes}
    assert {name for name in names if made_now[name].intervals != whole} == set()
    assert ticks_due(road.ops, until) == []


def test_a_tick_that_cannot_be_made_holds_its_sources_for_one_command_more(settings: Settings) -> None:
    made(settings, *TABLES, interval=Interval(START, SATURDAY))
    until, road = SATURDAY + 60 * HOUR, Road(settings, "silver.lifecycle", SATURDAY + TICK)
    for _ in range(2):
        run_ticks(road, ticks_due(road.ops, until), quietly)  # type: ignore[arg-type]
    assert made_by_table(road.ops)["silver.dispatch_events"].through == until
    assert ticks_due(road.ops, until)[0].start == until - 48 * HOUR


def quietly(_span: Interval, _done: Sequence[StepResult]) -> None:
    return None


def told_of(road: Road, count: int) -> list[tuple[str, str]]:
    """What broke in so many ticks behind noon, and over which known time."""
    ticks = [tick_at(NOON + n * TICK) for n in range(1, count + 1)]
    results = run_ticks(road, ticks, lambda _span, _done: None)  # type: ignore[arg-type]
    return [(each.step, f"{each.interval.start:%H:%M}") for each in results if each.is_broken]


def test_a_table_never_made_that_fails_is_told(settings: Settings) -> None:
    """A view is new: no history says that it lacks anything. It is bad at the second of three ticks."""
    made(settings, *(name for name in TABLES if name != DEMAND), interval=Interval(START, NOON))
    road = Road(settings, DEMAND, NOON + 2 * TICK)
    assert told_of(road, 3) == [(DEMAND, "12:15")]


def test_what_other_code_made_of_the_ticks_is_not_taken_for_made(settings: Settings) -> None:
    made(settings, *TABLES, interval=Interval(START, NOON + 2 * TICK))
    road = Road(settings, DEMAND, NOON + TICK)
    assert told_of(road, 2) == [(DEMAND, "12:00")]
    assert [f"{span.end:%H:%M}" for span, _ in road.made] == ["12:30", "12:15"], "tried by itself too"


def test_a_failure_that_no_tick_meets_again_is_told_and_its_step_sits_out(settings: Settings) -> None:
    """The first day failed, and the ledger has all of it all the same: no tick is left to try."""
    made(settings, *TABLES, interval=Interval(START, NOON))
    version = step_version(step_named(DEMAND), settings)
    made(settings, DEMAND, interval=Interval(NOON, NOON + timedelta(hours=12)), code=version)
    road = Road(settings, "", NOON)
    road.as_one_failing = DEMAND
    assert told_of(road, 4 * 30) == [(DEMAND, "12:00")]
    assert [DEMAND in names for _, names in road.made] == [False, False], "nor is the second day tried"
