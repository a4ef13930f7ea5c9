"""Fourteen days without a fault alarm nobody, in cities that no limit was set by; nor does a recorded feed,
but for what is strange in it.

The limits of the checks were set against one small city of February and March 2026 (decision 25). These
differ from it in seed, season, size and how often a truck tells where it is.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from roadside.feed_gate import findings
from simulation.city import SimulationConfig, simulate
from simulation.recorded.canberra import replay_canberra
from support.counted_feeds import Feeds, feeds_in
from validation.clocks import Interval
from validation.feed_checks import Counts
from validation.source import Source
from validation.sources import SOURCES, source_named

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

DAYS, CLEAN, DAY = 49, 14, timedelta(days=1)
CITIES = {
    "January, larger": {"start": date(2026, 1, 5), "seed": 77, "providers": 60, "jobs_per_day": 250},
    "July, small": {"start": date(2026, 6, 29), "seed": 4242, "providers": 12, "jobs_per_day": 80},
}


def counted(feeds: Feeds, source: Source, span: Interval) -> dict[datetime, Counts]:
    """What the checks count, tick by tick; read a day at a time."""
    days = round((span.end - span.start) / DAY)
    parts = [Interval(span.start + n * DAY, span.start + (n + 1) * DAY) for n in range(days)]
    return {tick: each for part in parts for tick, each in feeds.counted(source, part).items()}


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
    end = datetime.combine(config.start, datetime.min.time(), UTC) + DAYS * DAY
    last = Interval(end - CLEAN * DAY, end)
    for source in SOURCES:
        counts = counted(feeds, source, Interval(end - DAYS * DAY, end))
        assert sum(last.holds(tick) for tick in counts) == CLEAN * 96
        alarms = findings(source, last, counts)
        assert [(each.known_at, each.text) for each in alarms] == []


def test_thirteen_months_of_canberra_warn_of_two_storms(recorded_data: Path, tmp_path: Path) -> None:
    """The agency's calls for storm damage and fallen trees are no service of the contract's vocabulary."""
    replay_canberra(recorded_data, tmp_path, None, None, lambda _stage, _done, _total: None)
    span = Interval(datetime(2024, 3, 1, tzinfo=UTC), datetime(2025, 4, 1, tzinfo=UTC))
    source = source_named("dispatch_events")
    alarms = findings(source, span, counted(feeds_in(tmp_path), source, span))
    assert Counter((each.check_name, each.severity, each.known_at.date()) for each in alarms) == {
        ("unknown_word", "warn", date(2025, 1, 15)): 4,
        ("unknown_word", "warn", date(2025, 2, 5)): 2,
    }
