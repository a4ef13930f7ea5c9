"""features.zone_demand_15m: who asked for help in and around a zone lately."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pyspark.sql import DataFrame

from transforms.features.spec import ViewSpec
from transforms.features.sums import Count, Sum
from transforms.features.windows import view_rows
from transforms.grid import TICKS
from transforms.timeline import Timeline
from validation.clocks import Interval
from validation.contracts.features.zone_demand_15m import ZONE_DEMAND_15M

_OWN = (
    Sum("requests_15m", "requests", 1),
    Sum("requests_60m", "requests", 4),
    Sum("requests_4h", "requests", 16),
    Sum("tow_requests_60m", "tow_requests", 4),
    Sum("member_cancels_60m", "member_cancels", 4),
    Sum("open_unassigned", "waiting", 96),
)
_RINGS = {
    "ring1_requests_60m": ("requests_60m", 1),
    "ring4_requests_60m": ("requests_60m", 4),
    "ring4_open_unassigned": ("open_unassigned", 4),
}
SPEC = ViewSpec(
    table=ZONE_DEMAND_15M,
    keys=("zone_id",),
    grid=TICKS,
    sums=(*_OWN, Sum("requests_28d", "requests", 28 * 96)),
    rings=_RINGS | {"ring4_requests_28d": ("requests_28d", 4)},
    features=tuple(Count(f"{name}_count", name) for name in (*(each.name for each in _OWN), *_RINGS)),
    live="ring4_requests_28d",
)


def zone_demand_15m(
    dispatch_15m: DataFrame,
    interval: Interval,
    held: Collection[datetime] = (),
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per zone and tick at which a value changed, plus one a day and a closing row.

    Counts immediate roadside requests; appointments, accidents and second tows are no demand.
    """
    return view_rows(dispatch_15m, SPEC, interval, held, timeline)
