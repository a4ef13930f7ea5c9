"""The recorded Canberra feed, whole, along the road: every view it feeds is held to the naive oracle.

Thirteen months of polls, with their silences. What a reader sees is compared at a seeded sample of
instants, for all entities that live then; records and held ticks are counted over the whole range.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import groupby
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lakehouse.catalog_reader import CatalogReader
from lakehouse.ops import Ops
from roadside.holds import completeness_of
from simulation.recorded.canberra import CHANGES_FILE, HEARTBEAT_MINUTES
from support.command_line import DISPATCH_STEPS, run_line
from support.in_force import Touched, differences, is_alive, rows_in_force
from support.memory_road import in_utc
from support.oracle import LandedObject, Silver, held_instants, objects_from_landing
from support.oracle_views import VIEWS, Key, View
from support.recordings import Replayed, assert_every_record_is_in_bronze, replayed
from validation.clocks import TICK, Interval
from validation.contracts import table_named

pytestmark = [pytest.mark.long, pytest.mark.timeout(5400)]

DAY = timedelta(days=1)
START = datetime(2024, 3, 1, tzinfo=UTC)
ENDS = {"one month": datetime(2024, 4, 1, tzinfo=UTC), "thirteen months": datetime(2025, 4, 1, tzinfo=UTC)}
CHANGES = {"one month": (14_093, 4_414), "thirteen months": (191_107, 56_464)}
"""Rows of the feed, and incidents."""
HEARTBEAT = timedelta(minutes=int(HEARTBEAT_MINUTES.partition("=")[2]))

READING = {
    28 * DAY: ("provider_activity_15m", "zone_demand_15m", "market_dispatch_15m", "job_state_15m"),
    58 * DAY: ("area_dispatch_15m",),  # what is usual: the 56 business days before the last cut
    91 * DAY: (  # business days: 90 of them may be an hour longer
        "provider_performance_1d",
        "provider_service_1d",
        "provider_area_1d",
        "provider_profile_1d",
        "area_service_1d",
        "area_hour_1d",
    ),
}
"""The views that records of dispatch alone fill, by a time that holds their longest window."""
VIEWS_FED = [VIEWS[name] for names in READING.values() for name in names]
STEPS = (*DISPATCH_STEPS, "tiles.area_hour_1d", *(f"features.{view.name}" for view in VIEWS_FED))

CLOCK_CHANGES = (
    datetime(2024, 3, 10, 7, tzinfo=UTC),  # New York's
    datetime(2024, 4, 6, 16, tzinfo=UTC),  # Canberra's
    datetime(2024, 10, 5, 16, tzinfo=UTC),
    datetime(2024, 11, 3, 6, tzinfo=UTC),
    datetime(2025, 3, 9, 7, tzinfo=UTC),
)
AROUND = (-1, 0, 1, 4, 5, 16)
"""Ticks about a change of clocks."""
MONTHLY, SILENCES, LONGEST, CUTS, HOURS_A_CUT = 12, 30, 10, 40, 48
"""How many are compared: ticks of 30 days; ticks after a silence, of any and of the longest; cuts; keys of
area_hour_1d at a cut."""
SPAN = 10 * DAY
"""Instants so near to each other are compared with one oracle."""


@dataclass(frozen=True)
class Recording(Replayed):
    """The feed up to an end, and what the oracle makes of its records."""

    name: str

    @property
    def end(self) -> datetime:
        return ENDS[self.name]

    @cached_property
    def touched(self) -> Touched:
        return Touched(Silver(self.landed).dispatch_events)

    @cached_property
    def held(self) -> frozenset[datetime]:
        """The ticks that the oracle holds, judged day by day by the objects that a day's heartbeats reach."""
        objects = objects_from_landing(self.settings.home, ["dispatch_events"])
        first = min(objects, key=lambda each: each.known_at)
        held: set[datetime] = set()
        for day in (START + n * DAY for n in range((self.end - START) // DAY)):
            near: list[LandedObject] = [first]
            near += [each for each in objects if day - HEARTBEAT <= each.landed_at < day + DAY]
            held |= held_instants(near, VIEWS["provider_activity_15m"], day, day + DAY, HEARTBEAT)
        return frozenset(held)

    def instants(self, view: View) -> list[datetime]:
        """The sample, none of it held."""
        every = [each for each in view.instants(START, self.end) if each not in self.held]
        chance = Random(view.is_daily)
        if view.is_daily:
            near = {each for each in every for change in CLOCK_CHANGES if abs(each - change) < 2 * DAY}
            return sorted(near | set(chance.sample(every, min(CUTS, len(every)))))
        served_before = {tick: self.served_before(tick) for tick in every if tick - TICK in self.held}
        longest_first = sorted(served_before, key=lambda tick: served_before[tick] - tick)
        resumed = {*longest_first[:LONGEST]}
        resumed |= set(chance.sample([*served_before], min(SILENCES, len(served_before))))
        about = {served_before[tick] for tick in resumed}
        about |= {change + n * TICK for change in CLOCK_CHANGES for n in AROUND}
        scattered = chance.sample(every, MONTHLY * ((self.end - START) // (30 * DAY)))
        cuts = self.instants(VIEWS["provider_area_1d"])
        return sorted({*resumed, *(about & set(every)), *scattered, *cuts})

    def served_before(self, tick: datetime) -> datetime:
        """The last tick before it that is not held."""
        earlier = tick - TICK
        while earlier in self.held:
            earlier -= TICK
        return earlier

    def feature_rows(self, view: View, first: datetime, last: datetime) -> pa.Table:
        """The rows that readers may have had at the instants from first to last."""
        table = table_named(f"features.{view.name}")
        since = first - view.ttl - DAY
        where = f"event_timestamp >= '{since.isoformat()}' and event_timestamp <= '{last.isoformat()}'"
        return CatalogReader(self.settings).rows(table, table.column_names, where)


@pytest.fixture(scope="module", params=list(ENDS))
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    data = request.getfixturevalue("recorded_data")
    end = f"{ENDS[request.param]:%Y-%m-%d}"
    found = replayed(
        tmp_path_factory.mktemp("canberra"),
        f"replay canberra --data '{data}' --end {end} --json",
        run_line(f"{START:%Y-%m-%d}", end, STEPS, "--chunk-days 30"),
        heartbeats=HEARTBEAT_MINUTES,
    )
    return Recording(found.settings, found.answers, request.param)


def test_every_change_is_read_and_every_record_is_in_bronze(recording: Recording) -> None:
    changes, incidents = CHANGES[recording.name]
    assert json.loads(recording.answers[0].out)["rows_read"][CHANGES_FILE] == changes
    assert len({each.data["job_id"] for each in recording.landed}) == incidents
    assert len(recording.landed) == recording.records["dispatch_events"]
    assert_every_record_is_in_bronze(recording)


def test_the_held_ticks_are_the_oracle_s_and_have_no_rows(recording: Recording) -> None:
    whole = Interval(START, recording.end)
    completeness = completeness_of(recording.settings, Ops(recording.settings.ops_url))
    assert completeness.held_ticks(["dispatch_events"], whole) == recording.held
    assert 0.02 < len(recording.held) * TICK / (whole.end - whole.start) < 0.08
    for view in VIEWS_FED:
        written = ticks_of(recording, view.name)
        assert written, view.name
        assert not written & recording.held, view.name
    zones = ticks_of(recording, "zone_demand_15m")  # after a week so many that one beats at each tick
    assert {tick for tick in whole.ticks() if tick >= START + 7 * DAY} - recording.held <= zones


def ticks_of(recording: Recording, name: str) -> set[datetime]:
    """The instants at which the view has a row."""
    table = table_named(f"features.{name}")
    rows = CatalogReader(recording.settings).rows(table, ["event_timestamp"])
    return {in_utc(each) for each in pc.unique(rows["event_timestamp"]).to_pylist()}  # type: ignore[misc]


@pytest.mark.parametrize("window", list(READING), ids=lambda window: f"{window.days} days")
def test_readers_see_what_the_oracle_says(recording: Recording, window: timedelta) -> None:
    views = [VIEWS[name] for name in READING[window]]
    instants = recording.instants(views[0])
    lived, found = Counter[str](), []
    for _, near in groupby(instants, key=lambda instant: (instant - START) // SPAN):
        some = list(near)
        silver = recording.touched.silver(some[0], some[-1], window)
        for view in views:
            rows = recording.feature_rows(view, some[0], some[-1])
            assert not pc.any(pc.not_equal(rows["revision"], 0)).as_py()
            for instant in some:
                seen = rows_in_force(rows, view, instant)
                alive = {key for key, row in seen.items() if is_alive(view, row)}
                asked = keys_compared(silver, view, instant, alive)
                count, differing = differences(seen, silver, view, instant, asked)
                lived[view.name] += count
                found += differing
    print(f"compared at {len(instants)} instants: {dict(lived)}")  # noqa: T201 (pytest shows it with -rP)
    assert not found, f"{len(found)} differences beside {lived}: {found[:5]}"
    assert min(lived[view.name] for view in views) > 2 * len(instants)


def keys_compared(silver: Silver, view: View, instant: datetime, alive: set[Key]) -> set[Key]:
    """All that may live, by the oracle, and all of whom readers see a value.

    Of the hours of an area, which live and die together, a sample; that no hour lacks is looked at here.
    """
    keys: set[Key] = view.entities(silver, instant) | alive
    if view.name != "area_hour_1d":
        return keys
    areas = {str(area) for area, _ in keys}
    living = {area for area in areas if view.values(silver, (area, "0"), instant) is not None}
    assert alive == {(area, str(hour)) for area in living for hour in range(7 * 24)}, instant
    return set(Random(instant.toordinal()).sample(sorted(keys, key=repr), min(HOURS_A_CUT, len(keys))))
