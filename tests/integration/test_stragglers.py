"""Objects that appear after their tick was closed: ticks one by one, and a cold replay from the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from sqlalchemy import delete

from lakehouse.ops import runs
from lakehouse.settings import Settings
from lakehouse.tables import Lakehouse, digests
from roadside.graph import STEPS, Step, sources_read, step_named
from roadside.runner import Runner
from simulation.landing import LandingWriter
from validation.clocks import TICK, Interval
from validation.contracts import table_named

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

DISPATCH = "dispatch_events"
STEPS_RUN = tuple(
    step
    for step in STEPS
    if not step.is_daily
    and sources_read(step) == (DISPATCH,)
    and step.name not in ("features.job_state_15m", "silver.arrival_evidence")
)
TABLES = [table for step in STEPS_RUN for table in step.tables]
START = datetime(2026, 3, 10, 10, tzinfo=UTC)
STAMP = START + timedelta(minutes=14, seconds=50)
PLACE = {"latitude": 43.6, "longitude": -116.2}


def moment(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


class Producer:
    """Lands objects, and keeps some back: stamped in time, seen later."""

    def __init__(self, root: Path) -> None:
        self.writer = LandingWriter(root)
        self.kept_back: dict[str, Path] = {}
        self.root = root

    def heartbeats(self, interval: Interval) -> None:
        stamp = interval.start + timedelta(minutes=4)
        while stamp < interval.end:
            self.writer.write(DISPATCH, stamp, "heartbeat", ())
            stamp += timedelta(minutes=5)

    def request(self, job: str, happened: datetime, landed: datetime) -> None:
        self.writer.write(DISPATCH, landed, job, [self._event(job, "requested", happened) | PLACE])

    def keep_back(self, job: str, happened: datetime, stamp: datetime) -> None:
        """An offer and its answer, in an object that nobody sees yet."""
        offered = self._event(job, "offered", happened) | {"provider_id": "P1", "offer_id": f"{job}#1"}
        accepted = offered | {"event_id": f"{job}-accepted", "event_type": "accepted"}
        key = self.writer.write(DISPATCH, stamp, f"late-{job}", [offered, accepted])
        self.kept_back[job] = self.root / f"{job}.kept"
        shutil.move(self.root / key, self.kept_back[job])
        self.kept_back[f"{job} key"] = self.root / key

    def show(self, job: str) -> None:
        shutil.move(self.kept_back[job], self.kept_back[f"{job} key"])

    def _event(self, job: str, event_type: str, happened: datetime) -> dict[str, Any]:
        return {
            "event_id": f"{job}-{event_type}",
            "job_id": job,
            "event_type": event_type,
            "event_timestamp": happened,
            "service_type": "tow",
        }


def run(
    runner: Runner, chunks: Sequence[Interval], steps: Sequence[Step] = STEPS_RUN, *, force: bool = False
) -> None:
    for result in runner.backfill(chunks, steps, force=force):
        assert result.error is None, result.error
        assert result.status in {"published", "skipped"}, result


def test_ticks_with_stragglers_equal_a_cold_replay(
    spark: SparkSession, spark_settings: Settings, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    settings = replace(
        spark_settings, home=tmp_path, landing_uri=tmp_path.as_uri(), ops_url=f"sqlite:///{tmp_path}/ops.db"
    )
    producer = Producer(tmp_path)
    producer.heartbeats(Interval(START - 2 * TICK, START + timedelta(hours=27)))
    for number in range(4):
        producer.request(f"J{number}", moment(number), moment(number + 1))
    producer.keep_back("J1", moment(8), STAMP)  # seen at 10:19
    producer.keep_back("J2", moment(9), STAMP + timedelta(seconds=1))  # seen 26 hours later
    first, second = Interval(START, START + TICK), Interval(START + TICK, START + 2 * TICK)
    later = START + timedelta(hours=26)

    live = Runner(settings, spark)
    run(live, [Interval(START - TICK, START)])
    run(live, [first])
    producer.show("J1")
    run(live, [second])
    run(live, [Interval(second.end, later)])
    producer.show("J2")
    last = Interval(later, later + TICK)
    run(live, [last])
    whole = Interval(START - TICK, last.end)
    as_lived = digests(lakehouse, TABLES)

    known = {
        row.offer_id: row.known_at.replace(tzinfo=UTC)
        for row in lakehouse.read(table_named("silver.offers")).where("offer_outcome = 'accepted'").collect()
    }
    assert known == {"J1#1": second.end, "J2#1": last.end}
    rows = lakehouse.read(table_named("features.provider_activity_15m")).orderBy("event_timestamp").collect()
    served = {row.event_timestamp.replace(tzinfo=UTC): row.accepts_60m_count for row in rows}
    assert served[second.end] == 1, "the tick that saw it"
    assert min(served) == second.end, "a closed tick gains nothing"
    assert served[last.end] == 0, "seen a day late, it is in no window of an hour"

    cold = Runner(settings, spark)
    for table in TABLES:
        spark.sql(f"DELETE FROM {lakehouse.identifier(table)}")
    with cold.ops.write() as connection:
        connection.execute(delete(runs))
    chunks = [last, Interval(second.end, later), Interval(whole.start, second.end)]
    run(cold, chunks, force=True)
    assert digests(lakehouse, TABLES) == as_lived


def test_an_object_seen_three_days_late_is_read_by_a_run_that_looks_back_so_far(
    spark: SparkSession, spark_settings: Settings, lakehouse: Lakehouse, tmp_path: Path
) -> None:
    settings = replace(
        spark_settings, home=tmp_path, landing_uri=tmp_path.as_uri(), ops_url=f"sqlite:///{tmp_path}/ops.db"
    )
    bronze = [step_named("bronze.dispatch_events")]
    producer = Producer(tmp_path)
    producer.request("J1", moment(0), moment(1))
    producer.keep_back("J1", moment(8), STAMP)
    later = START + timedelta(days=3)
    ordinary = Runner(settings, spark)
    run(ordinary, [Interval(START, START + TICK), Interval(START + TICK, later)], bronze)
    producer.show("J1")
    run(ordinary, [Interval(later, later + TICK)], bronze)
    events = lakehouse.read(table_named("bronze.dispatch_events"))
    assert events.count() == 1, "an ordinary run looks back two days"

    far = Runner(settings, spark, look_back=timedelta(days=4))
    run(far, [Interval(later, later + TICK)], bronze)  # made already: it registers what it finds
    last = Interval(later + TICK, later + 2 * TICK)
    run(ordinary, [last], bronze)
    events = lakehouse.read(table_named("bronze.dispatch_events"))
    known = sorted(row.known_at.replace(tzinfo=UTC) for row in events.select("known_at").collect())
    assert known == [START + TICK, last.end, last.end], "known at the first tick not closed by then"
