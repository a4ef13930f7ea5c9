"""Small things to publish without Spark: days of eta_v1 with manifests, rows of features tables."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakehouse.settings import Settings
from support import feature_lake
from training_datasets.files import day_file, write_parquet
from training_datasets.manifests import DayManifest, content_of, write_dataset_manifest, write_day_manifest
from training_datasets.specs.eta_v1 import ETA_V1
from validation.arrow_schema import arrow_schema
from validation.contract import Column, Table, Type

DAY = date(2026, 3, 10)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ODD_TEXTS = ("it's", 'a "b"', "c\\d", "Zürich", "", "x,y\nz")


def build_eta_v1(
    settings: Settings, days: Sequence[date] = (DAY,), *, rows: int = 5, seed: int = 1, release: int = 1
) -> Path:
    """The days of eta_v1 in the home, as `roadside dataset build` leaves them; other seeds, other values."""
    folder = settings.datasets_dir / ETA_V1.name
    for day in days:
        table = eta_v1_rows(day, rows, seed)
        write_parquet(day_file(folder, ETA_V1.table, day), table.drop_columns([ETA_V1.table.partition]))
        content = content_of(ETA_V1, table, {"decisions": rows, "rows": rows})
        manifest = DayManifest(day, release, {"mode": "as_served"}, content, {"verified": ["test"]})
        write_day_manifest(folder, ETA_V1, manifest)
    write_dataset_manifest(folder, ETA_V1)
    return folder


def eta_v1_rows(day: date, rows: int, seed: int) -> pa.Table:
    """So many rows of a day; every column that may be null is null in some."""
    table = ETA_V1.table
    drawn = random.Random(f"{day} {seed}")
    made = [
        {
            **{column.name: _value(column, table, drawn) for column in table.columns},
            "meta_row_id": f"{day}-{number}",
            "meta_decision_date_et": day,
        }
        for number in range(rows)
    ]
    return pa.Table.from_pylist(made, schema=arrow_schema(table))


def put_features(settings: Settings, table: Table, rows: int = 4, seed: int = 1) -> None:
    """Append so many rows to a features table of the home's lake."""
    drawn = random.Random(f"{table.name} {seed}")
    made = [
        {
            **{column.name: _value(column, table, drawn) for column in table.columns},
            table.key[0]: f"P{seed}-{number}",
        }
        for number in range(rows)
    ]
    feature_lake.put(settings, table, *made)


def _value(column: Column, table: Table, drawn: random.Random) -> Any:
    if column.name not in table.not_null and drawn.random() < 0.3:
        return None
    moment = NOON + timedelta(microseconds=drawn.randrange(10**12))
    match column.type:
        case Type.STRING:
            return drawn.choice(ODD_TEXTS)
        case Type.LONG:
            return drawn.choice((0, -1, 2**53 + 1, 2**63 - 1))
        case Type.INT:
            return drawn.choice((0, -1, 2**31 - 1))
        case Type.DOUBLE:
            return drawn.choice((0.1 + 0.2, 1 / 3, -1e-300, 23.333333333333332))
        case Type.BOOLEAN:
            return drawn.random() < 0.5
        case Type.TIMESTAMP:
            return moment
        case Type.DATE:
            return moment.date()
        case Type.STRINGS:
            return [drawn.choice(ODD_TEXTS), None, "tow"]
    raise AssertionError(f"{column.type} is in no table that is published")
