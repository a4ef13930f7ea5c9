"""features.provider_performance_1d: how a provider has done over the last weeks."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

PROVIDER_PERFORMANCE_1D = feature_table(
    "provider_performance_1d",
    grain="One row per provider and business-day cut while it is live, plus a closing row.",
    entities=("provider_id",),
    features=pick(
        "offers_7d_count",
        "offers_28d_count",
        "offer_accept_ratio_7d",
        "offer_accept_ratio_28d",
        "response_seconds_p50_28d",
        "accepted_28d_count",
        "reassign_ratio_28d",
        "completion_ratio_28d",
        "arrivals_28d_count",
        "arrival_minutes_p50_28d",
        "arrival_minutes_p90_28d",
        "arrival_minus_promise_minutes_p50_28d",
        "arrival_minus_promise_minutes_p90_28d",
        "on_time_ratio_28d",
        "goa_ratio_28d",
        "gps_evidenced_arrival_ratio_28d",
        "nps_mean_90d",
        "nps_90d_count",
        "billed_usd_mean_90d",
        "billed_90d_count",
        "billed_vs_area_ratio_90d",
    ),
    notes="Null throughout: no offer in 28 days.",
)
