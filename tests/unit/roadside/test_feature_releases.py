"""Which tick a run's features are released at, by a ledger of heartbeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.completeness import Completeness
from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings, load_settings
from roadside.feature_releases import release_features, release_left
from roadside.graph import STEPS, Step, step_named
from roadside.runner import step_version
from support.command_line import Answer
from validation.clocks import TICK, Interval
from validation.contract import Table

CUT = datetime(2026, 3, 10, 7, tzinfo=UTC)
START, END = CUT - 4 * TICK, CUT + 4 * TICK
DEMAND, DRIVERS, AREAS = (
    step_named(f"features.{name}") for name in ("zone_demand_15m", "driver_state_15m", "provider_area_1d")
)


class Tables:
    """Every table is at one snapshot."""

    def __init__(self, snapshot: int = 7) -> None:
        self.snapshot = snapshot

    def head(self, _table: Table) -> int:
        return self.snapshot


def heartbeats(ops: Ops, source: str, *silences: Interval) -> None:
    """An object a minute from the start to the end, save in the silences."""
    stamps = [
        START - TICK + n * timedelta(minutes=1) for n in range(round((END - START + TICK).seconds / 60))
    ]
    heard = [at for at in stamps if not any(each.start <= at < each.end for each in silences)]
    objects = [
        LandedObject(f"landing/{source}/{at:%Y/%m/%d/%H}/{source}-{at:%Y-%m-%d-%H-%M-%S}-x.gz", at, 1)
        for at in heard
    ]
    LandingLedger(ops).register(source, objects, END)


def release(settings: Settings, interval: Interval, snapshot: int = 7) -> None:
    ops = Ops(settings.ops_url)
    runs = RunLedger(ops, lambda: END)
    views = [DEMAND, DRIVERS, AREAS]
    release_features(Tables(snapshot), Completeness(ops), Releases(ops, lambda: END), runs, interval, views)


def released(settings: Settings, interval: Interval) -> set[tuple[str, str, str]]:
    release(settings, interval)
    return {
        (kind.value, f"{each.tick:%H:%M}", name.removeprefix("features."))
        for kind in (ReleaseKind.TICK, ReleaseKind.DAILY)
        for each in Releases(Ops(settings.ops_url), lambda: END).published([kind], END)
        for name in each.tables
    }


def ids(settings: Settings) -> list[str]:
    """The releases' ids, in order of publication."""
    kinds = (ReleaseKind.TICK, ReleaseKind.DAILY)
    found = Releases(Ops(settings.ops_url), lambda: END).published(kinds, datetime.max.replace(tzinfo=UTC))
    return sorted(each.release_id for each in found)


def made(ops: Ops, interval: Interval, snapshot: int = 7, steps: Sequence[Step] = STEPS) -> None:
    runs = RunLedger(ops, lambda: END)
    for step in steps:
        for name in step.writes:
            begun = runs.begin(name, interval, step_version(step, load_settings({})))
            runs.finish(begun.run_id, snapshot_id=snapshot, rows=0)


def all_heard(ops: Ops) -> None:
    for source in ("dispatch_events", "gps_pings", "provider_status", "service_outcomes", "traffic_speeds"):
        heartbeats(ops, source)


@pytest.fixture
def ops(settings: Settings) -> Ops:
    settings.home.mkdir(parents=True, exist_ok=True)
    return Ops(settings.ops_url)


def test_views_are_released_at_the_last_tick_and_the_cut(settings: Settings, ops: Ops) -> None:
    for source in ("dispatch_events", "gps_pings", "provider_status"):
        heartbeats(ops, source)
    assert released(settings, Interval(START, END)) == {
        ("tick", "08:00", "zone_demand_15m"),
        ("tick", "08:00", "driver_state_15m"),
        ("daily", "07:00", "provider_area_1d"),
    }


def test_a_view_held_at_the_end_comes_out_with_its_last_free_tick(settings: Settings, ops: Ops) -> None:
    """Pings fall silent at 07:15: of what reads them the rows until 07:15 come out all the same."""
    heartbeats(ops, "gps_pings", Interval(CUT + TICK, END))
    for source in ("dispatch_events", "provider_status"):
        heartbeats(ops, source)
    assert released(settings, Interval(START, END)) == {
        ("tick", "08:00", "zone_demand_15m"),
        ("tick", "07:15", "driver_state_15m"),
        ("daily", "07:00", "provider_area_1d"),
    }


def test_a_view_held_all_along_is_not_released(settings: Settings, ops: Ops) -> None:
    heartbeats(ops, "dispatch_events", Interval(START, END))
    assert {name for _, _, name in released(settings, Interval(START, END))} == {"driver_state_15m"}


def test_what_is_out_is_not_released_anew_though_its_files_were_rewritten_since(
    settings: Settings, ops: Ops
) -> None:
    """A tick that makes up for a source asks every day since: of the others it made nothing."""
    all_heard(ops)
    release(settings, Interval(START, END))
    release(settings, Interval(START, CUT + TICK), snapshot=8)
    assert ids(settings) == ["daily-20260310T0700Z-1", "tick-20260310T0800Z-1"]


def test_what_was_made_since_is_released_at_an_old_tick_too(settings: Settings, ops: Ops) -> None:
    all_heard(ops)
    release(settings, Interval(START, END))
    made(ops, Interval(START, CUT), 8, [AREAS])
    release(settings, Interval(START, CUT), snapshot=8)
    assert ids(settings) == ["daily-20260310T0700Z-1", "daily-20260310T0700Z-2", "tick-20260310T0800Z-1"]


@pytest.fixture
def died(settings: Settings, ops: Ops, monkeypatch: pytest.MonkeyPatch) -> Ops:
    """All is made through the end, and nothing released: the command died behind its last commit."""
    (settings.home / "landing").mkdir()
    monkeypatch.setattr("roadside.feature_releases.CatalogReader", lambda _settings: Tables())
    all_heard(ops)
    made(ops, Interval(START, END))
    return ops


LEFT = ["daily-20260310T0700Z-1", "tick-20260310T0800Z-1"]


def test_a_tick_with_nothing_due_releases_what_one_that_died_left(
    settings: Settings, died: Ops, run: Callable[..., Answer]
) -> None:
    for _ in range(2):
        assert run("tick", "--until", "2026-03-10T08:00Z", "--no-online").code == 0
        assert ids(settings) == LEFT


def test_a_backfill_with_nothing_to_make_releases_what_one_that_died_left(
    settings: Settings, died: Ops, run: Callable[..., Answer]
) -> None:
    span = ("--from", "2026-03-10T06:00Z", "--to", "2026-03-10T08:00Z")
    assert run("backfill", *span).code == 0
    assert ids(settings) == [], "a plan writes nothing"
    assert run("backfill", *span, "--execute").code == 0
    assert ids(settings) == LEFT


def test_a_view_that_lacks_its_cut_is_not_released_there(
    settings: Settings, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadside.feature_releases.CatalogReader", lambda _settings: Tables())
    all_heard(ops)
    made(ops, Interval(START, CUT - TICK), steps=[AREAS])
    made(ops, Interval(START, END), steps=[DEMAND])
    release_left(settings, Interval(START, END), [AREAS, DEMAND, DRIVERS])
    assert ids(settings) == ["tick-20260310T0800Z-1"]
    assert set(Releases(ops, lambda: END).newest_ticks()) == {DEMAND.name}
