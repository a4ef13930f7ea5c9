"""eta_v1: a provider accepted: minutes to arrival?

The on-demand views of DOMAIN 3.3 are not asked for yet: the dataset builder states no request.
"""

from feast import FeatureService

from feature_repo.roles import (
    incident_area_dispatch_15m,
    incident_area_service_1d,
    incident_zone_demand_15m,
    incident_zone_supply_15m,
    incident_zone_traffic_15m,
    provider_in_incident_area_1d,
)
from feature_repo.views.provider_activity_15m import provider_activity_15m
from feature_repo.views.provider_fleet_15m import provider_fleet_15m
from feature_repo.views.provider_performance_1d import provider_performance_1d
from validation.contracts.training.eta_v1 import SERVICE_FEATURES

eta_v1 = FeatureService(
    name="eta_v1",
    description="Features of an accepted assignment: the provider, demand and supply, the area.",
    features=[
        provider_fleet_15m[[*SERVICE_FEATURES["provider_fleet_15m"]]],
        provider_activity_15m[[*SERVICE_FEATURES["provider_activity_15m"]]],
        incident_zone_demand_15m[[*SERVICE_FEATURES["incident_zone_demand_15m"]]],
        incident_zone_supply_15m[[*SERVICE_FEATURES["incident_zone_supply_15m"]]],
        incident_zone_traffic_15m[[*SERVICE_FEATURES["incident_zone_traffic_15m"]]],
        incident_area_dispatch_15m[[*SERVICE_FEATURES["incident_area_dispatch_15m"]]],
        provider_performance_1d[[*SERVICE_FEATURES["provider_performance_1d"]]],
        provider_in_incident_area_1d[[*SERVICE_FEATURES["provider_area_1d"]]],
        incident_area_service_1d[[*SERVICE_FEATURES["incident_area_service_1d"]]],
    ],
)
