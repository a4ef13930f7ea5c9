"""S20 and S18 of the acceptance scenarios, as `roadside plan` tells them before anything is merged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roadside.changes import changes
from roadside.compatibility import Effect
from roadside.declared import digest
from roadside.touched import touched
from support.declarations import real
from training_datasets.specs import ETA_V1
from transforms.features import provider_activity_15m
from transforms.features.sums import Count, Sum
from validation.contract import Between, Column, Table, Type
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.source import Source
from validation.sources import source_named

DOWNSTREAM_OF_PINGS = """
bronze.gps_pings
features.area_dispatch_15m features.area_hour_1d features.driver_state_15m features.market_dispatch_15m
features.provider_fleet_15m features.provider_performance_1d features.provider_profile_1d
features.zone_supply_15m features.zone_traffic_15m
silver.arrival_evidence silver.gps_pings
tiles.area_hour_1d tiles.dispatch_1d tiles.driver_fixes_15m tiles.driver_states_15m tiles.fleet_1d
tiles.traffic_15m
"""
"""No offer, no job and no view of dispatch alone; arrival evidence is judged by pings."""
ADDED = "agent_reassigned_24h_count"
DAY = 96


def with_a_feature_more(monkeypatch: pytest.MonkeyPatch) -> Table:
    """provider_activity_15m with a count more; its sum is put into the view's spec."""
    spec = provider_activity_15m.SPEC
    table = replace(
        PROVIDER_ACTIVITY_15M,
        columns=(*PROVIDER_ACTIVITY_15M.columns, Column(ADDED, Type.LONG, "Taken away by an agent.")),
        checks=(*PROVIDER_ACTIVITY_15M.checks, Between(ADDED, 0)),
    )
    counted = replace(
        spec,
        table=table,
        sums=(*spec.sums, Sum("agent_reassigned_24h", "agent_reassigned", DAY)),
        features=(*spec.features, Count(ADDED, "agent_reassigned_24h")),
    )
    monkeypatch.setattr(provider_activity_15m, "SPEC", counted)
    return table


def test_s20_a_feature_is_added_and_touches_nobody_who_reads_today(monkeypatch: pytest.MonkeyPatch) -> None:
    before = real()
    after = real(table=with_a_feature_more(monkeypatch))
    (change,) = changes(before, after)
    assert (change.kind, change.name, change.how, change.effect) == (
        "feature",
        f"provider_activity_15m.{ADDED}",
        "added",
        Effect.COMPATIBLE,
    )
    assert change.after["made"] == "count of measure agent_reassigned over 96 instants"
    found = touched([change], before, after)
    assert found.tables == ("features.provider_activity_15m",)
    assert found.features == {"provider_activity_15m": (ADDED,)}
    assert (found.moved, found.on_demand, found.services, found.datasets) == ((), (), (), ())
    assert [(each.where, each.name, each.what) for each in found.consumers] == [
        ("Redis", "provider_activity_15m", f"holds {ADDED} too"),
        ("Snowflake", "features.provider_activity_15m", f"gains {ADDED} as its last"),
        ("S3", "features/provider_activity_15m/", f"gains {ADDED} as its last"),
    ]


def test_s20_every_service_and_dataset_is_described_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = real()
    after = real(table=with_a_feature_more(monkeypatch))
    for section in ("services", "datasets"):
        assert after[section].keys() == before[section].keys()
        for name, told in before[section].items():
            assert digest(after[section][name]) == digest(told), f"{section}: {name}"


def test_s20_editing_a_released_dataset_instead_is_breaking_and_names_the_way_out() -> None:
    edited = replace(ETA_V1, filters=ETA_V1.filters[:-1])
    (change,) = changes(real(), real(dataset=edited))
    assert (change.kind, change.name, change.facet, change.effect) == (
        "dataset",
        "eta_v1",
        "filters",
        Effect.BREAKING,
    )
    assert "add the next version" in change.instead


@pytest.mark.parametrize(("version", "effect"), [(1, Effect.BREAKING), (2, Effect.SHADOW)])
def test_s18_a_renamed_field_is_told_with_all_that_is_made_of_its_source(
    version: int, effect: Effect
) -> None:
    """latitude becomes lat in gps_pings: mapped by version 2 it is computed beside, else it is lost."""
    pings = source_named("gps_pings")
    after = real(source=renamed(pings, version))
    found = changes(real(), after)
    (change,) = [each for each in found if each.kind == "field"]
    assert (change.name, change.before, change.effect) == ("gps_pings.lat", "latitude", effect)
    felt = touched(found, real(), after)
    assert list(felt.tables) == DOWNSTREAM_OF_PINGS.split()
    assert felt.services == (
        "eta_v1",
        "eta_v2",
        "matching_acceptance_v1",
        "matching_ranking_v1",
        "ops_board_v1",
    )
    assert felt.datasets == ("eta_v1", "eta_v2", "matching_acceptance_v1", "matching_ranking_v1")


def renamed(source: Source, version: int) -> Source:
    fields = tuple(
        replace(field, path="lat") if field.path == "latitude" else field for field in source.fields
    )
    return replace(source, fields=fields, version=version)
