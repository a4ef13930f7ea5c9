"""A built dataset as frames for a model: inputs, labels, and what a row is, split by day.

dataset = training_datasets.load("eta_v1")
train = dataset.of("train")
model.fit(train.X, train.y["label_arrival_minutes"])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from lakehouse.settings import Settings, load_settings
from training_datasets.accepted_support import OUTSIDE, outside_accepted_support
from training_datasets.dataset_folder import DatasetFolder, open_folder
from training_datasets.parts import INPUTS, KEYS, LABELS, META, frame_of_rows, part_of
from training_datasets.splits import SPLITS, SplitPlan, embargo_of, split_days, split_of_rows
from validation.clocks import parse_day
from validation.errors import InputMissing, NotReady, UnknownName

SPLIT = "meta_split"
GAIN = "label_gain"


@dataclass(frozen=True)
class Dataset:
    """A dataset's rows, verified against its manifest. The frames share one index, a number a row.

    Attributes:
        X: what a model may be given: every `view__feature`, the request's `job_*`, and keys that are no
            identifiers (service_type, local_hour_of_week); in the contract's order. Whole numbers and
            booleans are nullable (Int64, boolean), a missing feature is <NA> or NaN, moments are UTC.
        y: every `label_*` column. Which one is the label, and that censored rows have none, the card says.
        meta: every `meta_*` column, and `meta_split`: train, validation, test or embargo (unused). Of
            candidates also `meta_is_outside_accepted_support` (`training_datasets.accepted_support`).
        keys: the identifiers (`*_id`) that features were joined by: to group or to slice, not to fit.
        manifest: what the dataset's `_manifest.json` says, of all days.
        days: the business days (ET) that were read.
        splits: which of the days are whose.
        dropped_late: rows left out because a release was late at their decision.
    """

    folder: DatasetFolder
    X: pd.DataFrame
    y: pd.DataFrame
    meta: pd.DataFrame
    keys: pd.DataFrame
    days: tuple[date, ...]
    splits: SplitPlan
    dropped_late: int = 0

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.folder.name

    @property
    def manifest(self) -> dict[str, Any]:
        """What `_manifest.json` says."""
        return dict(self.folder.manifest)

    @cached_property
    def card(self) -> str:
        """The dataset card of these rows: one HTML page that needs nothing else."""
        from training_datasets.card import drawn

        return drawn(self).html

    def of(self, split: str) -> Dataset:
        """The rows of train, validation, test or embargo.

        Raises:
            UnknownName: there is no such split.
        """
        if split not in SPLITS:
            raise UnknownName("split", split, SPLITS)
        return self._where(self.meta[SPLIT] == split)

    def _where(self, kept: pd.Series) -> Dataset:
        frames = {name: getattr(self, name)[kept] for name in ("X", "y", "meta", "keys")}
        return replace(self, **frames)

    def __len__(self) -> int:
        return len(self.meta)


def load(
    name: str | Path,
    through: date | str | None = None,
    drop_late_releases: bool = False,
    settings: Settings | None = None,
) -> Dataset:
    """A built dataset: X, y, meta, keys, manifest and card, each value verified. No Java, no Spark.

    Every column of every day that is read is held to the digest in its manifest. `meta_split` is made
    of the days up to `through` (`training_datasets.splits`), before any row is dropped.

    Args:
        name: the dataset, "eta_v1"; or the folder of one.
        through: the last business day (ET) to use, a date or "2026-03-10"; else the last that is built.
        drop_late_releases: leave out rows decided while the newest promised tick of a features table
            they read had not come out (`training_datasets.late_releases`). A held tick counts as
            late; of a replayed past, which was released long after, every row does.
        settings: where the dataset and the ledger of releases are; else as the environment says.

    Raises:
        UnknownName, InputMissing: there is no such dataset, or no day of it up to `through`.
        CheckFailed: a file is not what its manifest says; the days and columns are named.
        NotReady: no release is recorded, or none was in time, so that no row could stay.
    """
    here = settings or load_settings()
    is_folder = isinstance(name, Path) or "/" in name
    folder = open_folder(Path(name)) if is_folder else open_folder(here.datasets_dir / name, str(name))
    days = _days(folder, through)
    rows = pa.concat_tables(folder.verified_rows(days))
    plan = split_days(days, embargo_of(folder.name))
    dataset = _dataset(folder, frame_of_rows(rows), days, plan)
    return _without_late(dataset, here) if drop_late_releases else dataset


def _days(folder: DatasetFolder, through: date | str | None) -> tuple[date, ...]:
    last = parse_day(through, "through") if isinstance(through, str) else through
    days = tuple(day for day in folder.days if last is None or day <= last)
    if not days:
        built = f"it begins with {folder.days[0]}" if folder.days else "none is built"
        raise InputMissing(f"{folder.name} has no day through {last}: {built}.")
    return days


def _dataset(folder: DatasetFolder, frame: pd.DataFrame, days: tuple[date, ...], plan: SplitPlan) -> Dataset:
    named: dict[str, list[str]] = {part: [] for part in (META, LABELS, KEYS, INPUTS)}
    for column in frame.columns:
        named[part_of(column)].append(column)
    parts = {part: frame[columns] for part, columns in named.items()}
    split = split_of_rows(plan, frame["meta_decision_at"], frame["meta_group"])
    meta = parts[META].assign(**{SPLIT: split})
    if GAIN in frame.columns:
        meta[OUTSIDE] = outside_accepted_support(parts[INPUTS], frame[GAIN], meta[SPLIT] == "train")
    return Dataset(folder, parts[INPUTS], parts[LABELS], meta, parts[KEYS], days, plan)


def _without_late(dataset: Dataset, settings: Settings) -> Dataset:
    from lakehouse.ops import Ops
    from training_datasets.late_releases import late_rows, publications

    tables = features_read(dataset.folder, dataset.days)
    came_out = publications(Ops(settings.ops_url), tables)
    late = late_rows(dataset.meta["meta_decision_at"], came_out)
    if len(late) and late.all():
        raise NotReady(
            f"{dataset.name}: of {len(late):,} rows each was decided before the releases it reads came out.",
            "A replayed past is released long after its promise: load it without drop_late_releases.",
        )
    kept = dataset._where(pd.Series(~late, index=dataset.meta.index))
    return replace(kept, dropped_late=int(late.sum()))


def features_read(folder: DatasetFolder, days: Sequence[date]) -> list[str]:
    """The features tables that the days' features were joined from, by name."""
    read = {table for day in days for table in folder.day_manifest(day)["inputs"]["predicate"]}
    return sorted(table for table in read if table.startswith("features."))
