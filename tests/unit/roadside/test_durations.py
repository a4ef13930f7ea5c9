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


def test_four_runs_that_took_alike_whatever_they_read_tell_a_fixed_time() -> None:
    """Days of the same size, whose look-backs were filling: three of them as one chunk read 6,000 rows."""
    runs = [
        took(rows, seconds, within=1000)
        for rows, seconds in ((1000, 10.0), (2000, 10.0), (3000, 10.0), (4000, 10.6))
    ]
    found = law(runs)
    assert found is not None
    assert (found.of, found.is_fitted) == (Rows.READ, True)
    assert found.seconds(Work(6000, 3000), 1) == pytest.approx(10.5, abs=0.4)


def test_a_mere_rate_has_to_predict_clearly_better_than_a_line() -> None:
    """Six days of one size: that a day takes as long as a day tells nothing of two."""
    noise = (-0.3, -0.3, 0.3, 0.3, 0.0, 0.0)
    runs = [
        took(rows, 10 + more, within=1000) for rows, more in zip(range(1000, 7000, 1000), noise, strict=True)
    ]
    found = law(runs)
    assert found is not None
    assert found.of is Rows.READ
    assert found.seconds(Work(6000, 2000), 1) == pytest.approx(10, abs=0.2)


def test_a_rate_that_predicts_clearly_better_than_a_line_is_taken() -> None:
    """The seconds follow the interval's rows, which hardly differ; the look-backs tell nothing."""
    runs = [
        took(rows, within / 50, within)
        for rows, within in ((900, 500), (100, 700), (800, 690), (200, 510), (700, 700), (300, 500))
    ]
    found = law(runs)
    assert found is not None
    assert (found.of, found.is_fitted) == (Rows.WITHIN, False)


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
    found = law([took(100, 50), took(100, 50), took(100, 10, is_first=False)])
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


def of_rates(*rates: float) -> list[Took]:
    return [took(100, 100 * rate, group=str(n)) for n, rate in enumerate(rates)]


def test_the_spread_is_of_runs_predicted_from_the_others() -> None:
    """Each against the median of the others, which is 1. Nine hold the next one between the lowest and the
    highest 8 times in 10, nineteen between the second and the last but one 16 times in 20."""
    assert spread({"a": of_rates(0.8, 0.9, *[1] * 6, 1.25)}) == Spread(0.8, 1.25, 9)
    assert spread({"a": of_rates(0.7, 0.8, 0.9, *[1] * 12, 1.1, 1.2, 1.3, 9)}) == Spread(0.8, 1.3, 19)


def test_steps_that_ran_together_are_judged_together() -> None:
    """What one takes longer the other makes up for."""
    more = (20, 0, -20) * 3
    one = [took(100, 100 + each, group=str(n)) for n, each in enumerate(more)]
    two = [took(100, 100 - each, group=str(n)) for n, each in enumerate(more)]
    found = spread({"one": one, "two": two})
    assert (found.low, found.high, found.runs) == (pytest.approx(1), pytest.approx(1), 9)


def test_a_spread_of_too_few_runs_is_a_guess() -> None:
    assert spread({"a": of_rates(*[1] * 7, 1.25)}) == Spread(0.5, 2.0, 0)
    assert spread({"a": of_rates(1, 1, 1, 9)}) == Spread(0.5, 9.0, 0), "what was seen is likely too"
    assert spread({"a": [took(100, 1)] * 9}).runs == 0, "ticks tell nothing of chunks"


def test_a_run_beyond_what_was_measured_is_told() -> None:
    found = law([took(rows, rows, within=rows / 2) for rows in (100, 200, 300, 400)])
    assert found is not None
    assert not found.is_beyond(Work(600, 99))
    assert found.is_beyond(Work(601, 0))
