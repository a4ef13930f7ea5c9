"""Which known time is missing or stale, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.graph import STEPS, step_named
from roadside.runner import road_version
from roadside.unmade import Surroundings, Unmade, Why, surroundings, unmade, upstream
from validation.clocks import Interval
from validation.errors import UnknownName

DAY = datetime(2026, 3, 10, tzinfo=UTC)
ACTIVITY, TILES, PINGS = "features.provider_activity_15m", "tiles.dispatch_15m", "silver.gps_pings"


def days(start: float, end: float) -> Interval:
    return Interval(DAY + timedelta(days=start), DAY + timedelta(days=end))


def run(settings: Settings, table: str, interval: Interval, version: str = "") -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    runs = RunLedger(Ops(settings.ops_url), lambda: DAY)
    begun = runs.begin(table, interval, version or road_version())
    runs.finish(begun.run_id, snapshot_id=1, rows=1)


def supersede(settings: Settings, table: str, interval: Interval) -> None:
    RunLedger(Ops(settings.ops_url), lambda: DAY).supersede({table: interval})


def of(settings: Settings, span: Interval, *names: str) -> dict[str, Unmade]:
    return {each.step.name: each for each in unmade(settings, [step_named(n) for n in names], span)}


def test_each_reason_has_its_known_time(settings: Settings) -> None:
    for n in range(4):
        run(settings, PINGS, days(n, n + 1), "older" if n == 1 else "")
    supersede(settings, PINGS, days(2, 3))
    found = of(settings, days(0, 6), PINGS)[PINGS]
    assert found.parts == {
        Why.NEVER: (days(4, 6),),
        Why.OTHER_CODE: (days(1, 2),),
        Why.REPLACED: (days(2, 3),),
    }
    assert found.intervals == [days(1, 3), days(4, 6)]


def test_what_stands_is_not_to_be_made(settings: Settings) -> None:
    run(settings, PINGS, days(0, 2))
    assert of(settings, days(0, 2), PINGS) == {}


def test_what_reads_stale_rows_is_stale_as_far_as_it_looks_back(settings: Settings) -> None:
    run(settings, TILES, days(0, 1), "older")
    run(settings, TILES, days(1, 60))
    run(settings, ACTIVITY, days(0, 60))
    found = of(settings, days(0, 7), TILES, ACTIVITY)
    assert found[TILES].parts == {Why.OTHER_CODE: (days(0, 1),)}
    assert found[ACTIVITY].parts == {Why.READS: (days(0, 7),)}
    reach = step_named(ACTIVITY).reads[TILES]
    assert found[ACTIVITY].after == (Interval(days(0, 7).end, days(0, 1).end + reach),)


def test_what_one_of_its_tables_lacks_a_step_makes(settings: Settings) -> None:
    step = step_named("silver.dispatch_events")
    run(settings, step.writes[0], days(0, 3))
    run(settings, step.writes[1], days(0, 1))
    assert of(settings, days(0, 3), step.name)[step.name].parts == {Why.NEVER: (days(1, 3),)}


def test_a_daily_step_lacks_nothing_between_two_cuts(settings: Settings) -> None:
    """The cut of March 10 is at 07:00Z."""
    daily = "tiles.dispatch_1d"
    run(settings, daily, days(0, 0.5))
    assert of(settings, days(0, 1), daily) == {}
    assert of(settings, days(0, 1.5), daily)[daily].parts == {Why.NEVER: (days(0.5, 1.5),)}


def test_what_reads_a_daily_step_stands_between_two_cuts(settings: Settings) -> None:
    """All of the road was made; what is daily has nothing to make of the tick, and outdates nobody."""
    last = days(0.5, 0.5 + 1 / 96)
    for step in STEPS:
        for name in step.writes:
            run(settings, name, days(-1, 0.5))
            if step.due(last):
                run(settings, name, last)
    assert any(step_named(name).is_daily for step in STEPS if not step.is_daily for name in step.reads)
    assert unmade(settings, STEPS, Interval(days(-1, 0.5).start, last.end)) == ()
    assert unmade(settings, STEPS, last) == ()


def test_a_view_is_made_with_all_that_it_reads() -> None:
    assert [step.name for step in upstream(["zone_demand_15m"])] == [
        "bronze.dispatch_events",
        "silver.dispatch_events",
        "silver.lifecycle",
        "tiles.dispatch_15m",
        "features.zone_demand_15m",
    ]
    assert upstream([]) == STEPS


def test_a_view_that_does_not_exist_is_named_with_its_likes() -> None:
    with pytest.raises(UnknownName, match="zone_demand_15m"):
        upstream(["features.zone_demnd_15m"])


def test_holes_and_other_code_before_the_span_are_told(settings: Settings) -> None:
    run(settings, TILES, days(0, 2), "older")
    run(settings, TILES, days(3, 5))
    span = days(5, 6)
    found = unmade(settings, [step_named(ACTIVITY)], span)
    assert surroundings(settings, STEPS, found, span) == Surroundings(
        {TILES: (days(2, 3),)}, {TILES: (days(0, 2),)}
    )


def test_views_that_are_not_asked_for_fall_with_what_they_read(settings: Settings) -> None:
    """Tiles of a day are to be made again; views look back to them, and one of them is asked for."""
    run(settings, TILES, days(0, 1), "older")
    run(settings, TILES, days(1, 60))
    for view in (ACTIVITY, "features.zone_demand_15m"):
        run(settings, view, days(0, 60))
    run(settings, PINGS, days(0, 60))
    span, asked = days(0, 60), [step_named(TILES), step_named(ACTIVITY)]
    found = unmade(settings, asked, span)
    reach = step_named("features.zone_demand_15m").reads[TILES]
    outdated = {"features.zone_demand_15m": (Interval(DAY, days(0, 1).end + reach),)}
    assert surroundings(settings, asked, found, span).outdated == outdated
    assert surroundings(settings, STEPS, unmade(settings, STEPS, span), span).outdated == {}
