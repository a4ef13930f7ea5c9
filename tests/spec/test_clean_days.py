"""Fourteen days without a fault alarm nobody, in cities that no limit was set by.

The limits of the checks were set against one small city of February and March 2026 (decision 25). These
differ from it in seed, season, size and how often a truck tells where it is.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from roadside.feed_gate import findings
from simulation.city import SimulationConfig, simulate
from support.counted_feeds import feeds_in
from validation.clocks import Interval
from validation.sources import SOURCES

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

DAYS, CLEAN, DAY = 49, 14, timedelta(days=1)
CITIES = {
    "January, larger": {"start": date(2026, 1, 5), "seed": 77, "providers": 60, "jobs_per_day": 250},
    "July, small": {"start": date(2026, 6, 29), "seed": 4242, "providers": 12, "jobs_per_day": 80},
}


@pytest.mark.parametrize("name", CITIES)
def test_fourteen_days_without_a_fault_alarm_nobody(name: str, tmp_path: Path) -> None:
    """Dispatch, statuses and claims against five weeks; pings and traffic, of two weeks, against days."""
    config = SimulationConfig(
        days=DAYS,
        ping_seconds=300,
        pings_days=CLEAN + 4,
        **CITIES[name],  # type: ignore[arg-type]
    )
    simulate(config, tmp_path)
    feeds = feeds_in(tmp_path)
    start = datetime.combine(config.start, datetime.min.time(), UTC)
    days = [Interval(start + n * DAY, start + (n + 1) * DAY) for n in range(DAYS)]
    for source in SOURCES:
        counts = {tick: each for day in days for tick, each in feeds.counted(source, day).items()}
        last = Interval(days[-CLEAN].start, days[-1].end)
        assert sum(last.holds(tick) for tick in counts) == CLEAN * 96
        alarms = findings(source, last, counts)
        assert [(each.known_at, each.text) for each in alarms] == []
