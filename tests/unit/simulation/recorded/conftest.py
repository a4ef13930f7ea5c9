"""Reading back what a replay landed."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import orjson
import pytest


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
