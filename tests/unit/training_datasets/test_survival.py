"""Kaplan-Meier against a loop over the definition, and against what is known of a made-up truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_datasets.survival import kaplan_meier

rows = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60)


def share_by_definition(watched: list[tuple[int, bool]], moment: float) -> float:
    """The product over the instants of the share that it did not happen to among those still watched."""
    share = 1.0
    for instant in sorted({time for time, happened in watched if happened and time <= moment}):
        at_risk = [row for row in watched if row[0] >= instant]
        happened = [row for row in at_risk if row == (instant, True)]
        share *= 1 - len(happened) / len(at_risk)
    return share


@given(rows)
def test_the_curve_is_the_product_of_its_definition(watched: list[tuple[int, bool]]) -> None:
    times, happened = zip(*watched, strict=True)
    curve = kaplan_meier(np.array(times), np.array(happened))
    moments = np.arange(0, 14) + 0.5
    expected = [share_by_definition(watched, moment) for moment in moments]
    assert curve.at(moments) == pytest.approx(expected)
    assert [curve.at_risk(m) for m in (0, 3, 99)] == [sum(time >= m for time in times) for m in (0, 3, 99)]
    assert (curve.lower <= curve.share + 1e-12).all()
    assert (curve.upper >= curve.share - 1e-12).all()
    assert ((curve.lower >= 0) & (curve.upper <= 1)).all()


@given(rows)
def test_the_mean_is_the_area_under_the_curve(watched: list[tuple[int, bool]]) -> None:
    times, happened = zip(*watched, strict=True)
    curve = kaplan_meier(np.array(times), np.array(happened))
    areas = [share_by_definition(watched, n + 0.5) for n in range(13)]
    assert curve.mean_through(13) == pytest.approx(sum(areas))


def test_without_censoring_it_is_the_share_of_longer_durations() -> None:
    took = np.random.default_rng(3).lognormal(3, 0.5, 2_000)
    curve = kaplan_meier(took, np.ones(2_000, dtype=bool))
    assert curve.at(np.array([20.0])) == pytest.approx([(took > 20).mean()])
    assert curve.quantile(0.5) == pytest.approx(np.median(took), rel=0.01)
    assert curve.mean_through(took.max() + 1) == pytest.approx(took.mean())


def test_cut_off_durations_are_made_up_for_where_their_mean_is_too_short() -> None:
    chance = np.random.default_rng(4)
    took, given_up = chance.exponential(40, 6_000), chance.exponential(60, 6_000)
    seen = took <= given_up
    curve = kaplan_meier(np.minimum(took, given_up), seen)
    naive = took[seen].mean()
    assert naive < 30
    assert curve.quantile(0.5) == pytest.approx(40 * np.log(2), rel=0.06)
    inside = (curve.lower <= np.exp(-curve.times / 40)) & (np.exp(-curve.times / 40) <= curve.upper)
    assert inside.mean() > 0.8


def test_where_all_are_cut_off_nothing_ever_happens() -> None:
    curve = kaplan_meier(np.array([5.0, 9.0]), np.array([False, False]))
    assert (curve.rows, curve.events, len(curve.times)) == (2, 0, 0)
    assert curve.quantile(0.5) is None
    assert curve.at(np.array([0.0, 99.0])).tolist() == [1, 1]
    assert curve.mean_through(10) == 10
    assert kaplan_meier(np.array([]), np.array([], dtype=bool)).rows == 0
