"""The arrival by pings, held to what a simulated city knows: who pressed on scene late, and who was there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from simulation.city import SimulationConfig, simulate
from support.oracle import Silver, records_from_landing
from support.oracle_gps import MOST_APART, arrived_by_gps

CLOSE = datetime(2026, 3, 12, 7, tzinfo=UTC)
FENCE_MINUTE = timedelta(minutes=1)
"""Within 300 m a truck may be that long before it stands there."""


@pytest.mark.parametrize(("ping_seconds", "is_dense"), [(60, True), (600, False)])
def test_drivers_who_pressed_late_are_found_and_nobody_else(
    tmp_path: Path, ping_seconds: int, is_dense: bool
) -> None:
    """Of pings ten minutes apart fewer are found, but nobody who told the truth."""
    city = SimulationConfig(
        start=date(2026, 3, 9),
        days=2,
        providers=8,
        jobs_per_day=80,
        ping_seconds=ping_seconds,
        pings_days=2,
    )
    simulate(city, tmp_path)
    truth = {
        (row["job_id"], row["provider_id"], row["accepted_at"]): row
        for row in pq.read_table(tmp_path / "truth" / "assignments.parquet").to_pylist()
    }
    silver = Silver(records_from_landing(tmp_path))
    late, moved = set(), set()
    for stated in silver.at(CLOSE).assignments.values():
        told = truth.get((stated.job_id, stated.provider_id, stated.accepted_at))
        if told is None or stated.on_scene_at is None:
            continue
        assert told["on_scene_reported_at"] == stated.on_scene_at
        if stated.on_scene_at - told["arrived_at"] > MOST_APART:
            late.add(stated.assignment_id)
        seen = arrived_by_gps(silver, stated, CLOSE)
        if seen.on_scene_at != stated.on_scene_at:
            moved.add(stated.assignment_id)
            after = seen.on_scene_at - told["arrived_at"]
            assert -FENCE_MINUTE <= after <= timedelta(seconds=ping_seconds)
    assert len(late) >= 4
    assert moved <= late
    assert moved == late if is_dense else len(moved) >= 2
