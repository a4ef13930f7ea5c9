"""features.provider_fleet_15m: what a provider has on the road."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

PROVIDER_FLEET_15M = feature_table(
    "provider_fleet_15m",
    grain="One row per provider and tick at which a value changed, plus one a day and a closing row.",
    entities=("provider_id",),
    features=pick(
        "tick_at",
        "drivers_on_duty_count",
        "drivers_available_count",
        "tow_drivers_available_count",
        "drivers_on_job_count",
        "drivers_silent_count",
        "on_duty_minutes_60m",
        "busy_ratio_60m",
        "is_location_tracked",
        "last_fix_at",
        "available_latitude",
        "available_longitude",
        "available_fix_at",
        "available_is_tow",
    ),
    is_restricted=True,
    false_when_dead=("is_location_tracked",),
    notes="Null throughout but is_location_tracked, false: no driver in 24 h (a phone provider).",
)
