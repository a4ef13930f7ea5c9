"""Drift, and what a feature tells of a label by itself: on thousands of rows whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from training_datasets.feature_statistics import (
    MOST_LEVELS,
    Values,
    auc,
    best_auc,
    explained_share,
    null_share,
    population_stability_index,
    ranks,
    values_of,
)

ROWS = 4_000


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(11)


def with_nulls(numbers: np.ndarray, share: float, chance: np.random.Generator) -> np.ndarray:
    return np.where(chance.random(len(numbers)) < share, np.nan, numbers)


def test_the_same_distribution_does_not_drift(chance: np.random.Generator) -> None:
    for draw in (chance.normal, lambda size: chance.poisson(0.4, size), lambda size: np.zeros(size)):
        before, recent = Values(draw(size=ROWS) * 1.0), Values(draw(size=ROWS // 4) * 1.0)
        found = population_stability_index(before, recent)
        assert found is not None
        assert found < 0.03


def test_a_shift_a_new_level_and_a_null_spike_drift(chance: np.random.Generator) -> None:
    normal = chance.normal(size=ROWS)
    shifted = population_stability_index(Values(normal), Values(chance.normal(1, 1, ROWS)))
    spiked = population_stability_index(Values(normal), Values(with_nulls(normal, 0.3, chance)))
    levels = Values(chance.integers(0, 3, ROWS) * 1.0, is_category=True)
    one_more = np.where(chance.random(ROWS) < 0.2, 1.5, levels.numbers)
    new = population_stability_index(levels, Values(one_more, is_category=True))
    gone = population_stability_index(Values(normal), Values(np.full(ROWS, np.nan)))
    assert [found > 0.25 for found in (shifted, spiked, new, gone) if found is not None] == [True] * 4


def test_the_index_by_hand() -> None:
    """Two levels, 60 and 40 before, 40 and 60 after; half a row more in each bin, also others and nulls."""
    before = Values(np.repeat([0.0, 1.0], [60, 40]), is_category=True)
    recent = Values(np.repeat([0.0, 1.0], [40, 60]), is_category=True)
    old, new = np.array([60.5, 40.5, 0.5, 0.5]) / 102, np.array([40.5, 60.5, 0.5, 0.5]) / 102
    expected = ((new - old) * np.log(new / old)).sum()
    assert population_stability_index(before, recent) == pytest.approx(expected)


def test_too_few_rows_are_not_compared() -> None:
    few, many = Values(np.arange(49.0)), Values(np.arange(500.0))
    assert population_stability_index(few, many) is None
    assert population_stability_index(many, few) is None


@pytest.mark.parametrize("leak", [lambda y: y, np.log, lambda y: -3 * y + 7, lambda y: np.ceil(y / 5) * 5])
def test_the_label_itself_in_disguise_explains_it(leak: object, chance: np.random.Generator) -> None:
    label = chance.lognormal(3.5, 0.6, ROWS)
    found = explained_share(Values(leak(label)), label)  # type: ignore[operator]
    assert found is not None
    assert found > 0.97


def test_a_leak_that_goes_up_and_down_is_found_in_bins(chance: np.random.Generator) -> None:
    x = chance.uniform(-1, 1, ROWS)
    label = x**2 + chance.normal(0, 0.02, ROWS)
    found = explained_share(Values(x), label)
    assert found is not None
    assert found > 0.95
    answers = (np.abs(x) > 0.5).astype(float)
    assert (best_auc(Values(x), answers) or 0) > 0.99
    assert auc(x, answers) == pytest.approx(0.5, abs=0.05)


def test_noise_explains_nothing_however_many_levels_it_has(chance: np.random.Generator) -> None:
    label = chance.lognormal(3.5, 0.6, ROWS)
    noise = [
        Values(chance.normal(size=ROWS)),
        Values(with_nulls(chance.normal(size=ROWS), 0.9, chance)),
        Values(np.full(ROWS, np.nan)),
        Values(np.full(ROWS, 7.0)),
        Values(chance.integers(0, 50, ROWS) * 1.0, is_category=True),
    ]
    assert [explained_share(each, label) for each in noise] == pytest.approx([0] * 5, abs=0.02)
    answers = (chance.random(ROWS) < 0.3).astype(float)
    for each in noise:
        assert (best_auc(each, answers) or 0) < 0.65


def test_whether_there_is_a_value_can_be_the_leak(chance: np.random.Generator) -> None:
    answers = (chance.random(ROWS) < 0.3).astype(float)
    values = Values(np.where(answers == 1, chance.normal(size=ROWS), np.nan))
    assert best_auc(values, answers) == 1
    label = np.where(answers == 1, 10.0, 50.0)
    assert explained_share(values, label) == pytest.approx(1, abs=0.01)


def test_a_feature_known_of_few_rows_tells_little(chance: np.random.Generator) -> None:
    label = chance.normal(size=ROWS)
    values = Values(np.where(np.arange(ROWS) < 10, label, np.nan))
    assert (explained_share(values, label) or 0) < 0.05


@pytest.mark.parametrize("seed", range(20))
def test_the_line_is_least_squares_with_a_level_for_nulls(seed: int) -> None:
    chance = np.random.default_rng(seed)
    x = with_nulls(chance.normal(size=40), 0.2, chance)
    label = np.nan_to_num(x, nan=2.0) * 0.7 + chance.normal(size=40)
    known = ~np.isnan(x)
    design = np.column_stack([np.where(known, x, 0), known, ~known]).astype(float)
    left = label - design @ np.linalg.lstsq(design, label, rcond=None)[0]
    rank = np.linalg.matrix_rank(design)
    expected = 1 - (left @ left) / ((label - label.mean()) @ (label - label.mean())) * 39 / (40 - rank)
    assert (explained_share(Values(x), label) or 0) >= expected - 1e-9


def test_too_few_or_equal_labels_say_nothing() -> None:
    few = Values(np.arange(29.0))
    assert explained_share(few, np.arange(29.0)) is None
    assert explained_share(Values(np.arange(100.0)), np.full(100, 3.0)) is None
    assert best_auc(Values(np.arange(100.0)), np.repeat([0.0, 1.0], [91, 9])) is None


def test_auc_is_the_share_of_pairs_in_order(chance: np.random.Generator) -> None:
    score, label = chance.integers(0, 5, 300) * 1.0, (chance.random(300) < 0.4).astype(float)
    yes, no = score[label == 1][:, None], score[label == 0][None, :]
    assert auc(score, label) == pytest.approx(((yes > no) + 0.5 * (yes == no)).mean())


def test_values_of_every_type_are_numbers_or_levels() -> None:
    decided = pd.Series(pd.to_datetime(["2026-03-10T18:05:00Z"] * 3))
    whole = values_of(pd.Series([1, None, 3], dtype="Int64"), decided)
    truth = values_of(pd.Series([True, None, False], dtype="boolean"), decided)
    moments = values_of(pd.Series(pd.to_datetime(["2026-03-10T18:00:00Z", None, None])), decided)
    nothing = values_of(pd.Series([None, None, None], dtype=object), decided)
    for found, expected in ((whole, [1, None, 3]), (truth, [1, None, 0]), (moments, [5, None, None])):
        assert [None if np.isnan(each) else each for each in found.numbers] == expected
        assert not found.is_category
    assert nothing.nulls.all()
    assert null_share(whole) == pytest.approx(1 / 3)
    assert np.isnan(null_share(Values(np.array([]))))


def test_rare_levels_are_one(chance: np.random.Generator) -> None:
    names = [f"common{n}" for n in range(MOST_LEVELS)] * 9 + [f"rare{n}" for n in range(200)]
    column = pd.Series(chance.permutation(names))
    found = values_of(column, column)
    assert len(np.unique(found.numbers)) == MOST_LEVELS + 1
    assert (found.numbers == MOST_LEVELS).sum() == 200


def test_ranks_leave_nulls_out_and_share_ties() -> None:
    assert ranks(np.array([5.0, np.nan, 1.0, 5.0])).tolist()[::2] == [2.5, 1.0]
