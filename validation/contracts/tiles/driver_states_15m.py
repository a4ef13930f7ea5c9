"""tiles.driver_states_15m: what was known of a driver at each tick at which it changed."""

from validation.columns import pick
from validation.contract import OneOf, Severity, Table

DRIVER_STATES_15M = Table(
    name="tiles.driver_states_15m",
    grain="One row per driver and tick at which its state changed, plus one a day and a closing row.",
    key=("driver_id", "known_at"),
    columns=pick(
        "driver_id",
        "known_at",
        "known_date",
        "is_live",
        "provider_id",
        "truck_id",
        "duty_status",
        "duty_status_since_at",
        "on_duty_since_at",
        "active_job_count",
        "is_tow_capable",
        "is_silent",
        "on_duty_seconds_60m",
        "busy_seconds_60m",
        "last_fix_at",
        "last_fix_latitude",
        "last_fix_longitude",
        "last_zone_id",
        "last_fix_accuracy_m",
        "last_speed_kmh",
    ),
    required=("is_live",),
    order=("driver_id", "known_at"),
    checks=(OneOf("duty_status", ("available", "en_route", "on_job", "on_break", "offline"), Severity.WARN),),
    is_restricted=True,
)
