"""The small model: what it learns, that it learns the same again, and what a leak does to its error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from roadside.leaks import Joins, model_errors
from training_datasets.card_profiles import LabelKind
from training_datasets.small_model import error, fit, inputs_as_numbers
from validation.contracts.training.eta_v1 import ETA_V1

CHANCE = np.random.default_rng(11)
FEATURE = "incident_area_service_1d__arrival_minutes_p50_28d"


@pytest.mark.parametrize("kind", list(LabelKind))
def test_it_does_better_than_a_constant_and_the_same_again(kind: LabelKind) -> None:
    never = np.full(600, np.nan)
    inputs = np.column_stack(
        [CHANCE.normal(size=600), np.where(CHANCE.random(600) < 0.2, np.nan, 1.0), never]
    )
    told = inputs[:, 0] + CHANCE.normal(0, 0.3, 600)
    label = (told > 0).astype(float) if kind is LabelKind.ANSWER else 10 + told
    first, again = (fit(inputs[:400], label[:400], kind).says(inputs[400:]) for _ in range(2))
    assert (first == again).all()
    constant = np.full(200, label[:400].mean())
    assert error(first, label[400:], kind) < 0.6 * error(constant, label[400:], kind)


def test_text_is_levels_and_moments_are_ages() -> None:
    decided = pd.Series(pd.to_datetime(["2026-03-10T18:00Z", "2026-03-10T18:00Z"]))
    inputs = pd.DataFrame({"service": ["tow", None], "seen_at": decided - pd.Timedelta(minutes=3)})
    assert np.array_equal(inputs_as_numbers(inputs, decided), [[0.0, 3.0], [np.nan, 3.0]], equal_nan=True)


def joins_of(count: int) -> Joins:
    """Jobs whose minutes follow the area's median; the early join reads the answer itself."""
    decided = pd.Series(pd.date_range("2026-03-01", periods=count, freq="10min", tz="UTC"))
    median = pd.Series(CHANCE.choice([20.0, 30.0, 60.0], count))
    label = median + CHANCE.normal(0, 10, count)
    rows = pd.DataFrame(
        {"meta_decision_at": decided, "group_key": [f"J{n}" for n in range(count)], "service_type": "tow"}
    ).assign(meta_weight=1.0, label_arrival_minutes=label)
    served = pd.DataFrame({FEATURE: median})
    return Joins(rows, served, pd.DataFrame({FEATURE: label}), served[[]])


def test_a_leak_claims_more_than_it_gives() -> None:
    errors = model_errors(joins_of(1000), ETA_V1)
    assert errors is not None
    assert (errors.measure, errors.train_rows, errors.test_rows) == ("mean error in minutes", 700, 300)
    early, true = errors.ignoring_available_at, errors.ignoring_landing
    assert early.promised < errors.honest / 2, "it read the answer"
    assert early.delivered > 10 * early.promised, "and has it no more in use"
    assert true.promised == true.delivered == errors.honest, "nothing was corrected"


def test_of_few_rows_nothing_is_said() -> None:
    assert model_errors(joins_of(200), ETA_V1) is None
