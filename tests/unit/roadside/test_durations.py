"""How long a step takes is read from how long it took."""

from __future__ import annotations

from random import Random

import pytest

from roadside.durations import Rows, Spread, Took, Work, law, spread


def took(
    rows: float,
    seconds: float,
    within: float | None = None,
    cores: int = 1,
    group: str = "",
    is_first: bool = True,
) -> Took:
    return Took(Work(rows, rows if within is None else within), cores, seconds, group, is_first)


def test_a_line_through_the_runs_is_found_whole() -> None:
    found = law([took(rows, 3 + rows * 0.01) for rows in (100, 200, 400, 800)])
    assert found is not None
    assert (found.fixed_seconds, found.core_seconds_a_row) == (pytest.approx(3), pytest.approx(0.01))
    assert (found.runs, found.is_fitted) == (4, True)
    assert found.seconds(Work(1000, 0), cores=1) == pytest.approx(13)
    assert found.seconds(Work(1000, 0), cores=4) == pytest.approx(5.5), "3 s do not get less on more cores"


def test_a_law_is_found_through_noise_and_disturbed_runs() -> None:
    chance = Random(7)
    runs = [took(rows, (5 + rows * 0.002) * chance.uniform(0.95, 1.05)) for rows in range(1000, 25000, 1000)]
    for disturbed in (3, 12, 20):  # the machine did something else meanwhile
        runs[disturbed] = took(runs[disturbed].work.rows_read, runs[disturbed].seconds * 5)
    found = law(runs)
    assert found is not None
    assert found.fixed_seconds == pytest.approx(5, rel=0.2)
    assert found.core_seconds_a_row == pytest.approx(0.002, rel=0.05)


def test_few_runs_give_their_median_rate_and_say_so() -> None:
    found = law([took(100, 1), took(200, 4), took(400, 12)])
    assert found is not None
    assert (found.fixed_seconds, found.core_seconds_a_row, found.is_fitted) == (0, 0.02, False)


def test_runs_that_held_nearly_the_same_give_their_median_rate() -> None:
    found = law([took(100, 10), took(101, 12), took(102, 9), took(103, 11)])
    assert found is not None
    assert not found.is_fitted
    assert found.seconds(Work(200, 200), 1) == pytest.approx(20.4, rel=0.05)


def test_runs_without_a_row_take_their_median() -> None:
    found = law([took(0, 2), took(0, 3), took(0, 7)])
    assert found is not None
    assert (found.fixed_seconds, found.core_seconds_a_row) == (3, 0)


def test_without_a_run_there_is_no_law() -> None:
    assert law([]) is None


def test_seconds_follow_the_rows_that_predict_them() -> None:
    """Look-backs of any size, and the time that of the interval's own rows."""
    runs = [
        took(rows, 1 + within * 0.1, within) for rows, within in ((900, 10), (500, 20), (700, 40), (300, 80))
    ]
    found = law(runs)
    assert found is not None
    assert found.of is Rows.WITHIN
    assert found.seconds(Work(10_000, 100), 1) == pytest.approx(11)


def test_runs_on_other_cores_count_by_what_a_core_did() -> None:
    found = law([took(800, 4, cores=4), took(400, 4, cores=2), took(600, 6, cores=2), took(2400, 6, cores=8)])
    assert found is not None
    assert found.seconds(Work(1000, 1000), 1) == pytest.approx(20)


def test_what_a_process_takes_more_for_its_first_run_is_told_apart() -> None:
    """3 s and 10 ms a row, and 20 s more of the first; the sizes of either kind tell the slope."""
    first = [took(rows, 23 + rows * 0.01) for rows in (100, 400)]
    later = [took(rows, 3 + rows * 0.01, is_first=False) for rows in (200, 800)]
    found = law(first + later)
    assert found is not None
    assert (found.fixed_seconds, found.core_seconds_a_row) == (pytest.approx(3), pytest.approx(0.01))
    assert found.first_seconds == pytest.approx(20)
    assert found.seconds(Work(1000, 1000), 1) == pytest.approx(13)
    assert found.seconds(Work(1000, 1000), 1, is_first=True) == pytest.approx(33)


def test_a_median_rate_is_that_of_later_runs_and_the_first_takes_more() -> None:
    found = law([took(100, 50), took(100, 10, is_first=False), took(100, 10, is_first=False)])
    assert found is not None
    assert (found.seconds(Work(200, 200), 1), found.first_seconds) == (20, 40)


def test_a_later_run_that_was_disturbed_takes_no_longer_than_a_first_one() -> None:
    found = law([*[took(rows, 10 + rows) for rows in (1, 2, 4, 8)], took(1, 99, is_first=False)])
    assert found is not None
    assert (found.fixed_seconds, found.first_seconds) == (10, 0)


def test_where_only_first_runs_are_known_every_run_is_foretold_as_one() -> None:
    found = law([took(rows, 23 + rows * 0.01) for rows in (100, 200, 400, 800)])
    assert found is not None
    assert (found.fixed_seconds, found.first_seconds) == (pytest.approx(23), 0)


def test_the_spread_is_of_runs_predicted_from_the_others() -> None:
    """Rates 0.8, 1, 1, 1, 1.25: each run against the median of the four others, 1, 1, 1, 1 and 1."""
    runs = [took(100, 100 * rate, group=str(n)) for n, rate in enumerate((0.8, 1, 1, 1, 1.25))]
    found = spread({"a": runs})
    assert (found.low, found.high, found.runs) == (pytest.approx(0.88), pytest.approx(1.15), 5)


def test_steps_that_ran_together_are_judged_together() -> None:
    """What one takes longer the other makes up for."""
    one = [took(100, 100 + more, group=str(n)) for n, more in enumerate((20, 0, -20))]
    two = [took(100, 100 - more, group=str(n)) for n, more in enumerate((20, 0, -20))]
    found = spread({"one": one, "two": two})
    assert (found.low, found.high) == (pytest.approx(1), pytest.approx(1))


def test_a_spread_of_too_few_runs_is_a_guess() -> None:
    assert spread({"a": [took(100, 1, group="1"), took(100, 9, group="2")]}) == Spread(0.5, 2.0, 0)
    assert spread({"a": [took(100, 1), took(100, 1), took(100, 9)]}).runs == 0, "ticks tell nothing of chunks"
