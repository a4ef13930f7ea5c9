"""matching_acceptance_v1: if we offer this job to this provider now, will it say yes?"""

from feast import FeatureService

from feature_repo.on_demand.equipment_fit import equipment_fit
from feature_repo.on_demand.job_shape import job_shape
from feature_repo.on_demand.request_time import request_time
from feature_repo.on_demand.supply_pressure import supply_pressure
from feature_repo.on_demand.trip_geometry import trip_geometry
from feature_repo.roles import (
    incident_area_dispatch_15m,
    incident_area_hour_1d,
    incident_area_service_1d,
    incident_zone_demand_15m,
    incident_zone_supply_15m,
    provider_in_incident_area_1d,
)
from feature_repo.views.provider_activity_15m import provider_activity_15m
from feature_repo.views.provider_fleet_15m import provider_fleet_15m
from feature_repo.views.provider_performance_1d import provider_performance_1d
from feature_repo.views.provider_profile_1d import provider_profile_1d
from feature_repo.views.provider_service_1d import provider_service_1d
from validation.contracts.training.matching_acceptance_v1 import SERVICE_FEATURES

matching_acceptance_v1 = FeatureService(
    name="matching_acceptance_v1",
    description="Features of an offer: what the provider is asked and has on the road, the job so far.",
    features=[
        provider_fleet_15m[[*SERVICE_FEATURES["provider_fleet_15m"]]],
        provider_activity_15m[[*SERVICE_FEATURES["provider_activity_15m"]]],
        incident_zone_demand_15m[[*SERVICE_FEATURES["incident_zone_demand_15m"]]],
        incident_zone_supply_15m[[*SERVICE_FEATURES["incident_zone_supply_15m"]]],
        incident_area_dispatch_15m[[*SERVICE_FEATURES["incident_area_dispatch_15m"]]],
        provider_performance_1d[[*SERVICE_FEATURES["provider_performance_1d"]]],
        provider_profile_1d[[*SERVICE_FEATURES["provider_profile_1d"]]],
        provider_service_1d[[*SERVICE_FEATURES["provider_service_1d"]]],
        provider_in_incident_area_1d[[*SERVICE_FEATURES["provider_area_1d"]]],
        incident_area_service_1d[[*SERVICE_FEATURES["incident_area_service_1d"]]],
        incident_area_hour_1d[[*SERVICE_FEATURES["incident_area_hour_1d"]]],
        request_time[[*SERVICE_FEATURES["request_time"]]],
        trip_geometry[[*SERVICE_FEATURES["trip_geometry"]]],
        supply_pressure[[*SERVICE_FEATURES["supply_pressure"]]],
        equipment_fit[[*SERVICE_FEATURES["equipment_fit"]]],
        job_shape[[*SERVICE_FEATURES["job_shape"]]],
    ],
)
