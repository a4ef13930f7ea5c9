"""features.driver_state_15m: where a driver is and what the driver is doing."""

from validation.columns import pick
from validation.contracts.features.feature_table import feature_table

DRIVER_STATE_15M = feature_table(
    "driver_state_15m",
    grain="One row per driver and tick at which a value changed, plus one a day and a closing row.",
    entities=("driver_id",),
    features=pick(
        "tick_at",
        "provider_id",
        "truck_id",
        "duty_status",
        "duty_status_since_at",
        "on_duty_since_at",
        "active_job_count",
        "is_tow_capable",
        "last_fix_at",
        "last_fix_latitude",
        "last_fix_longitude",
        "last_zone_id",
        "last_fix_accuracy_m",
        "last_speed_kmh",
        "zone_speed_ratio_15m",
    ),
    is_restricted=True,
    notes="Null throughout: no status of the driver in 24 h.",
)
