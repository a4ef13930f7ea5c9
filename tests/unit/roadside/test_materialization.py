"""Which ticks of a view are still to be written to Redis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest

from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.materialization import Written, materialize, spans_due, time_to_live, view_names
from validation.clocks import TICK, Interval
from validation.errors import NotReady, UnknownName

START, NOON = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 10, 12, tzinfo=UTC)
VIEW = "zone_demand_15m"
HISTORY = Interval(START, NOON)


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
    assert materialize(settings, None, [VIEW]) == [Written(VIEW, "held", NOON)]


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
    assert materialize(settings, None, views) == [
        Written(VIEW, "up to date", NOON),
        Written("provider_activity_15m", "no features", None),
    ]
