"""silver.gps_pings: GPS fixes, once each, flagged and placed in a zone."""

from validation.columns import pick
from validation.contract import Between, Reference, Table

GPS_PINGS = Table(
    name="silver.gps_pings",
    grain="One row per fix: the first known wins.",
    key=("event_id", "event_timestamp", "known_at"),
    columns=pick(
        "driver_id",
        "event_timestamp",
        "known_at",
        "known_date",
        "event_id",
        "provider_id",
        "latitude",
        "longitude",
        "zone_id",
        "speed_kmh",
        "heading",
        "accuracy_m",
        "is_late",
        "is_stale",
        "is_inaccurate",
        "is_implausible_jump",
        "source_object",
        "source_line",
    ),
    required=("provider_id", "driver_id", "latitude", "longitude", "zone_id", "is_late"),
    order=("driver_id", "event_timestamp"),
    checks=(
        Between("latitude", -90, 90),
        Between("longitude", -180, 180),
        Between("speed_kmh", 0),
    ),
    is_restricted=True,
    references=(Reference("driver_id", "silver.provider_status", days=35),),
)
