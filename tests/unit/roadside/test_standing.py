"""What is due and missing, from the ledgers alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.register import register_landed
from lakehouse.expiries import expire_known_time
from lakehouse.landing_ledger import LandingLedger, ObjectOutcome, ObjectStatus
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.commands.standing import print_standing
from roadside.rendering import print_json
from roadside.standing import standing
from simulation.landing import LandingWriter
from support.failed_runs import failed_run
from support.promised_nights import Nights
from training_datasets.specs import spec_named
from validation.clocks import TICK, Interval, tick_end
from validation.contracts import FEATURES, TABLES
from validation.sources import SOURCES, source_named

DAY = Interval(datetime(2026, 3, 10, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
VIEWS = [f"online.{table.short_name}" for table in FEATURES]
MADE = [table.name for table in TABLES if table.layer != "training"]


class Platform:
    """A home in which tables are made without Spark."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ops = Ops(settings.ops_url)
        self.ledger = LandingLedger(self.ops)
        self.wall = NOON
        self.runs = RunLedger(self.ops, self.clock)

    def clock(self) -> datetime:
        self.wall += timedelta(seconds=1)
        return self.wall

    def beat(self, source: str, start: datetime, end: datetime, lines: int = 0) -> None:
        """An object every five minutes of [start, end), read."""
        moments = [start + n * timedelta(minutes=5) for n in range((end - start) // timedelta(minutes=5))]
        name = f"landing/{source}/{{0:%Y/%m/%d/%H}}/{source}-{{0:%Y-%m-%d-%H-%M-%S}}-beat.json.gz"
        objects = [LandedObject(name.format(moment), moment, 20) for moment in moments]
        self.ledger.register(source, objects, tick_end(end))
        outcomes = [ObjectOutcome(o.key, ObjectStatus.OK, lines, lines, 0, {}, 20, 1) for o in objects]
        self.ledger.record_outcome(*outcomes)

    def land(self, source: str, *, read: bool = True) -> str:
        key = LandingWriter(self.settings.home).write(source, NOON, "a", [])
        self.ledger.register(source, [LandedObject(key, NOON, 20)], DAY.end)
        if read:
            reasons = {"unparseable": 1}
            self.ledger.record_outcome(ObjectOutcome(key, ObjectStatus.OK, 3, 2, 1, reasons, 20, 1))
        return key

    def make(self, *names: str, interval: Interval = DAY) -> None:
        for name in names:
            run = self.runs.begin(name, interval, "code")
            self.runs.finish(run.run_id, snapshot_id=None, rows=1)

    def missing(self, due_at: datetime | None = None) -> tuple[str, ...]:
        return standing(self.settings, due_at, lambda _settings: "").missing


@pytest.fixture
def platform(settings: Settings) -> Platform:
    """Everything landed, read, made and written online; an object a day is all that is expected."""
    daily = ",".join(f"{source.name}=1440" for source in SOURCES)
    platform = Platform(replace(settings, heartbeat_minutes=daily))
    for source in SOURCES:
        platform.land(source.name)
        platform.ledger.close(source.name, DAY.end)
    platform.make(*MADE, *VIEWS)
    return platform


def test_nothing_is_missing_where_all_is_made(platform: Platform) -> None:
    now = standing(platform.settings, redis_problem=lambda _settings: "")
    assert now.missing == ()
    assert now.closed_through == DAY.end
    dispatch = now.sources[0]
    assert (dispatch.landed, dispatch.lines, dispatch.bronze, dispatch.quarantined) == (1, 3, 2, 1)
    assert dispatch.reasons == {"unparseable": 1}
    assert {each.table: each.made_through for each in now.tables}["silver.offers"] == DAY.end


def test_an_empty_home_is_not_touched(settings: Settings, home: Path) -> None:
    assert standing(settings).missing == ("Nothing has been ingested yet.",)
    assert not home.exists()


def test_a_redis_that_stands_still_is_missing(platform: Platform) -> None:
    assert standing(platform.settings).missing == ("The private Redis does not run.",)


def test_a_source_behind_the_others_is_named(platform: Platform) -> None:
    for source in SOURCES[1:]:
        platform.ledger.close(source.name, DAY.end + TICK)
    assert platform.missing() == (
        "dispatch_events: closed through 2026-03-11T00:00Z, due through 2026-03-11T00:15Z.",
    )


def test_every_source_is_due_through_the_tick_asked_for(platform: Platform) -> None:
    assert len(platform.missing(DAY.end + TICK)) == len(SOURCES)


def test_an_object_no_run_has_seen_is_missing(platform: Platform) -> None:
    LandingWriter(platform.settings.home).write("gps_pings", NOON, "straggler", [])
    assert platform.missing() == ("gps_pings: 1 landed objects are not ingested.",)


def test_an_object_that_appears_three_days_after_its_stamp_is_missing_with_the_way_in(
    platform: Platform,
) -> None:
    LandingWriter(platform.settings.home).write("gps_pings", DAY.end - timedelta(days=3), "late", [])
    assert platform.missing() == (
        "gps_pings: 1 landed objects appeared so long after their stamps (the oldest 2026-03-08T00:00:00Z) "
        "that no ordinary run finds them. The next tick reads them after: roadside ingest --source gps_pings "
        "--start 2026-03-10T23:45Z --end 2026-03-11T00:00Z --look-back-hours 96",
    )
    assert register_landed(platform.settings, source_named("gps_pings"), DAY.end).entries == ()
    look_back = timedelta(hours=96)
    found = register_landed(
        platform.settings, source_named("gps_pings"), DAY.end, look_back=look_back
    ).entries
    assert [each.known_at for each in found] == [DAY.end + TICK], "the first tick not closed by then"
    assert platform.missing() == ("gps_pings: 1 of 2 objects were not read to the end.",)


def test_what_is_older_than_a_week_is_looked_for_when_asked(platform: Platform) -> None:
    LandingWriter(platform.settings.home).write("gps_pings", DAY.end - timedelta(days=20), "late", [])
    assert platform.missing() == ()
    far = standing(platform.settings, None, lambda _settings: "", timedelta(days=35))
    assert [each.overlooked for each in far.sources if each.source == "gps_pings"] == [1]
    assert "--look-back-hours 504" in far.missing[0]


def test_an_object_registered_and_not_read_is_missing(platform: Platform) -> None:
    key = LandingWriter(platform.settings.home).write("gps_pings", NOON, "b", [])
    platform.ledger.register("gps_pings", [LandedObject(key, NOON, 20)], DAY.end)
    assert platform.missing() == ("gps_pings: 1 of 2 objects were not read to the end.",)


def test_a_failed_last_run_is_missing_though_the_interval_stands(platform: Platform) -> None:
    run = platform.runs.begin("silver.jobs", DAY, "code")
    platform.runs.fail(run.run_id, "CheckFailed")
    (sentence,) = platform.missing()
    assert sentence.startswith("silver.jobs: its last run")
    assert sentence.endswith("(CheckFailed).")


def test_a_failed_publication_or_upkeep_is_a_sentence_however_many_tables_it_failed_for(
    platform: Platform,
) -> None:
    platform.settings = replace(platform.settings, publish_uri="s3://shelf")
    for name in ("s3.training.eta_v1", "s3.features.zone_demand_15m", "retention.silver.jobs"):
        run_id = failed_run(platform.runs, name, DAY, "Unreachable")
    dropped, sent = platform.missing()
    assert sent.startswith("s3.features.zone_demand_15m: its last run, ")
    assert sent.endswith("(Unreachable; likewise 1 more): roadside publish features.zone_demand_15m --to s3")
    assert dropped.startswith(f"retention.silver.jobs: its last run, {run_id}, failed at 2026-03-10T12:")
    assert dropped.endswith("(Unreachable): roadside retention --table silver.jobs --execute")
    platform.make("retention.silver.jobs")
    assert platform.missing() == (sent,)


def test_a_feature_table_behind_silver_is_missing(platform: Platform) -> None:
    tick = Interval(DAY.end, DAY.end + TICK)
    behind = ("features.zone_demand_15m", "features.provider_performance_1d")
    platform.make(*(name for name in (*MADE, *VIEWS) if name not in behind), interval=tick)
    for source in SOURCES:
        platform.ledger.close(source.name, tick.end)
    assert platform.missing() == (f"features.zone_demand_15m: to be made for {tick}.",)


def test_what_was_replaced_below_is_to_be_made_again(platform: Platform) -> None:
    platform.runs.supersede({"silver.jobs": DAY})
    assert platform.missing() == (f"silver.jobs: to be made for {DAY}.",)


def test_days_of_a_dataset_that_the_nights_passed_over_are_named_with_the_command(
    platform: Platform,
) -> None:
    """A trouble of a week: the nights look three days back, and begin anew behind it."""
    nights = Nights(platform.settings)
    with_silver(platform)
    for day in (1, 2, 6, 8):
        nights.build_day(spec_named("eta_v1"), date(2026, 3, day))
    nights.build_day(spec_named("eta_v2"), date(2026, 3, 1))
    assert platform.missing() == (
        "training.eta_v1: to be built for [2026-03-03, 2026-03-06) and 1 more day, though newer days are "
        "built: roadside dataset build eta_v1 --start 2026-03-03 --end 2026-03-06",
    )
    for day in (3, 4, 5, 7):
        nights.build_day(spec_named("eta_v1"), date(2026, 3, day))
    assert platform.missing() == ()


def with_silver(platform: Platform) -> None:
    """What eta_v1 is made of, from before its first day to where everything else is made."""
    names = [table.name for table in spec_named("eta_v1").sources]
    platform.make(*names, interval=Interval(datetime(2026, 2, 20, tzinfo=UTC), DAY.start))


def test_days_of_a_dataset_that_no_silver_was_made_for_are_not_asked_for(platform: Platform) -> None:
    """Two histories, with nothing between."""
    nights = Nights(platform.settings)
    for day in (1, 3, 5):
        nights.build_day(spec_named("eta_v1"), date(2026, 3, day))
    assert not [each for each in platform.missing() if "eta_v1" in each]


def test_days_of_a_dataset_long_before_its_newest_are_not_asked_for(platform: Platform) -> None:
    """Somebody built one as a sample."""
    nights = Nights(platform.settings)
    with_silver(platform)
    names = [table.name for table in spec_named("eta_v1").sources]
    platform.make(
        *names, interval=Interval(datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 2, 20, tzinfo=UTC))
    )
    nights.build_day(spec_named("eta_v1"), date(2026, 1, 1))
    nights.build_day(spec_named("eta_v1"), date(2026, 3, 5))
    (told,) = [each for each in platform.missing() if "eta_v1" in each]
    assert "to be built for [2026-02-02, 2026-03-05), though" in told


def test_days_of_a_dataset_whose_silver_is_past_its_retention_are_not_asked_for(platform: Platform) -> None:
    nights = Nights(platform.settings)
    with_silver(platform)
    for day in (1, 3, 5):
        nights.build_day(spec_named("eta_v1"), date(2026, 3, day))
    expire_known_time(platform.ops, {"silver.assignments": datetime(2026, 3, 3, tzinfo=UTC)}, NOON)
    (told,) = [each for each in platform.missing() if "eta_v1" in each]
    assert "[2026-03-04, 2026-03-05), though" in told


def test_a_daily_table_is_due_at_its_cut_only(platform: Platform) -> None:
    platform.runs.supersede({"features.provider_performance_1d": DAY})
    cut = datetime(2026, 3, 10, 7, tzinfo=UTC)
    assert platform.missing() == (
        f"features.provider_performance_1d: to be made for {Interval(cut - TICK, cut)}.",
    )


def test_a_view_not_written_through_the_last_tick_is_missing(platform: Platform) -> None:
    tick = Interval(DAY.end, DAY.end + TICK)
    platform.make(*(name for name in MADE if not name.endswith("_1d")), interval=tick)
    for source in SOURCES:
        platform.ledger.close(source.name, tick.end)
    assert platform.missing() == tuple(
        f"online.{view}: Redis holds ticks through 2026-03-11T00:00Z, "
        "features are made through 2026-03-11T00:15Z."
        for view in (table.short_name for table in FEATURES)
    )


# -- held ---------------------------------------------------------------------------------------

DISPATCH_VIEWS = ("job_state_15m", "provider_activity_15m", "zone_demand_15m")
"""And area_dispatch_15m, which reads others too."""
HALF_PAST, SIX_THIRTY = (datetime(2026, 3, 10, *clock, tzinfo=UTC) for clock in ((17, 30), (18, 30)))


@pytest.fixture
def silent(settings: Settings) -> Platform:
    """All made through 18:30; dispatch_events fell silent at 17:41, the others beat on."""
    platform = Platform(settings)
    whole = Interval(DAY.start, SIX_THIRTY)
    for day in (1, 2, 3):
        before = timedelta(days=day)
        platform.beat("dispatch_events", SIX_THIRTY - before - TICK, SIX_THIRTY - before, lines=day)
    platform.beat("dispatch_events", DAY.start, datetime(2026, 3, 10, 17, 40, tzinfo=UTC))
    for source in SOURCES[1:]:
        platform.beat(source.name, DAY.start, SIX_THIRTY)
    for source in SOURCES:
        platform.ledger.close(source.name, SIX_THIRTY)
    platform.make(*MADE, interval=whole)
    platform.make(*VIEWS, interval=Interval(DAY.start, HALF_PAST))
    return platform


def test_a_view_whose_newest_tick_is_held_is_missing_with_what_was_expected(silent: Platform) -> None:
    sentence = next(each for each in silent.missing() if each.startswith("dispatch_events holds"))
    assert sentence == (
        "dispatch_events holds provider_activity_15m, zone_demand_15m, area_dispatch_15m, "
        "market_dispatch_15m, program_dispatch_15m, job_state_15m "
        "at 2026-03-10T18:30Z, since 2026-03-10T17:45Z: last object 2026-03-10T17:35:00Z, "
        "0 of 3 objects found, about 6 records expected."
    )


def test_readers_of_a_held_view_are_served_the_last_tick_that_is_not(silent: Platform) -> None:
    now = standing(silent.settings, redis_problem=lambda _settings: "")
    views = {each.view: each for each in now.views}
    for view in DISPATCH_VIEWS:
        assert (views[view].made_through, views[view].served_through) == (SIX_THIRTY, HALF_PAST)
        assert views[view].age == timedelta(hours=1)
        assert f"online.{view}" not in " ".join(now.missing)
    assert views["provider_fleet_15m"].served_through == SIX_THIRTY
    assert views["provider_fleet_15m"].held_by == ()
    assert views["provider_performance_1d"].served_through == SIX_THIRTY


def test_a_daily_view_is_held_at_its_cut_only(silent: Platform) -> None:
    """03:00 in New York, 07:00Z: silence of claims at that tick holds the day."""
    silent.beat("dispatch_events", datetime(2026, 3, 10, 17, 40, tzinfo=UTC), SIX_THIRTY)
    next_day = Interval(SIX_THIRTY, datetime(2026, 3, 11, 8, tzinfo=UTC))
    for source in SOURCES:
        end = datetime(2026, 3, 11, 6, 50, tzinfo=UTC) if source.name == "service_outcomes" else next_day.end
        silent.beat(source.name, SIX_THIRTY, end)
        silent.ledger.close(source.name, next_day.end)
    silent.make(*MADE, interval=next_day)
    now = standing(silent.settings, redis_problem=lambda _settings: "")
    held = {each.view: each for each in now.views if each.held_by}
    assert set(held) == {"provider_performance_1d"}
    performance = held["provider_performance_1d"]
    cut = datetime(2026, 3, 11, 7, tzinfo=UTC)
    assert [(each.source, each.at, each.since) for each in performance.held_by] == [
        ("service_outcomes", cut, cut)
    ]
    assert performance.served_through == cut - TICK


def test_a_hold_is_over_at_the_first_complete_tick(silent: Platform) -> None:
    next_tick = Interval(SIX_THIRTY, SIX_THIRTY + TICK)
    for source in SOURCES:
        silent.beat(source.name, next_tick.start, next_tick.end)
        silent.ledger.close(source.name, next_tick.end)
    silent.make(*MADE, interval=next_tick)
    now = standing(silent.settings, redis_problem=lambda _settings: "")
    assert not any(each.held_by for each in now.views)
    assert {each.served_through for each in now.views} == {next_tick.end}


def test_status_prints_and_tells_in_json_what_is_held(
    silent: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    now = standing(silent.settings, redis_problem=lambda _settings: "")
    print_standing(now)
    print_json(now)
    printed = capsys.readouterr().out
    assert "held at 2026-03-10T17:30Z, 60 min old" in printed
    told = json.loads(printed[printed.index("\n{") :])
    (activity,) = (each for each in told["views"] if each["view"] == "provider_activity_15m")
    assert activity["served_through"] == "2026-03-10T17:30:00Z"
    assert activity["held_by"][0]["source"] == "dispatch_events"
    assert activity["held_by"][0]["expected_records"] == 6
