"""driver_state_15m: where a driver is and what the driver is doing."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Bool, Float64, Int32, String, UnixTimestamp

from feature_repo.entities import driver
from feature_repo.sources import source_of

driver_state_15m = FeatureView(
    name="driver_state_15m",
    description="Where a driver is and what the driver is doing.",
    entities=[driver],
    ttl=timedelta(days=2),
    schema=[
        Field(name="driver_id", dtype=String, description="Token of the person on duty, salted per driver."),
        Field(
            name="tick_at",
            dtype=UnixTimestamp,
            description="The tick the values belong to; null on a closing row.",
        ),
        Field(name="provider_id", dtype=String, description="A contracted company."),
        Field(name="truck_id", dtype=String, description="The truck used for the shift."),
        Field(
            name="duty_status",
            dtype=String,
            description="Last status in 24 h: available, en_route, on_job, on_break or offline.",
        ),
        Field(
            name="duty_status_since_at",
            dtype=UnixTimestamp,
            description="Since when it is the status, within 24 h.",
        ),
        Field(
            name="on_duty_since_at",
            dtype=UnixTimestamp,
            description="Since when the driver is not offline, in 24 h; null if offline.",
        ),
        Field(name="active_job_count", dtype=Int32, description="Jobs the driver holds."),
        Field(
            name="is_tow_capable",
            dtype=Bool,
            description="The truck's last declared equipment tows; of a provider: such a truck stood "
            "available in 28 days, or it completed a tow in 90.",
        ),
        Field(
            name="last_fix_at",
            dtype=UnixTimestamp,
            description="Latest GPS fix taken on duty; of a provider, in 7 days.",
        ),
        Field(name="last_fix_latitude", dtype=Float64, description="Centre of the H3 r9 cell of that fix."),
        Field(name="last_fix_longitude", dtype=Float64, description="Centre of the H3 r9 cell of that fix."),
        Field(name="last_zone_id", dtype=String, description="H3 r7 cell of that fix."),
        Field(name="last_fix_accuracy_m", dtype=Float64, description="Radius of uncertainty of that fix."),
        Field(name="last_speed_kmh", dtype=Float64, description="Speed at that fix."),
        Field(
            name="zone_speed_ratio_15m",
            dtype=Float64,
            description="speed_ratio_15m of the cell the driver is in, as known at the tick.",
        ),
    ],
    source=source_of("driver_state_15m"),
    tags={"cadence": "every 15 minutes"},
)
