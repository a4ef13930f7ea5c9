"""The feature services: who uses which view, what no service may show, and by which keys it is read."""

from __future__ import annotations

from hashlib import sha256

import pytest
from feast import FeatureService, OnDemandFeatureView
from feast.repo_contents import RepoContents

from simulation.ascii_tables import read_table
from support.oracle import VIEWS
from support.oracle_dataset import ROLES
from validation.contract import Column, Sensitivity
from validation.contracts import FEATURES, SERVED, table_named
from validation.contracts.features.feature_table import feature_columns
from validation.contracts.training.eta_v1 import ETA_V1, SERVICE_FEATURES
from validation.feature_kinds import LISTS
from validation.on_demand import ON_DEMAND

SERVICES = ("eta_v1", "eta_v2", "matching_acceptance_v1", "matching_ranking_v1", "ops_board_v1")
# DOMAIN 3.4 and, below the stored views, "used by" of 3.3. all: every feature a service may show, tick_at
# aside; part: some. provider_profile_1d's site is seen through trip_geometry, its names on the board wait for
# a reference of companies. eta_v1 has no on-demand view before its dataset states requests; a board has
# none, so nothing there that is worked out from one.
MATRIX = """
| view                    | eta_v1 | eta_v2 | matching_acceptance_v1 | matching_ranking_v1 | ops_board_v1 |
| driver_state_15m        |        | part   |                        |                     | part         |
| provider_fleet_15m      | part   | part   | part                   | part                | all          |
| provider_activity_15m   | part   | part   | all                    | all                 | all          |
| zone_demand_15m         | all    | all    | all                    | all                 | all          |
| zone_supply_15m         | all    | all    | all                    | all                 | all          |
| zone_traffic_15m        | all    | all    |                        | all                 | all          |
| area_dispatch_15m       | part   | part   | part                   | all                 | all          |
| market_dispatch_15m     |        |        |                        |                     | all          |
| program_dispatch_15m    |        |        |                        |                     | all          |
| job_state_15m           |        | all    |                        |                     | all          |
| provider_performance_1d | part   | part   | part                   | all                 | all          |
| provider_service_1d     |        | all    | all                    | all                 |              |
| provider_area_1d        | part   | part   | all                    | all                 |              |
| area_service_1d         | all    | all    | part                   | all                 | all          |
| area_hour_1d            |        | all    | all                    | all                 | all          |
| provider_profile_1d     |        |        | all                    | all                 |              |
| request_time            |        | all    | all                    | all                 |              |
| trip_geometry           |        | all    | all                    | all                 |              |
| supply_pressure         |        | all    | all                    | all                 | all          |
| equipment_fit           |        |        | all                    | all                 |              |
| job_shape               |        | all    | all                    | all                 |              |
| promise_context         |        | all    |                        |                     |              |
| assigned_driver_trip    |        | all    |                        |                     |              |
"""
KEYS = """
| service                | keys beside those of all services                        |
| eta_v1                 |                                                          |
| eta_v2                 | driver_id job_id local_hour_of_week                      |
| matching_acceptance_v1 | local_hour_of_week                                       |
| matching_ranking_v1    | local_hour_of_week                                       |
| ops_board_v1           | driver_id job_id market_id program_id local_hour_of_week |
"""
OF_ALL = {"provider_id", "incident_zone_id", "incident_area_id", "service_type"}
NEVER_SHOWN = (Sensitivity.PRECISE_LOCATION, Sensitivity.TOKEN)
RELEASED = {
    "eta_v1": "59f0c6686770",
    "eta_v2": "8f291e5ce670",
    "matching_acceptance_v1": "55eb80cc7225",
    "matching_ranking_v1": "4fb80f225628",
    "ops_board_v1": "8abb3e6efa2a",
}
"""What each version shows, by which keys and of what type, as a digest."""
each_service = pytest.mark.parametrize("name", SERVICES)


def service_of(repo: RepoContents, name: str) -> FeatureService:
    (service,) = [each for each in repo.feature_services if each.name == name]
    return service


def features_by_role(service: FeatureService) -> dict[str, tuple[str, ...]]:
    return {
        projection.name_to_use(): tuple(field.name for field in projection.features)
        for projection in service.feature_view_projections
    }


def features_by_view(service: FeatureService) -> dict[str, tuple[str, ...]]:
    return {
        projection.name: tuple(field.name for field in projection.features)
        for projection in service.feature_view_projections
    }


def keys_read(repo: RepoContents, service: FeatureService) -> set[str]:
    """The spine's columns: keys of its views, and of what its on-demand views are made of."""
    views = {view.name: view for view in (*repo.feature_views, *repo.on_demand_feature_views)}
    keys = set()
    for projection in service.feature_view_projections:
        view = views[projection.name]
        is_on_demand = isinstance(view, OnDemandFeatureView)
        for read in view.source_feature_view_projections.values() if is_on_demand else (projection,):
            keys |= {read.join_key_map.get(key, key) for key in views[read.name].join_keys}
    return keys


def may_be_shown(column: Column) -> bool:
    """No precise place, no person, no list; and no coordinates at all."""
    is_place = column.name.endswith(("latitude", "longitude"))
    return column.sensitivity not in NEVER_SHOWN and column.type not in LISTS and not is_place


def shown_in_full() -> dict[str, set[str]]:
    """By view: every feature that a service may show, tick_at aside."""
    stored = {
        table.short_name: {
            column.name
            for column in feature_columns(table)
            if may_be_shown(column) and column.name != "tick_at"
        }
        for table in FEATURES
    }
    return stored | {view.name: {column.name for column in view.outputs} for view in ON_DEMAND}


def test_there_are_five_services(repo: RepoContents) -> None:
    assert sorted(service.name for service in repo.feature_services) == sorted(SERVICES)


def test_views_are_reused_as_the_matrix_says(repo: RepoContents) -> None:
    full = shown_in_full()
    used = {name: features_by_view(service_of(repo, name)) for name in SERVICES}
    found = [
        {"view": view}
        | {
            name: "" if view not in used[name] else "all" if features <= set(used[name][view]) else "part"
            for name in SERVICES
        }
        for view, features in full.items()
    ]
    assert found == read_table(MATRIX)


def digest_of(service: FeatureService) -> str:
    """Of its columns, in any order: names, types and the keys they are read by."""
    columns = sorted(
        f"{projection.name_to_use()}.{field.name} {field.dtype} {sorted(projection.join_key_map.items())}"
        for projection in service.feature_view_projections
        for field in projection.features
    )
    return sha256("\n".join(columns).encode()).hexdigest()[:12]


def require_unedited(service: FeatureService) -> None:
    stem, _, version = service.name.rpartition("_v")
    assert digest_of(service) == RELEASED[service.name], (
        f"{service.name} was edited: restore it, and add {stem}_v{int(version) + 1}"
    )


@each_service
def test_a_released_service_is_never_edited(repo: RepoContents, name: str) -> None:
    require_unedited(service_of(repo, name))


def test_a_feature_more_in_a_released_service_is_refused_with_the_next_version(repo: RepoContents) -> None:
    released = service_of(repo, "matching_acceptance_v1")
    added = next(view for view in repo.feature_views if view.name == "zone_traffic_15m")
    edited = FeatureService(name=released.name, features=[])
    edited.feature_view_projections = [*released.feature_view_projections, added.projection]
    with pytest.raises(
        AssertionError, match=r"matching_acceptance_v1 was edited: .* add matching_acceptance_v2"
    ):
        require_unedited(edited)


@each_service
def test_a_service_s_columns_are_distinct_under_full_names(repo: RepoContents, name: str) -> None:
    service = service_of(repo, name)
    columns = [
        f"{projection.name_to_use()}__{field.name}"
        for projection in service.feature_view_projections
        for field in projection.features
    ]
    assert len(columns) == len(set(columns))


@each_service
def test_no_service_shows_a_position_a_person_or_a_list(repo: RepoContents, name: str) -> None:
    tables = {table.short_name for table in FEATURES}
    for view, features in features_by_view(service_of(repo, name)).items():
        for feature in features if view in tables else ():
            assert may_be_shown(table_named(f"features.{view}").column(feature)), f"{view}.{feature}"


@each_service
def test_no_request_field_is_a_key(repo: RepoContents, name: str) -> None:  # U2
    service = service_of(repo, name)
    fields = {
        field
        for view in repo.on_demand_feature_views
        if view.name in features_by_view(service)
        for field in view.get_request_data_schema()
    }
    assert not fields & (keys_read(repo, service) | {entity.join_key for entity in repo.entities})


@pytest.mark.parametrize("row", read_table(KEYS), ids=lambda row: row["service"])
def test_a_service_is_read_by_these_keys(repo: RepoContents, row: dict[str, str]) -> None:
    more = row["keys beside those of all services"].split()
    assert keys_read(repo, service_of(repo, row["service"])) == OF_ALL | set(more)


@each_service
def test_zones_and_areas_play_the_incident_s_role_by_its_keys(repo: RepoContents, name: str) -> None:
    for projection in service_of(repo, name).feature_view_projections:
        view = projection.name
        if view.startswith(("zone_", "area_")):
            assert projection.name_alias == f"incident_{view}"
        if view.startswith("zone_"):
            assert projection.join_key_map == {"zone_id": "incident_zone_id"}
        if view.startswith("area_") or view == "provider_area_1d":
            assert projection.join_key_map == {"area_id": "incident_area_id"}


@each_service
def test_no_feature_is_named_like_a_label_or_like_what_is_known_about_a_row(
    repo: RepoContents, name: str
) -> None:
    for features in features_by_role(service_of(repo, name)).values():
        assert not [feature for feature in features if feature.startswith(("label_", "meta_"))]


def test_eta_v1_asks_for_exactly_what_its_dataset_holds(repo: RepoContents) -> None:
    used = features_by_role(service_of(repo, "eta_v1"))
    assert used == SERVICE_FEATURES
    joined = [f"{role}__{name}" for role, names in used.items() for name in names]
    assert [name for name in ETA_V1.column_names if "__" in name] == joined


def test_the_views_written_to_redis_are_those_of_the_dataset_s_service(repo: RepoContents) -> None:
    """The other services have no reader yet; their views are written when they are named."""
    read = {projection.name for projection in service_of(repo, "eta_v1").feature_view_projections}
    assert {table.short_name for table in SERVED} == read


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "ops_board_v1"])
def test_oracle_reads_the_stored_views_of_a_dataset_by_the_same_keys(repo: RepoContents, name: str) -> None:
    views = {view.name: view for view in repo.feature_views}
    for read in service_of(repo, name).feature_view_projections:
        if read.name in views:
            keys = tuple(read.join_key_map.get(key, key) for key in VIEWS[read.name].keys)
            assert sorted(VIEWS[read.name].keys) == sorted(views[read.name].join_keys)
            assert ROLES[read.name_to_use()] == (read.name, keys)
