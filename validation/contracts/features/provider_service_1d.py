"""features.provider_service_1d: how a provider does a service."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

PROVIDER_SERVICE_1D = feature_table(
    "provider_service_1d",
    grain="One row per provider, service and business-day cut while it is live, plus a closing row.",
    entities=("provider_id", "service_type"),
    features=pick(
        "offers_90d_count",
        "offer_accept_ratio_90d",
        "completed_90d_count",
        "arrival_minutes_p50_90d",
        "on_scene_minutes_p50_90d",
    ),
    notes="Null throughout: no offer of the service in 90 days.",
)
