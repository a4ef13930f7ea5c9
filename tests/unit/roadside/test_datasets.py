"""The commands over a built dataset: what they print, write and end with."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from lakehouse.settings import Settings
from support.made_dataset import FIRST, days_from, eta_dataset, eta_rows, write_dataset
from validation.contracts.training.eta_v1 import ETA_V1

OFFERS = "provider_activity_15m__offers_60m_count"


@pytest.fixture
def folder(settings: Settings) -> Path:
    return eta_dataset(settings.datasets_dir / "eta_v1", days=4, per_day=50)


def test_a_card_is_written_into_the_folder_or_where_it_is_asked_for(
    run: Callable, folder: Path, tmp_path: Path
) -> None:
    answer = run("dataset", "card", "eta_v1")
    assert answer.code == 0
    assert "Splits are shortened to 4 days." in answer.out
    assert f"200 rows of 4 days: {folder / '_card.html'}" in answer.out
    written = (folder / "_card.html").read_bytes()
    told = json.loads(run("dataset", "card", str(folder), "--out", str(tmp_path / "x.html"), "--json").out)
    assert (told["dataset"], told["rows"], told["card"]) == ("eta_v1", 200, f"{tmp_path}/x.html")
    assert (tmp_path / "x.html").read_bytes() == written
    one = run("dataset", "card", "eta_v1", "--through", str(FIRST), "--out", str(tmp_path / "one.html"))
    assert "50 rows of 1 day" in one.out


def test_a_card_of_files_that_were_changed_is_refused(run: Callable, folder: Path) -> None:
    file = next(folder.glob("meta_decision_date_et=*/part-0.parquet"))
    file.write_bytes(file.read_bytes()[:-9])
    answer = run("dataset", "card", "eta_v1")
    assert answer.code == 3
    assert "cannot be read as Parquet" in answer.err
    assert not (folder / "_card.html").exists()


def test_a_difference_is_told_and_ends_with_one(run: Callable, folder: Path, tmp_path: Path) -> None:
    days = days_from(FIRST, 4)
    rows = eta_rows(days, 50)
    first = rows.index[rows[OFFERS].notna()][0]
    rows.loc[first, OFFERS] += 1
    write_dataset(tmp_path / "other", ETA_V1, rows, days, code="c0de2")
    same = run("dataset", "diff", "eta_v1", str(folder))
    assert (same.code, "every one holds the same rows" in same.out) == (0, True)
    answer = run("dataset", "diff", "eta_v1", str(tmp_path / "other"))
    assert answer.code == 1
    for told in (str(FIRST), f"{OFFERS} (1)", "code_version", "3 days equal, 1 moved."):
        assert told in " ".join(answer.out.split()), told
    told = json.loads(run("dataset", "diff", "eta_v1", str(tmp_path / "other"), "--json").out)
    assert told["days_moved"] == [
        {
            "day": str(FIRST),
            "release_a": 1,
            "release_b": 1,
            "rows_a": 50,
            "rows_b": 50,
            "added": 0,
            "removed": 0,
            "columns": [{"column": OFFERS, "rows": 1}],
            "inputs": ["code_version"],
        }
    ]
    day = f"@{FIRST + timedelta(days=1)}"
    assert run("dataset", "diff", f"eta_v1{day}", f"{tmp_path}/other{day}").code == 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--start", "yesterday"], "yesterday"),
        (["--start", "2026-1-5"], "2026-1-5"),
        (["--start", "2027-01-01"], "eta_v1 has no built day in [2027-01-01, ...)."),
        (["--end", str(FIRST)], f"eta_v1 has no built day in [{FIRST}, {FIRST})."),
    ],
)
def test_a_rebuild_that_would_verify_nothing_is_refused(
    run: Callable, folder: Path, asked: list[str], told: str
) -> None:
    answer = run("dataset", "rebuild", "eta_v1", "--verify", *asked)
    assert answer.code == 2
    assert told in answer.err
