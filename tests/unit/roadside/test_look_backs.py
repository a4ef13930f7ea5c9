"""What looks back to a hole waits until it is filled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.graph import step_named
from roadside.look_backs import require_look_back
from roadside.runner import Runner
from validation.clocks import Interval
from validation.errors import NotReady

DAY = timedelta(days=1)
CUT = datetime(2026, 3, 11, 7, tzinfo=UTC)
HISTORY = Interval(CUT - 10 * DAY, CUT + 20 * DAY)
TILES, VIEW = "tiles.dispatch_1d", step_named("features.provider_performance_1d")


@pytest.fixture
def runs(settings: Settings) -> RunLedger:
    return RunLedger(Ops(settings.ops_url), lambda: CUT)


def publish(runs: RunLedger, start: datetime, end: datetime, table: str = TILES) -> None:
    runs.finish(runs.begin(table, Interval(start, end), "code").run_id, snapshot_id=None, rows=0)


def test_a_view_is_not_made_over_a_tile_that_failed_until_that_is_made(runs: RunLedger) -> None:
    publish(runs, HISTORY.start, CUT - 8 * DAY / 24)
    failed = runs.begin(TILES, Interval(CUT - DAY / 3, CUT), "code")
    runs.fail(failed.run_id, "Defect")
    publish(runs, CUT, HISTORY.end)
    days_later = Interval(CUT + 4 * DAY, CUT + 5 * DAY)
    with pytest.raises(NotReady, match="--start 2026-03-10T23:00Z --end 2026-03-11T07:00Z"):
        require_look_back(runs, VIEW, days_later)
    publish(runs, CUT - DAY / 3, CUT)
    require_look_back(runs, VIEW, days_later)


def test_a_run_over_a_hole_fails_before_anything_is_read(
    settings: Settings, runs: RunLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(runs, HISTORY.start, CUT - DAY / 3)
    publish(runs, CUT, HISTORY.end)
    monkeypatch.setattr(Runner, "prepare", lambda _self: None)
    monkeypatch.setattr("roadside.runner.location_opener", lambda _handle: None)
    (result,) = Runner(settings, None).run(Interval(CUT + 4 * DAY, CUT + 5 * DAY), [VIEW])  # type: ignore[arg-type]
    assert (result.status, type(result.error)) == ("failed", NotReady)


def test_a_daily_table_has_no_hole_where_no_cut_is(runs: RunLedger) -> None:
    publish(runs, HISTORY.start, CUT)
    publish(runs, CUT + DAY / 2, HISTORY.end)
    require_look_back(runs, VIEW, Interval(CUT + 4 * DAY, CUT + 5 * DAY))


def test_what_lies_before_all_history_is_no_hole(runs: RunLedger) -> None:
    publish(runs, CUT - DAY, CUT + 5 * DAY)
    require_look_back(runs, VIEW, Interval(CUT + 4 * DAY, CUT + 5 * DAY))


def test_a_hole_older_than_the_look_back_is_none_of_a_step_s(runs: RunLedger) -> None:
    step = step_named("tiles.traffic_15m")
    for table in step.reads:
        publish(runs, HISTORY.start, CUT, table)
        publish(runs, CUT + DAY, HISTORY.end, table)
    require_look_back(runs, step, Interval(CUT + 10 * DAY, CUT + 11 * DAY))
    with pytest.raises(NotReady, match="and 2 more holes"):
        require_look_back(runs, step, Interval(CUT + DAY / 2, CUT + 11 * DAY))
