"""A plan's chunks, time, cores, dollars and disk, from numbers that a person can follow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest

from roadside.backfill_plan import BackfillPlan, planned, to_run
from roadside.durations import Law, Rows, Spread
from roadside.graph import step_named
from roadside.prices import Prices
from roadside.unmade import Unmade, Why
from roadside.volumes import Volume
from validation.clocks import Interval

DAY = datetime(2026, 3, 10, tzinfo=UTC)
PINGS, FIXES = step_named("silver.gps_pings"), step_named("tiles.driver_fixes_15m")
PRICES = Prices(0.05, 0.005, 4.0, "a list", date(2026, 3, 1))
EXACT = Spread(1.0, 1.0, 9)
A_ROW = Law(5.0, 0.001, Rows.WITHIN, 9, is_fitted=True)
NO_FIXED = Law(0.0, 0.001, Rows.WITHIN, 9, is_fitted=True)


def days(start: float, end: float) -> Interval:
    return Interval(DAY + timedelta(days=start), DAY + timedelta(days=end))


def volume(_name: str, interval: Interval) -> Volume:
    """A million rows and 40 MB a day, of every table."""
    share = (interval.end - interval.start) / timedelta(days=1)
    return Volume(1e6 * share, 40e6 * share)


def never(step_name: str, *parts: Interval) -> Unmade:
    return Unmade(step_named(step_name), {Why.NEVER: parts})


def plan(law: Law | None = A_ROW, chunk_days: int | None = 2, **more: object) -> BackfillPlan:
    """Four days of pings and of the fixes made of them."""
    found = [never(PINGS.name, days(0, 4)), never(FIXES.name, days(0, 4))]
    return plan_of(found, {PINGS.name: law, FIXES.name: law}, days(0, 4), chunk_days=chunk_days, **more)


def plan_of(
    found: list[Unmade], laws: Mapping[str, Law | None], span: Interval, **more: object
) -> BackfillPlan:
    """On two cores, three steps at once."""
    given = {"volume": volume, "cores": 2, "at_once": 3, "prices": PRICES, "spread": EXACT} | more
    return planned(span, found, laws=laws, **given)  # type: ignore[arg-type]


def test_time_is_that_of_the_chunks_one_after_the_other() -> None:
    """A chunk of two days holds 2 M rows: 5 s and 1,000 s on two cores, of pings and then of fixes."""
    told = plan()
    assert [str(chunk.interval) for chunk in told.chunks] == [str(days(0, 2)), str(days(2, 4))]
    assert told.seconds() == 10 + 2 * (1005 + 1005)
    assert told.likely_seconds == (4030, 4030)


def test_what_a_first_run_takes_more_is_counted_once_a_step() -> None:
    """20 s more of each of two steps, in the first of two chunks; the start took 15 s when it was timed."""
    cold = Law(5.0, 0.001, Rows.WITHIN, 9, is_fitted=True, first_seconds=20.0)
    told = plan(cold, start_seconds=15.0)
    assert [chunk.seconds(2, 3) for chunk in told.chunks] == [2 * 1025, 2 * 1005]
    assert told.seconds() == told.ends[-1] == 15 + 2 * 1025 + 2 * 1005


def test_two_chunks_side_by_side_take_less() -> None:
    """The second chunk's pings go beside the first one's fixes; each has its branches at a time."""
    told = plan(parallel=2)
    assert told.ends == [10 + 2 * 1005, 10 + 3 * 1005]
    assert told.seconds() == told.ends[-1]
    assert told.staged_bytes == 2 * plan().staged_bytes
    assert [chunk.seconds(2, 3) for chunk in told.chunks] == [2010, 2010], "each by itself"


def test_a_short_chunk_that_ends_before_a_long_one_does_not_end_the_plan() -> None:
    """Pings of three days take 1,500 s; beside them speeds of the fourth, which read no pings, 500 s."""
    found = [never(PINGS.name, days(0, 3)), never("silver.traffic_speeds", days(3, 4))]
    laws = {PINGS.name: NO_FIXED, "silver.traffic_speeds": NO_FIXED}
    told = planned(
        days(0, 4), found, volume, laws, EXACT, cores=2, at_once=3, prices=PRICES, parallel=2, chunk_days=3
    )
    assert told.ends == [10 + 1500, 10 + 1500]
    assert told.seconds() == 10 + 1500


def test_look_backs_are_read_again_by_every_chunk() -> None:
    back = PINGS.reads["bronze.gps_pings"] / timedelta(days=1) + FIXES.reads[PINGS.name] / timedelta(days=1)
    assert plan(chunk_days=4).reads.rows == pytest.approx(8e6 + back * 1e6, rel=1e-3)
    assert plan(chunk_days=1).reads.rows == pytest.approx(8e6 + 4 * back * 1e6, rel=1e-2)


def test_the_chunk_that_takes_least_and_no_longer_than_two_hours_is_taken() -> None:
    """The fixed 5 s ask for few chunks; 28 days are tried too, and are the whole span."""
    assert plan(chunk_days=None).chunk_days == 4
    slow = Law(5.0, 0.01, Rows.WITHIN, 9, is_fitted=True)  # two steps, 5,000 s a day each on two cores
    assert plan(slow, chunk_days=None).chunk_days == 1


def test_a_limit_asks_for_shorter_chunks() -> None:
    """Two steps of 500 s a day each: two days take 2,010 s; where not even one day is short enough, one."""
    assert plan(chunk_days=None, longest_chunk=timedelta(seconds=2010)).chunk_days == 2
    assert plan(chunk_days=None, longest_chunk=timedelta(seconds=2009)).chunk_days == 1
    assert plan(chunk_days=None, longest_chunk=timedelta(seconds=9)).chunk_days == 1
    assert plan(chunk_days=None, longest_chunk=timedelta(days=9)).chunk_days == 4


def test_where_sizes_take_alike_the_one_of_fewest_chunks_is_taken() -> None:
    """Each chunk reads look-backs, loads and commits, though nothing that was measured tells it."""
    assert plan(NO_FIXED, chunk_days=None).chunk_days == 4


def test_a_time_beyond_what_was_measured_is_a_guess() -> None:
    """Runs of at most 2 M rows were measured."""
    known = Law(0.0, 0.001, Rows.WITHIN, 9, is_fitted=True, most_rows=2e6)
    assert plan(known, chunk_days=3).spread == EXACT
    assert plan(known, chunk_days=4).spread == Spread(0.5, 2.0, 0)
    wide = Spread(0.4, 1.5, 9)
    assert plan(known, chunk_days=4, spread=wide).spread == Spread(0.4, 2.0, 0)


def test_a_small_step_beyond_what_was_measured_makes_no_guess_of_the_whole() -> None:
    """Fixes take a hundredth of what pings take."""
    found = [never(PINGS.name, days(0, 4)), never(FIXES.name, days(0, 4))]
    small = Law(0.0, 0.00001, Rows.WITHIN, 9, is_fitted=True, most_rows=1)
    laws = {PINGS.name: NO_FIXED, FIXES.name: small}
    told = planned(days(0, 4), found, volume, laws, EXACT, cores=2, at_once=3, prices=PRICES, chunk_days=4)
    assert told.spread == EXACT


def test_where_nothing_is_measured_chunks_are_of_a_week() -> None:
    told = plan(None, chunk_days=None)
    assert told.chunk_days == 7
    assert told.unmeasured == [PINGS.name, FIXES.name]


def test_a_limit_asks_for_days_where_something_is_unmeasured() -> None:
    """It stops between chunks alone, and nothing says what the first takes: fixes never ran."""
    found = [never(PINGS.name, days(0, 30)), never(FIXES.name, days(0, 30))]
    for laws in ({}, {PINGS.name: NO_FIXED}):
        for longest, chunk_days in ((None, 7), (timedelta(hours=2), 1)):
            assert plan_of(found, laws, days(0, 30), longest_chunk=longest).chunk_days == chunk_days
    slow = {PINGS.name: Law(0.0, 0.01, Rows.WITHIN, 9, is_fitted=True)}  # 5,000 s a day
    assert plan_of(found, slow, days(0, 30)).chunk_days == 1, "what is measured takes two hours at most"


def test_what_is_of_unknown_size_is_unmeasured() -> None:
    told = plan_of(
        [never(PINGS.name, days(0, 30))],
        {PINGS.name: NO_FIXED},
        days(0, 30),
        volume=lambda _name, _interval: Volume(is_known=False),
        longest_chunk=timedelta(hours=2),
    )
    assert (told.chunk_days, told.unmeasured, told.is_disk_known) == (1, [PINGS.name], False)


def test_a_plan_in_part_unmeasured_foretells_no_end() -> None:
    """Pings take 1,000 s each of two chunks; how long fixes take nobody knows."""
    found = [never(PINGS.name, days(0, 4)), never(FIXES.name, days(0, 4))]
    laws, deadline = {PINGS.name: NO_FIXED}, timedelta(days=9)
    told = plan_of(found, laws, days(0, 4), chunk_days=2, deadline=deadline)
    assert told.seconds() == 10 + 2 * 1000
    assert (told.likely_seconds, told.cores_needed, told.fits) == (None, None, False)
    assert told.spread == Spread(0.5, 2.0, 0)
    assert told.is_disk_known


def test_cores_needed_meet_the_deadline_with_the_longest_likely_time() -> None:
    """4 chunks x 2 x 1,000 core seconds... 8 M rows, 8,000 core seconds; 1.5 times (10 + 8,000 / n) s."""
    told = plan(NO_FIXED, deadline=timedelta(seconds=1500), spread=Spread(0.8, 1.5, 9))
    assert told.cores_needed == 9, "9 cores: 1.5 x 899 s = 1,348 s; 8 cores: 1.5 x 1,010 s = 1,515 s"
    assert told.fits is False
    assert plan(NO_FIXED, deadline=timedelta(seconds=6100), spread=Spread(0.8, 1.5, 9)).fits is True


def test_no_number_of_cores_makes_up_for_what_runs_take_whatever_they_hold() -> None:
    """10 s of Spark's start and 4 runs of 5 s, one behind the other."""
    assert plan(deadline=timedelta(seconds=29)).cores_needed is None
    assert plan(deadline=timedelta(seconds=60)).cores_needed == 267


def test_what_was_never_measured_does_not_fit() -> None:
    assert plan(None, deadline=timedelta(days=9)).fits is False


def test_without_a_deadline_nothing_has_to_fit() -> None:
    told = plan()
    assert (told.fits, told.cores_needed) == (None, None)


def test_dollars_are_of_the_cores_that_are_held() -> None:
    assert plan().dollars() == pytest.approx(4030 / 3600 * 2 * 0.07)
    assert plan(NO_FIXED).dollars(8) == pytest.approx(1010 / 3600 * 8 * 0.07)


def test_the_disk_holds_what_is_written_and_the_largest_chunk_once_more() -> None:
    told = plan(chunk_days=3)
    assert told.written_bytes == 8 * 40e6
    assert told.peak_disk_bytes == 8 * 40e6 + 6 * 40e6


def test_features_made_again_hold_what_they_held_and_as_much_again() -> None:
    """Two days of which the first was made before; of tables that are not features rows are replaced."""
    view, parts = "features.zone_demand_15m", {Why.OTHER_CODE: (days(0, 1),), Why.NEVER: (days(1, 2),)}
    for name, written in ((view, 3), (FIXES.name, 2)):
        told = plan_of([Unmade(step_named(name), parts)], {name: NO_FIXED}, days(0, 2), chunk_days=2)
        assert (told.written_bytes, told.peak_disk_bytes) == (written * 40e6, 2 * written * 40e6)


def test_the_time_of_features_made_again_is_a_guess() -> None:
    """Where what is published differs they are computed over more, and no timing says which run did that."""
    view = "features.zone_demand_15m"
    found = [never(PINGS.name, days(0, 2)), Unmade(step_named(view), {Why.REPLACED: (days(0, 2),)})]
    for rate, spread in ((0.001, Spread(0.5, 2.0, 0)), (0.00001, EXACT)):
        laws = {PINGS.name: NO_FIXED, view: Law(0.0, rate, Rows.WITHIN, 9, is_fitted=True)}
        assert plan_of(found, laws, days(0, 2), chunk_days=2).spread == spread


def test_whole_days_are_run_apart_from_parts_of_days_one_behind_the_other() -> None:
    """As the runner does it. 2 M rows and half a million: 1,000 s and 250 s, and 5 s for each run."""
    found = [never(PINGS.name, days(0, 1), days(1.5, 2.5))]
    assert to_run(found, days(0, 4)) == [(PINGS, days(0, 2)), (PINGS, days(2, 2.5))]
    laws = {PINGS.name: A_ROW}
    told = planned(days(0, 4), found, volume, laws, EXACT, cores=2, at_once=3, prices=PRICES, chunk_days=4)
    assert told.seconds() == 10 + 1005 + 255


def test_a_chunk_makes_what_is_missing_of_it_in_one_run_a_step() -> None:
    found = [
        never(PINGS.name, days(0, 1), days(1.5, 2)),
        never(FIXES.name, days(3, 4)),
        never("tiles.dispatch_1d", days(0.5, 0.75)),
    ]
    assert to_run(found, days(0, 2)) == [(PINGS, days(0, 2))]
    assert to_run(found, days(2, 3)) == []
    assert to_run(found, days(3, 9)) == [(FIXES, days(3, 4))]
