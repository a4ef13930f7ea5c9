"""eta_v1: a provider accepted; minutes to arrival?"""

from feast import FeatureService

from feature_repo.views.provider_activity_15m import provider_activity_15m
from feature_repo.views.provider_performance_1d import provider_performance_1d
from feature_repo.views.zone_demand_15m import zone_demand_15m

eta_v1 = FeatureService(
    name="eta_v1",
    description="Features of an accepted assignment: the provider's load and record, the zone's demand.",
    features=[
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
        zone_demand_15m.with_name("incident_zone_demand_15m").with_join_key_map(
            {"zone_id": "incident_zone_id"}
        )[
            [
                "requests_15m_count",
                "requests_60m_count",
                "tow_requests_60m_count",
                "open_unassigned_count",
                "ring1_requests_60m_count",
                "ring4_requests_60m_count",
                "ring4_open_unassigned_count",
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
    ],
)
