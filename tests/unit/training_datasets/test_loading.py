"""A built dataset read back: its parts, its days, and no value that is not the manifest's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import training_datasets
from lakehouse.ops import Ops
from lakehouse.releases import ReleaseKind, Releases
from lakehouse.settings import Settings, load_settings
from support.made_dataset import FIRST, days_from, decision_rows, eta_dataset, eta_rows, write_dataset
from training_datasets.accepted_support import DISTANCES, OUTSIDE, WILLINGNESS
from training_datasets.files import day_file
from training_datasets.late_releases import counts_of_late
from training_datasets.loading import features_read
from training_datasets.slices import slices_of
from validation.clocks import TICK, TICK_DELAY, daily_available_at
from validation.contracts.training.eta_v1 import ETA_V1
from validation.contracts.training.matching_ranking_v1 import MATCHING_RANKING_V1
from validation.errors import CheckFailed, InputMissing, NotReady, UnknownName

DAY = timedelta(days=1)
TAKEN = FIRST + 3 * DAY
OFFERS = "provider_activity_15m__offers_60m_count"
NEAREST = DISTANCES[0]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"ROADSIDE_HOME": str(tmp_path / "home")})


@pytest.fixture
def folder(settings: Settings) -> Path:
    return eta_dataset(settings.datasets_dir / "eta_v1", days=30, per_day=40)


def rewrite(folder: Path, day: date, rows: pa.Table) -> None:
    pq.write_table(rows, day_file(folder, ETA_V1, day))


def rows_of(folder: Path, day: date) -> pa.Table:
    return pq.ParquetFile(day_file(folder, ETA_V1, day)).read()


def test_the_parts_are_the_contracts_columns_each_in_one_and_the_split(
    folder: Path, settings: Settings
) -> None:
    dataset = training_datasets.load("eta_v1", settings=settings)
    parts = [dataset.meta, dataset.keys, dataset.X, dataset.y]
    names = [name for part in parts for name in part.columns if name != "meta_split"]
    assert sorted(names) == sorted(ETA_V1.column_names)
    assert list(dataset.keys) == ["provider_id", "incident_zone_id", "incident_area_id"]
    assert [name for name in dataset.X if "__" not in name] == ["service_type"]
    assert [len(part) for part in parts] == [1200] * 4 == [len(dataset)] * 4
    assert all(part.index.equals(pd.RangeIndex(1200)) for part in parts)
    assert dataset.manifest["rows"] == 1200


def test_values_are_those_that_were_written_and_counts_stay_whole(folder: Path, settings: Settings) -> None:
    dataset = training_datasets.load("eta_v1", settings=settings)
    written = eta_rows(days_from(FIRST, 30), 40).sort_values(["meta_decision_at", "meta_row_id"])
    read = dataset.X.assign(id=dataset.meta["meta_row_id"]).set_index("id")[OFFERS]
    told = written.set_index("meta_row_id")[OFFERS]
    assert read.dtype == told.dtype == pd.Int64Dtype()
    assert read.isna().any()
    pd.testing.assert_series_equal(read, told[read.index], check_names=False)
    assert dataset.y["label_is_on_time"].dtype == pd.BooleanDtype()
    assert str(dataset.meta["meta_decision_at"].dtype) == "datetime64[us, UTC]"


def test_through_is_the_last_day_and_the_splits_are_made_from_it(folder: Path, settings: Settings) -> None:
    whole = training_datasets.load("eta_v1", settings=settings)
    assert (whole.splits.train, whole.splits.test) == (
        tuple(days_from(FIRST, 9)),
        tuple(days_from(FIRST + 16 * DAY, 14)),
    )
    cut = training_datasets.load("eta_v1", through=str(FIRST + 24 * DAY), settings=settings)
    assert (len(cut), cut.days[-1]) == (25 * 40, FIRST + 24 * DAY)
    assert cut.splits.test == tuple(days_from(FIRST + 11 * DAY, 14))
    assert cut.meta["meta_split"].value_counts().gt(0).all()
    with pytest.raises(InputMissing, match=r"no day through 2026-01-04: it begins with 2026-01-05"):
        training_datasets.load("eta_v1", through=FIRST - DAY, settings=settings)


def test_one_split_is_taken_out_of_every_frame(folder: Path, settings: Settings) -> None:
    dataset = training_datasets.load("eta_v1", settings=settings)
    test = dataset.of("test")
    assert test.X.index.equals(test.y.index)
    assert set(test.meta["meta_decision_date_et"]) == set(dataset.splits.test[1:]), "the first is embargo"
    assert sum(len(dataset.of(split)) for split in ("train", "validation", "test", "embargo")) == 1200
    with pytest.raises(UnknownName, match="Did you mean validation"):
        dataset.of("validate")


def test_candidates_say_whether_they_are_like_those_that_said_yes_in_train(settings: Settings) -> None:
    days = days_from(FIRST, 30)
    frame = decision_rows(MATCHING_RANKING_V1, days, 40)
    is_far = np.arange(len(frame)) % 10 == 9
    is_of_test = frame["meta_decision_date_et"] >= days[-14]  # there the far ones said yes as well
    gain = np.where(is_far, np.where(is_of_test, 3, None), np.arange(len(frame)) % 4)
    frame = frame.assign(
        label_gain=pd.array(gain, dtype="Int64"),
        **{NEAREST: np.where(is_far, 90.0, np.arange(len(frame)) % 30), WILLINGNESS: 0.5},
    )
    write_dataset(settings.datasets_dir / "matching_ranking_v1", MATCHING_RANKING_V1, frame, days)
    dataset = training_datasets.load("matching_ranking_v1", settings=settings)
    assert dataset.meta[OUTSIDE].equals((dataset.X[NEAREST] == 90.0).rename(OUTSIDE).astype("boolean"))
    assert slices_of(dataset)["support of acceptances"].value_counts().to_dict() == {
        "within": 1080,
        "outside": 120,
    }


def test_a_folder_can_be_named_itself(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROADSIDE_HOME", str(tmp_path / "elsewhere"))
    assert len(training_datasets.load(folder)) == len(training_datasets.load(str(folder))) == 1200


def test_a_value_that_differs_is_named_with_its_column_and_day(folder: Path, settings: Settings) -> None:
    rows = rows_of(folder, TAKEN)
    taken = rows["label_arrival_minutes"].to_pylist()
    changed = [minutes if minutes is None else minutes + 1e-13 for minutes in taken]
    place = rows.schema.get_field_index("label_arrival_minutes")
    rewrite(folder, TAKEN, rows.set_column(place, "label_arrival_minutes", pa.array(changed)))
    rewrite(folder, TAKEN + DAY, rows_of(folder, TAKEN + DAY).drop_columns(["service_type"]))
    told = (
        rf"in {TAKEN}: label_arrival_minutes; {TAKEN + DAY}: service_type\.\n.*"
        r"roadside dataset build eta_v1"
    )
    with pytest.raises(CheckFailed, match=told):
        training_datasets.load("eta_v1", settings=settings)
    assert len(training_datasets.load("eta_v1", through=TAKEN - DAY, settings=settings)) == 120


def test_a_row_that_is_gone_is_told_as_every_column(folder: Path, settings: Settings) -> None:
    rewrite(folder, TAKEN, rows_of(folder, TAKEN).slice(1))
    with pytest.raises(CheckFailed, match=f"in {TAKEN}: label_is_censored.*and [0-9]+ more|every column"):
        training_datasets.load("eta_v1", settings=settings)


@pytest.mark.parametrize("place", [4, 1_000, -20])
def test_a_flipped_byte_never_passes(folder: Path, settings: Settings, place: int) -> None:
    path = day_file(folder, ETA_V1, TAKEN)
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(CheckFailed, match=str(TAKEN)):
        training_datasets.load("eta_v1", settings=settings)


def test_a_column_whose_bytes_cannot_be_read_is_named(folder: Path, settings: Settings) -> None:
    path = day_file(folder, ETA_V1, TAKEN)
    group = pq.ParquetFile(path).metadata.row_group(0)
    chunks = [group.column(place) for place in range(group.num_columns)]
    chunk = next(each for each in chunks if each.path_in_schema == "label_arrival_minutes")
    start = min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
    content = bytearray(path.read_bytes())
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(content)
    with pytest.raises(CheckFailed, match=f"the file of {TAKEN} cannot be read in label_arrival_minutes"):
        training_datasets.load("eta_v1", settings=settings)


def test_a_missing_file_and_a_changed_manifest_are_told(folder: Path, settings: Settings) -> None:
    day_file(folder, ETA_V1, TAKEN).unlink()
    with pytest.raises(CheckFailed, match=f"the file of {TAKEN} is missing"):
        training_datasets.load("eta_v1", settings=settings)
    path = folder / "_manifests" / f"{TAKEN}.json"
    told = json.loads(path.read_text())
    told["content"]["columns"]["service_type"] = "0" * 64
    path.write_text(json.dumps(told))
    day_file(folder, ETA_V1, TAKEN).symlink_to(day_file(folder, ETA_V1, TAKEN + DAY))
    with pytest.raises(CheckFailed, match=f"the manifest of {TAKEN} is not the one"):
        training_datasets.load("eta_v1", settings=settings)
    path.unlink()
    with pytest.raises(CheckFailed, match=f"the manifest of {TAKEN} is missing"):
        training_datasets.load("eta_v1", settings=settings)
    manifest = json.loads((folder / "_manifest.json").read_text())
    (folder / "_manifest.json").write_text(json.dumps({**manifest, "rows": 7}))
    with pytest.raises(CheckFailed, match="does not have the digest that it states"):
        training_datasets.load("eta_v1", settings=settings)


def test_what_is_not_built_is_told_with_how_to_build_it(settings: Settings) -> None:
    with pytest.raises(InputMissing, match="Build it: roadside dataset build eta_v1"):
        training_datasets.load("eta_v1", settings=settings)
    with pytest.raises(UnknownName, match="Did you mean eta_v1"):
        training_datasets.load("eta_v01", settings=settings)
    with pytest.raises(InputMissing, match="was never built in /nowhere"):
        training_datasets.load("/nowhere", settings=settings)


def test_a_dataset_without_rows_is_loaded_as_one(settings: Settings) -> None:
    days = days_from(FIRST, 3)
    write_dataset(settings.datasets_dir / "eta_v1", ETA_V1, eta_rows(days, 0), days)
    dataset = training_datasets.load("eta_v1", settings=settings)
    assert (len(dataset), len(dataset.days)) == (0, 3)
    assert OFFERS in dataset.X
    assert "meta_split" in dataset.meta


def test_loading_starts_neither_spark_nor_feast(folder: Path) -> None:
    program = (
        "import sys, training_datasets\n"
        "heavy = ('pyspark', 'feast', 'pandera', 'sqlalchemy', 'pyiceberg')\n"
        "assert not {*heavy} & {*sys.modules}, sorted({*heavy} & {*sys.modules})\n"
        f"assert len(training_datasets.load({str(folder)!r})) == 1200\n"
        "assert not {*heavy} & {*sys.modules}, sorted({*heavy} & {*sys.modules})\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def release(settings: Settings, late: Mapping[datetime, datetime]) -> None:
    """A release of every tick and cut from the first day to TAKEN, at its promise or when `late` says."""
    ops = Ops(settings.ops_url)
    start = datetime(2026, 1, 4, 8, tzinfo=UTC)  # 03:00 ET in winter
    for number in range(6 * 96):
        tick = start + number * TICK
        came_out = late.get(tick, tick + TICK_DELAY)
        zones = {"features.zone_demand_15m": number}
        Releases(ops, lambda at=came_out: at).publish(ReleaseKind.TICK, tick, tick + TICK_DELAY, zones)
        if number % 96 == 0:
            six, areas = daily_available_at(tick), {"features.area_service_1d": number}
            Releases(ops, lambda at=six: at).publish(ReleaseKind.DAILY, tick, six, areas)


def test_rows_decided_before_a_late_release_are_dropped_and_only_those(
    folder: Path, settings: Settings
) -> None:
    whole = training_datasets.load("eta_v1", through=TAKEN, settings=settings)
    assert features_read(whole.folder, whole.days) == ["features.area_service_1d", "features.zone_demand_15m"]
    first, out = datetime(2026, 1, 7, 14, tzinfo=UTC), datetime(2026, 1, 7, 22, 12, tzinfo=UTC)
    release(settings, {first + number * TICK: out for number in range(32)})
    kept = training_datasets.load("eta_v1", through=TAKEN, drop_late_releases=True, settings=settings)
    at = whole.meta["meta_decision_at"]
    missed = (at >= first + TICK_DELAY) & (at < datetime(2026, 1, 7, 22, 5, tzinfo=UTC))  # 22:00 was in time
    assert kept.dropped_late == missed.sum() > 5
    assert kept.meta.equals(whole.meta[~missed])
    counted = counts_of_late(
        at, Ops(settings.ops_url), [*features_read(whole.folder, whole.days), "features.x"]
    )
    assert counted == {
        "rows": kept.dropped_late,
        "by_table": {"features.zone_demand_15m": kept.dropped_late},
        "never_released": ["features.x"],
    }
    assert kept.X.index.equals(kept.y.index)


def test_without_a_ledger_or_with_a_replayed_past_nothing_is_made_up(
    folder: Path, settings: Settings
) -> None:
    with pytest.raises(NotReady, match=r"No release of features\.area_service_1d, features\.zone_demand"):
        training_datasets.load("eta_v1", drop_late_releases=True, settings=settings)
    assert not Ops(settings.ops_url).is_there()
    now = datetime(2026, 6, 1, tzinfo=UTC)
    for kind, table in (("tick", "features.zone_demand_15m"), ("daily", "features.area_service_1d")):
        Releases(Ops(settings.ops_url), lambda: now).publish(ReleaseKind(kind), now - DAY, now, {table: 1})
    with pytest.raises(NotReady, match="of 1,200 rows each was decided before the releases it reads"):
        training_datasets.load("eta_v1", drop_late_releases=True, settings=settings)
