"""features.provider_area_1d: how a provider does in an area."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

PROVIDER_AREA_1D = feature_table(
    "provider_area_1d",
    grain="One row per provider, area and business-day cut while it is live, plus a closing row.",
    entities=("provider_id", "area_id"),
    features=pick(
        "offers_90d_count",
        "accepts_90d_count",
        "offer_accept_ratio_90d",
        "arrival_minutes_p50_90d",
        "last_offered_at",
    ),
    notes="Null throughout: no offer in the area in 90 days.",
)
