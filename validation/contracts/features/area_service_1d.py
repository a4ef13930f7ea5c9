"""features.area_service_1d: how a service goes in an area."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

AREA_SERVICE_1D = feature_table(
    "area_service_1d",
    grain="One row per area, service and business-day cut while it is live, plus a closing row.",
    entities=("area_id", "service_type"),
    features=pick(
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
    notes="Null throughout: no request of the service in 28 days.",
)
