"""silver.provider_status: duty status of drivers, once each."""

from validation.columns import pick
from validation.contract import Check, Severity, Table

PROVIDER_STATUS = Table(
    name="silver.provider_status",
    grain="One row per status update: the first known wins.",
    key=("event_id", "event_timestamp", "known_at"),
    columns=pick(
        "event_id",
        "event_timestamp",
        "known_at",
        "known_date",
        "landed_at",
        "provider_id",
        "driver_id",
        "truck_id",
        "status",
        "equipment",
        "active_job_count",
        "is_late",
        "has_unknown_value",
        "source_object",
        "source_line",
    ),
    required=("provider_id", "driver_id", "status", "is_late"),
    order=("driver_id", "event_timestamp"),
    checks=(Check("known_vocabulary", "NOT has_unknown_value", Severity.WARN),),
)
