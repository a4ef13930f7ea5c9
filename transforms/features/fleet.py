"""Spans of driver states and of fixes: what provider, zone and area views count of the fleet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from transforms.entities import by_entity
from transforms.grid import HELD_MEMORY, TICKS, Instants, counts_in
from transforms.known_time import AHEAD
from transforms.tiles.fleet_1d import FIX
from transforms.timeline import Timeline
from validation.clocks import TICK

STATES_LOOK_BACK = timedelta(days=1) + TICK + HELD_MEMORY
"""A live driver has a state row within a day before any tick."""

FIXES_LOOK_BACK = timedelta(hours=26) + TICK + HELD_MEMORY
"""Fixes known since the last business-day cut, which tiles.fleet_1d does not hold yet."""

_DAY_OF_FIXES = 26 * 4
"""How long a fix counts by itself, in ticks: the next cut is at most 25 hours away."""


def counted(
    spans: DataFrame, keys: Mapping[str, Column], numbers: Mapping[int, Column], moment: Column | None = None
) -> DataFrame:
    """One span per row and sum it adds to: `numbers` maps a sum's number to the amount (null or 0: none)."""
    amounts = F.array(
        *(
            F.when(
                amount != 0, F.struct(F.lit(number).alias("measure"), amount.cast("bigint").alias("amount"))
            )
            for number, amount in numbers.items()
        )
    )
    return (
        spans.withColumn("counted", F.explode(F.array_compact(amounts)))
        .withColumns(dict(keys))
        .select(
            *keys,
            F.col("counted.measure").alias("measure"),
            F.col("counted.amount").alias("amount"),
            (F.lit(0).cast("bigint") if moment is None else F.unix_micros(moment)).alias("moment"),
            "enter",
            "leave",
            F.lit(None).cast("string").alias("content"),
        )
    )


def fix_spans(
    fleet_1d: DataFrame,
    driver_fixes_15m: DataFrame,
    keys: Sequence[str],
    number: int,
    window: int,
    instants: Instants,
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """Fixes as spans of one sum: what tiles.fleet_1d knew at its cuts, and what the day since brought.

    Keys are among provider_id and zone_id. `moment` is when the fix was taken. As corrected, all come
    from tiles.driver_fixes_15m: the last fix of a day hides the ones before it.
    """
    fixes = driver_fixes_15m.withColumn("zone_id", F.col("last_zone_id"))
    tile, known = TICKS.known(F.col("tile_at")), TICKS.known(F.col("known_at"))

    def spans(rows: DataFrame, moment: str, enter: Column, leave: Column) -> DataFrame:
        return rows.select(
            *keys,
            F.lit(number).alias("measure"),
            F.lit(1).cast("bigint").alias("amount"),
            F.unix_micros(moment).alias("moment"),
            enter.alias("enter"),
            leave.alias("leave"),
            F.lit(None).cast("string").alias("content"),
        ).where(counts_in(instants))

    if timeline is Timeline.AS_CORRECTED:
        return spans(fixes, "last_fix_at", tile, tile + window)
    enter = F.greatest(tile, known)
    recent = TICKS.moment(instants.first - _DAY_OF_FIXES) - TICK
    oldest = TICKS.moment(instants.first - window) - AHEAD - TICK
    at_cuts = fleet_1d.where((F.col("measure") == FIX) & (F.col("known_at") > F.lit(oldest)))
    since = fixes.where(F.col("known_at") > F.lit(recent))
    return spans(at_cuts, "moment_at", enter, tile + window).unionByName(
        spans(since, "last_fix_at", enter, F.least(tile + window, enter + _DAY_OF_FIXES))
    )


def positive(spans: DataFrame, keys: Sequence[str]) -> DataFrame:
    """Where the amounts of each entity and measure add up to more than nothing: spans of amount 1.

    The first of the two levels at which a distinct is counted exactly.
    """
    grouped = [*keys, "measure"]
    types = dict(spans.select(*grouped).dtypes)
    returned = ", ".join([f"`{name}` {types[name]}" for name in grouped] + ["enter bigint", "leave bigint"])
    found = (
        spans.select(*grouped, "amount", "enter", "leave")
        .repartition(*keys)
        .mapInArrow(_merged(grouped), returned)
    )
    return found.select(
        *keys,
        "measure",
        F.lit(1).cast("bigint").alias("amount"),
        F.lit(0).cast("bigint").alias("moment"),
        "enter",
        "leave",
        F.lit(None).cast("string").alias("content"),
    )


def _merged(keys: Sequence[str]) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def merged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        listed = list(batches)
        if not listed:
            return
        for piece, entities in by_entity(pa.Table.from_batches(listed), keys):
            enter, leave, amount = (piece.column(name).to_numpy() for name in ("enter", "leave", "amount"))
            code = np.concatenate([entities.codes, entities.codes])
            at, change = np.concatenate([enter, leave]), np.concatenate([amount, -amount])
            order = np.lexsort((at, code))
            code, at, standing = code[order], at[order], np.cumsum(change[order])
            is_last_of_instant = np.append((code[1:] != code[:-1]) | (at[1:] != at[:-1]), True)
            code, at, standing = (
                code[is_last_of_instant],
                at[is_last_of_instant],
                standing[is_last_of_instant],
            )
            stands = standing > 0
            stood = np.append(False, stands[:-1])  # an entity's last change leaves nothing standing
            begins, ends = np.flatnonzero(stands & ~stood), np.flatnonzero(~stands & stood)
            yield pa.RecordBatch.from_pydict(
                {**entities.columns(code[begins]), "enter": pa.array(at[begins]), "leave": pa.array(at[ends])}
            )

    return merged


__all__ = [
    "FIXES_LOOK_BACK",
    "STATES_LOOK_BACK",
    "counted",
    "fix_spans",
    "positive",
]
