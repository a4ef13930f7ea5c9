"""features.provider_service_1d: how a provider does a service."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame

from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Quantile, Ratio, Sum
from transforms.features.windows import view_rows
from transforms.grid import BUSINESS_DAYS
from transforms.tiles.measures import ARRIVAL_MINUTES, ON_SCENE_MINUTES
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.provider_service_1d import PROVIDER_SERVICE_1D

QUARTER = 90
SPEC = ViewSpec(
    table=PROVIDER_SERVICE_1D,
    keys=("provider_id", "service_type"),
    grid=BUSINESS_DAYS,
    sums=(
        Sum("offers", "offers", QUARTER),
        Sum("accepted", "offers_accepted", QUARTER),
        Sum("withdrawn", "offers_withdrawn", QUARTER),
        Sum("done", "done", QUARTER),
        Sum("arrival", "arrival_minutes", QUARTER, ARRIVAL_MINUTES),
        Sum("on_scene", "on_scene_minutes", QUARTER, ON_SCENE_MINUTES),
    ),
    features=(
        Count("offers_90d_count", "offers"),
        Ratio("offer_accept_ratio_90d", "accepted", "offers", "withdrawn"),
        Count("completed_90d_count", "done"),
        Quantile("arrival_minutes_p50_90d", "arrival", 50),
        Quantile("on_scene_minutes_p50_90d", "on_scene", 50),
    ),
    live="offers",
    beat=1,
)


def provider_service_1d(
    dispatch_1d: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per provider, service and business-day cut while it is live, plus a closing row."""
    return view_rows(dispatch_1d, SPEC, interval, held, timeline)
