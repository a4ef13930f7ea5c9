"""Everything `feast apply` registers, listed.

Feast imports each Python file of this folder that `.feastignore` does not name, by its path; the
modules imported here are therefore ignored there, or their objects would be registered twice.
"""

from feature_repo.entities import area, driver, hour_of_week, job, market, program, provider, service, zone
from feature_repo.on_demand.assigned_driver_trip import assigned_driver_trip
from feature_repo.on_demand.equipment_fit import equipment_fit
from feature_repo.on_demand.job_shape import job_shape
from feature_repo.on_demand.promise_context import promise_context
from feature_repo.on_demand.request_time import request_time
from feature_repo.on_demand.supply_pressure import supply_pressure
from feature_repo.on_demand.trip_geometry import trip_geometry
from feature_repo.request import request
from feature_repo.services.eta_v1 import eta_v1
from feature_repo.services.eta_v2 import eta_v2
from feature_repo.services.matching_acceptance_v1 import matching_acceptance_v1
from feature_repo.services.matching_ranking_v1 import matching_ranking_v1
from feature_repo.services.ops_board_v1 import ops_board_v1
from feature_repo.views.area_dispatch_15m import area_dispatch_15m
from feature_repo.views.area_hour_1d import area_hour_1d
from feature_repo.views.area_service_1d import area_service_1d
from feature_repo.views.driver_state_15m import driver_state_15m
from feature_repo.views.job_state_15m import job_state_15m
from feature_repo.views.market_dispatch_15m import market_dispatch_15m
from feature_repo.views.program_dispatch_15m import program_dispatch_15m
from feature_repo.views.provider_activity_15m import provider_activity_15m
from feature_repo.views.provider_area_1d import provider_area_1d
from feature_repo.views.provider_fleet_15m import provider_fleet_15m
from feature_repo.views.provider_performance_1d import provider_performance_1d
from feature_repo.views.provider_profile_1d import provider_profile_1d
from feature_repo.views.provider_service_1d import provider_service_1d
from feature_repo.views.zone_demand_15m import zone_demand_15m
from feature_repo.views.zone_supply_15m import zone_supply_15m
from feature_repo.views.zone_traffic_15m import zone_traffic_15m

__all__ = [
    "area",
    "area_dispatch_15m",
    "area_hour_1d",
    "area_service_1d",
    "assigned_driver_trip",
    "driver",
    "driver_state_15m",
    "equipment_fit",
    "eta_v1",
    "eta_v2",
    "hour_of_week",
    "job",
    "job_shape",
    "job_state_15m",
    "market",
    "market_dispatch_15m",
    "matching_acceptance_v1",
    "matching_ranking_v1",
    "ops_board_v1",
    "program",
    "program_dispatch_15m",
    "promise_context",
    "provider",
    "provider_activity_15m",
    "provider_area_1d",
    "provider_fleet_15m",
    "provider_performance_1d",
    "provider_profile_1d",
    "provider_service_1d",
    "request",
    "request_time",
    "service",
    "supply_pressure",
    "trip_geometry",
    "zone",
    "zone_demand_15m",
    "zone_supply_15m",
    "zone_traffic_15m",
]
