"""The folder of recorded data, where there is one, and reading back what a replay landed."""

from __future__ import annotations

import csv
import gzip
import io
import os
from pathlib import Path

import orjson
import pytest

PROJECT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """The recordings, from ROADSIDE_RECORDED_DATA or beside the project."""
    folder = Path(os.environ.get("ROADSIDE_RECORDED_DATA") or PROJECT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no recorded data: set ROADSIDE_RECORDED_DATA to its folder")
    return folder


@pytest.fixture
def landed():
    """landed(root, source): the records of each object, by its stamp, in landing order."""

    def read(root: Path, source: str) -> dict[str, list[dict]]:
        objects = {}
        for path in sorted((root / "landing" / source).rglob("*.gz")):
            text = gzip.decompress(path.read_bytes()).decode()
            stamp = path.name.removeprefix(f"{source}-")[:19]
            is_csv = path.name.endswith("csv.gz")
            rows = list(csv.DictReader(io.StringIO(text))) if is_csv else None
            objects.setdefault(stamp, []).extend(
                rows if is_csv else [orjson.loads(line) for line in text.splitlines()]
            )
        return objects

    return read
