"""tiles.driver_fixes_15m: a driver's last plausible fix of each 15 minutes."""

from validation.columns import pick
from validation.contract import Between, Table

DRIVER_FIXES_15M = Table(
    name="tiles.driver_fixes_15m",
    grain="One row per driver, provider, zone, tile and tick that knew fixes of it: the last of these.",
    key=("driver_id", "provider_id", "last_zone_id", "tile_at", "known_at"),
    columns=pick(
        "driver_id",
        "tile_at",
        "known_at",
        "known_date",
        "provider_id",
        "fix_count",
        "last_fix_at",
        "last_fix_latitude",
        "last_fix_longitude",
        "last_zone_id",
        "source_object",
        "source_line",
        "last_fix_accuracy_m",
        "last_speed_kmh",
    ),
    required=("provider_id", "fix_count", "last_fix_at", "last_zone_id"),
    order=("driver_id", "tile_at"),
    checks=(Between("fix_count", 1),),
    is_restricted=True,
)
