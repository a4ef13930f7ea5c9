"""Scores of rules, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training_datasets.baselines import ordered_pairs, score_of_answers, score_of_minutes


def test_minutes_are_scored_by_their_error() -> None:
    found = score_of_minutes(np.array([30.0, 30, 30, 30]), np.array([25.0, 40, 30, 60]))
    assert found == pytest.approx(
        {"mean error": 11.25, "median error": 7.5, "p90 error": 24, "bias": -8.75, "within 10 min": 0.75}
    )


def test_answers_are_scored_as_chances_and_as_an_order() -> None:
    found = score_of_answers(np.array([0.9, 0.5, 0.0, 1.0]), np.array([1.0, 0, 0, 1]))
    assert found["AUC"] == 1
    assert found["Brier"] == pytest.approx((0.01 + 0.25) / 4)
    assert found["log loss"] == pytest.approx(-(np.log(0.9) + np.log(0.5)) / 4, abs=1e-5)
    assert "AUC" not in score_of_answers(np.array([0.5, 0.5]), np.array([1.0, 1.0]))


def test_pairs_are_of_one_round_with_unlike_gains() -> None:
    rounds = pd.Series(["a", "a", "a", "b", "b", "c"])
    gain = np.array([3.0, 0, 0, 1, 2, 3])
    foretold = np.array([5.0, 1, 5, 9, 8, 0])  # a: one in order, one tie; b: out of order
    assert ordered_pairs(foretold, gain, rounds) == (3, pytest.approx(0.5))
    count, share = ordered_pairs(foretold[5:], gain[5:], rounds[5:])
    assert count == 0
    assert np.isnan(share)
