"""What is due and missing, from the ledgers alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakehouse.landing_ledger import LandingLedger, ObjectOutcome, ObjectStatus
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.standing import standing
from simulation.landing import LandingWriter
from validation.clocks import TICK, Interval
from validation.contracts import FEATURES, TABLES
from validation.sources import SOURCES

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
    """Everything landed, read, made and written online."""
    platform = Platform(settings)
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


def test_a_feature_table_behind_silver_is_missing(platform: Platform) -> None:
    tick = Interval(DAY.end, DAY.end + TICK)
    behind = ("features.zone_demand_15m", "features.provider_performance_1d")
    platform.make(*(name for name in (*MADE, *VIEWS) if name not in behind), interval=tick)
    for source in SOURCES:
        platform.ledger.close(source.name, tick.end)
    assert platform.missing() == (f"features.zone_demand_15m: to be made for {tick}.",)


def test_what_was_replaced_below_is_to_be_made_again(platform: Platform) -> None:
    platform.runs.supersede("silver.jobs", DAY)
    assert platform.missing() == (f"silver.jobs: to be made for {DAY}.",)


def test_a_daily_table_is_due_at_its_cut_only(platform: Platform) -> None:
    platform.runs.supersede("features.provider_performance_1d", DAY)
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
        for view in ("provider_activity_15m", "zone_demand_15m", "provider_performance_1d")
    )
