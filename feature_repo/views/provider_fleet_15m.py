"""provider_fleet_15m: what a provider has on the road."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Array, Bool, Float64, Int64, String, UnixTimestamp

from feature_repo.entities import provider
from feature_repo.sources import source_of

provider_fleet_15m = FeatureView(
    name="provider_fleet_15m",
    description="What a provider has on the road.",
    entities=[provider],
    ttl=timedelta(days=2),
    schema=[
        Field(name="provider_id", dtype=String, description="A contracted company."),
        Field(
            name="tick_at",
            dtype=UnixTimestamp,
            description="The tick the values belong to; null on a closing row.",
        ),
        Field(
            name="drivers_on_duty_count",
            dtype=Int64,
            description="Drivers whose last status in 24 h is not offline.",
        ),
        Field(
            name="drivers_available_count",
            dtype=Int64,
            description="Drivers whose last status in 24 h is available.",
        ),
        Field(
            name="tow_drivers_available_count", dtype=Int64, description="Available drivers whose truck tows."
        ),
        Field(
            name="drivers_on_job_count",
            dtype=Int64,
            description="Drivers whose last status in 24 h is on_job.",
        ),
        Field(
            name="drivers_silent_count",
            dtype=Int64,
            description="Drivers on duty without a fix in the last 15 minutes.",
        ),
        Field(
            name="on_duty_minutes_60m",
            dtype=Float64,
            description="Minutes its drivers were on duty in the last 60.",
        ),
        Field(
            name="busy_ratio_60m",
            dtype=Float64,
            description="Share of those minutes en route or on a job; null without any.",
        ),
        Field(
            name="is_location_tracked",
            dtype=Bool,
            description="A fix of one of its drivers in 7 days; false for a dead entity.",
        ),
        Field(
            name="last_fix_at",
            dtype=UnixTimestamp,
            description="Latest GPS fix taken on duty; of a provider, in 7 days.",
        ),
        Field(
            name="available_latitude",
            dtype=Array(Float64),
            description="Of the available drivers with a fix, newest fix first, at most 32: "
            "centre of its H3 r9 cell.",
        ),
        Field(name="available_longitude", dtype=Array(Float64), description="Likewise."),
        Field(
            name="available_fix_at",
            dtype=Array(UnixTimestamp),
            description="Likewise: when the fix was taken.",
        ),
        Field(
            name="available_is_tow",
            dtype=Array(Bool),
            description="Likewise: whether the truck is declared to tow.",
        ),
    ],
    source=source_of("provider_fleet_15m"),
    tags={"cadence": "every 15 minutes"},
)
