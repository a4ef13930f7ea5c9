"""Where every hop of the road stands against its budget: on ledgers written by hand, and a real Redis."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DateType, NestedField, StringType, TimestamptzType
from sqlalchemy import func, insert, select

from feast_plugins.redis_link import RedisLink
from feast_plugins.scripts import SCRIPTS
from feast_plugins.view_state import ViewState, micros
from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops, runs
from lakehouse.redis_server import RedisAddress
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.settings import Settings, load_settings
from roadside.freshness import Asked, Hop, freshness
from roadside.hop_budgets import budgets_with
from simulation.landing import LandingWriter
from validation.clocks import tick_start
from validation.contracts import FEATURES, SERVED, TABLES
from validation.sources import SOURCES

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DUE = NOON + timedelta(minutes=5)
CUT = datetime(2026, 3, 10, 7, tzinfo=UTC)
BEGUN = datetime(2026, 3, 9, tzinfo=UTC)
LAKE = Asked(with_online=False)
MADE = [table.name for table in TABLES if table.layer not in ("training", "quarantine")]
ON_PINGS = [
    "driver_state_15m",
    "provider_fleet_15m",
    "zone_supply_15m",
    "zone_traffic_15m",
    "area_dispatch_15m",
    "market_dispatch_15m",
]
"""The views of every tick that read gps_pings."""


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


class Road:
    """A home whose ledgers say what a test has them say, without a table behind them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ops = Ops(settings.ops_url)
        self.ledger = LandingLedger(self.ops)
        self.releases = Releases(self.ops, lambda: NOON)

    def beat(self, source: str, start: datetime, end: datetime) -> None:
        """An object every five minutes of [start, end); closed through the end's tick."""
        moments = [start + n * minutes(5) for n in range((end - start) // minutes(5))]
        name = f"landing/{source}/{{0:%Y/%m/%d/%H}}/{source}-{{0:%Y-%m-%d-%H-%M-%S}}-beat.json.gz"
        found = [LandedObject(name.format(each), each, 20) for each in moments]
        self.ledger.register(source, found, tick_start(end))
        self.ledger.close(source, tick_start(end))

    def make(
        self,
        *names: str,
        start: datetime = BEGUN,
        end: datetime = NOON,
        rows: int = 1,
        finished: datetime | None = None,
    ) -> None:
        """Published runs, in one transaction."""
        with self.ops.write() as connection:
            made = connection.execute(select(func.count()).select_from(runs)).scalar_one()
            values = {
                "interval_start": start, "interval_end": end, "rows": rows, "status": "published",
                "code_version": "code", "started_at": end, "finished_at": finished or end, "counts": {},
                "host": "here", "pid": 1, "process_started": "then",
            }  # fmt: skip
            rowed = [{"run_id": f"{made + n}", "table_name": name} | values for n, name in enumerate(names)]
            connection.execute(insert(runs), rowed)

    def release(self, *views: str, tick: datetime) -> None:
        tables = {f"features.{view}": 1 for view in views}
        self.releases.publish(ReleaseKind.TICK, tick, tick + minutes(5), tables)

    def hops(self, at: datetime = DUE, asked: Asked = LAKE, budget: tuple[str, ...] = ()) -> dict[str, Hop]:
        found = freshness(self.settings, at, asked, budgets_with(budget))
        assert found.cannot_tell == ()
        return {each.name: each for each in found.hops}

    def over(self, at: datetime = DUE, asked: Asked = LAKE, budget: tuple[str, ...] = ()) -> dict[str, str]:
        """By hop over its budget, its state and where it was lost."""
        found = self.hops(at, asked, budget)
        return {name: f"{each.state}: {each.lost_at}" for name, each in found.items() if each.is_over}


def by_cadence(ending: str) -> list[str]:
    return [table.short_name for table in FEATURES if table.name.endswith(ending)]


@pytest.fixture
def bare(settings: Settings) -> Road:
    """Five sources that beat until noon, and tables made through then; nothing released."""
    road = Road(settings)
    for source in SOURCES:
        road.beat(source.name, NOON - timedelta(hours=2), NOON)
    road.make(*MADE, end=CUT)
    road.make(*MADE, start=CUT)
    return road


@pytest.fixture
def road(bare: Road) -> Road:
    """All of it in time at noon."""
    bare.release(*by_cadence("_15m"), tick=NOON)
    bare.release(*by_cadence("_1d"), tick=CUT)
    return bare


@pytest.fixture
def online(road: Road, redis_connection: str, monkeypatch: pytest.MonkeyPatch) -> ViewState:
    """Redis with every served view complete through noon, one entity living in each."""
    monkeypatch.setenv("ROADSIDE_REDIS", redis_connection)
    road.settings = load_settings(
        {"ROADSIDE_HOME": str(road.settings.home), "ROADSIDE_REDIS": redis_connection}
    )
    client = RedisAddress.parse(redis_connection).client()
    state = ViewState(RedisLink(client, redis_connection, SCRIPTS, 1.0), "roadside")
    for table in SERVED:
        state.complete(table.short_name, DUE)
        state.add_live(table.short_name, [b"a"], [micros(NOON)], [b"1"])
    return state


def test_a_road_in_time_is_within_budget_at_every_hop(road: Road) -> None:
    found = road.hops()
    assert road.over() == {}
    assert {each.hop: each.budget / minutes(1) for each in found.values() if "_1d" not in each.what} == {
        "source": 20,
        "bronze": 17,
        "silver": 18,
        "tiles": 18.5,
        "features": 19.5,
        "release": 19.5,
    }
    source, daily = found["source.gps_pings"], found["release.area_hour_1d"]
    assert (source.through, source.age, source.closed_through) == (NOON - minutes(5), minutes(10), NOON)
    assert (daily.through, daily.age, daily.budget) == (CUT, minutes(305), timedelta(hours=27))


def test_a_feed_that_went_silent_is_late_and_holds_the_views_that_read_it(bare: Road) -> None:
    for name in ("dispatch_events", "provider_status", "service_outcomes", "traffic_speeds", "gps_pings"):
        silent = name == "gps_pings"
        bare.beat(name, NOON, NOON if silent else NOON + minutes(45))
        bare.ledger.close(name, NOON + minutes(45))
    bare.make(*MADE, end=NOON + minutes(45))
    bare.release(*ON_PINGS, tick=NOON)
    bare.release(*(set(by_cadence("_15m")) - set(ON_PINGS)), tick=NOON + minutes(45))
    bare.release(*by_cadence("_1d"), tick=CUT)
    held = {f"release.{view}": "held: source.gps_pings" for view in ON_PINGS}
    assert bare.over(NOON + minutes(50)) == {"source.gps_pings": "late: source.gps_pings"} | held
    found = bare.hops(NOON + minutes(50))
    (hold,) = found["release.zone_supply_15m"].held_by
    assert (hold.source, hold.since, hold.at) == ("gps_pings", NOON + minutes(15), NOON + minutes(45))
    assert found["release.zone_demand_15m"].state == "ok"
    assert found["features.zone_supply_15m"].state == "ok", "the hold is none of the table's lateness"


def test_a_hold_is_over_only_once_it_lasts(bare: Road) -> None:
    for source in SOURCES:
        bare.ledger.close(source.name, NOON + minutes(15))
    bare.make(*MADE, end=NOON + minutes(30))
    bare.release("zone_traffic_15m", tick=NOON)
    traffic = Asked(views=("zone_traffic_15m",), layers=("release",))
    at = NOON + minutes(44)  # held since 12:15; 12:30 is the newest tick due
    assert bare.hops(at, traffic)["release.zone_traffic_15m"].state == "held"
    assert bare.over(at, traffic) == {}
    assert list(bare.over(at, traffic, ("hold=29",))) == ["release.zone_traffic_15m"]
    assert list(bare.over(NOON + minutes(45), traffic)) == ["release.zone_traffic_15m"]


def test_a_daily_view_held_at_its_cut_is_over_at_six(settings: Settings) -> None:
    road, yesterday = Road(settings), CUT - timedelta(days=1)
    for source in SOURCES:
        stopped = CUT - minutes(30) if source.name == "service_outcomes" else CUT
        road.beat(source.name, yesterday - minutes(30), stopped)
        road.ledger.close(source.name, CUT)
    road.make(*MADE, start=yesterday - timedelta(hours=1), end=CUT)
    road.release("provider_performance_1d", "area_service_1d", tick=yesterday)
    daily = Asked(views=("provider_performance_1d", "area_service_1d"), layers=("release",))
    assert road.over(CUT + minutes(179), daily) == {}
    assert road.over(CUT + minutes(180), daily) == {
        "release.provider_performance_1d": "held: source.service_outcomes",
        "release.area_service_1d": "late: release.area_service_1d",  # reads dispatch_events alone
    }
    longer = road.over(CUT + minutes(180), daily, ("hold_1d=181",))
    assert list(longer) == ["release.area_service_1d"]


def test_a_step_that_did_not_run_is_where_the_minutes_were_lost(road: Road) -> None:
    later = NOON + minutes(15)
    for source in SOURCES:
        road.beat(source.name, NOON, later)
    road.make(*(name for name in MADE if name.startswith("bronze.")), end=later)
    road.make("silver.traffic_speeds", "silver.gps_pings", end=later)
    over = road.over(later + minutes(5))
    assert over["silver.provider_status"] == "late: silver.provider_status"
    assert over["tiles.traffic_15m"] == "late: silver.provider_status"
    assert over["release.zone_traffic_15m"] == "late: silver.provider_status"
    assert over["release.zone_demand_15m"] == "late: silver.dispatch_events"
    assert not [name for name in over if name.endswith("_1d")], "no cut has passed"


@pytest.mark.parametrize("later", [NOON + minutes(15), CUT + timedelta(days=1)])
def test_a_table_of_the_day_before_does_not_delay_a_tick(road: Road, later: datetime) -> None:
    supply = Asked(views=("zone_supply_15m",), with_online=False)
    road.make(*(name for name in MADE if not name.startswith("features.") and "_1d" not in name), end=later)
    lost = "late: features.zone_supply_15m"
    over = {"features.zone_supply_15m": lost, "release.zone_supply_15m": lost}
    assert road.over(later + minutes(5), supply) == over


def test_minutes_that_bronze_took_are_lost_at_bronze_though_it_has_come_since(road: Road) -> None:
    later = NOON + minutes(15)
    for source in SOURCES:
        road.beat(source.name, NOON, later)
    in_time = [f"bronze.{source.name}" for source in SOURCES if source.name != "gps_pings"]
    road.make(*in_time, end=later, finished=later + minutes(2))
    road.make("bronze.gps_pings", end=later, finished=later + minutes(6))
    over = road.over(later + minutes(6))
    assert over["silver.gps_pings"] == "late: bronze.gps_pings"
    assert over["tiles.dispatch_15m"] == "late: silver.dispatch_events"
    assert not [name for name in over if name.startswith("bronze.")]


def test_a_hop_is_late_from_the_minute_it_is_due(road: Road) -> None:
    for source in SOURCES:
        road.beat(source.name, NOON, NOON + minutes(15))
    bronze = Asked(layers=("bronze",), with_online=False)
    assert road.over(NOON + minutes(16.9), bronze) == {}
    assert len(road.over(NOON + minutes(17), bronze)) == 5
    assert road.over(NOON + minutes(17), bronze, ("bronze=3",)) == {}


def test_what_was_made_and_not_released_was_lost_at_the_release(bare: Road) -> None:
    bare.release("zone_demand_15m", tick=NOON - minutes(15))
    over = bare.over()
    assert over["release.zone_demand_15m"] == "late: release.zone_demand_15m"
    assert over["release.zone_supply_15m"] == "missing: release.zone_supply_15m"
    assert not [name for name in over if name.startswith("features.")]


def test_what_never_landed_or_was_never_made_is_missing(settings: Settings) -> None:
    road = Road(settings)
    road.beat("gps_pings", NOON - minutes(30), NOON)
    road.make("bronze.gps_pings", start=NOON - minutes(30))
    found = road.hops()
    assert [found[name].state for name in ("source.gps_pings", "bronze.gps_pings")] == ["ok", "ok"]
    assert (found["source.traffic_speeds"].state, found["source.traffic_speeds"].through) == ("missing", None)
    assert found["silver.gps_pings"].lost_at == "silver.gps_pings"
    assert found["features.zone_supply_15m"].lost_at == "bronze.provider_status"
    daily = found["features.area_hour_1d"]
    assert (daily.state, daily.is_over) == ("no data", False), "no cut since the road began"


def test_an_object_that_no_run_has_read_yet_is_of_a_live_source(road: Road) -> None:
    later = NOON + minutes(30)
    assert road.over(later)["source.gps_pings"] == "late: source.gps_pings"
    LandingWriter(road.settings.home).write("gps_pings", later - minutes(4), "beat", [])
    found = road.hops(later)["source.gps_pings"]
    assert (found.state, found.through) == ("ok", later - minutes(4))
    assert road.over(later)["bronze.gps_pings"] == "late: bronze.gps_pings", "it is ingestion that stands"


def append(settings: Settings, name: str, *rows: datetime) -> None:
    """A table of the lake that holds rows of these event times."""
    schema = Schema(
        NestedField(1, "zone_id", StringType()),
        NestedField(2, "event_timestamp", TimestamptzType()),
        NestedField(3, "known_at", TimestamptzType()),
        NestedField(4, "known_date", DateType()),
    )
    by_date = PartitionSpec(PartitionField(4, 1000, IdentityTransform(), "known_date"))
    catalog = SqlCatalog("lake", uri=f"sqlite:///{settings.catalog_path}", warehouse=settings.warehouse_uri)
    catalog.create_namespace_if_not_exists(name.partition(".")[0])
    table = catalog.create_table_if_not_exists(name, schema, partition_spec=by_date)
    values = [
        {"zone_id": "Z", "event_timestamp": each, "known_at": each, "known_date": each.date()}
        for each in rows
    ]
    table.append(pa.Table.from_pylist(values, schema=table.schema().as_arrow()))
    catalog.engine.dispose()


@pytest.mark.parametrize(
    ("age", "state"), [(timedelta(days=2), "ok"), (timedelta(days=2, minutes=15), "no data")]
)
def test_a_view_whose_values_have_all_expired_is_not_fresh_whatever_its_last_run_says(
    road: Road, age: timedelta, state: str
) -> None:
    append(road.settings, "features.zone_demand_15m", NOON - age - timedelta(days=1), NOON - age)
    found = road.hops()["features.zone_demand_15m"]
    assert (found.state, found.is_over) == (state, state == "no data")
    assert (found.through, found.newest_event) == (NOON, NOON - age)


def test_a_source_of_heartbeats_alone_has_no_data_and_is_in_time(road: Road) -> None:
    append(road.settings, "bronze.gps_pings")
    append(road.settings, "bronze.traffic_speeds", NOON - minutes(11))
    found = road.hops()
    assert (found["source.gps_pings"].state, found["bronze.gps_pings"].state) == ("no data", "no data")
    assert found["source.traffic_speeds"].newest_event == NOON - minutes(11)
    assert road.over() == {}


@pytest.mark.parametrize(
    ("cut", "before"),
    [
        (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 3, 7, 8, tzinfo=UTC)),
        (datetime(2026, 11, 1, 8, tzinfo=UTC), datetime(2026, 10, 31, 7, tzinfo=UTC)),
    ],
)
def test_a_daily_view_is_due_at_six_on_nights_on_which_clocks_move(
    settings: Settings, cut: datetime, before: datetime
) -> None:
    road = Road(settings)
    road.make(*MADE, start=before - timedelta(days=1), end=before)
    road.release("area_service_1d", tick=before)
    daily = Asked(views=("area_service_1d",), with_online=False)
    six = cut + timedelta(hours=3)
    assert road.over(six - timedelta(seconds=1), daily) == {}
    assert list(road.over(six, daily)) == ["features.area_service_1d", "release.area_service_1d"]
    road.make(*MADE, start=before, end=cut)
    road.release("area_service_1d", tick=cut)
    assert road.over(six, daily) == {}


def test_redis_is_fresh_by_its_marker(road: Road, online: ViewState) -> None:
    assert road.over(asked=Asked()) == {}
    found = road.hops(asked=Asked(layers=("online",)))
    assert [each.what for each in found.values()] == [table.short_name for table in SERVED]
    quarters, daily = found["online.zone_demand_15m"], found["online.area_service_1d"]
    assert (quarters.through, quarters.budget, quarters.live, quarters.coverage) == (NOON, minutes(20), 1, 1)
    assert (daily.through, daily.budget) == (CUT, timedelta(hours=27, minutes=5))


def test_a_view_that_redis_has_not_is_late_or_missing_there(road: Road, online: ViewState) -> None:
    online.complete("zone_demand_15m", DUE - minutes(15), force=True)
    online.drop("zone_supply_15m")
    online.complete("area_service_1d", datetime(2026, 3, 10, 9, 59, tzinfo=UTC), force=True)
    assert road.over(asked=Asked()) == {
        "online.zone_demand_15m": "late: online.zone_demand_15m",
        "online.zone_supply_15m": "missing: online.zone_supply_15m",
        "online.area_service_1d": "late: online.area_service_1d",
    }


def test_a_held_view_is_held_in_redis_too_unless_redis_is_further_behind(
    road: Road, online: ViewState
) -> None:
    later, asked = NOON + minutes(30), Asked(layers=("online",))
    for source in SOURCES:
        if source.name != "traffic_speeds":
            road.beat(source.name, NOON, later)
        road.ledger.close(source.name, later)
    road.make(*MADE, end=later)
    for table in SERVED:
        if table.short_name not in ("zone_traffic_15m", "zone_demand_15m"):
            online.complete(table.short_name, later + minutes(5))
    found = road.hops(later + minutes(5), asked)
    assert found["online.zone_traffic_15m"].state == "held"
    assert found["online.zone_demand_15m"].state == "late"
    assert {each.what for each in found.values() if each.is_over} == {"zone_demand_15m"}
    online.complete("zone_traffic_15m", NOON - minutes(10), force=True)
    assert road.hops(later + minutes(5), asked)["online.zone_traffic_15m"].state == "late"


def test_a_run_that_wrote_nothing_while_entities_live_is_not_fresh(
    road: Road, online: ViewState, run: Callable
) -> None:
    expired = micros(NOON - timedelta(days=2, hours=1))
    online.add_live("zone_demand_15m", [b"b", b"c", b"d"], [expired] * 3, [b"1"] * 3)
    road.make("features.zone_demand_15m", "online.zone_demand_15m", start=NOON - minutes(15), rows=0)
    found = road.hops(asked=Asked(layers=("online",)))["online.zone_demand_15m"]
    assert (found.state, found.is_over, found.live, found.coverage) == ("no data", True, 4, 0.25)
    answer = run("freshness", "--view", "zone_demand_15m")
    assert answer.code == 1
    assert "no data, over" in answer.out
    assert "25.0% of 4" in answer.out


def test_values_that_expired_in_the_lake_are_where_redis_lost_its_own(road: Road, online: ViewState) -> None:
    append(road.settings, "features.zone_demand_15m", NOON - timedelta(days=3))
    online.drop("zone_demand_15m")
    online.complete("zone_demand_15m", DUE)
    online.add_live("zone_demand_15m", [b"a"], [micros(NOON - timedelta(days=3))], [b"1"])
    lost = "no data: features.zone_demand_15m"
    over = {"features.zone_demand_15m": lost, "online.zone_demand_15m": lost}
    assert road.over(asked=Asked(views=("zone_demand_15m",))) == over


def test_a_view_in_which_nobody_lives_has_no_data_and_is_in_time(road: Road, online: ViewState) -> None:
    online.close("zone_demand_15m", [b"a"], [micros(DUE)], [b"1"])
    found = road.hops(asked=Asked(layers=("online",)))["online.zone_demand_15m"]
    assert (found.state, found.is_over, found.live, found.coverage) == ("no data", False, 0, None)


def test_the_exit_code_tells_in_time_stale_and_cannot_tell_apart(road: Road, run: Callable) -> None:
    in_time = run("freshness", "--no-online")
    assert (in_time.code, in_time.err) == (0, "")
    stale = run("freshness", "--no-online", "--at", "2026-03-10T12:20Z")
    assert stale.code == 1
    assert "  - bronze.service_outcomes, and so silver.service_outcomes." in stale.out
    dark = run("freshness", "--at", "2026-03-10T12:20Z")
    assert dark.code == 6
    assert "bronze.service_outcomes, and so silver.service_outcomes." in dark.out
    assert "Start it: roadside redis start." in dark.err


def test_a_catalog_that_cannot_be_read_hides_no_ledger(road: Road, run: Callable) -> None:
    road.settings.catalog_path.write_bytes(b"no database")
    answer = run("freshness", "--no-online", "--at", "2026-03-10T12:20Z")
    assert answer.code == 6
    assert "The Iceberg catalog cannot be read (DatabaseError)." in answer.err
    assert "bronze.service_outcomes, and so silver.service_outcomes." in answer.out


def test_the_moment_is_that_of_the_data_unless_the_clock_is_the_wall_s(
    road: Road, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("freshness", "--no-online", "--json")
    assert json.loads(run(*asked).out)["at"] == "2026-03-10T12:05:00Z"
    assert run(*asked, "--at", "now").code == 1
    monkeypatch.setenv("ROADSIDE_ONLINE_CLOCK", "wall")
    assert run(*asked).code == 1


def test_the_json_of_a_monitor(road: Road, run: Callable) -> None:
    answer = run("freshness", "--source", "gps_pings", "--no-online", "--json", "--at", "2026-03-10T12:20Z")
    assert answer.code == 1
    found = json.loads(answer.out)
    hops = found.pop("hops")
    assert found == {
        "at": "2026-03-10T12:20:00Z",
        "is_over": True,
        "over": ["source.gps_pings", "bronze.gps_pings"],
        "cannot_tell": [],
    }
    assert hops[1] == {
        "hop": "bronze",
        "what": "gps_pings",
        "through": "2026-03-10T12:00:00Z",
        "age": 1200.0,
        "budget": 1020.0,
        "state": "late",
        "is_over": True,
        "newest_event": None,
        "closed_through": None,
        "held_by": [],
        "live": None,
        "coverage": None,
        "lost_at": "bronze.gps_pings",
        "due": "2026-03-10T12:15:00Z",
    }


def test_a_choice_that_leaves_no_hop_is_no_green_light(road: Road, run: Callable) -> None:
    answer = run("freshness", "--source", "gps_pings", "--layer", "silver", "--no-online")
    assert answer.code == 2
    assert "No hop is both of that layer and of that source or view." in answer.err


def test_a_home_in_which_nothing_was_closed_has_no_newest_moment(
    settings: Settings, run: Callable, home: Path
) -> None:
    assert run("freshness").code == 2
    assert not home.exists()
    Road(settings).make("bronze.gps_pings")
    answer = run("freshness", "--no-online")
    assert answer.code == 1
    assert "Nothing has been ingested yet" in answer.err
