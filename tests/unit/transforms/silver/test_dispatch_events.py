from __future__ import annotations

from datetime import timedelta

from pyspark.sql import SparkSession

from support.frames import T0, frame_of
from transforms.silver.dispatch_events import dispatch_events, dispatch_events_precise
from validation.clocks import TICK, Interval
from validation.contracts.bronze.dispatch_events import DISPATCH_EVENTS as BRONZE
from validation.contracts.silver.dispatch_events import DISPATCH_EVENTS, DISPATCH_EVENTS_PRECISE

INTERVAL = Interval(T0, T0 + TICK)
EDGE = T0 + TICK - timedelta(days=8)


def test_the_first_known_copy_stands_and_late_events_are_flagged(spark: SparkSession) -> None:
    columns = ("event_id", "event_timestamp", "known_at", "source_object", "reason_code", "sealed_payload")
    rows = [
        ("a", T0, T0 + TICK, "b", "later object", b"x"),
        ("a", T0, T0 + TICK, "a", "first", b"x"),
        ("known before", T0, T0, "a", "first", b"x"),
        ("known before", T0, T0 + TICK, "a", "resent", b"x"),
        ("on the late edge", EDGE, T0 + TICK, "a", "in time", None),
        ("late", EDGE - timedelta(microseconds=1), T0 + TICK, "a", "late", None),
        ("next tick", T0, T0 + 2 * TICK, "a", "not yet", b"x"),
    ]
    bronze = frame_of(spark, BRONZE, [dict(zip(columns, row, strict=True)) for row in rows])
    events = dispatch_events(bronze, INTERVAL)
    assert events.columns == list(DISPATCH_EVENTS.column_names)
    assert {(row["event_id"], row["reason_code"], row["is_late"]) for row in events.collect()} == {
        ("a", "first", False),
        ("on the late edge", "in time", False),
        ("late", "late", True),
    }
    precise = dispatch_events_precise(bronze, INTERVAL)
    assert precise.columns == list(DISPATCH_EVENTS_PRECISE.column_names)
    assert [(row["event_id"], bytes(row["sealed_payload"])) for row in precise.collect()] == [("a", b"x")]
