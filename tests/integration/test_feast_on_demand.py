"""On-demand features through Feast as it stands: offline on Spark and online from Redis, alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from feast import FeatureStore
from pyspark.sql import SparkSession

from lakehouse import feast_edge
from lakehouse.redis_server import stop_redis
from lakehouse.settings import Settings, load_settings
from support.feature_rows import at, feature_row, feature_tables, start_empty_redis, tick_row
from validation.errors import UserError

# The warnings are Feast's and pyspark's own.
pytestmark = [pytest.mark.slow(minutes=1), pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

TICK, DECIDED = at(19), at(19, 10)
LATITUDES, LONGITUDE = [37.81, 37.85], -122.27  # 1.1 and 5.6 km north of the job
FLEET = {
    "drivers_available_count": 2,
    "tow_drivers_available_count": 1,
    "is_location_tracked": True,
    "available_latitude": LATITUDES,
    "available_longitude": [LONGITUDE, LONGITUDE],
    "available_fix_at": [at(18, 58), at(18, 50)],
    "available_is_tow": [False, True],
}
NOBODY_AVAILABLE = {name: [] for name in FLEET if name.startswith("available_")}
ROWS = {
    "provider_fleet_15m": [
        tick_row("provider_fleet_15m", "P1", TICK, **FLEET),
        tick_row("provider_fleet_15m", "P2", TICK, is_location_tracked=True, **NOBODY_AVAILABLE),
    ],
    "zone_supply_15m": [tick_row("zone_supply_15m", "Z1", TICK, ring4_available_drivers_count=4)],
    "zone_demand_15m": [
        tick_row(
            "zone_demand_15m", "Z1", TICK, ring4_requests_60m_count=6, ring4_open_unassigned_count=1
        )
    ],
    "provider_profile_1d": [
        feature_row(
            "provider_profile_1d", "P1", at(7), at(10), site_latitude=LATITUDES[1], site_longitude=LONGITUDE,
            service_types=["fuel", "tow"], is_tow_capable=True, territory_areas_count=3,
        ),
        feature_row("provider_profile_1d", "P2", at(7), at(10), service_types=[], is_tow_capable=False),
    ],
    "job_state_15m": [
        tick_row("job_state_15m", "J1", TICK, stage="assigned", promised_arrival_at=at(19, 45))
    ],
    "area_service_1d": [
        feature_row("area_service_1d", "A1|tow", at(7), at(10), arrival_minutes_p50_28d=25)
    ],
    "driver_state_15m": [
        tick_row(
            "driver_state_15m", "D1", TICK, duty_status="en_route", last_fix_at=at(18, 58),
            last_fix_latitude=LATITUDES[0], last_fix_longitude=LONGITUDE,
        )
    ],
}  # fmt: skip
REQUEST = {
    "job_latitude": 37.80,
    "job_longitude": -122.27,
    "job_timezone": "America/Los_Angeles",
    "job_service_type": "tow",
    "job_vehicle_class": None,
    "job_needs_tow": False,
    "job_is_highway": None,
    "job_tow_leg_km": None,
    "job_channel": "digital",
    "job_requested_at": at(18, 40),
    "job_decision_at": DECIDED,
    "job_offers_so_far_count": 2,
    "job_declines_so_far_count": 1,
    "job_minutes_since_this_provider_declined": None,
}
KEYS = {
    "provider_id": "P1",
    "incident_zone_id": "Z1",
    "incident_area_id": "A1",
    "service_type": "tow",
    "local_hour_of_week": "39",
    "driver_id": "D1",
    "job_id": "J1",
}
ASKED = [
    KEYS | REQUEST,
    KEYS | REQUEST | {"job_needs_tow": True, "job_tow_leg_km": 12.5},
    KEYS | REQUEST | {"provider_id": "P2", "driver_id": None, "job_timezone": None},
    KEYS | REQUEST | {"provider_id": "P9", "incident_zone_id": "Z9", "incident_area_id": "A9"},
    KEYS | dict.fromkeys(REQUEST),
]
MATCHING = {
    "request_time__local_hour_of_day": [12, 12, None, 12, None],
    "request_time__is_holiday": [False, False, None, False, None],
    "trip_geometry__nearest_available_driver_km": [1.11, 5.56, None, None, None],
    "trip_geometry__second_available_driver_km": [5.56, None, None, None, None],
    "trip_geometry__available_within_10km_count": [2, 1, 0, None, None],
    "trip_geometry__nearest_fix_age_minutes": [12, 20, None, None, None],
    "trip_geometry__site_to_job_km": [5.56, 5.56, None, None, None],
    "provider_profile_1d__territory_areas_count": [3, 3, 0, None, 3],
    "supply_pressure__requests_per_available_driver_ring4": [1.5, 1.5, 1.5, None, 1.5],
    "equipment_fit__is_equipment_match": [True, True, True, True, None],
    "equipment_fit__is_service_proven": [True, True, False, False, None],
    "job_shape__minutes_since_requested": [30, 30, 30, 30, None],
    "job_shape__tow_leg_km": [None, 12.5, None, None, None],
    "job_shape__declines_so_far_count": [1, 1, 1, 1, None],
    "job_shape__this_provider_declined_minutes_ago": [None] * 5,
}
ETA = {
    "promise_context__promised_minutes_remaining": [35, 35, 35, 35, None],
    "promise_context__promise_minus_typical_minutes": [10, 10, 10, None, None],
    "assigned_driver_trip__assigned_driver_km": [1.11, 1.11, None, 1.11, None],
    "assigned_driver_trip__assigned_driver_fix_age_minutes": [12, 12, None, 12, None],
    "driver_state_15m__duty_status": ["en_route", "en_route", None, "en_route", "en_route"],
}


@pytest.fixture(scope="module")
def store(spark: SparkSession, spark_settings: Settings) -> Iterator[FeatureStore]:
    """The definitions applied over hand-made rows, all of them in Redis."""
    with feature_tables(spark, ROWS):
        start_empty_redis(spark_settings)
        settings = load_settings(spark_settings.environment())
        feast_edge.apply(settings)
        here = feast_edge.feature_store(settings)
        for view in ROWS:
            feast_edge.materialize(here, view, at(6), at(20))
        yield here
        stop_redis(spark_settings)


def offline(store: FeatureStore, service: str) -> pd.DataFrame:
    spine = pd.DataFrame(ASKED).assign(event_timestamp=pd.Timestamp(DECIDED))
    return feast_edge.historical_features(store, spine, service)


def told(value: Any) -> Any:
    """A value to compare: a null is None, a distance has two decimals."""
    if pd.isna(value):
        return None
    return round(value, 2) if isinstance(value, float) else value


@pytest.mark.parametrize(
    ("service", "expected"),
    [("matching_acceptance_v1", MATCHING), ("eta_v2", ETA)],
    ids=lambda each: str(each)[:22],
)
def test_on_demand_features_are_the_same_offline_and_online(
    store: FeatureStore, service: str, expected: dict[str, list[Any]]
) -> None:
    joined, served = offline(store, service), feast_edge.online_features(store, service, ASKED)
    for name, values in expected.items():
        assert [told(value) for value in joined[name]] == values, name
        assert [told(row[name]) for row in served] == values, name
    columns = [name for name in joined.columns if "__" in name]
    assert [name for name in served[0] if "__" in name] == columns
    for position, row in enumerate(served):
        assert {name: told(joined[name].iloc[position]) for name in columns} == {
            name: told(row[name]) for name in columns
        }


def test_inputs_of_on_demand_views_are_in_no_answer(store: FeatureStore) -> None:  # U1, S11
    service = store.get_feature_service("matching_acceptance_v1")
    wanted = list(feast_edge.feature_types(service))
    joined = offline(store, "matching_acceptance_v1")
    assert [name for name in joined.columns if name not in ASKED[0]] == ["event_timestamp", *wanted]
    (served, *_) = feast_edge.online_features(store, "matching_acceptance_v1", ASKED)
    assert list(served) == [name for name in served if name in KEYS or name in wanted]


POSITIONS = ("latitude", "longitude", "last_fix_", "available_fix_at")


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
@pytest.mark.parametrize("name", ["eta_v1", "eta_v2"])
def test_s11_feast_s_own_call_answers_a_service_with_no_position(
    store: FeatureStore, name: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.config.offline_store, "engine", engine)
    service = store.get_feature_service(name)
    spine = pd.DataFrame(ASKED[:1]).assign(event_timestamp=pd.Timestamp(DECIDED))
    answered = store.get_historical_features(spine.copy(), service, full_feature_names=True).to_df()
    wanted = list(feast_edge.feature_types(service))
    assert list(answered.columns) == [*spine.columns, *wanted]
    assert not [each for each in wanted for position in POSITIONS if position in each]


def test_integers_and_booleans_stay_what_they_are(store: FeatureStore) -> None:
    joined = offline(store, "matching_acceptance_v1")
    assert joined["trip_geometry__available_within_10km_count"].dtype == pd.Int64Dtype()
    assert joined["request_time__is_holiday"].dtype == pd.BooleanDtype()
    (served, *_) = feast_edge.online_features(store, "matching_acceptance_v1", ASKED)
    assert type(served["trip_geometry__available_within_10km_count"]) is int
    assert type(served["equipment_fit__is_service_proven"]) is bool


def test_a_service_of_requests_says_what_it_lacks(store: FeatureStore) -> None:
    with pytest.raises(UserError, match="a row lacks job_latitude"):
        feast_edge.online_features(store, "matching_acceptance_v1", [KEYS])
    spine = pd.DataFrame([KEYS]).assign(event_timestamp=pd.Timestamp(DECIDED))
    with pytest.raises(UserError, match="matching_acceptance_v1 needs job_latitude"):
        feast_edge.historical_features(store, spine, "matching_acceptance_v1")


def test_a_day_later_nothing_is_served_as_if_it_were_now(store: FeatureStore) -> None:
    spine = pd.DataFrame(ASKED[:1]).assign(event_timestamp=pd.Timestamp(DECIDED + timedelta(days=3)))
    late = feast_edge.historical_features(store, spine, "matching_acceptance_v1")
    assert pd.isna(late["trip_geometry__nearest_available_driver_km"].iloc[0])
