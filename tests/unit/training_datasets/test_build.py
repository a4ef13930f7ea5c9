"""A build that ends before anything stands."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lakehouse.settings import load_settings
from support.afternoon import AFTERNOON
from training_datasets import build as building
from training_datasets.build import build
from training_datasets.computing import Computing
from training_datasets.specs.eta_v1 import ETA_V1
from validation.errors import CheckFailed


def test_a_first_build_that_fails_leaves_no_dataset_without_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({"ROADSIDE_HOME": str(tmp_path)})

    def stopped(*_: Any) -> Iterator[Any]:
        raise CheckFailed("The first day does not pass its gates.")

    monkeypatch.setattr(Computing, "service", None)
    monkeypatch.setattr(building, "require_mature", lambda *_: None)
    monkeypatch.setattr(building._Builder, "build", stopped)
    with pytest.raises(CheckFailed):
        build(
            settings, None, None, ETA_V1, AFTERNOON, AFTERNOON + timedelta(days=1),  # type: ignore[arg-type]
            location_of=lambda place: place,
        )  # fmt: skip
    assert not (settings.datasets_dir / "eta_v1").exists()
