"""features.provider_area_1d: how a provider does in an area."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame

from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Latest, Quantile, Ratio, Sum
from transforms.features.windows import view_rows
from transforms.grid import BUSINESS_DAYS
from transforms.tiles.measures import ARRIVAL_MINUTES
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.provider_area_1d import PROVIDER_AREA_1D

QUARTER = 90
SPEC = ViewSpec(
    table=PROVIDER_AREA_1D,
    keys=("provider_id", "area_id"),
    grid=BUSINESS_DAYS,
    sums=(
        Sum("offers", "offers", QUARTER),
        Sum("accepts", "accepts", QUARTER),
        Sum("accepted", "offers_accepted", QUARTER),
        Sum("withdrawn", "offers_withdrawn", QUARTER),
        Sum("arrival", "arrival_minutes", QUARTER, ARRIVAL_MINUTES),
        Sum("last_offered", "last_offered", QUARTER),
    ),
    features=(
        Count("offers_90d_count", "offers"),
        Count("accepts_90d_count", "accepts"),
        Ratio("offer_accept_ratio_90d", "accepted", "offers", "withdrawn"),
        Quantile("arrival_minutes_p50_90d", "arrival", 50),
        Latest("last_offered_at", "last_offered"),
    ),
    live="offers",
    beat=1,
)


def provider_area_1d(
    dispatch_1d: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per provider, area and business-day cut while it is live, plus a closing row."""
    return view_rows(dispatch_1d, SPEC, interval, held, timeline)
