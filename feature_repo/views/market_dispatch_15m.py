"""market_dispatch_15m: how dispatch goes in a market."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Float64, Int64, String, UnixTimestamp

from feature_repo.entities import market
from feature_repo.sources import source_of

market_dispatch_15m = FeatureView(
    name="market_dispatch_15m",
    description="How dispatch goes in a market.",
    entities=[market],
    ttl=timedelta(days=2),
    schema=[
        Field(name="market_id", dtype=String, description="H3 r4 cell, parent of the area."),
        Field(
            name="tick_at",
            dtype=UnixTimestamp,
            description="The tick the values belong to; null on a closing row.",
        ),
        Field(
            name="requests_60m_count",
            dtype=Int64,
            description="Immediate roadside requests (60m window).",
        ),
        Field(name="offers_60m_count", dtype=Int64, description="Offers made (60m window)."),
        Field(
            name="first_offers_60m_count",
            dtype=Int64,
            description="Offers that were their job's first (60m window).",
        ),
        Field(
            name="first_offer_accept_ratio_60m",
            dtype=Float64,
            description="Accepted share of those, withdrawn ones left out.",
        ),
        Field(
            name="offers_per_accept_60m",
            dtype=Float64,
            description="Offers made over acceptances; null without any.",
        ),
        Field(
            name="open_unassigned_count",
            dtype=Int64,
            description="Requests waiting without a provider, at most 24 h.",
        ),
        Field(
            name="unassigned_over_10m_count",
            dtype=Int64,
            description="Requests waiting for more than 10 minutes.",
        ),
        Field(
            name="unassigned_over_20m_count",
            dtype=Int64,
            description="Requests waiting for more than 20 minutes.",
        ),
        Field(
            name="unassigned_over_30m_count",
            dtype=Int64,
            description="Requests waiting for more than 30 minutes.",
        ),
        Field(
            name="unassigned_age_minutes_p90",
            dtype=Int64,
            description="90th percentile of the waits, bucket's upper edge.",
        ),
        Field(
            name="open_assignment_count",
            dtype=Int64,
            description="Accepted and not yet ended, at most 24 h old.",
        ),
        Field(
            name="overdue_assignment_count",
            dtype=Int64,
            description="Open assignments past their first promise.",
        ),
        Field(
            name="arrivals_60m_count",
            dtype=Int64,
            description="Arrivals, gone on arrival included (60m window).",
        ),
        Field(
            name="arrivals_4h_count",
            dtype=Int64,
            description="Arrivals, gone on arrival included (4h window).",
        ),
        Field(
            name="on_time_ratio_60m",
            dtype=Float64,
            description="Arrivals by the first promise, of those with one (60m).",
        ),
        Field(
            name="on_time_ratio_4h",
            dtype=Float64,
            description="Arrivals by the first promise, of those with one (4h).",
        ),
        Field(
            name="arrival_minutes_p50_4h",
            dtype=Int64,
            description="Median minutes from acceptance to arrival, bucket's upper edge (4h window).",
        ),
        Field(
            name="arrival_minutes_p90_4h",
            dtype=Int64,
            description="90th percentile of minutes from acceptance to arrival, bucket's upper "
            "edge (4h window).",
        ),
        Field(
            name="arrival_minus_promise_minutes_p50_4h",
            dtype=Int64,
            description="Median minutes past the first promise, bucket's upper edge (4h window).",
        ),
        Field(
            name="member_cancels_60m_count",
            dtype=Int64,
            description="Immediate roadside requests cancelled by the member, by cancel (60m window).",
        ),
        Field(
            name="goa_60m_count",
            dtype=Int64,
            description="Arrivals that found nobody, by arrival (60m window).",
        ),
        Field(
            name="gave_back_60m_count",
            dtype=Int64,
            description="Assignments the provider gave back (60m window).",
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
            name="drivers_silent_count",
            dtype=Int64,
            description="Drivers on duty without a fix in the last 15 minutes.",
        ),
    ],
    source=source_of("market_dispatch_15m"),
    tags={"cadence": "every 15 minutes"},
)
