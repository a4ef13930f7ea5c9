"""What is past its retention is neither missing nor there, and is never made again from what is left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakehouse.expiries import expire_known_time, expired
from lakehouse.landed_accounts import mark_deleted
from lakehouse.landing_ledger import LandingLedger
from lakehouse.object_store import LandedObject
from lakehouse.ops import Ops
from lakehouse.run_ledger import RunLedger
from lakehouse.settings import Settings
from roadside.corrected import as_corrected
from roadside.expired import lacking, left_as_it_is, rows_that_stand
from roadside.graph import step_named
from roadside.road_plan import plan
from roadside.runner import Runner, StepResult, road_version
from roadside.standing import standing
from roadside.unmade import unmade
from transforms.grid import HELD_MEMORY_DAILY
from validation.clocks import TICK, Interval
from validation.contracts import TABLES
from validation.errors import UserError

DAY = timedelta(days=1)
START = datetime(2026, 3, 10, tzinfo=UTC)
BRONZE = step_named("bronze.gps_pings")
SILVER = step_named("silver.traffic_speeds")
TILES = step_named("tiles.driver_fixes_15m")
VIEW = step_named("features.zone_traffic_15m")


def days(start: float, end: float) -> Interval:
    return Interval(START + start * DAY, START + end * DAY)


@pytest.fixture
def ops(settings: Settings) -> Ops:
    settings.home.mkdir(parents=True)
    return Ops(settings.ops_url)


def made(ops: Ops, interval: Interval, *names: str, version: str = "older") -> None:
    runs = RunLedger(ops, lambda: START)
    for name in names:
        runs.finish(runs.begin(name, interval, version).run_id, snapshot_id=1, rows=7)


def expire(ops: Ops, until: float, *names: str) -> None:
    expire_known_time(ops, dict.fromkeys(names, START + until * DAY), START)


def stands(ops: Ops, step, interval: Interval, version: str = "code", *, force: bool = False):  # type: ignore[no-untyped-def]
    return rows_that_stand(ops, RunLedger(ops, lambda: START), step, interval, version, force=force)


def delete_landed(settings: Settings, ops: Ops, at: datetime) -> None:
    key = f"landing/gps_pings/{at:%Y/%m/%d/%H}/gps_pings-{at:%Y-%m-%d-%H-%M-%S}-a.json.gz"
    landed = LandedObject(key, at, 5)
    LandingLedger(ops).register("gps_pings", [landed], at + DAY)
    mark_deleted(ops, "gps_pings", [landed], START)


def test_nothing_is_made_of_a_day_past_its_retention(ops: Ops) -> None:
    made(ops, days(0, 5), *SILVER.writes, version="code")
    assert stands(ops, SILVER, days(0, 1)) == {"silver.traffic_speeds": 7}
    expire(ops, 2, *SILVER.writes)
    with pytest.raises(UserError, match="before 2026-03-12 is past its retention of 13 months") as told:
        stands(ops, SILVER, days(1, 3))
    assert told.value.next_step == "Begin at 2026-03-12T00:00Z or later."
    assert stands(ops, SILVER, days(2, 3)) == {"silver.traffic_speeds": 7}


def test_nothing_is_made_that_looks_back_to_it(ops: Ops) -> None:
    name, back = next(iter(TILES.reads.items()))
    expire(ops, 2, name)
    first = START + 2 * DAY + back
    assert left_as_it_is(ops, [TILES], START) == {TILES.name: first}
    assert stands(ops, TILES, Interval(first, first + DAY)) is None
    with pytest.raises(UserError, match=f"{name} before 2026-03-12 is past its retention"):
        stands(ops, TILES, Interval(first - TICK, first + DAY))


def test_what_was_made_of_it_stands(ops: Ops) -> None:
    name = next(iter(TILES.reads))
    made(ops, days(2, 3), *TILES.writes, version="code")
    expire(ops, 2, name)
    assert stands(ops, TILES, days(2, 3)) == {TILES.name: 7}


def test_bronze_whose_objects_are_gone_stands_whatever_code_made_it(settings: Settings, ops: Ops) -> None:
    made(ops, days(0, 5), *BRONZE.writes)
    assert stands(ops, BRONZE, days(0, 1)) is None
    delete_landed(settings, ops, START + DAY / 2)
    expire(ops, 2, "landing.gps_pings")
    assert stands(ops, BRONZE, days(0, 1)) == {}
    assert stands(ops, BRONZE, days(1, 2)) is None  # none of its objects is gone
    for interval, force in ((days(0, 1), True), (days(0, 3), False)):
        with pytest.raises(UserError, match=r"1 landed objects of .* are gone") as told:
            stands(ops, BRONZE, interval, force=force)
        assert "roadside build --start 2026-03-10T00:00Z" in told.value.next_step


def test_bronze_that_was_never_made_is_not_made_of_what_is_left(settings: Settings, ops: Ops) -> None:
    delete_landed(settings, ops, START + DAY / 2)
    expire(ops, 2, "landing.gps_pings")
    with pytest.raises(UserError, match="cannot be made again"):
        stands(ops, BRONZE, days(0, 1))


def test_a_run_is_refused_before_anything_is_read(
    settings: Settings, ops: Ops, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(ops, days(0, 5), *BRONZE.writes)
    delete_landed(settings, ops, START + DAY / 2)
    expire(ops, 2, "landing.gps_pings")
    (settings.home / "landing").mkdir(exist_ok=True)
    monkeypatch.setattr(Runner, "prepare", lambda _self: None)
    monkeypatch.setattr("roadside.runner.location_opener", lambda _handle: None)
    runner = Runner(settings, None)  # type: ignore[arg-type]
    (forced,) = runner.run(days(0, 1), [BRONZE], force=True)
    (asked,) = runner.run(days(0, 1), [BRONZE])
    assert (forced.status, type(forced.error)) == ("failed", UserError)
    assert (asked.status, asked.error) == ("skipped", None)
    outlooks = [plan(settings, [days(0, 1)], [BRONZE], force=force) for force in (True, False)]
    told = [each.outlook for (each,) in outlooks]
    assert told == [f"refused: {forced.error.what}", "done already"]  # type: ignore[union-attr]


def test_a_backfill_makes_what_can_be_made(settings: Settings, ops: Ops) -> None:
    made(ops, days(0, 9), *BRONZE.writes, *SILVER.writes)
    made(ops, days(3, 9), *VIEW.writes)
    expire(ops, 1, *SILVER.writes)
    expire(ops, 2, "landing.gps_pings")
    found = {each.step.name: each.intervals for each in unmade(settings, [BRONZE, SILVER], days(0, 9))}
    assert found == {BRONZE.name: [days(2, 9)], SILVER.name: [days(1, 9)]}
    assert unmade(settings, [SILVER], days(0, 1)) == ()


def test_bronze_that_was_never_made_is_still_to_be_made_of_what_was_kept(
    settings: Settings, ops: Ops
) -> None:
    """An object that was not accounted for lies there."""
    made(ops, days(0, 1), *BRONZE.writes)
    made(ops, days(1.5, 9), *BRONZE.writes, version=road_version())
    expire(ops, 2, "landing.gps_pings")
    (found,) = unmade(settings, [BRONZE], days(0, 9))
    assert found.intervals == [days(1, 1.5)]


def test_a_run_of_a_backfill_covers_holes_and_what_lies_between_them(ops: Ops) -> None:
    made(ops, days(2, 3), *BRONZE.writes, version="code")
    made(ops, days(8, 9), *BRONZE.writes, version="code")
    assert lacking(ops, BRONZE, "code", days(0, 9)) == [days(0, 8)]
    assert lacking(ops, BRONZE, "code", days(2, 3)) == []


def test_whole_days_of_a_backfill_are_run_apart_from_parts_of_days(ops: Ops) -> None:
    """Only whole days are staged without the table's lease, for which a live tick waits. Made by this code
    since the fourth morning; the last step is due at 07:00Z only."""
    daily = step_named("features.provider_profile_1d")
    made(ops, days(3.25, 5), *BRONZE.writes, *daily.writes, version="code")
    assert lacking(ops, BRONZE, "code", days(0, 5)) == [days(0, 3), days(3, 3.25)]
    assert lacking(ops, BRONZE, "code", days(0.5, 5)) == [days(0.5, 1), days(1, 3), days(3, 3.25)]
    assert lacking(ops, daily, "code", days(0, 5)) == [days(0, 3)]


def test_an_outage_over_midnight_is_one_run(ops: Ops) -> None:
    made(ops, days(3.25, 5), *BRONZE.writes, version="code")
    assert lacking(ops, BRONZE, "code", days(2.5, 3.5)) == [days(2.5, 3.25)]


def test_a_run_of_a_backfill_leaves_out_what_must_stand(ops: Ops) -> None:
    """Between two parts of bronze that can be made lies one whose landed objects are gone."""
    for part in (days(0, 1), days(1.5, 5)):
        made(ops, part, *BRONZE.writes, *SILVER.writes)
    expire(ops, 2, "landing.gps_pings")
    expire(ops, 0.5, *SILVER.writes)
    assert lacking(ops, BRONZE, "code", days(0, 9)) == [days(1, 1.5), days(2, 9)]
    assert lacking(ops, BRONZE, "code", days(1.5, 9)) == [days(2, 9)]
    assert lacking(ops, SILVER, "code", days(0, 9)) == [days(0.5, 1), days(1, 9)]
    assert lacking(ops, SILVER, "code", days(0, 0.5)) == []


def test_parts_that_were_made_one_after_the_other_are_told_as_one() -> None:
    first = StepResult(BRONZE.name, days(0, 1), "published", {"bronze.gps_pings": 3}, warnings={"late": 1})
    second = StepResult(BRONZE.name, days(2, 3), "published", {"bronze.gps_pings": 4})
    told = StepResult(BRONZE.name, days(0, 3), "published", {"bronze.gps_pings": 7}, warnings={"late": 1})
    assert first.then(second) == told
    assert first.then(StepResult(BRONZE.name, days(2, 3), "skipped")).status == "published"


def test_status_misses_nothing_that_is_past_its_retention(settings: Settings, ops: Ops) -> None:
    names = [table.name for table in TABLES if table.layer != "training"]
    bronze = [name for name in names if name.startswith(("bronze.", "quarantine."))]
    (settings.home / "landing").mkdir()
    for source in ("dispatch_events", "gps_pings", "provider_status", "service_outcomes", "traffic_speeds"):
        LandingLedger(ops).close(source, START + 9 * DAY)
    made(ops, days(0, 9), *bronze)
    made(ops, days(2, 9), *[name for name in names if name not in bronze])

    def lacking() -> list[str]:
        return [each for each in standing(settings, None, lambda _: "").missing if "to be made" in each]

    assert any(each.startswith("silver.offers") for each in lacking())
    expire(ops, 2, *[name for name in names if name not in bronze])
    assert lacking() == []


def test_features_also_read_what_they_are_compared_with(ops: Ops) -> None:
    """To tell what changed, the instants before: a day more than a hold is remembered."""
    (name, back), *_ = VIEW.reads.items()
    expire(ops, 2, name)
    further = timedelta(days=1) + HELD_MEMORY_DAILY
    assert left_as_it_is(ops, [VIEW], START) == {VIEW.name: START + 2 * DAY + back + further}


def test_as_corrected_is_refused_where_its_look_back_is_gone(ops: Ops) -> None:
    expire(ops, 2, "tiles.traffic_15m")
    with pytest.raises(UserError, match=r"tiles\.traffic_15m before 2026-03-12 is past its retention"):
        as_corrected(None, "zone_traffic_15m", days(2, 3), expired(ops))  # type: ignore[arg-type]
