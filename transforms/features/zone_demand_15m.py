"""features.zone_demand_15m: who asked for help in and around a zone lately."""

from __future__ import annotations

from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.features.expiring import Fact, deltas, feature_rows, latest_versions, running, spans
from transforms.features.grid import TICKS
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
    "ring4_live": ("live", 4),
}
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
    moves = deltas(spans(demand, ["zone_id"], _facts(), TICKS), ["zone_id"])
    rows = running(
        _with_rings(moves), ["zone_id"], [*_OWN, *_RINGS], TICKS.bounds(interval), beat=96
    )
    counts = [F.col(name).alias(f"{name}_count") for name in (*_OWN, *_RINGS)]
    return feature_rows(
        rows.select("*", *counts), ZONE_DEMAND_15M, ["zone_id"], F.col("ring4_live") > 0, TICKS
    )


def _facts() -> list[Fact]:
    requested = F.col("requested_at")
    always = requested.isNotNull()
    return [
        Fact("requests_15m", (requested,), 1, always),
        Fact("requests_60m", (requested,), 4, always),
        Fact("requests_4h", (requested,), 16, always),
        Fact("live", (requested,), LIVE_TICKS, always),
        Fact("tow_requests_60m", (requested,), 4, F.col("requested_service_type") == "tow"),
        Fact("member_cancels_60m", (F.col("cancelled_at"),), 4, F.col("cancel_actor") == "member"),
        Fact("open_unassigned", (F.col("unassigned_from"),), 96, F.col("unassigned_from").isNotNull()),
    ]


def _with_rings(moves: DataFrame) -> DataFrame:
    """The zones' own moves, and what they add to every zone at most one or four cells away."""
    disks = with_disk(moves.select("zone_id"), 4)
    around = moves.join(disks, "zone_id")
    spread = [
        around.where((F.col("measure") == measure) & (F.col("distance") <= distance)).select(
            F.col("ring_zone_id").alias("zone_id"), F.lit(ring).alias("measure"), "number", "delta"
        )
        for ring, (measure, distance) in _RINGS.items()
    ]
    own = moves.where(F.col("measure").isin(*_OWN)).select("zone_id", "measure", "number", "delta")
    for frame in spread:
        own = own.unionByName(frame)
    return own
