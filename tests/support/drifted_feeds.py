"""A city's landed objects of one source, changed from a moment on as a producer might change them."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from lakehouse.object_store import LandedObject, parse_key

Record = dict[str, Any]
Change = Callable[[Record], Record]


def drifted(root: Path, to: Path, source: str, change: Change, since: datetime, until: datetime) -> Path:
    """A root of its own with the source's objects, those stamped in [since, until) changed."""
    shutil.copytree(root / "landing" / source, to / "landing" / source)
    for path in (to / "landing" / source).rglob("*.gz"):
        landed = parse_key(str(path.relative_to(to)))
        if isinstance(landed, LandedObject) and since <= landed.landed_at < until:
            path.write_bytes(gzip.compress(_changed(path, gzip.decompress(path.read_bytes()), change), 1))
    return to


def _changed(path: Path, payload: bytes, change: Change) -> bytes:
    if path.name.endswith(".csv.gz"):
        rows = [change(dict(row)) for row in csv.DictReader(io.StringIO(payload.decode()))]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]) if rows else payload.decode().strip().split(","))
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().replace("\r\n", "\n").encode()
    return b"\n".join(_lines(payload.split(b"\n"), change))


def _lines(lines: Iterable[bytes], change: Change) -> Iterable[bytes]:
    for line in lines:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield line
        else:
            yield orjson.dumps(change(record)) if isinstance(record, dict) else line


def renamed(**names: str) -> Change:
    return lambda record: {names.get(name, name): value for name, value in record.items()}


def made(name: str, of: Callable[[Any], Any]) -> Change:
    """The field's value made another, where there is one."""
    return lambda record: record if record.get(name) in (None, "") else {**record, name: of(record[name])}


def without(name: str) -> Change:
    return lambda record: {key: value for key, value in record.items() if key != name}


def where(change: Change, **said: Any) -> Change:
    """The change, of records that say so."""
    return lambda record: (
        change(record) if all(record.get(name) == value for name, value in said.items()) else record
    )
