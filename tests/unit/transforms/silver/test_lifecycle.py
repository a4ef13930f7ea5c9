"""The lifecycle pass: what is stamped ahead waits until it has happened; who accepted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyspark.sql import SparkSession

from support.frames import T0, frame_of, in_chunks, ticks
from transforms.silver.histories import rows_of
from transforms.silver.lifecycle import lifecycle
from validation.contracts.silver.dispatch_events import DISPATCH_EVENTS
from validation.contracts.silver.jobs import JOBS

MINUTE = timedelta(minutes=1)


def event(minute: int, event_type: str, known_after: int, **stated: Any) -> dict[str, Any]:
    """An event of job J so many minutes after T0, known at a tick."""
    return {
        "job_id": "J",
        "event_id": f"e{minute}",
        "event_type": event_type,
        "event_timestamp": T0 + minute * MINUTE,
        "known_at": T0 + known_after * MINUTE,
    } | stated


EVENTS = [
    event(5, "requested", 15, program_id="G1"),
    event(8, "offered", 15, offer_id="o1", provider_id="P1"),
    event(20, "job_updated", 15, program_id="G2"),
    event(30, "accepted", 30, offer_id="o1"),
]


def test_what_is_stamped_ahead_is_known_at_the_first_tick_after_it(spark: SparkSession) -> None:
    events = frame_of(spark, DISPATCH_EVENTS, EVENTS)
    columns = ("known_at", "program_id", "stage", "assigned_provider_id")

    def jobs(interval):
        return rows_of(lifecycle(events, interval), JOBS).select(*columns)

    found = in_chunks(jobs, {"whole": ticks(T0, 4), "tick by tick": ticks(T0, 1, 1, 1, 1)})
    assert found["whole"] == found["tick by tick"]
    assert found["whole"] == [
        (T0 + 15 * MINUTE, "G1", "offered", None),
        (T0 + 30 * MINUTE, "G2", "offered", None),
        (T0 + 45 * MINUTE, "G2", "assigned", "P1"),
    ]
