from __future__ import annotations

from datetime import timedelta

from pyspark.sql import SparkSession

from support.frames import T0, frame_of
from transforms.silver.provider_status import provider_status
from validation.clocks import TICK, Interval
from validation.contracts.bronze.provider_status import PROVIDER_STATUS as BRONZE
from validation.contracts.silver.provider_status import PROVIDER_STATUS


def test_a_status_sent_twice_stands_once_and_an_old_one_is_late(spark: SparkSession) -> None:
    columns = ("event_id", "event_timestamp", "known_at", "status", "equipment")
    old = T0 - timedelta(days=2)
    rows = [
        ("a", T0, T0 + TICK, "available", ["wheel lift"]),
        ("a", T0, T0 + 2 * TICK, "offline", None),
        ("old", old, T0 + TICK, "on_job", None),
    ]
    bronze = frame_of(spark, BRONZE, [dict(zip(columns, row, strict=True)) for row in rows])
    found = provider_status(bronze, Interval(T0, T0 + 2 * TICK))
    assert found.columns == list(PROVIDER_STATUS.column_names)
    assert {(row["event_id"], row["status"], row["is_late"]) for row in found.collect()} == {
        ("a", "available", False),
        ("old", "on_job", True),
    }
