"""What a home has to make again, by its own ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.ops import Ops
from lakehouse.run_history import Measured
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.graph import step_named
from roadside.recomputing import recomputing, widened
from roadside.runner import road_version
from validation.clocks import Interval

DAY = datetime(2026, 3, 10, tzinfo=UTC)
ACTIVITY, TILES = "features.provider_activity_15m", "tiles.dispatch_15m"


def days(start: float, end: float) -> Interval:
    return Interval(DAY + timedelta(days=start), DAY + timedelta(days=end))


class Wall:
    """A clock that a test moves."""

    now = DAY

    def __call__(self) -> datetime:
        return self.now


def run(settings: Settings, table: str, interval: Interval, version: str, seconds: float) -> None:
    """A run of the table that took so long."""
    settings.home.mkdir(parents=True, exist_ok=True)
    wall = Wall()
    runs = RunLedger(Ops(settings.ops_url), wall)
    begun = runs.begin(table, interval, version)
    wall.now += timedelta(seconds=seconds)
    runs.finish(begun.run_id, snapshot_id=1, rows=1)


def test_a_home_without_a_ledger_cannot_tell(settings: Settings) -> None:
    assert recomputing(settings, [ACTIVITY]) is None


def test_what_other_code_made_of_a_touched_table_is_made_again(settings: Settings) -> None:
    run(settings, ACTIVITY, days(0, 2), "older", seconds=96)
    run(settings, ACTIVITY, days(2, 3), road_version(), seconds=48)
    run(settings, TILES, days(0, 3), "older", seconds=10)
    found = recomputing(settings, [ACTIVITY])
    assert found is not None
    (again,) = found.tables
    assert again.intervals == (days(0, 2),)
    assert again.known_hours == 48
    assert again.measured == Measured(2.0, 2), "96 s of 48 h and 48 s of 24 h"
    assert again.predicted_seconds == pytest.approx(96)
    assert again.reads_from == days(0, 2).widened(step_named(ACTIVITY).reads[TILES]).start
    assert found.beside == (TILES,), "nobody's declaration touches it"


def test_a_table_that_was_never_made_is_not_made_again(settings: Settings) -> None:
    run(settings, TILES, days(0, 1), road_version(), seconds=10)
    found = recomputing(settings, [ACTIVITY, TILES])
    assert found is not None
    assert (found.tables, found.beside) == ((), ())


def test_what_today_s_code_made_of_other_code_s_rows_is_made_again_as_far_as_they_are_read(
    settings: Settings,
) -> None:
    """Tiles of [0, 1) are made again; the view was made by today's code, of them: its reads reach on."""
    run(settings, TILES, days(0, 1), "older", seconds=10)
    run(settings, TILES, days(1, 60), road_version(), seconds=10)
    run(settings, ACTIVITY, days(0, 60), road_version(), seconds=10)
    found = recomputing(settings, [ACTIVITY, TILES])
    assert found is not None
    tiles, activity = found.tables
    assert (tiles.table, tiles.intervals) == (TILES, (days(0, 1),))
    reach = step_named(ACTIVITY).reads[TILES]
    assert activity.intervals == (Interval(DAY, days(0, 1).end + reach),)
    assert reach > timedelta(days=28)


def test_only_known_time_that_was_made_is_widened() -> None:
    stale = {TILES: [days(0, 1)], ACTIVITY: []}
    assert widened(stale, {TILES: [days(0, 1)], ACTIVITY: [days(0.5, 2)]})[ACTIVITY] == [days(0.5, 2)]
    assert widened(stale, {TILES: [days(0, 1)]})[ACTIVITY] == []
