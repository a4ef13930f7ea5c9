"""eta_v2: minutes still to go, at acceptance, at en route, and after each tick while open?

The driver's position is an input of assigned_driver_trip and no column of the service.
"""

from feast import FeatureService

from feature_repo.on_demand.assigned_driver_trip import assigned_driver_trip
from feature_repo.on_demand.job_shape import job_shape
from feature_repo.on_demand.promise_context import promise_context
from feature_repo.on_demand.request_time import request_time
from feature_repo.on_demand.supply_pressure import supply_pressure
from feature_repo.on_demand.trip_geometry import trip_geometry
from feature_repo.roles import (
    incident_area_dispatch_15m,
    incident_area_hour_1d,
    incident_area_service_1d,
    incident_zone_demand_15m,
    incident_zone_supply_15m,
    incident_zone_traffic_15m,
    provider_in_incident_area_1d,
)
from feature_repo.views.driver_state_15m import driver_state_15m
from feature_repo.views.job_state_15m import job_state_15m
from feature_repo.views.provider_activity_15m import provider_activity_15m
from feature_repo.views.provider_fleet_15m import provider_fleet_15m
from feature_repo.views.provider_performance_1d import provider_performance_1d
from feature_repo.views.provider_service_1d import provider_service_1d
from validation.contracts.training.eta_v2 import SERVICE_FEATURES

eta_v2 = FeatureService(
    name="eta_v2",
    description="Features of an open assignment: those of eta_v1, job and promise, the assigned driver.",
    features=[
        driver_state_15m[[*SERVICE_FEATURES["driver_state_15m"]]],
        provider_fleet_15m[[*SERVICE_FEATURES["provider_fleet_15m"]]],
        provider_activity_15m[[*SERVICE_FEATURES["provider_activity_15m"]]],
        incident_zone_demand_15m[[*SERVICE_FEATURES["incident_zone_demand_15m"]]],
        incident_zone_supply_15m[[*SERVICE_FEATURES["incident_zone_supply_15m"]]],
        incident_zone_traffic_15m[[*SERVICE_FEATURES["incident_zone_traffic_15m"]]],
        incident_area_dispatch_15m[[*SERVICE_FEATURES["incident_area_dispatch_15m"]]],
        job_state_15m[[*SERVICE_FEATURES["job_state_15m"]]],
        provider_performance_1d[[*SERVICE_FEATURES["provider_performance_1d"]]],
        provider_service_1d[[*SERVICE_FEATURES["provider_service_1d"]]],
        provider_in_incident_area_1d[[*SERVICE_FEATURES["provider_area_1d"]]],
        incident_area_service_1d[[*SERVICE_FEATURES["incident_area_service_1d"]]],
        incident_area_hour_1d[[*SERVICE_FEATURES["incident_area_hour_1d"]]],
        request_time[[*SERVICE_FEATURES["request_time"]]],
        trip_geometry[[*SERVICE_FEATURES["trip_geometry"]]],
        supply_pressure[[*SERVICE_FEATURES["supply_pressure"]]],
        job_shape[[*SERVICE_FEATURES["job_shape"]]],
        promise_context[[*SERVICE_FEATURES["promise_context"]]],
        assigned_driver_trip[[*SERVICE_FEATURES["assigned_driver_trip"]]],
    ],
)
