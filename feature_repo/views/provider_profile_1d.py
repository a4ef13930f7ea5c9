"""provider_profile_1d: what a company is, derived from what it does."""

from datetime import timedelta

from feast import FeatureView, Field
from feast.types import Array, Bool, Float64, Int64, String

from feature_repo.entities import provider
from feature_repo.sources import source_of

provider_profile_1d = FeatureView(
    name="provider_profile_1d",
    description="What a company is, derived from what it does.",
    entities=[provider],
    ttl=timedelta(days=8),
    schema=[
        Field(name="provider_id", dtype=String, description="A contracted company."),
        Field(
            name="site_latitude",
            dtype=Float64,
            description="Centre of the H3 r7 cell where its drivers stood available longest in 28 days; null "
            "without any.",
        ),
        Field(name="site_longitude", dtype=Float64, description="Likewise."),
        Field(
            name="service_types",
            dtype=Array(String),
            description="Services it completed or found nobody at in 90 days, by name.",
        ),
        Field(
            name="is_tow_capable",
            dtype=Bool,
            description="The truck's last declared equipment tows; of a provider: such a truck stood "
            "available in 28 days, or it completed a tow in 90.",
        ),
        Field(
            name="is_digital",
            dtype=Bool,
            description="It was made an offer over the digital channel in 90 days.",
        ),
        Field(
            name="is_location_tracked",
            dtype=Bool,
            description="A fix of one of its drivers in 7 days; false for a dead entity.",
        ),
        Field(
            name="territory_areas_count",
            dtype=Int64,
            description="Areas it was made offers in, in 90 days.",
        ),
        Field(
            name="tenure_days",
            dtype=Int64,
            description="Business days since its oldest offer of the last 90, so at most 89; null without an "
            "offer.",
        ),
    ],
    source=source_of("provider_profile_1d"),
    tags={"cadence": "every business day"},
)
