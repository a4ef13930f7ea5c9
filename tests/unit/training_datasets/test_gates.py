"""The gates of a day: each finds what was planted for it, and nothing in days that are as before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest

from support.made_dataset import FIRST, days_from, eta_rows
from training_datasets import own_gates
from training_datasets.files import arrow_table
from training_datasets.gates import COMMON, Day, asked
from training_datasets.parts import frame_of_rows
from validation.contract import Table
from validation.contracts.training.eta_v1 import ETA_V1
from validation.errors import CheckFailed

DAYS = days_from(FIRST, 29)
GATES = (*COMMON, *own_gates.ETA_V1)
FEATURE = "incident_area_service_1d__goa_ratio_28d"


def day_of(frame: pd.DataFrame, table: Table = ETA_V1, day: date = DAYS[-1]) -> Day:
    """The last day of the frame, and those before it."""
    rows = frame_of_rows(arrow_table(frame[list(table.column_names)], table))
    is_today = rows["meta_decision_date_et"] == day
    return Day(table, day, rows[is_today].assign(row_key="A1"), rows[~is_today])


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return eta_rows(DAYS, 100)


def test_a_day_like_those_before_it_passes_every_gate(frame: pd.DataFrame) -> None:
    told = asked(GATES, day_of(frame))
    assert {name for name, outcome in told.items() if outcome.startswith("not asked")} == TOO_FEW
    assert {outcome for name, outcome in told.items() if name not in TOO_FEW} == {"passed"}


TOO_FEW = {
    "typical_label_as_before",
    "censored_share_by_provider_id",
    "censored_share_by_incident_area_id",
}
"""A hundred rows a day are too few for a median, and for any one provider or area."""


def planted(name: str) -> Callable[[pd.DataFrame], None]:
    """What makes the last day one that the gate finds something in."""

    def change(frame: pd.DataFrame) -> None:
        today = frame["meta_decision_date_et"] == DAYS[-1]
        recent = frame["meta_decision_date_et"] > DAYS[-8]
        if name == "tripwire":
            frame.loc[today, FEATURE] = -np.sqrt(frame.loc[today, "label_arrival_minutes"])
        elif name == "null_shares_as_before":
            frame.loc[today & (np.arange(len(frame)) % 2 == 0), FEATURE] = None
        elif name == "no_drift":
            frame[FEATURE] = np.where(recent, 0.9, np.arange(len(frame)) % 10 / 20)
        elif name == "pings_agree_as_before":
            frame.loc[today & frame["label_is_gps_apart"].notna(), "label_is_gps_apart"] = True
        elif name == "censored_share_by_provider_id":
            frame["provider_id"] = "P1"
            frame["label_is_censored"] = today
        else:
            frame["incident_area_id"] = "A1"
            frame["label_is_censored"] = today

    return change


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("null_shares_as_before", f"warned: {FEATURE}"),
        ("no_drift", f"warned: {FEATURE}"),
        ("pings_agree_as_before", "warned: 1 of 1 arrivals"),
        ("censored_share_by_provider_id", "warned: 1 of 1 provider_id"),
        ("censored_share_by_incident_area_id", "warned: 1 of 1 incident_area_id"),
    ],
)
def test_a_gate_warns_of_what_it_is_for(frame: pd.DataFrame, name: str, told: str) -> None:
    changed = frame.copy()
    planted(name)(changed)
    assert asked(GATES, day_of(changed))[name] == told


def test_a_label_among_the_inputs_stops_the_day_and_is_named(frame: pd.DataFrame) -> None:
    changed = frame.copy()
    planted("tripwire")(changed)
    with pytest.raises(CheckFailed, match=f"tripwire: {FEATURE}") as refused:
        asked(GATES, day_of(changed))
    assert "trap T16" in refused.value.next_step


def test_a_typical_label_that_moved_is_told(frame: pd.DataFrame) -> None:
    many = eta_rows(days_from(FIRST, 4), 400)
    last = days_from(FIRST, 4)[-1]
    many.loc[many["meta_decision_date_et"] == last, "label_arrival_minutes"] *= 1.5
    told = asked(GATES, day_of(many, day=last))["typical_label_as_before"]
    assert told.startswith("warned: its median is"), told


def test_without_days_before_nothing_is_compared_and_the_tripwire_stands(frame: pd.DataFrame) -> None:
    first = frame[frame["meta_decision_date_et"] == DAYS[0]]
    told = asked(GATES, day_of(first, day=DAYS[0]))
    assert told["tripwire"] == "passed"
    assert told["null_shares_as_before"] == "not asked: 0 working days before it are too few"
