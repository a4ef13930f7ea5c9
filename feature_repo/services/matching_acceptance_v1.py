"""matching_acceptance_v1: if we offer this job to this provider now, will it say yes?"""

from feast import FeatureService

from feature_repo.on_demand.equipment_fit import equipment_fit
from feature_repo.on_demand.job_shape import job_shape
from feature_repo.on_demand.request_time import request_time
from feature_repo.on_demand.supply_pressure import supply_pressure
from feature_repo.on_demand.trip_geometry import trip_geometry
from feature_repo.roles import (
    incident_area_dispatch_15m,
    incident_area_service_1d,
    incident_zone_demand_15m,
    incident_zone_supply_15m,
    provider_in_incident_area_1d,
)
from feature_repo.views.provider_activity_15m import provider_activity_15m
from feature_repo.views.provider_fleet_15m import provider_fleet_15m
from feature_repo.views.provider_performance_1d import provider_performance_1d
from feature_repo.views.provider_service_1d import provider_service_1d

matching_acceptance_v1 = FeatureService(
    name="matching_acceptance_v1",
    description="Features of an offer: what the provider is asked and has on the road, the job so far.",
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
                "offers_24h_count",
                "accepts_60m_count",
                "accepts_4h_count",
                "declines_60m_count",
                "declines_4h_count",
                "expired_4h_count",
                "no_contact_4h_count",
                "offer_accept_ratio_4h",
                "offer_accept_ratio_24h",
                "gave_back_24h_count",
                "response_seconds_p50_24h",
                "open_assignment_count",
                "open_tow_count",
                "overdue_assignment_count",
                "last_offered_at",
                "last_accepted_at",
                "last_declined_at",
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
        incident_area_dispatch_15m[
            [
                "offers_60m_count",
                "first_offers_60m_count",
                "first_offer_accept_ratio_60m",
                "offers_per_accept_60m",
                "open_unassigned_count",
                "unassigned_over_10m_count",
                "unassigned_over_20m_count",
                "unassigned_over_30m_count",
                "unassigned_age_minutes_p90",
            ]
        ],
        provider_performance_1d[
            [
                "offers_7d_count",
                "offers_28d_count",
                "offer_accept_ratio_7d",
                "offer_accept_ratio_28d",
                "response_seconds_p50_28d",
                "accepted_28d_count",
                "reassign_ratio_28d",
                "billed_usd_mean_90d",
                "billed_90d_count",
                "billed_vs_area_ratio_90d",
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
                "offers_90d_count",
                "accepts_90d_count",
                "offer_accept_ratio_90d",
                "arrival_minutes_p50_90d",
                "last_offered_at",
            ]
        ],
        incident_area_service_1d[
            [
                "requests_28d_count",
                "offers_per_job_28d",
                "member_cancel_ratio_28d",
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
            ]
        ],
        supply_pressure[
            [
                "requests_per_available_driver_ring4",
                "unassigned_per_available_driver_ring4",
            ]
        ],
        equipment_fit[
            [
                "is_equipment_match",
                "is_service_proven",
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
    ],
)
