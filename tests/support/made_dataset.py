"""Datasets made up by numbers and written as a build writes them: files by day, manifests, digests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from training_datasets.files import arrow_table, column_digests, day_file, write_parquet
from training_datasets.manifests import DayManifest, write_dataset_manifest, write_day_manifest
from validation.clocks import business_day_start
from validation.contract import Column, Table, Type
from validation.contracts.training.eta_v1 import ETA_V1

FIRST = date(2026, 1, 5)
SERVICES = ("tow", "jump_start", "flat_tire", "lockout", "fuel_delivery", "winch_out")
CHECKS = ("waterfall_sums_to_the_rows", "features_add_and_drop_no_row", "one_row_per_row_id", "contract")
AREA_MEDIAN = "incident_area_service_1d__arrival_minutes_p50_28d"


def days_from(first: date, count: int) -> list[date]:
    """So many days in a row."""
    return [first + timedelta(days=n) for n in range(count)]


def decision_rows(table: Table, days: Sequence[date], per_day: int, seed: int = 7) -> pd.DataFrame:
    """Rows of a contract with ids, instants, groups of one or two rows, keys, and features by type.

    Every tenth feature is null in each row, others in a tenth of them; labels are all null.
    """
    chance = np.random.default_rng(seed)
    count = len(days) * per_day
    rows: dict[str, Any] = {
        "meta_row_id": [f"{number:024x}" for number in chance.permutation(count)],
        "meta_decision_date_et": np.repeat(np.array(days, dtype=object), per_day),
        "meta_decision_at": [_instant(day, chance) for day in days for _ in range(per_day)],
        "meta_group": [f"{number * 2 // 3:024x}" for number in range(count)],
        "meta_weight": np.ones(count),
        "meta_dispatch_channel": chance.choice(["digital", "phone"], count),
        "meta_program_id": chance.choice(["G1", "G2", None], count),
        "provider_id": chance.choice([f"P{n}" for n in range(40)], count),
        "service_type": chance.choice(SERVICES, count),
    }
    for number, column in enumerate(table.columns):
        if column.name not in rows and column.name not in ("meta_split",):
            rows[column.name] = _values(column, number, rows, count, chance)
    return _typed(pd.DataFrame(rows), table)


def eta_rows(days: Sequence[date], per_day: int, seed: int = 7, censored_share: float = 0.2) -> pd.DataFrame:
    """eta_v1: arrivals around a median that the area's feature half knows; some cut off, some missing."""
    frame = decision_rows(ETA_V1, days, per_day, seed)
    chance = np.random.default_rng(seed + 1)
    count = len(frame)
    typical = chance.choice([20.0, 30.0, 45.0, 70.0], count)
    took = np.clip(typical * chance.lognormal(0, 0.45, count), 1, 360)
    cut = chance.random(count) < censored_share
    missing = ~cut & (chance.random(count) < 0.03)
    seen = ~cut & ~missing
    waited = np.where(cut, took * chance.random(count), took)
    promise = np.ceil(typical / 5) * 5
    reasons = chance.choice(["member_cancelled", "provider_gave_back", "agent_reassigned"], count)
    frame[AREA_MEDIAN] = np.where(chance.random(count) < 0.1, np.nan, typical)
    labels = {
        "label_status": np.where(cut, "censored", np.where(missing, "missing_milestone", "observed")),
        "label_arrival_minutes": np.where(seen, took, np.nan),
        "label_observed_minutes": np.where(missing, np.nan, waited),
        "label_lower_bound_minutes": np.where(missing, 0.0, waited),
        "label_upper_bound_minutes": np.where(cut, np.nan, took),
        "label_is_censored": cut,
        "label_censor_reason": np.where(cut, reasons, None),
        "label_wait_minutes": np.where(seen, took + 4, np.nan),
        "label_ata_minutes": np.where(seen, took, np.nan),
        "label_promised_minutes": promise,
        "label_is_on_time": pd.array(np.where(seen, took <= promise, None), dtype="boolean"),
        "label_is_on_time_grace15": pd.array(np.where(seen, took <= promise + 15, None), dtype="boolean"),
        "label_is_goa": pd.array(np.where(seen, chance.random(count) < 0.02, None), dtype="boolean"),
        "label_arrival_evidence": np.where(
            seen, np.where(chance.random(count) < 0.5, "status_and_gps", "status_only"), None
        ),
        "label_is_gps_apart": pd.array(np.where(seen, chance.random(count) < 0.1, None), dtype="boolean"),
    }
    return _typed(frame.assign(**labels), ETA_V1)


def write_dataset(
    folder: Path,
    table: Table,
    frame: pd.DataFrame,
    days: Sequence[date],
    *,
    question: str = "A provider accepted: minutes to arrival?",
    release: Callable[[date], int] = lambda _day: 1,
    reads: Sequence[str] = ("features.zone_demand_15m", "features.area_service_1d"),
    code: str = "c0de",
) -> Path:
    """The frame as a built dataset in the folder; a day without rows is an empty partition."""
    spec: Any = SimpleNamespace(
        name=table.short_name, table=table, question=question, service=table.short_name,
        censoring="Cancelled or given back: kept, with the minutes that were observed.",
    )  # fmt: skip
    for day in days:
        rows = arrow_table(frame[frame["meta_decision_date_et"] == day], table)
        write_parquet(day_file(folder, table, day), rows.drop_columns([table.partition]))
        content = {
            "rows": rows.num_rows,
            "waterfall": _waterfall(rows.num_rows),
            "columns": column_digests(rows, table.key[0]),
        }
        inputs = {
            "predicate": dict.fromkeys(
                reads, "available_at <= meta_decision_at AND revised_at <= 2026-03-12T06:05:00Z"
            ),
            "feature_service": {"name": table.short_name, "digest": "5e" * 32},
            "contract_digest": "c0" * 32,
            "code_version": code,
            "mode": "as_served",
        }
        evidence: Mapping[str, Any] = {
            "snapshot_id": 1, "verified": [], "checks": dict.fromkeys(CHECKS, "passed"),
        }  # fmt: skip
        write_day_manifest(folder, spec, DayManifest(day, release(day), inputs, content, evidence))
    return write_dataset_manifest(folder, spec)


def eta_dataset(folder: Path, days: int = 30, per_day: int = 100, **more: Any) -> Path:
    """A built eta_v1 of so many days; returns its folder."""
    dates = days_from(FIRST, days)
    write_dataset(folder, ETA_V1, eta_rows(dates, per_day, **more), dates)
    return folder


def _instant(day: date, chance: np.random.Generator) -> datetime:
    return business_day_start(day) + timedelta(microseconds=int(chance.integers(0, 82_800_000_000)))


def _values(
    column: Column, number: int, rows: Mapping[str, Any], count: int, chance: np.random.Generator
) -> Any:
    if column.name.startswith("label_") or number % 10 == 0:
        return [None] * count
    given = chance.random(count) > 0.1
    match column.type:
        case Type.DOUBLE:
            return np.where(given, chance.gamma(3, 8, count), np.nan)
        case Type.LONG | Type.INT:
            return pd.array(np.where(given, chance.poisson(3, count), None), dtype="Int64")
        case Type.BOOLEAN:
            return pd.array(np.where(given, chance.random(count) < 0.3, None), dtype="boolean")
        case Type.TIMESTAMP:
            ages = chance.integers(1, 90, count)
            pairs = zip(rows["meta_decision_at"], ages, strict=True)
            return [moment - timedelta(minutes=int(age)) for moment, age in pairs]
    return chance.choice([f"{column.name[:9]}{n}" for n in range(6)], count)


def _typed(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The contract's columns, whole numbers and booleans as nullable ones."""
    kinds = {
        Type.LONG: "Int64",
        Type.INT: "Int32",
        Type.BOOLEAN: "boolean",
        Type.DOUBLE: "float64",
        Type.TIMESTAMP: "datetime64[us, UTC]",
    }
    types = {column.name: kinds[column.type] for column in table.columns if column.type in kinds}
    return frame[list(table.column_names)].astype(types)


def _waterfall(rows: int) -> list[list[Any]]:
    return [
        ["accepted_offers", rows + 7],
        ["scheduled", 4],
        ["second_tow", 1],
        ["backdated", 2],
        ["rows", rows],
    ]
