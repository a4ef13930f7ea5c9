from __future__ import annotations

from datetime import timedelta

from pyspark.sql import SparkSession

from support.frames import T0, frame_of
from transforms.silver.service_outcomes import service_outcomes
from validation.clocks import TICK, Interval
from validation.contracts.bronze.service_outcomes import SERVICE_OUTCOMES as BRONZE


def test_every_version_once_with_amounts_as_integers(spark: SparkSession) -> None:
    first, second = T0 - timedelta(hours=2), T0 - timedelta(hours=1)
    rows = [
        # claim, version, tick, digest, billed_usd, tow_km
        ("half a cent", first, 1, "x", 1.005, 12.3456),
        ("half a cent", second, 1, "y", 2.675, 0.0005),
        ("half a cent", first, 2, "x", 1.005, 12.3456),
        ("half a cent", second, 2, "changed", 99.0, 1.0),
        ("less", first, 1, "x", 0.1249, 0.00049),
        ("most", first, 1, "x", 1_000_000.0, 100_000.0),
        ("unbilled", first, 1, "x", None, None),
        ("late", T0 - timedelta(days=401), 1, "x", 0.0, None),
    ]
    names = ("claim_id", "event_timestamp", "known_at", "content_digest", "billed_usd", "tow_km")
    records = [dict(zip(names, (*row[:2], T0 + row[2] * TICK, *row[3:]), strict=True)) for row in rows]
    bronze = frame_of(spark, BRONZE, records)
    found = service_outcomes(bronze, Interval(T0, T0 + 2 * TICK)).collect()
    shown = {(row["claim_id"], row["billed_cents"], row["tow_metres"], row["is_late"]) for row in found}
    assert len(found) == 6
    assert shown == {
        ("half a cent", 101, 12346, False),
        ("half a cent", 268, 1, False),
        ("less", 12, 0, False),
        ("most", 100_000_000, 100_000_000, False),
        ("unbilled", None, None, False),
        ("late", 0, None, True),
    }
