"""Zone and area views as the incident's: the same rows under the role's name, by the role's key.

A service that also asked for the destination's zone would give the view a second role. Both work
only with full feature names, `view__feature`, which is how every service is read.
"""

from feature_repo.views.area_dispatch_15m import area_dispatch_15m
from feature_repo.views.area_hour_1d import area_hour_1d
from feature_repo.views.area_service_1d import area_service_1d
from feature_repo.views.provider_area_1d import provider_area_1d
from feature_repo.views.zone_demand_15m import zone_demand_15m
from feature_repo.views.zone_supply_15m import zone_supply_15m
from feature_repo.views.zone_traffic_15m import zone_traffic_15m

_OF_ZONE = {"zone_id": "incident_zone_id"}
_OF_AREA = {"area_id": "incident_area_id"}

incident_zone_demand_15m = zone_demand_15m.with_name("incident_zone_demand_15m").with_join_key_map(_OF_ZONE)
incident_zone_supply_15m = zone_supply_15m.with_name("incident_zone_supply_15m").with_join_key_map(_OF_ZONE)
incident_zone_traffic_15m = zone_traffic_15m.with_name("incident_zone_traffic_15m").with_join_key_map(
    _OF_ZONE
)
incident_area_dispatch_15m = area_dispatch_15m.with_name("incident_area_dispatch_15m").with_join_key_map(
    _OF_AREA
)
incident_area_service_1d = area_service_1d.with_name("incident_area_service_1d").with_join_key_map(_OF_AREA)
incident_area_hour_1d = area_hour_1d.with_name("incident_area_hour_1d").with_join_key_map(_OF_AREA)
provider_in_incident_area_1d = provider_area_1d.with_join_key_map(_OF_AREA)
"""A provider's view, so it keeps its name: provider_area_1d, asked for the incident's area."""

# As inputs of on-demand views these keep their own names: Feast 0.67 finds an input by the view's
# name, never by an alias. They are read by the incident's key all the same.
zone_demand_of_incident = zone_demand_15m.with_join_key_map(_OF_ZONE)
zone_supply_of_incident = zone_supply_15m.with_join_key_map(_OF_ZONE)
area_service_of_incident = area_service_1d.with_join_key_map(_OF_AREA)
