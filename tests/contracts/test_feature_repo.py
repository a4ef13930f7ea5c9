"""The feature repository says what the contracts say, and `feast apply` reads one file of it."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from feast import FeatureService, FeatureView
from feast.repo_contents import RepoContents
from feast.repo_operations import get_repo_files, parse_repo
from feast.types import Array, Bool, Float64, Int32, Int64, String, UnixTimestamp

from validation.columns import COLUMNS
from validation.contract import Sensitivity, Table, Type
from validation.contracts import FEATURES, SERVED
from validation.contracts.features.feature_table import feature_columns
from validation.contracts.training.eta_v1 import ETA_V1, SERVICE_FEATURES

REPO = Path(__file__).resolve().parents[2] / "feature_repo"
FEAST_TYPES = {
    Type.STRING: String,
    Type.LONG: Int64,
    Type.INT: Int32,
    Type.DOUBLE: Float64,
    Type.TIMESTAMP: UnixTimestamp,
    Type.BOOLEAN: Bool,
    Type.DOUBLES: Array(Float64),
    Type.BOOLEANS: Array(Bool),
    Type.TIMESTAMPS: Array(UnixTimestamp),
}
each_feature_table = pytest.mark.parametrize("table", FEATURES, ids=lambda table: table.short_name)


@pytest.fixture(scope="module")
def repo() -> Iterator[RepoContents]:
    """The repository as `feast apply` reads it: from inside the folder, each file by its path."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The spark data source API", category=RuntimeWarning)
        patch.chdir(REPO)
        patch.setattr(sys, "path", [*sys.path, str(REPO)])
        yield parse_repo(REPO)
        sys.modules.pop("definitions")


def view_of(repo: RepoContents, table: Table) -> FeatureView:
    (view,) = [view for view in repo.feature_views if view.name == table.short_name]
    return view


def assert_says_the_same(view: FeatureView, table: Table) -> None:
    """The view's fields are the table's features, in order, by name, type and meaning."""
    spelled = [(field.name, field.dtype, field.description) for field in view.features]
    promised = [(c.name, FEAST_TYPES[c.type], c.meaning) for c in feature_columns(table)]
    assert spelled == promised


def test_feast_apply_reads_definitions_alone() -> None:
    assert [path.name for path in get_repo_files(REPO)] == ["definitions.py"]


def test_no_installed_package_hides_the_definitions() -> None:
    assert importlib.util.find_spec("definitions") is None


def test_every_object_is_registered_once(repo: RepoContents) -> None:
    for objects in (repo.entities, repo.feature_views, repo.feature_services, repo.data_sources):
        names = [each.name for each in objects]
        assert len(names) == len(set(names))
    assert {view.name for view in repo.feature_views} == {table.short_name for table in FEATURES}


@each_feature_table
def test_a_view_s_fields_are_its_contract_s(repo: RepoContents, table: Table) -> None:
    assert_says_the_same(view_of(repo, table), table)


@each_feature_table
def test_a_view_misses_any_column_taken_from_its_contract(repo: RepoContents, table: Table) -> None:
    for gone in feature_columns(table):
        columns = tuple(column for column in table.columns if column is not gone)
        checks = tuple(rule for rule in table.checks if getattr(rule, "column", "") != gone.name)
        with pytest.raises(AssertionError):
            assert_says_the_same(view_of(repo, table), replace(table, columns=columns, checks=checks))


@each_feature_table
def test_a_view_reads_its_table_by_the_instant_it_was_available(repo: RepoContents, table: Table) -> None:
    view = view_of(repo, table)
    source = view.batch_source
    assert source.table == f"lake.{table.name}"
    assert (source.timestamp_field, source.created_timestamp_column) == ("available_at", "revised_at")
    assert view.ttl == timedelta(days=2 if table.name.endswith("_15m") else 8)
    keys = table.key[: table.key.index("event_timestamp")]
    assert tuple(view.join_keys) == keys
    assert [(c.name, c.dtype, c.description) for c in view.entity_columns] == [
        (key, String, COLUMNS[key].meaning) for key in keys
    ]


def test_an_entity_means_what_its_key_means(repo: RepoContents) -> None:
    entities = [entity for entity in repo.entities if not entity.name.startswith("__")]
    assert {(entity.join_key, entity.description) for entity in entities} == {
        (key, COLUMNS[key].meaning)
        for key in ("provider_id", "zone_id", "area_id", "driver_id", "job_id", "service_type")
    }


def service_named(repo: RepoContents, name: str) -> FeatureService:
    (service,) = [service for service in repo.feature_services if service.name == name]
    return service


def service_features(service: FeatureService) -> dict[str, tuple[str, ...]]:
    return {
        projection.name_alias or projection.name: tuple(field.name for field in projection.features)
        for projection in service.feature_view_projections
    }


def test_eta_v1_asks_for_exactly_what_its_dataset_holds(repo: RepoContents) -> None:
    service = service_named(repo, "eta_v1")
    assert service_features(service) == SERVICE_FEATURES
    joined = [f"{role}__{name}" for role, names in service_features(service).items() for name in names]
    assert [name for name in ETA_V1.column_names if "__" in name] == joined


def test_the_views_written_to_redis_are_those_of_the_dataset_s_service(repo: RepoContents) -> None:
    """The other services have no reader yet; their views are written when they are named."""
    read = {projection.name for projection in service_named(repo, "eta_v1").feature_view_projections}
    assert {table.short_name for table in SERVED} == read


def test_no_request_field_is_a_join_key(repo: RepoContents) -> None:
    fields = {
        field.name
        for view in repo.on_demand_feature_views
        for source in view.source_request_sources.values()
        for field in source.schema
    }
    assert fields
    assert not fields & {entity.join_key for entity in repo.entities}
    assert all(name.startswith("job_") for name in fields)


@pytest.mark.parametrize(
    "name", ["eta_v1", "eta_v2", "matching_acceptance_v1", "matching_ranking_v1", "ops_board_v1"]
)
def test_a_service_s_columns_are_distinct_and_tell_nobody_where_a_driver_is(
    repo: RepoContents, name: str
) -> None:
    features = service_features(service_named(repo, name))
    columns = [f"{role}__{each}" for role, listed in features.items() for each in listed]
    assert len(columns) == len(set(columns)) > 10
    precise = {each.name for each in COLUMNS.values() if each.sensitivity is Sensitivity.PRECISE_LOCATION}
    assert precise
    assert not precise & {each for listed in features.values() for each in listed}


def test_the_incident_s_zone_plays_its_role_by_its_own_key(repo: RepoContents) -> None:
    service = service_named(repo, "eta_v1")
    mapped = {p.name_alias: dict(p.join_key_map) for p in service.feature_view_projections if p.join_key_map}
    assert mapped == {"incident_zone_demand_15m": {"zone_id": "incident_zone_id"}}


def test_the_definitions_start_neither_spark_nor_the_platform() -> None:
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import sys, feature_repo.definitions; print(*sys.modules)"],
        cwd=REPO.parent, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert not {"pyspark", "lakehouse", "transforms", "pandera"} & set(loaded)
