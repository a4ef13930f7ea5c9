"""The oracle speaks of every column the contracts have, and of no other."""

from datetime import date

from support.afternoon import AFTERNOON, at, oracle_records, zone_ids
from support.oracle import Silver, eta_v1, provider_activity_15m, provider_performance_1d, zone_demand_15m
from validation.contract import Table
from validation.contracts.features.feature_table import feature_columns
from validation.contracts.features.provider_activity_15m import PROVIDER_ACTIVITY_15M
from validation.contracts.features.provider_performance_1d import PROVIDER_PERFORMANCE_1D
from validation.contracts.features.zone_demand_15m import ZONE_DEMAND_15M
from validation.contracts.training.eta_v1 import ETA_V1, SERVICE_FEATURES

SILVER = Silver(oracle_records())
LEFT_TO_THE_PLATFORM = {"meta_row_id", "meta_group"}
KEYS_OF_THE_LAKE = {"assignment_id", "job_id"}


def names(table: Table) -> list[str]:
    return [column.name for column in feature_columns(table)]


def test_oracle_has_every_feature_of_the_views() -> None:
    assert list(provider_activity_15m(SILVER, "P1", at("18:00")) or {}) == names(PROVIDER_ACTIVITY_15M)
    assert list(zone_demand_15m(SILVER, zone_ids()["Z1"], at("18:00")) or {}) == names(ZONE_DEMAND_15M)
    cut = at("07:00", date(2026, 3, 11))
    assert list(provider_performance_1d(SILVER, "P1", cut) or {}) == names(PROVIDER_PERFORMANCE_1D)


def test_oracle_has_every_column_of_eta_v1() -> None:
    row = eta_v1(SILVER, AFTERNOON, SERVICE_FEATURES).rows[0]
    columns = {column.name for column in ETA_V1.columns}
    assert set(row) - KEYS_OF_THE_LAKE == columns - LEFT_TO_THE_PLATFORM
