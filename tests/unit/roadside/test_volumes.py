"""What an interval of a table holds, or will."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from roadside.volumes import DailyVolumes, Volume
from validation.clocks import Interval

DAY = datetime(2026, 3, 10, tzinfo=UTC)


def days(start: float, end: float) -> Interval:
    return Interval(DAY + timedelta(days=start), DAY + timedelta(days=end))


def day(n: int) -> date:
    return (DAY + timedelta(days=n)).date()


def test_days_are_summed_and_a_part_of_one_is_that_part() -> None:
    table = DailyVolumes({day(0): Volume(100, 1000), day(1): Volume(200, 4000), day(2): Volume(7, 7)})
    assert table.of(days(0, 2)) == Volume(300, 5000)
    assert table.of(days(0.75, 1.5)) == Volume(125, 2250)


def test_a_day_never_made_is_as_its_neighbours_by_what_landed() -> None:
    """The median of 100, 110 and 300 rows is 110 where 50 bytes landed; 100 landed on the day."""
    table = DailyVolumes(
        {day(0): Volume(100, 10), day(1): Volume(110, 11), day(2): Volume(300, 30)},
        [days(3, 4)],
        {day(0): 50, day(1): 50, day(2): 50, day(3): 100},
    )
    assert table.of(days(3, 4)) == Volume(220, 22, 220)
    assert table.of(days(2, 4)) == Volume(520, 52, 220)


def test_of_nothing_that_landed_nothing_comes() -> None:
    table = DailyVolumes({day(0): Volume(100, 10)}, [days(1, 3)], {day(0): 50})
    assert table.of(days(1, 3)) == Volume()


def test_what_is_made_of_a_day_is_not_estimated() -> None:
    """Half the day was made, 40 rows; the other half is half of what a day like its neighbour holds."""
    table = DailyVolumes({day(0): Volume(100, 10), day(1): Volume(40, 4)}, [days(1.5, 2)])
    assert table.of(days(1, 2)) == Volume(90, 9, 50)


def test_without_a_neighbour_the_size_is_unknown() -> None:
    assert not DailyVolumes({}, [days(0, 1)], {day(0): 50}).of(days(0, 1)).is_known


def test_only_the_seven_nearest_days_count() -> None:
    there = {day(n): Volume(1000 if n < 6 else 10, 0) for n in range(11)}
    assert DailyVolumes(there, [days(11, 12)]).of(days(11, 12)).rows == 10
