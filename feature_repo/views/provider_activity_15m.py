"""provider_activity_15m: what a provider was asked and answered lately."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Float64, Int64, String, UnixTimestamp

from feature_repo.entities import provider
from feature_repo.sources import source_of

provider_activity_15m = FeatureView(
    name="provider_activity_15m",
    description="What a provider was asked and answered lately.",
    entities=[provider],
    ttl=timedelta(days=2),
    schema=[
        Field(name="provider_id", dtype=String, description="A contracted company."),
        Field(
            name="tick_at",
            dtype=UnixTimestamp,
            description="The tick the values belong to; null on a closing row.",
        ),
        Field(name="offers_60m_count", dtype=Int64, description="Offers made (60m window)."),
        Field(name="offers_4h_count", dtype=Int64, description="Offers made (4h window)."),
        Field(name="offers_24h_count", dtype=Int64, description="Offers made (24h window)."),
        Field(
            name="accepts_60m_count", dtype=Int64, description="Offers accepted, by acceptance (60m window)."
        ),
        Field(
            name="accepts_4h_count", dtype=Int64, description="Offers accepted, by acceptance (4h window)."
        ),
        Field(name="declines_60m_count", dtype=Int64, description="Offers declined, by answer (60m window)."),
        Field(name="declines_4h_count", dtype=Int64, description="Offers declined, by answer (4h window)."),
        Field(name="expired_4h_count", dtype=Int64, description="Digital offers that lapsed (4h window)."),
        Field(
            name="no_contact_4h_count", dtype=Int64, description="Phone offers nobody answered (4h window)."
        ),
        Field(
            name="offer_accept_ratio_4h",
            dtype=Float64,
            description="Accepted share of the offers made in the 4h window, withdrawn ones "
            "left out; null without support.",
        ),
        Field(
            name="offer_accept_ratio_24h",
            dtype=Float64,
            description="Accepted share of the offers made in the 24h window, withdrawn ones "
            "left out; null without support.",
        ),
        Field(
            name="gave_back_24h_count",
            dtype=Int64,
            description="Assignments the provider gave back (24h window).",
        ),
        Field(
            name="response_seconds_p50_24h",
            dtype=Int64,
            description="Median answer time of digital offers, bucket's upper edge.",
        ),
        Field(
            name="open_assignment_count",
            dtype=Int64,
            description="Accepted and not yet ended, at most 24 h old.",
        ),
        Field(name="open_tow_count", dtype=Int64, description="Open assignments that are tows."),
        Field(
            name="overdue_assignment_count",
            dtype=Int64,
            description="Open assignments past their first promise.",
        ),
        Field(
            name="last_offered_at",
            dtype=UnixTimestamp,
            description="Latest offer in the view's longest window.",
        ),
        Field(name="last_accepted_at", dtype=UnixTimestamp, description="Latest acceptance in 28 days."),
        Field(name="last_declined_at", dtype=UnixTimestamp, description="Latest decline in 28 days."),
    ],
    source=source_of("provider_activity_15m"),
    tags={"cadence": "every 15 minutes"},
)
