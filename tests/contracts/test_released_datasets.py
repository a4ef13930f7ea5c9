"""A released service or dataset is never edited: its description's digest stands here and in review.

`roadside plan` says what an edit touches; on a clean clone of what was merged it has nothing to compare,
so the digest is what an edit cannot pass by.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from roadside.declared import digest
from support.declarations import real
from training_datasets.specs import ETA_V1, SPECS

RELEASED = {
    "eta_v1": "0197d9f6fd56",
    "eta_v2": "17f19e9e09e3",
    "matching_acceptance_v1": "0d9dcbe2e509",
    "matching_ranking_v1": "36ef6a8aedba",
}
"""What each dataset asks, of which rows, with which inputs, labels and checks that stop a day."""


def require_unedited(name: str, told: dict[str, Any]) -> None:
    stem, _, version = name.rpartition("_v")
    stopping = {gate: each for gate, each in told["gates"].items() if each["severity"] == "fail"}
    assert digest(told | {"gates": stopping}) == RELEASED[name], (
        f"{name} was edited: restore it, and add {stem}_v{int(version) + 1}"
    )


@pytest.mark.parametrize("name", [spec.name for spec in SPECS])
def test_a_released_dataset_is_never_edited(name: str) -> None:
    require_unedited(name, real()["datasets"][name])


def test_a_filter_less_in_a_released_dataset_is_refused_with_the_next_version() -> None:
    edited = real(dataset=replace(ETA_V1, filters=ETA_V1.filters[:-1]))
    with pytest.raises(AssertionError, match=r"eta_v1 was edited: .* add eta_v2"):
        require_unedited("eta_v1", edited["datasets"]["eta_v1"])
