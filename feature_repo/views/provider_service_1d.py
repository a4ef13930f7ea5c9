"""provider_service_1d: how a provider does a service."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Float64, Int64, String

from feature_repo.entities import provider, service
from feature_repo.sources import source_of

provider_service_1d = FeatureView(
    name="provider_service_1d",
    description="How a provider does a service.",
    entities=[provider, service],
    ttl=timedelta(days=8),
    schema=[
        Field(name="provider_id", dtype=String, description="A contracted company."),
        Field(
            name="service_type",
            dtype=String,
            description="Service asked for, as last stated at or before the row's moment.",
        ),
        Field(name="offers_90d_count", dtype=Int64, description="Offers made (90d window)."),
        Field(
            name="offer_accept_ratio_90d",
            dtype=Float64,
            description="Accepted share of the offers made in the 90d window, withdrawn ones "
            "left out; null without support.",
        ),
        Field(
            name="completed_90d_count",
            dtype=Int64,
            description="Jobs completed or gone on arrival, by acceptance (90d window).",
        ),
        Field(
            name="arrival_minutes_p50_90d",
            dtype=Int64,
            description="Median minutes from acceptance to arrival, bucket's upper edge (90d window).",
        ),
        Field(
            name="on_scene_minutes_p50_90d",
            dtype=Int64,
            description="Median minutes from arrival to completion, bucket's upper edge (90d window).",
        ),
    ],
    source=source_of("provider_service_1d"),
    tags={"cadence": "every business day"},
)
