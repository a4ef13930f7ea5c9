"""features.area_service_1d: how a service goes in an area."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame

from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Quantile, Ratio, Sum
from transforms.features.windows import view_rows
from transforms.grid import BUSINESS_DAYS
from transforms.tiles.measures import ARRIVAL_MINUTES, ON_SCENE_MINUTES, PROMISE_MINUTES
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.area_service_1d import AREA_SERVICE_1D

MONTH = 28
SPEC = ViewSpec(
    table=AREA_SERVICE_1D,
    keys=("area_id", "service_type"),
    grid=BUSINESS_DAYS,
    sums=(
        Sum("requests", "requests", MONTH),
        Sum("cancelled", "requests_cancelled", MONTH),
        Sum("to_accept", "request_to_accept_minutes", MONTH, ARRIVAL_MINUTES),
        Sum("offers", "demand_offers", MONTH),
        Sum("arrivals", "arrivals", MONTH),
        Sum("goa", "goa", MONTH),
        Sum("arrival", "arrival_minutes", MONTH, ARRIVAL_MINUTES),
        Sum("promise", "promise_minutes", MONTH, PROMISE_MINUTES),
        Sum("on_scene", "on_scene_minutes", MONTH, ON_SCENE_MINUTES),
    ),
    features=(
        Count("requests_28d_count", "requests"),
        Quantile("request_to_accept_minutes_p50_28d", "to_accept", 50),
        Ratio("offers_per_job_28d", "offers", "requests"),
        Count("arrivals_28d_count", "arrivals"),
        Quantile("arrival_minutes_p50_28d", "arrival", 50),
        Quantile("arrival_minutes_p90_28d", "arrival", 90),
        Quantile("arrival_minus_promise_minutes_p50_28d", "promise", 50),
        Quantile("on_scene_minutes_p50_28d", "on_scene", 50),
        Ratio("member_cancel_ratio_28d", "cancelled", "requests"),
        Ratio("goa_ratio_28d", "goa", "arrivals"),
    ),
    live="requests",
    beat=1,
)


def area_service_1d(
    dispatch_1d: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per area, service and business-day cut while it is live, plus a closing row."""
    return view_rows(dispatch_1d, SPEC, interval, held, timeline)
