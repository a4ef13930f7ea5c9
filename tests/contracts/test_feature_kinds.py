"""Every feature says how it is measured, in its name, as the domain text does; every view when it is null."""

from __future__ import annotations

import importlib
from datetime import timedelta

import pytest

from simulation.ascii_tables import read_table
from transforms.features import sums
from validation.contract import Column, Table, Type
from validation.contracts import FEATURES
from validation.contracts.features.feature_table import feature_columns
from validation.errors import Defect
from validation.feature_kinds import Kind, kind_of, window_of, window_text

# DOMAIN 3.1 and 3.2, a letter a feature in the contract's order; T is tick_at, which stands first.
KINDS = """
| view                    | kinds                            |
| driver_state_15m        | T LLLLLL L LLLLLL R              |
| provider_fleet_15m      | T SSSSS UU L L LLLL              |
| provider_activity_15m   | T WWW WW WW W W RR W Q S S A LLL |
| zone_demand_15m         | T WWW W W S WW S                 |
| zone_supply_15m         | T S SS S S S D                   |
| zone_traffic_15m        | T RR W L Q W                     |
| area_dispatch_15m       | T W W W R R S AAA A S A WW RR QQ Q WWW SSS R |
| market_dispatch_15m     | T W W W R R S AAA A S A WW RR QQ Q WWW SSS |
| program_dispatch_15m    | T W W W R R S AAA A S A WW RR QQ Q WWW |
| job_state_15m           | T L L L LLLL LL LL LL L          |
| provider_performance_1d | WW RR Q W R R W QQ QQ R R R R W R W R |
| provider_service_1d     | W R W Q Q                        |
| provider_area_1d        | W W R Q L                        |
| area_hour_1d            | W R R R Q                        |
| provider_profile_1d     | MM D L L L D A                   |
| area_service_1d         | W Q R W QQ Q Q R R               |
"""
AT_THE_INSTANT = 0
"""The window of a sum of states that are known tick by tick, their own windows behind them."""
MADE_BY = {  # the class in transforms.features.sums that makes a feature: kinds it may be
    sums.Count: {Kind.WINDOW, Kind.STOCK, Kind.AGE, Kind.DISTINCT},
    sums.Ratio: {Kind.RATIO, Kind.USE},
    sums.Quantile: {Kind.QUANTILE, Kind.AGE},
    sums.Latest: {Kind.LAST},
    sums.Since: {Kind.AGE},
    sums.Has: {Kind.LAST},
    sums.Scaled: {Kind.USE},
}


@pytest.mark.parametrize("row", read_table(KINDS), ids=lambda row: row["view"])
def test_kinds_are_those_of_the_domain_text(row: dict[str, str]) -> None:
    (table,) = [table for table in FEATURES if table.short_name == row["view"]]
    told = "".join(kind_of(column).letter for column in feature_columns(table))
    assert told == row["kinds"].replace(" ", "")


def test_every_view_is_in_the_table() -> None:
    assert {row["view"] for row in read_table(KINDS)} == {table.short_name for table in FEATURES}


@pytest.mark.parametrize("table", FEATURES, ids=lambda table: table.short_name)
def test_kinds_agree_with_how_the_features_are_made(table: Table) -> None:
    spec = importlib.import_module(f"transforms.features.{table.short_name}").SPEC
    for feature in spec.features:
        if type(feature) in MADE_BY:
            assert kind_of(table.column(feature.name)) in MADE_BY[type(feature)], feature.name


@pytest.mark.parametrize("table", FEATURES, ids=lambda table: table.short_name)
def test_sums_run_over_the_window_that_their_feature_names(table: Table) -> None:
    spec = importlib.import_module(f"transforms.features.{table.short_name}").SPEC
    windows = {each.name: each.window for each in spec.measures.sums}
    instants_a_day = 1 if table.name.endswith("_1d") else 96
    for feature in spec.features:
        named = window_of(table.column(feature.name)) if feature.name not in spec.carried else None
        for sum_name in sums_of(feature) if named else ():
            expected = named / timedelta(days=1) * instants_a_day
            assert windows[sum_name] in (expected, AT_THE_INSTANT), (feature.name, sum_name)


@pytest.mark.parametrize("table", FEATURES, ids=lambda table: table.short_name)
def test_what_a_dead_entity_reads_as_false_is_declared(table: Table) -> None:
    spec = importlib.import_module(f"transforms.features.{table.short_name}").SPEC
    assert set(table.false_when_dead) == {
        feature.name for feature in spec.features if isinstance(feature, sums.Has)
    }


def sums_of(feature: sums.Feature) -> set[str]:
    parts = (getattr(feature, name, "") for name in ("measure", "part", "whole", "less", "histogram"))
    return set(parts) - {""}


@pytest.mark.parametrize("table", FEATURES, ids=lambda table: table.short_name)
def test_what_is_summed_over_a_window_names_it(table: Table) -> None:
    for column in feature_columns(table):
        if kind_of(column) in (Kind.WINDOW, Kind.RATIO, Kind.QUANTILE, Kind.USE):
            assert window_text(column), column.name


@pytest.mark.parametrize("table", FEATURES, ids=lambda table: table.short_name)
def test_a_view_says_when_it_is_null_throughout(table: Table) -> None:
    assert table.notes.startswith("Null throughout")


def test_a_name_that_tells_no_kind_is_refused() -> None:
    with pytest.raises(Defect, match="mystery"):
        kind_of(Column("mystery", Type.DOUBLE, "Nobody knows."))
