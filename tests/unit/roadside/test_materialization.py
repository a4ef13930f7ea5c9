"""Which ticks of a view are still to be written to Redis."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside import materialization
from roadside.materialization import Written, materialize, spans_due, time_to_live, view_names
from validation.clocks import TICK, TICK_DELAY, Interval
from validation.errors import NotReady, UnknownName

START, NOON = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC)
VIEW = "zone_demand_15m"
HISTORY = Interval(START, NOON)
STOCK: Any = SimpleNamespace(_get_provider=lambda: SimpleNamespace(online_store=None))
"""A store over another online store than ours, which keeps no markers."""


class Wall:
    """A wall clock that moves on with each look."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def runs(settings: Settings) -> RunLedger:
    return RunLedger(Ops(settings.ops_url), Wall())


def make(runs: RunLedger, name: str, interval: Interval) -> None:
    runs.finish(runs.begin(name, interval, "code").run_id, snapshot_id=None, rows=0)


def test_without_features_nothing_can_be_written(settings: Settings) -> None:
    with pytest.raises(NotReady, match="No features were made yet"):
        spans_due(settings, view_names())


def test_the_first_writing_takes_a_time_to_live(settings: Settings, runs: RunLedger) -> None:
    make(runs, f"features.{VIEW}", HISTORY)
    assert spans_due(settings, [VIEW]) == {VIEW: Interval(NOON - timedelta(days=2), NOON)}


def test_the_next_writing_goes_on_from_the_last(settings: Settings, runs: RunLedger) -> None:
    make(runs, f"features.{VIEW}", HISTORY)
    make(runs, f"online.{VIEW}", Interval(NOON - TICK, NOON))
    make(runs, f"features.{VIEW}", Interval(NOON, NOON + 2 * TICK))
    assert spans_due(settings, [VIEW]) == {VIEW: Interval(NOON, NOON + 2 * TICK)}
    assert spans_due(settings, [VIEW], NOON + TICK) == {VIEW: Interval(NOON, NOON + TICK)}


def test_what_is_written_is_not_due(settings: Settings, runs: RunLedger) -> None:
    make(runs, f"features.{VIEW}", HISTORY)
    make(runs, f"online.{VIEW}", Interval(NOON - TICK, NOON))
    assert spans_due(settings, [VIEW]) == {VIEW: None}


def test_features_made_again_are_written_again(settings: Settings, runs: RunLedger) -> None:
    make(runs, f"features.{VIEW}", HISTORY)
    make(runs, f"online.{VIEW}", Interval(NOON - TICK, NOON))
    make(runs, f"features.{VIEW}", HISTORY)
    assert spans_due(settings, [VIEW]) == {VIEW: Interval(NOON - timedelta(days=2), NOON)}


def test_features_made_again_that_redis_has_no_more_are_not(settings: Settings, runs: RunLedger) -> None:
    """A replay of last winter is nothing to the next tick."""
    make(runs, f"features.{VIEW}", HISTORY)
    make(runs, f"online.{VIEW}", Interval(NOON - TICK, NOON))
    oldest = NOON - timedelta(days=2)
    make(runs, f"features.{VIEW}", Interval(HISTORY.start, oldest))
    assert spans_due(settings, [VIEW]) == {VIEW: None}
    make(runs, f"features.{VIEW}", Interval(HISTORY.start, oldest + TICK))
    assert spans_due(settings, [VIEW]) == {VIEW: Interval(oldest, NOON)}


def test_features_made_while_they_are_written_are_written_again(settings: Settings, runs: RunLedger) -> None:
    make(runs, f"features.{VIEW}", HISTORY)
    online = runs.begin(f"online.{VIEW}", Interval(NOON - TICK, NOON), "code")
    make(runs, f"features.{VIEW}", Interval(NOON - TICK, NOON))
    runs.finish(online.run_id, snapshot_id=None, rows=0)
    whole = {VIEW: Interval(NOON - timedelta(days=2), NOON)}
    assert spans_due(settings, [VIEW]) == whole
    make(runs, f"online.{VIEW}", Interval(NOON - timedelta(days=2), NOON))
    assert spans_due(settings, [VIEW]) == {VIEW: None}


def test_features_made_after_it_was_told_what_is_due_are_written_again(
    settings: Settings, runs: RunLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many views are written one after another: a revision may come out before its own view's turn."""
    wall = RunLedger(Ops(settings.ops_url), lambda: datetime.now(UTC))
    make(wall, f"features.{VIEW}", HISTORY)
    make(wall, f"online.{VIEW}", Interval(NOON - TICK, NOON))
    make(wall, f"features.{VIEW}", Interval(NOON, NOON + TICK))

    def due(*arguments: Any, **options: Any) -> Any:
        found = spans_due(*arguments, **options)
        make(wall, f"features.{VIEW}", Interval(NOON - TICK, NOON))
        return found

    monkeypatch.setattr(materialization, "spans_due", due)
    monkeypatch.setattr(materialization.feast_edge, "materialize", lambda *_: None)
    (written,) = materialize(settings, STOCK, [VIEW])
    assert written.through == NOON + TICK
    assert spans_due(settings, [VIEW]) == {VIEW: Interval(NOON + TICK - timedelta(days=2), NOON + TICK)}


def test_what_is_written_online_is_logged(
    settings: Settings, runs: RunLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(runs, f"features.{VIEW}", HISTORY)
    monkeypatch.setattr(materialization.feast_edge, "materialize", lambda *_: None)
    materialize(settings, STOCK, [VIEW])
    logs = sorted((settings.home / "logs").iterdir())
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    assert [(each["event"], each["table"]) for each in lines] == [
        ("began", f"online.{VIEW}"),
        ("published", f"online.{VIEW}"),
    ]


def test_a_revision_written_to_an_earlier_end_alone_is_still_due_beyond(
    settings: Settings, runs: RunLedger
) -> None:
    make(runs, f"features.{VIEW}", HISTORY)
    make(runs, f"online.{VIEW}", Interval(NOON - timedelta(days=2), NOON))
    make(runs, f"features.{VIEW}", HISTORY)
    make(runs, f"online.{VIEW}", Interval(NOON - timedelta(days=3), NOON - TICK))
    assert spans_due(settings, [VIEW]) == {VIEW: Interval(NOON - timedelta(days=2), NOON)}


@pytest.mark.parametrize(
    ("marker", "start"),
    [
        (NOON + TICK_DELAY, NOON),
        (NOON + TICK + TICK_DELAY, NOON),  # `feast materialize` went on; the ledger knows not how far back
        (NOON - TICK + TICK_DELAY, NOON - TICK),
        (NOON - timedelta(hours=2), NOON - timedelta(hours=2) - TICK),  # a newest row of a daily view
        (NOON - timedelta(days=9), NOON + TICK - timedelta(days=2)),
        (None, NOON + TICK - timedelta(days=2)),
    ],
)
def test_what_redis_lost_is_due(
    settings: Settings, runs: RunLedger, marker: datetime | None, start: datetime
) -> None:
    make(runs, f"features.{VIEW}", Interval(START, NOON + TICK))
    make(runs, f"online.{VIEW}", Interval(NOON - TICK, NOON))
    served = {} if marker is None else {VIEW: marker}
    assert spans_due(settings, [VIEW], served=served) == {VIEW: Interval(start, NOON + TICK)}


def test_features_made_again_are_written_again_with_the_tick_that_came_meanwhile(
    settings: Settings, runs: RunLedger
) -> None:
    make(runs, f"features.{VIEW}", HISTORY)
    make(runs, f"online.{VIEW}", Interval(NOON - TICK, NOON))
    make(runs, f"features.{VIEW}", Interval(NOON - TICK, NOON))
    make(runs, f"features.{VIEW}", Interval(NOON, NOON + TICK))
    assert spans_due(settings, [VIEW]) == {VIEW: Interval(NOON + TICK - timedelta(days=2), NOON + TICK)}


def test_a_daily_view_is_written_on_between_its_cuts(settings: Settings, runs: RunLedger) -> None:
    """Its row of the 07:00Z cut is served from 10:00Z: a later tick must still write it."""
    cut = datetime(2026, 3, 10, 7, tzinfo=UTC)
    make(runs, "features.provider_performance_1d", Interval(cut - TICK, cut))
    make(runs, "online.provider_performance_1d", Interval(cut - TICK, cut))
    make(runs, f"features.{VIEW}", HISTORY)
    assert spans_due(settings, ["provider_performance_1d"]) == {
        "provider_performance_1d": Interval(cut, NOON)
    }


def test_a_daily_view_that_lacks_a_cut_waits_for_it(settings: Settings, runs: RunLedger) -> None:
    cut = datetime(2026, 3, 10, 7, tzinfo=UTC)
    make(runs, "features.provider_performance_1d", Interval(START, cut - timedelta(hours=5)))
    make(runs, f"features.{VIEW}", HISTORY)
    (span,) = spans_due(settings, ["provider_performance_1d"]).values()
    assert span is not None
    assert span.end == cut - TICK


@pytest.mark.filterwarnings("ignore:The spark .* experimental:RuntimeWarning")
def test_times_to_live_are_those_of_the_feast_definitions() -> None:
    for name in view_names():
        module = import_module(f"feature_repo.views.{name}")
        assert getattr(module, name).ttl == time_to_live(name)


def test_an_unknown_view_is_refused() -> None:
    with pytest.raises(UnknownName, match="zone_demand_15"):
        view_names(["zone_demand_15"])


def beat(settings: Settings, start: datetime, end: datetime) -> None:
    """An object of dispatch_events every five minutes of [start, end)."""
    ledger = LandingLedger(Ops(settings.ops_url))
    moments = [start + n * timedelta(minutes=5) for n in range((end - start) // timedelta(minutes=5))]
    ledger.register(
        "dispatch_events", [LandedObject(f"landing/dispatch_events/{m}", m, 20) for m in moments], end
    )


def test_a_view_is_written_through_the_last_tick_that_is_not_held(
    settings: Settings, runs: RunLedger
) -> None:
    beat(settings, NOON - TICK, NOON)
    make(runs, f"features.{VIEW}", Interval(START, NOON + 2 * TICK))
    assert spans_due(settings, [VIEW]) == {VIEW: Interval(NOON - timedelta(days=2), NOON)}


def test_a_held_tick_alone_writes_nothing_and_says_so(settings: Settings, runs: RunLedger) -> None:
    beat(settings, NOON - TICK, NOON)
    make(runs, f"features.{VIEW}", HISTORY)
    make(runs, f"online.{VIEW}", Interval(NOON - TICK, NOON))
    make(runs, f"features.{VIEW}", Interval(NOON, NOON + TICK))
    assert spans_due(settings, [VIEW]) == {VIEW: None}
    assert materialize(settings, STOCK, [VIEW]) == [Written(VIEW, "held", NOON)]


def test_after_a_hold_the_writing_goes_on_from_before_it(settings: Settings, runs: RunLedger) -> None:
    beat(settings, NOON - TICK, NOON)
    beat(settings, NOON + TICK, NOON + 2 * TICK)
    make(runs, f"features.{VIEW}", HISTORY)
    make(runs, f"online.{VIEW}", Interval(NOON - TICK, NOON))
    make(runs, f"features.{VIEW}", Interval(NOON, NOON + 2 * TICK))
    assert spans_due(settings, [VIEW]) == {VIEW: Interval(NOON, NOON + 2 * TICK)}
    assert spans_due(settings, [VIEW], NOON + TICK) == {VIEW: None}


def test_a_view_never_made_has_no_features(settings: Settings, runs: RunLedger) -> None:
    make(runs, f"features.{VIEW}", HISTORY)
    make(runs, f"online.{VIEW}", Interval(NOON - TICK, NOON))
    views = [VIEW, "provider_activity_15m"]
    assert materialize(settings, STOCK, views) == [
        Written(VIEW, "up to date", NOON),
        Written("provider_activity_15m", "no features", None),
    ]
