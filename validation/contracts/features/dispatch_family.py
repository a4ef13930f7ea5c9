"""What every view of how dispatch goes tells, whatever its jobs are grouped by."""

from validation.columns import pick

DISPATCH_COLUMNS = pick(
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
)
DRIVER_COLUMNS = pick("drivers_on_duty_count", "drivers_available_count", "drivers_silent_count")
"""Of places."""
