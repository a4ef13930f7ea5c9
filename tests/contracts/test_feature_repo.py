"""The feature repository says what the contracts say, and `feast apply` reads one file of it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from feast import FeatureView, OnDemandFeatureView
from feast.repo_contents import RepoContents
from feast.repo_operations import get_repo_files
from feast.types import Array, Bool, Float64, Int32, Int64, String, UnixTimestamp

from validation.columns import COLUMNS
from validation.contract import Table, Type
from validation.contracts import FEATURES
from validation.contracts.features.feature_table import entity_keys, feature_columns
from validation.on_demand import ON_DEMAND, REQUEST, OnDemandView

REPO = Path(__file__).resolve().parents[2] / "feature_repo"
FEAST_TYPES = {
    Type.STRING: String,
    Type.LONG: Int64,
    Type.INT: Int32,
    Type.DOUBLE: Float64,
    Type.TIMESTAMP: UnixTimestamp,
    Type.BOOLEAN: Bool,
    Type.STRINGS: Array(String),
    Type.DOUBLES: Array(Float64),
    Type.BOOLEANS: Array(Bool),
    Type.TIMESTAMPS: Array(UnixTimestamp),
}
each_on_demand_view = pytest.mark.parametrize("promised", ON_DEMAND, ids=lambda view: view.name)
each_feature_table = pytest.mark.parametrize("table", FEATURES, ids=lambda table: table.short_name)


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
    look = "import importlib.util; assert importlib.util.find_spec('definitions') is None"
    subprocess.run([sys.executable, "-P", "-c", look], check=True)


def test_every_object_is_registered_once(repo: RepoContents) -> None:
    for objects in (
        repo.entities,
        repo.feature_views,
        repo.on_demand_feature_views,
        repo.feature_services,
        repo.data_sources,
    ):
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
        mutated = replace(table, columns=columns, checks=checks, shares=())
        with pytest.raises(AssertionError):
            assert_says_the_same(view_of(repo, table), mutated)


@each_feature_table
def test_a_view_reads_its_table_by_the_instant_it_was_available(repo: RepoContents, table: Table) -> None:
    view = view_of(repo, table)
    source = view.batch_source
    assert source.table == f"lake.{table.name}"
    assert (source.timestamp_field, source.created_timestamp_column) == ("available_at", "revised_at")
    assert view.ttl == timedelta(days=2 if table.name.endswith("_15m") else 8)
    keys = entity_keys(table)
    assert tuple(view.join_keys) == keys
    assert [(c.name, c.dtype, c.description) for c in view.entity_columns] == [
        (key, String, COLUMNS[key].meaning) for key in keys
    ]


def test_an_entity_means_what_its_key_means(repo: RepoContents) -> None:
    entities = [entity for entity in repo.entities if not entity.name.startswith("__")]
    assert {(entity.join_key, entity.description) for entity in entities} == {
        (key, COLUMNS[key].meaning) for key in set().union(*(entity_keys(table) for table in FEATURES))
    }


def on_demand_view_of(repo: RepoContents, promised: OnDemandView) -> OnDemandFeatureView:
    (view,) = [view for view in repo.on_demand_feature_views if view.name == promised.name]
    return view


def inputs_of(view: OnDemandFeatureView) -> set[str]:
    stored = view.source_feature_view_projections.values()
    return {f"{each.name}.{field.name}" for each in stored for field in each.features}


def test_every_on_demand_view_is_promised(repo: RepoContents) -> None:
    assert {view.name for view in repo.on_demand_feature_views} == {view.name for view in ON_DEMAND}


@each_on_demand_view
def test_an_on_demand_view_gives_and_reads_what_is_promised(
    repo: RepoContents, promised: OnDemandView
) -> None:
    view = on_demand_view_of(repo, promised)
    assert (view.description, view.mode) == (promised.meaning, "pandas")
    assert [(field.name, field.dtype) for field in view.features] == [
        (column.name, FEAST_TYPES[column.type]) for column in promised.outputs
    ]
    assert inputs_of(view) == {name for name in promised.inputs if "." in name}
    fields = set(view.get_request_data_schema())
    assert {name for name in promised.inputs if "." not in name} <= fields
    assert bool(fields) == promised.needs_request


@each_on_demand_view
def test_no_output_is_named_like_an_input(repo: RepoContents, promised: OnDemandView) -> None:
    """Feast takes the input's short name out of the answer again, and the output with it."""
    outputs = {column.name for column in promised.outputs}
    assert not outputs & {name.rpartition(".")[2] for name in promised.inputs}


def test_a_request_is_stated_in_one_way(repo: RepoContents) -> None:
    requests = {
        source.name: [(field.name, field.dtype, field.description) for field in source.schema]
        for view in repo.on_demand_feature_views
        for source in view.source_request_sources.values()
    }
    assert requests == {"request": [(c.name, FEAST_TYPES[c.type], c.meaning) for c in REQUEST]}
    assert all(column.name.startswith("job_") for column in REQUEST)


def test_the_definitions_start_neither_spark_nor_the_platform() -> None:
    loaded = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import sys, feature_repo.definitions; print(*sys.modules)"],
        cwd=REPO.parent, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert not {"pyspark", "lakehouse", "transforms", "pandera"} & set(loaded)
