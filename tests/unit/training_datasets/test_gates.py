"""The gates of a day: each finds what was planted for it, and nothing in days that are as before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest

from support.made_dataset import FIRST, days_from, decision_rows, eta_rows
from training_datasets import own_gates
from training_datasets.files import arrow_table
from training_datasets.gates import COMMON, PASSED, Day, asked, shares_held
from training_datasets.parts import frame_of_rows
from training_datasets.specs.eta_v2 import ETA_V2 as ETA_V2_SPEC
from validation.contract import Table
from validation.contracts.training.eta_v1 import ETA_V1
from validation.contracts.training.eta_v2 import ETA_V2
from validation.contracts.training.matching_ranking_v1 import MATCHING_RANKING_V1
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


def eta_v2_day(rows: pd.DataFrame, before: pd.DataFrame) -> dict[str, str]:
    return asked(ETA_V2_SPEC.all_gates, Day(ETA_V2, DAYS[-1], rows, before))


def test_a_day_without_rows_passes_and_says_what_it_could_not_ask() -> None:
    none = decision_rows(ETA_V2, [], 0).assign(row_key=pd.Series(dtype=object))
    told = eta_v2_day(none, none)
    assert told["weights_sum_to_the_assignments"] == told["remaining_shrinks_with_time"] == "passed"
    assert told["null_shares_as_before"] == told["some_input_is_known"] == "not asked: no rows"


def test_levels_of_text_are_told_apart_once_for_both_sides(frame: pd.DataFrame) -> None:
    """One level more at the start shifted all the others; another city altogether passed."""
    changed = frame.copy()
    first = changed.index[changed["meta_decision_date_et"] == DAYS[0]][:3]
    changed.loc[first, "service_type"] = "a_new_one"
    assert asked(GATES, day_of(changed))["no_drift"] == "passed"
    recent = changed["meta_decision_date_et"] > DAYS[-8]
    changed.loc[recent, "service_type"] = "other_" + changed.loc[recent, "service_type"]
    assert asked(GATES, day_of(changed))["no_drift"] == "warned: service_type"


def test_a_share_that_moves_from_day_to_day_is_no_alarm_and_one_that_jumps_is() -> None:
    chance = np.random.default_rng(3)
    days, rows = days_from(FIRST, 29), 4_000
    shares = [*(0.63 if number % 2 else 0.57 for number in range(len(days) - 1)), 0.66]
    daily = np.repeat(shares, rows)  # by chance alone a share would be within 0.008
    whole = pd.DataFrame(
        {
            "meta_decision_date_et": np.repeat(np.array(days, dtype=object), rows),
            "meta_weight": 1.0,
            "channel": "digital",
            "is_yes": pd.array(chance.random(len(days) * rows) < daily, dtype="boolean"),
        }
    )
    is_today = whole["meta_decision_date_et"] == days[-1]
    now, before = whole[is_today], whole[~is_today]
    assert shares_held(now, before, "channel", "is_yes") == PASSED
    jumped = now.assign(is_yes=pd.array(chance.random(rows) < 0.9, dtype="boolean"))
    assert shares_held(jumped, before, "channel", "is_yes").found == "1 of 1 channel"
    withdrawn = now.assign(is_yes=now["is_yes"].where(chance.random(rows) < 0.5))
    assert shares_held(withdrawn, before, "channel", "is_yes") == PASSED, "no answer is no answer"


def test_few_heavy_rows_count_as_what_they_weigh() -> None:
    """Twenty of fifty assignments cut off where ten were on every day: of fifty that is chance, of their
    five hundred rows it would not be."""

    def of_day(day: date, cut: int) -> pd.DataFrame:
        is_cut = np.repeat(np.arange(50) < cut, 10)
        return pd.DataFrame(
            {"meta_decision_date_et": day, "meta_weight": 0.1, "area": "A1", "is_cut": is_cut}
        )

    days = days_from(FIRST, 29)
    before, now = pd.concat([of_day(day, 10) for day in days[:-1]]), of_day(days[-1], 20)
    assert shares_held(now, before, "area", "is_cut") == PASSED
    alike = [frame.assign(meta_weight=1.0) for frame in (now, before)]
    assert shares_held(*alike, "area", "is_cut").found == "1 of 1 area"


@pytest.mark.parametrize(
    ("alone", "told"), [(0, "passed"), (900, "warned: 1 candidates a round are typical")]
)
def test_rounds_without_a_choice_count_among_the_rounds(alone: int, told: str) -> None:
    rows = decision_rows(MATCHING_RANKING_V1, DAYS[-1:], 500)
    rows["meta_round"] = [f"R{number // 5}" for number in range(500)]
    day = Day(MATCHING_RANKING_V1, DAYS[-1], rows, rows.iloc[:0], {"fewer_than_two": alone})
    assert asked(own_gates.MATCHING_RANKING_V1, day)["candidates_a_round"] == told


def test_why_the_tripwire_was_not_asked_is_told(frame: pd.DataFrame) -> None:
    today = frame[frame["meta_decision_date_et"] == DAYS[-1]]
    alike = today.assign(label_arrival_minutes=np.where(today["label_arrival_minutes"].notna(), 30.0, np.nan))
    assert asked(GATES, day_of(alike))["tripwire"] == "not asked: all labels are the same"
    features = [name for name in ETA_V1.column_names if "__" in name]
    empty = today.assign(**dict.fromkeys(features))
    with pytest.raises(CheckFailed, match="some_input_is_known: none has a value in any row"):
        asked(GATES, day_of(empty.astype(today.dtypes)))
