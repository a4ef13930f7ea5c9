"""Which tick a run's features are released at, by a ledger of heartbeats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.completeness import Completeness
from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.settings import Settings
from roadside.feature_releases import release_features
from roadside.graph import step_named
from validation.clocks import TICK, Interval
from validation.contract import Table

CUT = datetime(2026, 3, 10, 7, tzinfo=UTC)
START, END = CUT - 4 * TICK, CUT + 4 * TICK
DEMAND, DRIVERS, AREAS = (
    step_named(f"features.{name}") for name in ("zone_demand_15m", "driver_state_15m", "provider_area_1d")
)


class Tables:
    """Every table is at snapshot 7."""

    def head(self, _table: Table) -> int:
        return 7


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


def released(settings: Settings, interval: Interval) -> set[tuple[str, str, str]]:
    ops = Ops(settings.ops_url)
    releases = Releases(ops, lambda: END)
    release_features(Tables(), Completeness(ops), releases, interval, [DEMAND, DRIVERS, AREAS])  # type: ignore[arg-type]
    return {
        (kind.value, f"{each.tick:%H:%M}", name.removeprefix("features."))
        for kind in (ReleaseKind.TICK, ReleaseKind.DAILY)
        for each in releases.published([kind], END)
        for name in each.tables
    }


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
