"""training.eta_v1: a provider accepted: minutes to arrival?"""

from validation.contract import Check, OneOf
from validation.contracts.training.dataset_table import dataset_table

SERVICE_FEATURES: dict[str, tuple[str, ...]] = {
    "provider_fleet_15m": (
        "drivers_on_duty_count",
        "drivers_available_count",
        "tow_drivers_available_count",
        "drivers_on_job_count",
        "drivers_silent_count",
    ),
    "provider_activity_15m": (
        "offers_60m_count",
        "offers_4h_count",
        "accepts_60m_count",
        "declines_60m_count",
        "declines_4h_count",
        "gave_back_24h_count",
        "open_assignment_count",
        "open_tow_count",
        "overdue_assignment_count",
    ),
    "incident_zone_demand_15m": (
        "requests_15m_count",
        "requests_60m_count",
        "requests_4h_count",
        "tow_requests_60m_count",
        "member_cancels_60m_count",
        "open_unassigned_count",
        "ring1_requests_60m_count",
        "ring4_requests_60m_count",
        "ring4_open_unassigned_count",
    ),
    "incident_zone_supply_15m": (
        "available_drivers_count",
        "ring1_available_drivers_count",
        "ring4_available_drivers_count",
        "ring4_tow_available_drivers_count",
        "ring4_on_duty_drivers_count",
        "ring4_silent_drivers_count",
        "ring4_available_providers_count",
    ),
    "incident_zone_traffic_15m": (
        "speed_ratio_15m",
        "ring1_speed_ratio_30m",
        "readings_30m_count",
        "last_reading_at",
        "fleet_speed_kmh_p50_30m",
        "fleet_pings_30m_count",
    ),
    "incident_area_dispatch_15m": (
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
    ),
    "provider_performance_1d": (
        "arrivals_28d_count",
        "arrival_minutes_p50_28d",
        "arrival_minutes_p90_28d",
        "arrival_minus_promise_minutes_p50_28d",
        "arrival_minus_promise_minutes_p90_28d",
        "on_time_ratio_28d",
        "reassign_ratio_28d",
        "completion_ratio_28d",
        "goa_ratio_28d",
    ),
    "provider_area_1d": (
        "accepts_90d_count",
        "arrival_minutes_p50_90d",
    ),
    "incident_area_service_1d": (
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
    ),
}


ETA_V1 = dataset_table(
    "eta_v1",
    grain="One row per assignment accepted on the business day, whatever became of it.",
    features=SERVICE_FEATURES,
    labels=(
        "label_status",
        "label_arrival_minutes",
        "label_observed_minutes",
        "label_lower_bound_minutes",
        "label_upper_bound_minutes",
        "label_is_censored",
        "label_censor_reason",
        "label_wait_minutes",
        "label_ata_minutes",
        "label_is_on_time",
        "label_is_on_time_grace15",
        "label_is_goa",
        "label_arrival_evidence",
    ),
    required=("label_is_censored",),
    checks=(
        Check(
            "arrival_in_range",
            "coalesce(label_arrival_minutes > 0 AND label_arrival_minutes <= 360, "
            "label_status <> 'observed')",
        ),
        OneOf("label_status", ("observed", "censored", "missing_milestone", "invalid_arrival")),
        Check("one_label_or_none", "(label_arrival_minutes IS NOT NULL) = (label_status = 'observed')"),
    ),
)
