"""`roadside feature`: words of the contracts, and rows of the lake without Spark."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any

import pyarrow as pa
import pytest

from lakehouse.catalog_reader import CatalogReader
from lakehouse.settings import Settings
from roadside import feature_catalogue as catalogue
from roadside.commands import features
from support.feature_lake import ARROW, put
from validation.clocks import business_day_start, known_date
from validation.contract import Type
from validation.contracts import FEATURES, table_named
from validation.contracts.features.feature_table import feature_columns
from validation.errors import InputMissing, UnknownName
from validation.on_demand import ON_DEMAND

DEMAND = table_named("features.zone_demand_15m")
FLEET = table_named("features.provider_fleet_15m")
PROFILE = table_named("features.provider_profile_1d")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TICK = timedelta(minutes=15)
USES = {
    "eta_v1": {"zone_demand_15m": ("requests_60m_count",)},
    "ops_board_v1": {"zone_demand_15m": ("requests_60m_count", "tick_at"), "supply_pressure": ()},
}


def row(key: str, tick: datetime, revision: int = 0, **values: Any) -> dict[str, Any]:
    clocks = {"event_timestamp": tick, "available_at": tick + TICK / 3, "revised_at": tick + TICK / 3}
    return {"zone_id": key, "revision": revision, "known_date": known_date(tick), **clocks, **values}


@pytest.fixture
def demand(settings: Settings) -> Settings:
    """Z1 changes at 12:00 and 12:30, revised once; Z2 has died; Z3 was last heard of three days ago."""
    settings.home.mkdir(parents=True)
    put(
        settings,
        DEMAND,
        row("Z1", NOON, tick_at=NOON, requests_60m_count=3),
        row("Z1", NOON + 2 * TICK, tick_at=NOON + 2 * TICK, requests_60m_count=5),
        row("Z1", NOON + 2 * TICK, 1, tick_at=NOON + 2 * TICK, requests_60m_count=6),
        row("Z2", NOON + TICK),
        row("Z3", NOON - timedelta(days=3), tick_at=NOON - timedelta(days=3), requests_60m_count=9),
    )
    return settings


@pytest.mark.parametrize(
    ("minutes", "requests"), [(0, 3), (15, 3), (29, 3), (30, 6), (45, 6), (30 + 2 * 1440 - 1, 6)]
)
def test_a_row_is_in_force_until_the_next_for_at_most_a_time_to_live(
    demand: Settings, minutes: int, requests: int
) -> None:
    at = NOON + timedelta(minutes=minutes)
    (found,) = catalogue.rows_in_force(CatalogReader(demand), DEMAND, at, {"zone_id": "Z1"}, 4)
    assert found["requests_60m_count"] == requests


def test_a_sample_names_the_living_first_and_nobody_of_old(demand: Settings) -> None:
    rows = catalogue.rows_in_force(CatalogReader(demand), DEMAND, NOON + 9 * TICK, {}, 4)
    assert [each["zone_id"] for each in rows] == ["Z1", "Z2"]


def test_no_row_in_force_is_said_with_what_to_do(demand: Settings) -> None:
    reader = CatalogReader(demand)
    with pytest.raises(InputMissing, match="no row in force at 2026-03-20T12:00Z of zone_id=Z1"):
        catalogue.rows_in_force(reader, DEMAND, NOON + timedelta(days=10), {"zone_id": "Z1"}, 4)
    with pytest.raises(UnknownName, match="zone_id"):
        catalogue.rows_in_force(reader, DEMAND, NOON, {"zone": "Z1"}, 4)


def test_the_last_day_counts_each_row_once_by_its_newest_revision(demand: Settings) -> None:
    reader = CatalogReader(demand)
    newest, rows = catalogue.newest_tick(reader, DEMAND)
    assert (newest, rows) == (NOON + 2 * TICK, 5)
    day = catalogue.last_day(reader, DEMAND, NOON + 2 * TICK)
    told = catalogue.distribution_of(DEMAND.column("requests_60m_count"), day["requests_60m_count"])
    assert told == catalogue.Distribution(3, 1, 3, 3, 6, 6)
    assert told.null_share == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "day", [date(2026, 3, 8), date(2026, 3, 9), date(2026, 11, 1), date(2026, 11, 2)], ids=str
)
def test_the_last_day_of_a_daily_view_is_one_cut_on_a_short_and_a_long_day(
    settings: Settings, day: date
) -> None:
    settings.home.mkdir(parents=True)
    cuts = [business_day_start(day - timedelta(days=before)) for before in (2, 1, 0)]
    profiles = [row("", cut) | {"provider_id": f"P{cut.day}"} for cut in cuts]
    put(settings, PROFILE, *({k: v for k, v in each.items() if k != "zone_id"} for each in profiles))
    found = catalogue.last_day(CatalogReader(settings), PROFILE, cuts[-1])
    assert found["provider_id"].to_pylist() == [f"P{day.day}"]


def test_a_table_never_made_has_no_tick(settings: Settings) -> None:
    assert catalogue.newest_tick(CatalogReader(settings), DEMAND) == (None, 0)


def test_lists_count_their_length_words_their_share_and_places_are_withheld(settings: Settings) -> None:
    fixes = pa.chunked_array([[[NOON], [], [NOON, NOON]]], ARROW[Type.TIMESTAMPS])
    lengths = catalogue.distribution_of(FLEET.column("available_fix_at"), fixes)
    assert (lengths.lowest, lengths.median, lengths.highest) == (0, 1, 2)
    tracked = pa.chunked_array([[True, True, True, False, None]])
    assert catalogue.distribution_of(FLEET.column("is_location_tracked"), tracked).values == "yes 75%, no 25%"
    places = catalogue.distribution_of(FLEET.column("available_latitude"), pa.chunked_array([[[37.8]]]))
    assert places == catalogue.Distribution(1, 0)
    settings.home.mkdir(parents=True)
    fleet_row = row("", NOON, available_latitude=[37.8], available_fix_at=[NOON]) | {"provider_id": "P1"}
    put(settings, FLEET, {name: value for name, value in fleet_row.items() if name != "zone_id"})
    (found,) = catalogue.rows_in_force(CatalogReader(settings), FLEET, NOON, {}, 4)
    assert (found["available_latitude"], found["available_longitude"]) == (catalogue.WITHHELD, None)


def test_every_view_and_feature_has_an_entry() -> None:
    listed = catalogue.entries(USES)
    assert [each.view for each in listed] == [
        *(table.short_name for table in FEATURES),
        *(view.name for view in ON_DEMAND),
    ]
    for each in listed:
        for name in each.features:
            view, column = catalogue.named(f"{each.view}.{name}")
            assert column is not None
            assert catalogue.facts_of(view, column)["meaning"]
    assert {each.view: each.used_by for each in listed}["zone_demand_15m"] == ("eta_v1", "ops_board_v1")


@dataclass(frozen=True)
class Registry:
    """What of a Feast store the catalogue asks."""

    services: tuple[Any, ...]

    def list_feature_services(self) -> tuple[Any, ...]:
        return self.services


@pytest.fixture(scope="module")
def uses() -> catalogue.Uses:
    """Of the services as they are defined."""
    names = ("eta_v1", "eta_v2", "matching_acceptance_v1", "matching_ranking_v1", "ops_board_v1")
    services = [getattr(import_module(f"feature_repo.services.{name}"), name) for name in names]
    return catalogue.uses_of(Registry(tuple(services)))


MATCHING = ("matching_acceptance_v1", "matching_ranking_v1")


@pytest.mark.filterwarnings("ignore:The spark .* experimental:RuntimeWarning")
@pytest.mark.parametrize(
    ("view", "feature", "services"),
    [
        ("provider_fleet_15m", "available_latitude", ("eta_v2", *MATCHING)),
        ("provider_profile_1d", "site_latitude", ("eta_v2", *MATCHING)),
        ("driver_state_15m", "last_fix_latitude", ("eta_v2",)),
        ("driver_state_15m", "duty_status", ("eta_v2", "ops_board_v1")),
        ("provider_fleet_15m", "available_is_tow", ("eta_v2", *MATCHING)),
    ],
)
def test_a_service_uses_the_inputs_of_its_on_demand_views(
    uses: catalogue.Uses, view: str, feature: str, services: tuple[str, ...]
) -> None:
    assert catalogue.users_of(uses, view, feature) == services
    listed = {each.view: each.used_by for each in catalogue.entries(uses)}
    assert set(services) <= set(listed[view])


@pytest.mark.filterwarnings("ignore:The spark .* experimental:RuntimeWarning")
def test_every_stored_input_of_an_on_demand_view_is_used_by_who_has_the_view(uses: catalogue.Uses) -> None:
    for view in ON_DEMAND:
        for source, _, feature in (name.partition(".") for name in view.inputs):
            if feature:
                assert set(catalogue.users_of(uses, view.name)) <= set(
                    catalogue.users_of(uses, source, feature)
                ), (view.name, source, feature)


@pytest.fixture
def no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "_uses", lambda: USES)


@pytest.mark.usefixtures("no_registry")
class TestCommands:
    def test_list_says_who_uses_a_view(self, run: Callable[..., Any]) -> None:
        answer = run("feature", "list")
        assert answer.code == 0
        (line,) = [line for line in answer.out.splitlines() if "zone_demand_15m" in line]
        assert line.split() == ["zone_demand_15m", "zone_id", "15", "minutes", "10", "2", "days", "all"]
        matrix = {each["view"]: each for each in json.loads(run("feature", "list", "--matrix", "--json").out)}
        assert matrix["zone_demand_15m"]["eta_v1"] == [1, 10]
        assert matrix["driver_state_15m"]["eta_v1"] is None
        assert "1 of 10" in run("feature", "list", "--matrix").out

    def test_show_a_view_says_what_its_last_day_holds(
        self, demand: Settings, run: Callable[..., Any]
    ) -> None:
        said = json.loads(run("feature", "show", "zone_demand_15m", "--json").out)
        assert said["entity"] == ["zone_id"]
        assert said["landing_sources"] == ["dispatch_events"]
        assert said["made_from"][0] == "tiles.dispatch_15m"
        assert "silver.jobs" in said["made_from"]
        assert said["null_means"].startswith("Null throughout: no request within four cells")
        (requests,) = [each for each in said["features"] if each["feature"] == "requests_60m_count"]
        assert (requests["kind"], requests["window"]) == ("W", "60m")
        assert requests["last_day"]["null_share"] == pytest.approx(1 / 3)
        told = run("feature", "show", "zone_demand_15m").out
        assert "2026-03-10T12:30Z" in told
        assert "33.3%" in told

    def test_show_a_feature_says_its_kind_in_words(self, run: Callable[..., Any]) -> None:
        told = run("feature", "show", "area_dispatch_15m.unassigned_age_minutes_p90").out
        assert "A  worked out of the open set at the tick" in told
        assert "not made yet" in told
        told = run("feature", "show", "trip_geometry.nearest_available_driver_km").out
        assert "worked out at the request" in told

    def test_a_feature_of_a_service_is_used_by_it_alone(self, run: Callable[..., Any]) -> None:
        said = json.loads(run("feature", "show", "zone_demand_15m.tick_at", "--json").out)
        assert said["used_by"] == ["ops_board_v1"]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("show zone_demand", "did you mean"),
            ("show zone_demand_15m.requests_60m", "requests_60m_count"),
            ("preview trip_geometry", "worked out at the request"),
            ("preview zone_demand_15m.tick_at", "a preview is of a view"),
            ("preview zone_demand_15m --key zone_id", "is not KEY=VALUE"),
            ("preview zone_demand_15m --at 2026-03-10T12:07Z", "not on the 15-minute grid"),
            ("preview zone_demand_15m", "was never made"),
        ],
    )
    def test_mistakes_are_said_with_the_way_out(self, run: Callable[..., Any], words: str, said: str) -> None:
        answer = run("feature", *words.split())
        assert answer.code == 2
        assert said.lower() in answer.err.lower()


def test_preview_prints_the_row_in_force(demand: Settings, run: Callable[..., Any]) -> None:
    words = ("feature", "preview", "zone_demand_15m", "--key", "zone_id=Z1", "--at", "2026-03-10T12:15Z")
    said = json.loads(run(*words, "--json").out)
    assert said["at"] == "2026-03-10T12:15:00Z"
    assert [each["requests_60m_count"] for each in said["rows"]] == [3]
    told = run(*words).out
    assert "zone_demand_15m in force at 2026-03-10T12:15Z" in told
    assert all(column.name in told for column in feature_columns(DEMAND))
