"""features.provider_activity_15m: what a provider was asked and answered lately."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

PROVIDER_ACTIVITY_15M = feature_table(
    "provider_activity_15m",
    grain="One row per provider and tick at which a value changed, plus one a day and a closing row.",
    entities=("provider_id",),
    features=pick(
        "tick_at",
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
    ),
    notes="Null throughout: no offer in 28 days.",
)
