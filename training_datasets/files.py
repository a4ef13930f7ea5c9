"""A dataset's files: one Parquet file a day, the same bytes for the same rows.

    <home>/datasets/<dataset>/meta_decision_date_et=2026-03-10/part-0.parquet
    <home>/datasets/<dataset>/_manifests/2026-03-10.json
    <home>/datasets/<dataset>/_manifest.json

The partition column stands in the folder's name alone, and what starts with `_` is no data, so pandas,
Arrow, DuckDB and Spark read the dataset's folder as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from validation.arrow_schema import arrow_schema
from validation.contract import Table


def arrow_table(frame: pd.DataFrame, table: Table) -> pa.Table:
    """The frame's rows in the contract's columns and order of rows; NaN is null."""
    rows = pa.Table.from_pandas(frame, schema=arrow_schema(table), preserve_index=False)
    return rows.replace_schema_metadata(None).sort_by([(name, "ascending") for name in table.order])


def column_digests(rows: pa.Table, key: str) -> dict[str, str]:
    """SHA-256 of each column's values by row id, exact to the bit, whatever the order of the rows."""
    ordered = rows.sort_by(key)
    return {name: _digest(ordered[name]) for name in ordered.column_names}


def write_parquet(path: Path, rows: pa.Table) -> None:
    """The rows as one file, whole or not at all."""
    draft = _draft(path)
    pq.write_table(rows, draft, compression="zstd", version="2.6", store_schema=False)
    _put(draft, path)


def write_json(path: Path, content: Any) -> None:
    """The content as JSON, whole or not at all."""
    write_text(path, as_json(content))


def write_text(path: Path, text: str) -> None:
    """The text in UTF-8, whole or not at all."""
    draft = _draft(path)
    draft.write_text(text, encoding="utf-8")
    _put(draft, path)


def read_json(path: Path) -> Any:
    """What `write_json` wrote; None if there is no file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def as_json(content: Any) -> str:
    """JSON for people and for digests: sorted keys, two spaces, one newline at the end."""
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def digest_of(content: Any) -> str:
    """SHA-256 of the content's JSON."""
    return hashlib.sha256(as_json(content).encode()).hexdigest()


def day_file(folder: Path, table: Table, day: date) -> Path:
    """Where a day's rows stand in a dataset's folder."""
    return folder / f"{table.partition}={day}" / "part-0.parquet"


def file_digest(path: Path) -> str:
    """SHA-256 of the file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(column: pa.ChunkedArray) -> str:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    text = json.dumps(column.to_pylist(), separators=(",", ":"))  # a float's repr is exact
    return hashlib.sha256(text.encode()).hexdigest()


def _draft(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}.draft")


def _put(draft: Path, path: Path) -> None:
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, path)
