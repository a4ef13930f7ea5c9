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

eta_v2 = FeatureService(
    name="eta_v2",
    description="Features of an open assignment: those of eta_v1, job and promise, the assigned driver.",
    features=[
        driver_state_15m[
            [
                "duty_status",
                "duty_status_since_at",
                "active_job_count",
                "last_speed_kmh",
                "zone_speed_ratio_15m",
            ]
        ],
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
        job_state_15m[
            [
                "stage",
                "stage_since_at",
                "requested_at",
                "area_id",
                "zone_id",
                "service_type",
                "program_id",
                "offers_count",
                "declines_count",
                "assigned_provider_id",
                "first_promised_arrival_at",
                "promised_arrival_at",
                "promise_extension_count",
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
        provider_service_1d[
            [
                "offers_90d_count",
                "offer_accept_ratio_90d",
                "completed_90d_count",
                "arrival_minutes_p50_90d",
                "on_scene_minutes_p50_90d",
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
        incident_area_hour_1d[
            [
                "weeks_8w_count",
                "requests_per_hour_mean_8w",
                "drivers_available_mean_8w",
                "offer_accept_ratio_8w",
                "arrival_minutes_p50_8w",
            ]
        ],
        request_time[
            [
                "local_hour_of_day",
                "local_day_of_week",
                "is_weekend",
                "is_night",
                "is_holiday",
            ]
        ],
        trip_geometry[
            [
                "nearest_available_driver_km",
                "second_available_driver_km",
                "available_within_10km_count",
                "nearest_fix_age_minutes",
                "site_to_job_km",
            ]
        ],
        supply_pressure[
            [
                "requests_per_available_driver_ring4",
                "unassigned_per_available_driver_ring4",
            ]
        ],
        job_shape[
            [
                "minutes_since_requested",
                "tow_leg_km",
                "offers_so_far_count",
                "declines_so_far_count",
                "this_provider_declined_minutes_ago",
            ]
        ],
        promise_context[
            [
                "promised_minutes_remaining",
                "promise_minus_typical_minutes",
            ]
        ],
        assigned_driver_trip[
            [
                "assigned_driver_km",
                "assigned_driver_fix_age_minutes",
            ]
        ],
    ],
)
