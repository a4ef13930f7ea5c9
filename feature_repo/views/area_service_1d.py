"""area_service_1d: how a service goes in an area."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Float64, Int64, String

from feature_repo.entities import area, service
from feature_repo.sources import source_of

area_service_1d = FeatureView(
    name="area_service_1d",
    description="How a service goes in an area.",
    entities=[area, service],
    ttl=timedelta(days=8),
    schema=[
        Field(name="area_id", dtype=String, description="H3 r6 cell, parent of the zone."),
        Field(
            name="service_type",
            dtype=String,
            description="Service asked for, as last stated at or before the row's moment.",
        ),
        Field(
            name="requests_28d_count",
            dtype=Int64,
            description="Immediate roadside requests (28d window).",
        ),
        Field(
            name="request_to_accept_minutes_p50_28d",
            dtype=Int64,
            description="Median minutes from request to first acceptance, bucket's upper edge.",
        ),
        Field(
            name="offers_per_job_28d",
            dtype=Float64,
            description="Offers made over jobs requested; null without any.",
        ),
        Field(
            name="arrivals_28d_count",
            dtype=Int64,
            description="Arrivals, gone on arrival included (28d window).",
        ),
        Field(
            name="arrival_minutes_p50_28d",
            dtype=Int64,
            description="Median minutes from acceptance to arrival, bucket's upper edge (28d window).",
        ),
        Field(
            name="arrival_minutes_p90_28d",
            dtype=Int64,
            description="90th percentile of minutes from acceptance to arrival, bucket's upper "
            "edge (28d window).",
        ),
        Field(
            name="arrival_minus_promise_minutes_p50_28d",
            dtype=Int64,
            description="Median minutes past the first promise, bucket's upper edge (28d window).",
        ),
        Field(
            name="on_scene_minutes_p50_28d",
            dtype=Int64,
            description="Median minutes from arrival to completion, bucket's upper edge (28d window).",
        ),
        Field(
            name="member_cancel_ratio_28d",
            dtype=Float64,
            description="Requests cancelled by the member, over requests.",
        ),
        Field(name="goa_ratio_28d", dtype=Float64, description="Arrivals that found nobody, over arrivals."),
    ],
    source=source_of("area_service_1d"),
    tags={"cadence": "every business day"},
)
