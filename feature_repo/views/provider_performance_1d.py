"""provider_performance_1d: how a provider has done over the last weeks."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Float64, Int64, String

from feature_repo.entities import provider
from feature_repo.sources import source_of

provider_performance_1d = FeatureView(
    name="provider_performance_1d",
    description="How a provider has done over the last weeks.",
    entities=[provider],
    ttl=timedelta(days=8),
    schema=[
        Field(name="provider_id", dtype=String, description="A contracted company."),
        Field(name="offers_7d_count", dtype=Int64, description="Offers made (7d window)."),
        Field(name="offers_28d_count", dtype=Int64, description="Offers made (28d window)."),
        Field(
            name="offer_accept_ratio_7d",
            dtype=Float64,
            description="Accepted share of the offers made in the 7d window, withdrawn ones "
            "left out; null without support.",
        ),
        Field(
            name="offer_accept_ratio_28d",
            dtype=Float64,
            description="Accepted share of the offers made in the 28d window, withdrawn ones "
            "left out; null without support.",
        ),
        Field(
            name="response_seconds_p50_28d",
            dtype=Int64,
            description="Median answer time of digital offers, bucket's upper edge.",
        ),
        Field(
            name="accepted_28d_count", dtype=Int64, description="Offers accepted, by acceptance (28d window)."
        ),
        Field(
            name="reassign_ratio_28d", dtype=Float64, description="Given back or taken back, over accepted."
        ),
        Field(
            name="completion_ratio_28d",
            dtype=Float64,
            description="Completed or gone on arrival, over accepted less member cancels.",
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
            name="arrival_minus_promise_minutes_p90_28d",
            dtype=Int64,
            description="90th percentile of minutes past the first promise, bucket's upper "
            "edge (28d window).",
        ),
        Field(
            name="on_time_ratio_28d",
            dtype=Float64,
            description="Arrivals by the first promise, over arrivals with one.",
        ),
        Field(name="goa_ratio_28d", dtype=Float64, description="Arrivals that found nobody, over arrivals."),
        Field(
            name="gps_evidenced_arrival_ratio_28d",
            dtype=Float64,
            description="Arrivals a ping bears out, over arrivals.",
        ),
        Field(
            name="nps_mean_90d", dtype=Float64, description="Mean likelihood to recommend of current claims."
        ),
        Field(name="nps_90d_count", dtype=Int64, description="Current claims with an nps (90d window)."),
        Field(name="billed_usd_mean_90d", dtype=Float64, description="Mean billed amount of current claims."),
        Field(
            name="billed_90d_count", dtype=Int64, description="Current claims with an amount (90d window)."
        ),
        Field(
            name="billed_vs_area_ratio_90d",
            dtype=Float64,
            description="Billed by the provider, over what its jobs' areas bill on average.",
        ),
    ],
    source=source_of("provider_performance_1d"),
    tags={"cadence": "every business day"},
)
