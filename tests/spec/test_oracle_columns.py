"""The oracle speaks of every column the contracts have, and of no other; so does it of every view."""

from datetime import date

import pytest

from support.afternoon import AFTERNOON, at, oracle_records, zone_ids
from support.oracle import VIEWS, Silver, eta_v1
from support.oracle_states import market_of
from support.road_tables import ping_objects
from validation.contract import Table
from validation.contracts import FEATURES
from validation.contracts.features.feature_table import feature_columns
from validation.contracts.training.eta_v1 import ETA_V1, SERVICE_FEATURES

PING = """
| t     | zone | speed |
|-------|------|-------|
| 17:45 | Z1   | 30    |
"""
SILVER = Silver([*oracle_records(), *oracle_records(ping_objects(PING))])
ENTITIES = {
    ("driver_id",): "D1",
    ("provider_id",): "P1",
    ("zone_id",): zone_ids()["Z1"],
    ("area_id",): zone_ids()["A1"],
    ("market_id",): str(market_of(zone_ids()["A1"])),
    ("program_id",): "G1",
    ("area_id", "local_hour_of_week"): (zone_ids()["A1"], "38"),  # Tuesday, 14:00 in New York
    ("job_id",): "J1",
    ("provider_id", "service_type"): ("P1", "tow"),
    ("provider_id", "area_id"): ("P1", zone_ids()["A1"]),
    ("area_id", "service_type"): (zone_ids()["A1"], "tow"),
}
LEFT_TO_THE_PLATFORM = {"meta_row_id", "meta_group"}
KEYS_OF_THE_LAKE = {"assignment_id", "job_id"}


def test_oracle_has_every_view() -> None:
    assert set(VIEWS) == {table.short_name for table in FEATURES}


@pytest.mark.parametrize("table", FEATURES, ids=lambda table: table.short_name)
def test_oracle_has_every_feature_of_the_view(table: Table) -> None:
    view = VIEWS[table.short_name]
    instant = at("07:00", date(2026, 3, 11)) if view.is_daily else at("18:00")
    values = view.values(SILVER, ENTITIES[view.keys], instant)
    columns = [column.name for column in feature_columns(table)]
    assert list(values or {}) == columns
    if view.name != "job_state_15m":
        assert list(view.values(SILVER, ENTITIES[view.keys], instant, corrected=True)) == columns
    assert ENTITIES[view.keys] in view.entities(SILVER, instant)


def test_oracle_has_every_column_of_eta_v1() -> None:
    row = eta_v1(SILVER, AFTERNOON, SERVICE_FEATURES).rows[0]
    columns = {column.name for column in ETA_V1.columns}
    assert set(row) - KEYS_OF_THE_LAKE == columns - LEFT_TO_THE_PLATFORM
