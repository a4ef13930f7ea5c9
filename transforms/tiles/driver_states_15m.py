"""tiles.driver_states_15m: where a driver is and what the driver is doing, as known at each tick.

A driver's state at T depends on its statuses and fixes of the last 24 hours alone (`state_at`), so any
chunking gives the same rows. A row holds until the driver's next one; a live driver has one a day.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from operator import attrgetter
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from transforms.entities import by_entity
from transforms.grid import TICKS
from transforms.tiles.driver_fixes_15m import RECORD_ORDER
from transforms.timeline import Timeline
from validation.clocks import TICK, TICK_SECONDS, Interval
from validation.contracts.tiles.driver_states_15m import DRIVER_STATES_15M
from validation.spark_schema import struct_of

MEMORY = timedelta(hours=24)
LOOK_BACK = MEMORY + timedelta(hours=1) + TICK
"""The memory of a status, the allowance for future clocks, and the tick before."""

TOWING_EQUIPMENT = ("flatbed", "wheel_lift", "tow")
OFF_DUTY = "offline"
BUSY = ("en_route", "on_job")
DAY = 96

_SECOND = 1_000_000
_TICK = TICK_SECONDS * _SECOND
_HOUR = 4 * _TICK
_DAY = DAY * _TICK
_STATUS_FIELDS = ("provider_id", "truck_id", "status", "active_job_count", "is_tow_capable")
_FIX_FIELDS = (
    "last_fix_latitude",
    "last_fix_longitude",
    "last_zone_id",
    "last_fix_accuracy_m",
    "last_speed_kmh",
)
_STATE_FIELDS = DRIVER_STATES_15M.column_names[DRIVER_STATES_15M.column_names.index("provider_id") :]

State = tuple[Any, ...]
"""Values of the columns from provider_id on; moments in microseconds."""


@dataclass(slots=True)
class Record:
    """A status (or a fix: `fix` is set), in the order of its source among the driver's.

    `enter` is the number of the first tick that could use it.
    """

    position: int
    enter: int
    at: int
    provider_id: str | None = None
    truck_id: str | None = None
    status: str | None = None
    active_job_count: int | None = None
    is_tow_capable: bool | None = None
    fix: tuple[Any, ...] | None = None


def driver_states_15m(
    provider_status: DataFrame,
    driver_fixes_15m: DataFrame,
    interval: Interval,
    timeline: Timeline = Timeline.AS_SERVED,
) -> DataFrame:
    """One row per driver and tick of the interval at which its state changed, plus one a day and a closing
    row. As corrected, a record counts from when it was true, whenever it was known.
    """
    records = _statuses(provider_status).unionByName(_fixes(driver_fixes_15m), allowMissingColumns=True)
    read = interval.widened(LOOK_BACK)
    clock = "known_at" if timeline is Timeline.AS_SERVED else "event_timestamp"
    is_read = (F.col(clock) > F.lit(read.start)) & (F.col(clock) <= F.lit(read.end))
    known = TICKS.known(F.col("known_at"))
    happened = TICKS.after(F.col("event_timestamp"))
    enter = happened if timeline is Timeline.AS_CORRECTED else F.greatest(known, happened)
    columns = [*_STATUS_FIELDS, *_FIX_FIELDS]
    return (
        records.where(is_read)
        .withColumn("enter", enter)
        .withColumn("at", F.unix_micros("event_timestamp"))
        .withColumn("known", known)
        .select("driver_id", "is_fix", "enter", "at", "known", *RECORD_ORDER[2:], *columns)
        .repartition("driver_id")
        .mapInArrow(_folding(TICKS.bounds(interval)), struct_of(DRIVER_STATES_15M))
    )


def _statuses(provider_status: DataFrame) -> DataFrame:
    declared = F.col("equipment").isNotNull()
    tows = F.exists("equipment", lambda item: item.isin(*TOWING_EQUIPMENT))
    return provider_status.where(~F.col("is_late")).select(
        "driver_id",
        F.lit(False).alias("is_fix"),
        *RECORD_ORDER,
        *_STATUS_FIELDS[:-1],
        F.when(declared, tows).alias("is_tow_capable"),
    )


def _fixes(driver_fixes_15m: DataFrame) -> DataFrame:
    return driver_fixes_15m.select(
        "driver_id",
        F.lit(True).alias("is_fix"),
        F.col("last_fix_at").alias("event_timestamp"),
        *RECORD_ORDER[1:],
        *_FIX_FIELDS,
    )


def _folding(bounds: tuple[int, int]) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """From all records of some drivers to their rows at ticks a < T <= b."""
    first, last = bounds
    schema = _arrow_schema()

    def folded(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        listed = list(batches)
        if not listed:
            return
        table = pa.Table.from_batches(listed)
        for piece, entities in by_entity(table, ["driver_id"]):
            order = [("driver_id", "ascending"), ("at", "ascending"), ("known", "ascending")]
            piece = piece.sort_by([*order, ("source_object", "ascending"), ("source_line", "ascending")])
            names = entities.names
            starts = np.searchsorted(entities.codes, np.arange(len(names)))
            ends = np.append(starts[1:], len(piece))
            records = _records(piece)
            rows: list[tuple[Any, ...]] = []
            for name, start, end in zip(names, starts, ends, strict=True):
                for tick, state in rows_written(name, records[start:end], first, last):
                    rows.append(
                        (
                            name,
                            tick * _TICK,
                            (tick * _TICK - _TICK) // _DAY,
                            state is not None,
                            *(state or _NO_STATE),
                        )
                    )
            columns = list(zip(*rows, strict=True)) or [()] * len(schema)
            yield pa.RecordBatch.from_arrays(
                [pa.array(column, each.type) for column, each in zip(columns, schema, strict=True)],
                schema=schema,
            )

    return folded


_NO_STATE: State = (None,) * len(_STATE_FIELDS)


def rows_written(
    driver_id: str, records: Sequence[Record], first: int, last: int
) -> Iterator[tuple[int, State | None]]:
    """(tick, state) where the state differs from the tick before, on the driver's beat while it is live,
    and at the tick where it ends (None), for first < tick <= last.
    """
    beat = crc32(driver_id.encode()) % DAY
    before: State | None = None
    for tick, state in states(records, first, last):
        if tick > first and (state != before or (state is not None and tick % DAY == beat)):
            yield tick, state
        before = state


def states(records: Sequence[Record], first: int, last: int) -> Iterator[tuple[int, State | None]]:
    """(tick, state) at first and each tick after it to last; of a stretch without a state, its first tick."""
    arriving = sorted(records, key=attrgetter("enter"))
    memory = _Memory()
    at = 0
    tick = first
    while tick <= last:
        while at < len(arriving) and arriving[at].enter <= tick:
            memory.take(arriving[at])
            at += 1
        state = memory.state_at(tick)
        yield tick, state
        tick += 1
        if state is None:
            tick = max(tick, arriving[at].enter if at < len(arriving) else last + 1)


@dataclass
class _Memory:
    """What is known of a driver: its statuses in order, and its last fix."""

    statuses: list[Record] = field(default_factory=list)
    fix: Record | None = None

    def take(self, record: Record) -> None:
        """Learn a record."""
        if record.fix is None:
            insort(self.statuses, record, key=attrgetter("position"))
        elif self.fix is None or record.position > self.fix.position:
            self.fix = record

    def state_at(self, tick: int) -> State | None:
        """The state at a tick; None without a status in 24 hours."""
        now = tick * _TICK
        while self.statuses and self.statuses[0].at < now - _DAY:
            del self.statuses[0]
        if not self.statuses:
            return None
        last = self.statuses[-1]
        on_duty_since = self._since(lambda each: each.status != OFF_DUTY)
        fix = self.fix if self.fix and on_duty_since is not None and self.fix.at >= on_duty_since else None
        is_silent = on_duty_since is not None and (fix is None or fix.at < now - _TICK)
        on_duty, busy = self._seconds(now)
        return (
            last.provider_id,
            last.truck_id,
            last.status,
            self._since(lambda each: each.status == last.status),
            on_duty_since,
            last.active_job_count,
            next((r.is_tow_capable for r in reversed(self.statuses) if r.is_tow_capable is not None), None),
            is_silent,
            on_duty,
            busy,
            fix.at if fix else None,
            *(fix.fix if fix and fix.fix else (None,) * len(_FIX_FIELDS)),
        )

    def _since(self, holds: Callable[[Record], bool]) -> int | None:
        """When the trailing run of statuses of which it holds began; None if it does not hold of the last."""
        since = None
        for record in reversed(self.statuses):
            if not holds(record):
                break
            since = record.at
        return since

    def _seconds(self, now: int) -> tuple[int, int]:
        """Whole seconds of the last hour on duty, and busy."""
        on_duty = busy = 0
        until = now
        for record in reversed(self.statuses):
            length = until - max(record.at, now - _HOUR)
            if record.status != OFF_DUTY:
                on_duty += length
            if record.status in BUSY:
                busy += length
            until = record.at
            if until <= now - _HOUR:
                break
        return on_duty // _SECOND, busy // _SECOND


def _records(table: pa.Table) -> list[Record]:
    """The rows, in their order, as records."""
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    fixes = list(zip(*(columns[name] for name in _FIX_FIELDS), strict=True))
    statuses = list(zip(*(columns[name] for name in _STATUS_FIELDS), strict=True))
    heads = zip(columns["is_fix"], columns["enter"], columns["at"], strict=True)
    return [
        Record(position, enter, at, fix=fixes[position])
        if is_fix
        else Record(position, enter, at, *statuses[position])
        for position, (is_fix, enter, at) in enumerate(heads)
    ]


def _arrow_schema() -> pa.Schema:
    types = {
        "string": pa.string(),
        "timestamp": pa.timestamp("us", "UTC"),
        "date": pa.date32(),
        "boolean": pa.bool_(),
        "int": pa.int32(),
        "bigint": pa.int64(),
        "double": pa.float64(),
    }
    return pa.schema([(each.name, types[each.type]) for each in DRIVER_STATES_15M.columns])


__all__ = ["LOOK_BACK", "Record", "driver_states_15m", "rows_written", "states"]
