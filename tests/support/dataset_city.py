"""A home whose datasets are built and looked at: the platform's side beside an oracle's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from feast import FeatureStore

from lakehouse.settings import Settings
from lakehouse.vault import handle_of
from roadside.holds import held_teller
from roadside.locations import location_opener
from roadside.runner import Runner
from simulation.afternoon import AFTERNOON
from support.afternoon import zone_ids
from training_datasets.build import BuildResult, build
from training_datasets.computing import Computing
from training_datasets.spec import DatasetSpec
from training_datasets.specs import spec_named
from validation.contracts.training.row_index import ROW_INDEX

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 12, 9, tzinfo=UTC)


@dataclass
class City:
    """A city of five days with the afternoon in it, its tables made through the afternoon's closes."""

    settings: Settings
    runner: Runner
    store: FeatureStore

    def build(self, spec: DatasetSpec, start: date = AFTERNOON, days: int = 1, **options: Any) -> BuildResult:
        return build(
            self.settings,
            self.runner.lakehouse,
            self.store,
            spec,
            start,
            start + days * DAY,
            location_of=location_opener(handle_of(self.settings)),
            held_of=held_teller(self.settings, self.runner.ops),
            now=lambda: NOW,
            **options,
        )

    def computing(self, name: str) -> Computing:
        return Computing(
            self.settings,
            self.runner.lakehouse,
            self.store,
            spec_named(name),
            location_opener(handle_of(self.settings)),
        )

    def rows(self, spec: DatasetSpec, day: date = AFTERNOON) -> pd.DataFrame:
        """The day's rows by their key in the lake."""
        folder = self.settings.datasets_dir / spec.name / f"{spec.table.partition}={day}"
        index = self.runner.lakehouse.read(ROW_INDEX).where(f"dataset = '{spec.name}'").toPandas()
        rows = pd.read_parquet(folder).merge(index, on="meta_row_id", validate="one_to_one")
        return rows.set_index("row_key")


def mountain(zone_id: str | None) -> str | None:
    """The city lies in Colorado, the afternoon in Idaho."""
    if zone_id in zone_ids().values():
        return "America/Boise"
    return "America/Denver" if zone_id else None


def key_of(name: str, row: dict[str, Any]) -> str:
    """The row as training.row_index names it."""
    micros = (row["meta_decision_at"] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return {
        "eta_v1": "{assignment_id}",
        "eta_v2": "{assignment_id}|{micros}",
        "matching_acceptance_v1": "{offer_id}",
        "matching_ranking_v1": "{job_id}|{meta_round_seq}|{provider_id}",
    }[name].format(micros=micros, **row)


def plain(value: Any) -> Any:
    """A cell whatever type pandas gives it; distances to a micrometre."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)) or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime().astimezone(UTC)
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | float | np.number):
        return round(float(value), 9)
    return value


def differences(row: Any, expected: dict[str, Any], columns: Iterable[str]) -> dict[str, tuple[Any, Any]]:
    """Built and expected, of the columns that are not the same."""
    both = {column: (plain(row[column]), plain(expected[column])) for column in columns}
    return {column: pair for column, pair in both.items() if pair[0] != pair[1]}
