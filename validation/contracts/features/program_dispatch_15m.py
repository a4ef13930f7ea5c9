"""features.program_dispatch_15m: how dispatch goes for a client's program."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

PROGRAM_DISPATCH_15M = feature_table(
    "program_dispatch_15m",
    grain="One row per program and tick at which a value changed, plus one a day and a closing row.",
    entities=("program_id",),
    features=pick(
        "tick_at",
        "requests_60m_count",
        "offers_60m_count",
        "first_offers_60m_count",
        "first_offer_accept_ratio_60m",
        "offers_per_accept_60m",
        "open_unassigned_count",
        "unassigned_over_10m_count",
        "unassigned_over_20m_count",
        "unassigned_over_30m_count",
        "unassigned_age_minutes_p90",
        "open_assignment_count",
        "overdue_assignment_count",
        "arrivals_60m_count",
        "arrivals_4h_count",
        "on_time_ratio_60m",
        "on_time_ratio_4h",
        "arrival_minutes_p50_4h",
        "arrival_minutes_p90_4h",
        "arrival_minus_promise_minutes_p50_4h",
        "member_cancels_60m_count",
        "goa_60m_count",
        "gave_back_60m_count",
    ),
    notes="Null throughout: no job in 28 days.",
)
