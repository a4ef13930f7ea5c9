"""features.zone_demand_15m: who asked for help in and around a zone lately."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.features.expiring import Fact, feature_values, latest_versions, spans, with_clocks
from transforms.features.grid import TICKS
from transforms.features.sums import Count, Measures, Summing
from transforms.zones import with_disk
from validation.clocks import TICK, Interval
from validation.contracts.features.zone_demand_15m import ZONE_DEMAND_15M

LIVE_TICKS = 28 * 96
LOOK_BACK = timedelta(days=28, hours=1) + TICK
"""The longest window, the allowance for future clocks, and the tick before."""

_OWN = (
    "requests_15m",
    "requests_60m",
    "requests_4h",
    "tow_requests_60m",
    "member_cancels_60m",
    "open_unassigned",
)
_RINGS = {
    "ring1_requests_60m": ("requests_60m", 1),
    "ring4_requests_60m": ("requests_60m", 4),
    "ring4_open_unassigned": ("open_unassigned", 4),
    "ring4_requests_28d": ("requests_28d", 4),
}
MEASURES = Measures((*_OWN, "requests_28d", *_RINGS), {})
SUMMING = Summing(
    MEASURES,
    tuple(Count(f"{name}_count", name) for name in (*_OWN, *_RINGS) if name != "ring4_requests_28d"),
    live="ring4_requests_28d",
    beat=96,
)
_JOB_COLUMNS = (
    "job_id",
    "zone_id",
    "requested_at",
    "is_immediate",
    "job_kind",
    "requested_service_type",
    "cancelled_at",
    "cancel_actor",
    "unassigned_from",
)


def zone_demand_15m(jobs: DataFrame, interval: Interval) -> DataFrame:
    """One row per zone and tick at which a value changed, plus one a day and a closing row.

    Counts immediate roadside requests; appointments, accidents and second tows are no demand.
    """
    demand = latest_versions(jobs, "job_id", _JOB_COLUMNS).where(
        F.col("is_immediate")
        & (F.coalesce("job_kind", F.lit("roadside")) == "roadside")
        & F.col("zone_id").isNotNull()
    )
    bounds = TICKS.bounds(interval)
    held = spans(demand, ["zone_id"], _facts(), MEASURES, TICKS, bounds).transform(_with_rings)
    values = feature_values(held, ZONE_DEMAND_15M, "zone_id", SUMMING, bounds)
    return with_clocks(values, ZONE_DEMAND_15M, TICKS, F.col("requests_60m_count").isNotNull())


def _facts() -> list[Fact]:
    requested = F.col("requested_at")
    always = requested.isNotNull()
    return [
        Fact("requests_15m", (requested,), 1, always),
        Fact("requests_60m", (requested,), 4, always),
        Fact("requests_4h", (requested,), 16, always),
        Fact("requests_28d", (requested,), LIVE_TICKS, always),
        Fact("tow_requests_60m", (requested,), 4, F.col("requested_service_type") == "tow"),
        Fact("member_cancels_60m", (F.col("cancelled_at"),), 4, F.col("cancel_actor") == "member"),
        Fact("open_unassigned", (F.col("unassigned_from"),), 96, F.col("unassigned_from").isNotNull()),
    ]


def _with_rings(held: DataFrame) -> DataFrame:
    """The zones' own spans, and the same for every zone at most one or four cells away."""
    rings = F.array(
        *(
            F.when(
                (F.col("measure") == MEASURES.number(own)) & (F.col("distance") <= distance),
                F.lit(MEASURES.number(ring)),
            )
            for ring, (own, distance) in _RINGS.items()
        )
    )
    around = (
        held.join(with_disk(held.select("zone_id"), 4), "zone_id")
        .withColumn("zone_id", F.col("ring_zone_id"))
        .withColumn("measure", F.explode(F.array_compact(rings)))
    )
    return held.unionByName(around.select(*held.columns))
