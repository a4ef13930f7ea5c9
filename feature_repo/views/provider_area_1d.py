"""provider_area_1d: how a provider does in an area."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Float64, Int64, String, UnixTimestamp

from feature_repo.entities import area, provider
from feature_repo.sources import source_of

provider_area_1d = FeatureView(
    name="provider_area_1d",
    description="How a provider does in an area.",
    entities=[provider, area],
    ttl=timedelta(days=8),
    schema=[
        Field(name="provider_id", dtype=String, description="A contracted company."),
        Field(name="area_id", dtype=String, description="H3 r6 cell, parent of the zone."),
        Field(name="offers_90d_count", dtype=Int64, description="Offers made (90d window)."),
        Field(
            name="accepts_90d_count", dtype=Int64, description="Offers accepted, by acceptance (90d window)."
        ),
        Field(
            name="offer_accept_ratio_90d",
            dtype=Float64,
            description="Accepted share of the offers made in the 90d window, withdrawn ones "
            "left out; null without support.",
        ),
        Field(
            name="arrival_minutes_p50_90d",
            dtype=Int64,
            description="Median minutes from acceptance to arrival, bucket's upper edge (90d window).",
        ),
        Field(
            name="last_offered_at",
            dtype=UnixTimestamp,
            description="Latest offer in the view's longest window.",
        ),
    ],
    source=source_of("provider_area_1d"),
    tags={"cadence": "every business day"},
)
