"""Two datasets side by side: what moved, in how many rows, and why."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from support.made_dataset import FIRST, days_from, eta_rows, write_dataset
from training_datasets.differences import Differences, differences, side
from training_datasets.files import day_file
from validation.contracts.training.eta_v1 import ETA_V1
from validation.errors import CheckFailed, InputMissing, UnknownName, UserError

DAYS = days_from(FIRST, 5)
MOVED = DAYS[2]
OFFERS = "provider_activity_15m__offers_60m_count"


@pytest.fixture
def rows() -> pd.DataFrame:
    return eta_rows(DAYS, 200)


def changed(rows: pd.DataFrame) -> pd.DataFrame:
    """Of one day: 3 counts and 5 labels with other values, 2 nulls that were none, a row gone, two new."""
    rows = rows.copy()
    there = rows.index[(rows["meta_decision_date_et"] == MOVED) & rows[OFFERS].notna()]
    seen = rows.index[(rows["meta_decision_date_et"] == MOVED) & rows["label_arrival_minutes"].notna()]
    rows.loc[there[:3], OFFERS] += 1
    rows.loc[there[3:5], OFFERS] = pd.NA
    rows.loc[seen[-5:], "label_arrival_minutes"] += 0.5
    unmoved = [label for label in rows.index if label not in {*there[:5], *seen[-5:]}]
    gone = next(label for label in unmoved if rows.loc[label, "meta_decision_date_et"] == MOVED)
    new = rows.loc[[gone, gone]].assign(meta_row_id=["x" * 24, "y" * 24])
    return pd.concat([rows.drop(gone), new], ignore_index=True)


def diff(folder: Path, a: str, b: str) -> Differences:
    return differences(side(a, folder), side(b, folder))


def test_the_same_dataset_elsewhere_is_equal(tmp_path: Path, rows: pd.DataFrame) -> None:
    for name in ("datasets/eta_v1", "copy/eta_v1"):
        write_dataset(tmp_path / name, ETA_V1, rows, DAYS, code=name)
    found = diff(tmp_path / "datasets", "eta_v1", f"{tmp_path}/copy/eta_v1")
    assert found.is_equal
    assert (found.days_equal, found.rows_a, found.rows_b) == (5, 1000, 1000)


def test_a_day_that_moved_is_told_by_rows_and_columns_and_why(tmp_path: Path, rows: pd.DataFrame) -> None:
    write_dataset(tmp_path / "eta_v1", ETA_V1, rows, DAYS)
    write_dataset(tmp_path / "other/eta_v1", ETA_V1, changed(rows), DAYS, code="c0de2", reads=["features.a"])
    found = diff(tmp_path, "eta_v1", f"{tmp_path}/other/eta_v1")
    (day,) = found.days_moved
    assert (found.days_equal, found.is_equal, day.day) == (4, False, MOVED)
    assert (day.rows_a, day.rows_b, day.added, day.removed) == (200, 201, 2, 1)
    counts = {each.column: each.rows for each in day.columns}
    assert counts == {OFFERS: 5, "label_arrival_minutes": 5}
    assert day.inputs == (
        "code_version",
        "features.a",
        "features.area_service_1d",
        "features.zone_demand_15m",
    )


def test_releases_of_one_folder_differ_by_their_manifests(tmp_path: Path, rows: pd.DataFrame) -> None:
    write_dataset(tmp_path / "eta_v1", ETA_V1, rows, DAYS)
    again = changed(rows)
    write_dataset(tmp_path / "eta_v1", ETA_V1, again, [MOVED], release=lambda _day: 2)
    assert diff(tmp_path, "eta_v1", "eta_v1@2").is_equal
    found = diff(tmp_path, "eta_v1@1", "eta_v1")
    (day,) = found.days_moved
    assert (day.release_a, day.release_b, day.rows_a, day.rows_b) == (1, 2, 200, 201)
    assert (day.added, day.removed) == (None, None), "the first release's file is gone"
    assert {each.rows for each in day.columns} == {None}
    assert OFFERS in {each.column for each in day.columns}
    assert diff(tmp_path, f"eta_v1@{DAYS[0]}", f"eta_v1@{DAYS[0]}").is_equal


def test_days_and_columns_of_one_side_are_named(tmp_path: Path, rows: pd.DataFrame) -> None:
    write_dataset(tmp_path / "eta_v1", ETA_V1, rows, DAYS)
    write_dataset(tmp_path / "few/eta_v1", ETA_V1, rows, DAYS[1:])
    found = diff(tmp_path, "eta_v1", str(tmp_path / "few" / "eta_v1"))
    assert (found.days_only_a, found.days_only_b, found.days_equal) == ((DAYS[0],), (), 4)
    apart = diff(tmp_path, f"eta_v1@{DAYS[0]}", f"eta_v1@{DAYS[1]}")
    assert (apart.days_only_a, apart.days_only_b, apart.days_equal) == ((DAYS[0],), (DAYS[1],), 0)
    for path in (tmp_path / "few" / "eta_v1" / "_manifests").iterdir():
        told = json.loads(path.read_text())
        told["content"]["columns"]["job_needs_tow"] = told["content"]["columns"].pop("service_type")
        path.write_text(json.dumps(told))
    with pytest.raises(CheckFailed, match=r"is not the one that _manifest\.json names"):
        side(str(tmp_path / "few" / "eta_v1"), tmp_path)


def test_a_file_that_is_not_its_manifests_is_not_counted(tmp_path: Path, rows: pd.DataFrame) -> None:
    write_dataset(tmp_path / "eta_v1", ETA_V1, rows, DAYS)
    write_dataset(tmp_path / "other/eta_v1", ETA_V1, changed(rows), DAYS)
    path = day_file(tmp_path / "eta_v1", ETA_V1, MOVED)
    path.write_bytes(day_file(tmp_path / "eta_v1", ETA_V1, DAYS[0]).read_bytes())
    (day,) = diff(tmp_path, "eta_v1", f"{tmp_path}/other/eta_v1").days_moved
    assert (day.rows_a, day.rows_b, day.added) == (200, 201, None)
    path.unlink()
    (day,) = diff(tmp_path, "eta_v1", f"{tmp_path}/other/eta_v1").days_moved
    assert day.removed is None


def test_what_is_not_there_is_told(tmp_path: Path, rows: pd.DataFrame) -> None:
    write_dataset(tmp_path / "eta_v1", ETA_V1, rows, DAYS)
    with pytest.raises(UserError, match=r"'latest' in 'eta_v1@latest' is neither"):
        side("eta_v1@latest", tmp_path)
    with pytest.raises(InputMissing, match=f"eta_v1 has no day 2026-07-01; it has {DAYS[0]} to {DAYS[-1]}"):
        side("eta_v1@2026-07-01", tmp_path)
    with pytest.raises(InputMissing, match="eta_v1 has no release 0; its newest is 1"):
        side("eta_v1@0", tmp_path)
    with pytest.raises(UnknownName, match="Did you mean eta_v1"):
        side("eta_v01", tmp_path)
    with pytest.raises(UserError, match="is not a day"):
        side("eta_v1@2026-02-30", tmp_path)
    with pytest.raises(InputMissing, match="was never built in"):
        side(f"{tmp_path}/nothing/eta_v1@1", tmp_path)


def test_a_kept_manifest_that_was_changed_is_refused(tmp_path: Path, rows: pd.DataFrame) -> None:
    write_dataset(tmp_path / "eta_v1", ETA_V1, rows, DAYS)
    write_dataset(tmp_path / "eta_v1", ETA_V1, changed(rows), [MOVED], release=lambda _day: 2)
    path = tmp_path / "eta_v1" / "_manifests" / f"{MOVED}.1.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "content": {**told["content"], "rows": 3}}))
    with pytest.raises(CheckFailed, match=f"the manifest of {MOVED}, release 1, does not"):
        side("eta_v1@1", tmp_path)
    assert side(f"eta_v1@{MOVED + timedelta(days=0)}", tmp_path).rows == 201
