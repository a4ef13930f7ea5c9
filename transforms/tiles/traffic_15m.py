"""tiles.traffic_15m: traffic readings and own trucks' speeds by 15 minutes and zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.entities import by_entity
from transforms.grid import TICKS
from transforms.known_time import known_within
from transforms.tiles.driver_fixes_15m import RECORD_ORDER
from transforms.tiles.measures import SPEED_KMH
from transforms.tiles.partials import At, Bucket, Fact, partials, tile_rows
from validation.clocks import TICK, Interval
from validation.contracts.tiles.traffic_15m import TRAFFIC_15M
from validation.sources.gps_pings import GPS_PINGS as GPS_SOURCE

STATUS_MEMORY = timedelta(hours=24)
LOOK_BACK = STATUS_MEMORY + GPS_SOURCE.late + GPS_SOURCE.ahead + TICK
"""A status up to 24 hours older than a fix that is itself at most `late`, known before the fix was."""

EN_ROUTE = "en_route"


READ = At("tile_start_at")
HAS_READING = pc.field("reading_count") > 0
IS_RATED = pc.field("rated_speed_metres_per_hour_sum").is_valid()
READINGS = (
    Fact("readings", (READ,), HAS_READING, amount="reading_count"),
    Fact("rated_speed", (READ,), IS_RATED, amount="rated_speed_metres_per_hour_sum"),
    Fact("free_flow", (READ,), IS_RATED, amount="free_flow_metres_per_hour_sum"),
    Fact("last_reading", (READ,), HAS_READING, has_moment=True),
    Fact("seen", (READ,), HAS_READING),
)
PINGED = At("event_timestamp")
PINGS = (
    Fact("fleet_speed_kmh", (PINGED,), bucket=Bucket(SPEED_KMH, "speed_kmh")),
    Fact("fleet_pings", (PINGED,)),
    Fact("seen", (PINGED,)),
)
BY_ZONE: dict[str, str | None] = {"zone_id": "zone_id"}


def traffic_15m(
    traffic_speeds: DataFrame, gps_pings: DataFrame, provider_status: DataFrame, interval: Interval
) -> DataFrame:
    """One row per zone, measure and tile, and tick of the interval that added to it."""
    forever = F.lit(None).cast("timestamp")
    readings = traffic_speeds.where(known_within(interval) & ~F.col("is_late"))
    pings = en_route_pings(gps_pings, provider_status, interval)
    parts = (
        (readings, READINGS),
        (pings, PINGS),
    )
    return tile_rows(
        [
            partials(part.withColumn("known_until", forever), facts, BY_ZONE, TICKS, interval)
            for part, facts in parts
        ],
        TRAFFIC_15M,
    )


def en_route_pings(gps_pings: DataFrame, provider_status: DataFrame, interval: Interval) -> DataFrame:
    """The interval's plausible fixes with a speed whose driver was en route, as known when the fix was.

    Columns: zone_id, event_timestamp, known_at, speed_kmh. Settled when the fix becomes known.
    """
    is_good = (
        known_within(interval)
        & ~F.col("is_late")
        & ~F.col("is_implausible_jump")
        & F.col("speed_kmh").isNotNull()
    )
    nothing = F.lit(None)
    pings = gps_pings.where(is_good).select(
        "driver_id", *RECORD_ORDER, nothing.cast("string").alias("status"), "zone_id", "speed_kmh"
    )
    statuses = provider_status.where(~F.col("is_late") & known_within(interval.widened(LOOK_BACK))).select(
        "driver_id",
        *RECORD_ORDER,
        "status",
        nothing.cast("string").alias("zone_id"),
        nothing.cast("double").alias("speed_kmh"),
    )
    returned = "zone_id string, event_timestamp timestamp, known_at timestamp, speed_kmh double"
    return pings.unionByName(statuses).repartition("driver_id").mapInArrow(_en_route(), returned)


def _en_route() -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    memory = STATUS_MEMORY // timedelta(microseconds=1)

    def kept(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        listed = list(batches)
        if not listed:
            return
        table = pa.Table.from_batches(listed)
        order = [(name, "ascending") for name in ("driver_id", *RECORD_ORDER)]
        for piece, entities in by_entity(table.sort_by(order), ["driver_id"]):
            piece = piece.sort_by(order)
            status = piece.column("status").to_pylist()
            is_ping = np.array([each is None for each in status])
            is_driving = np.array([each == EN_ROUTE for each in status])
            at, known = (
                piece.column(name).cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
                for name in ("event_timestamp", "known_at")
            )
            starts = np.searchsorted(entities.codes, np.arange(len(entities.keys)))
            ends = np.append(starts[1:], len(piece))
            wanted = [np.zeros(0, np.int64)]
            for start, end in zip(starts, ends, strict=True):
                rows = np.arange(start, end)
                pings, statuses = rows[is_ping[rows]], rows[~is_ping[rows]]
                for tick in np.unique(known[pings]):
                    mine = pings[known[pings] == tick]
                    told = statuses[known[statuses] <= tick]
                    last = np.searchsorted(at[told], at[mine], side="right") - 1
                    has_one = last >= 0
                    mine, of = mine[has_one], told[last[has_one]]
                    wanted.append(mine[is_driving[of] & (at[of] >= at[mine] - memory)])
            taken = piece.take(pa.array(np.concatenate(wanted)))
            yield from taken.select(["zone_id", "event_timestamp", "known_at", "speed_kmh"]).to_batches()

    return kept
