"""area_hour_1d: what an hour of the week is usually like in an area."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Float64, Int64, String

from feature_repo.entities import area, hour_of_week
from feature_repo.sources import source_of

area_hour_1d = FeatureView(
    name="area_hour_1d",
    description="What an hour of the week is usually like in an area.",
    entities=[area, hour_of_week],
    ttl=timedelta(days=8),
    schema=[
        Field(name="area_id", dtype=String, description="H3 r6 cell, parent of the zone."),
        Field(
            name="local_hour_of_week",
            dtype=String,
            description="Hour of the week in New York, the business day's clock: 0 is Monday at 00:00.",
        ),
        Field(
            name="weeks_8w_count",
            dtype=Int64,
            description="How often the hour came in 8 weeks, on days that saw requests or drivers.",
        ),
        Field(
            name="requests_per_hour_mean_8w",
            dtype=Float64,
            description="Immediate roadside requests each time the hour came.",
        ),
        Field(
            name="drivers_available_mean_8w",
            dtype=Float64,
            description="Available drivers last seen in the area, at the hour's ticks.",
        ),
        Field(
            name="offer_accept_ratio_8w",
            dtype=Float64,
            description="Accepted share of the offers made in the hour, withdrawn ones left out.",
        ),
        Field(
            name="arrival_minutes_p50_8w",
            dtype=Int64,
            description="Median minutes from acceptance to arrival, of arrivals in the hour, bucket's "
            "upper edge.",
        ),
    ],
    source=source_of("area_hour_1d"),
    tags={"cadence": "every business day"},
)
