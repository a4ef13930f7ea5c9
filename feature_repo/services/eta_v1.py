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

eta_v1 = FeatureService(
    name="eta_v1",
    description="Features of an accepted assignment: the provider, demand and supply, the area.",
    features=[
        provider_fleet_15m[
            [
                "drivers_on_duty_count",
                "drivers_available_count",
                "tow_drivers_available_count",
                "drivers_on_job_count",
                "drivers_silent_count",
            ]
        ],
        provider_activity_15m[
            [
                "offers_60m_count",
                "offers_4h_count",
                "accepts_60m_count",
                "declines_60m_count",
                "declines_4h_count",
                "gave_back_24h_count",
                "open_assignment_count",
                "open_tow_count",
                "overdue_assignment_count",
            ]
        ],
        incident_zone_demand_15m[
            [
                "requests_15m_count",
                "requests_60m_count",
                "requests_4h_count",
                "tow_requests_60m_count",
                "member_cancels_60m_count",
                "open_unassigned_count",
                "ring1_requests_60m_count",
                "ring4_requests_60m_count",
                "ring4_open_unassigned_count",
            ]
        ],
        incident_zone_supply_15m[
            [
                "available_drivers_count",
                "ring1_available_drivers_count",
                "ring4_available_drivers_count",
                "ring4_tow_available_drivers_count",
                "ring4_on_duty_drivers_count",
                "ring4_silent_drivers_count",
                "ring4_available_providers_count",
            ]
        ],
        incident_zone_traffic_15m[
            [
                "speed_ratio_15m",
                "ring1_speed_ratio_30m",
                "readings_30m_count",
                "last_reading_at",
                "fleet_speed_kmh_p50_30m",
                "fleet_pings_30m_count",
            ]
        ],
        incident_area_dispatch_15m[
            [
                "open_unassigned_count",
                "unassigned_over_10m_count",
                "unassigned_over_20m_count",
                "unassigned_over_30m_count",
                "unassigned_age_minutes_p90",
                "arrivals_60m_count",
                "arrivals_4h_count",
                "arrival_minutes_p50_4h",
                "arrival_minutes_p90_4h",
                "arrival_minus_promise_minutes_p50_4h",
            ]
        ],
        provider_performance_1d[
            [
                "arrivals_28d_count",
                "arrival_minutes_p50_28d",
                "arrival_minutes_p90_28d",
                "arrival_minus_promise_minutes_p50_28d",
                "arrival_minus_promise_minutes_p90_28d",
                "on_time_ratio_28d",
                "reassign_ratio_28d",
                "completion_ratio_28d",
                "goa_ratio_28d",
            ]
        ],
        provider_in_incident_area_1d[
            [
                "accepts_90d_count",
                "arrival_minutes_p50_90d",
            ]
        ],
        incident_area_service_1d[
            [
                "requests_28d_count",
                "request_to_accept_minutes_p50_28d",
                "offers_per_job_28d",
                "arrivals_28d_count",
                "arrival_minutes_p50_28d",
                "arrival_minutes_p90_28d",
                "arrival_minus_promise_minutes_p50_28d",
                "on_scene_minutes_p50_28d",
                "member_cancel_ratio_28d",
                "goa_ratio_28d",
            ]
        ],
    ],
)
