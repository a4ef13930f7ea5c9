"""Landing objects as a delivery stream writes them: the only module that knows their names.

    landing/<source>/YYYY/MM/DD/HH/<source>-YYYY-MM-DD-HH-MM-SS-<id>.<ext>

The stamp is `landed_at`, UTC, whole seconds. Objects are gzip JSON lines; traffic_speeds is
gzip CSV with a header. An object with no records is a heartbeat.
"""

from __future__ import annotations

import csv
import io
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from validation.clocks import require_utc
from validation.errors import UnknownName, UserError

SOURCES = ("dispatch_events", "provider_status", "gps_pings", "service_outcomes", "traffic_speeds")
CSV_SOURCES = frozenset({"traffic_speeds"})
TRAFFIC_COLUMNS = (
    "feed",
    "segment_id",
    "latitude",
    "longitude",
    "speed_kmh",
    "free_flow_kmh",
    "sample_count",
    "status",
    "measured_at",
)

CSV_HEADER = (",".join(TRAFFIC_COLUMNS) + "\n").encode()

_OBJECT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_GZIP = 31  # zlib's window bits for a gzip member; its header has mtime 0 and no name
_BLOCK_BYTES = 1 << 18


def object_key(source: str, landed_at: datetime, object_id: str, ext: str = "") -> str:
    """The key of an object, from `landing/` on; ext defaults to the source's own.

    >>> from datetime import UTC
    >>> object_key("gps_pings", datetime(2026, 3, 10, 17, 2, 5, tzinfo=UTC), "0001")
    'landing/gps_pings/2026/03/10/17/gps_pings-2026-03-10-17-02-05-0001.json.gz'

    Raises:
        UnknownName: the source is not one of SOURCES.
        UserError: landed_at has no time zone, or the id holds a character a key may not.
    """
    if source not in SOURCES:
        raise UnknownName("source", source, SOURCES)
    if not _OBJECT_ID.match(object_id):
        raise UserError(f"'{object_id}' is no object id.", "Use letters, digits, '-', '_' and '.'.")
    stamp = require_utc(landed_at, "landed_at")
    ext = ext or ("csv.gz" if source in CSV_SOURCES else "json.gz")
    return f"landing/{source}/{stamp:%Y/%m/%d/%H}/{source}-{stamp:%Y-%m-%d-%H-%M-%S}-{object_id}.{ext}"


class LandingWriter:
    """Writes landing objects under one root; the same call writes the same bytes, always.

    An object appears under its final name only when it is whole, so a reader never sees half of
    one. Records are streamed: memory does not grow with the object.
    """

    def __init__(self, root: Path, compression_level: int = 6) -> None:
        self.root = Path(root)
        self.compression_level = compression_level
        self._folders: set[Path] = set()

    def write(
        self, source: str, landed_at: datetime, object_id: str, records: Iterable[Mapping[str, Any]]
    ) -> str:
        """Write one object, one record a line, and return its key. No records: a heartbeat.

        UTC datetimes become ISO-8601 with Z; other values must be JSON's.

        Raises:
            UserError: a traffic record has a column that the CSV has not.
        """
        blocks = _csv_blocks(records) if source in CSV_SOURCES else _json_blocks(records)
        return self.write_blocks(source, landed_at, object_id, blocks)

    def write_blocks(self, source: str, landed_at: datetime, object_id: str, blocks: Iterable[bytes]) -> str:
        """Write one object from blocks of ready lines (a CSV's header among them); return its key."""
        compressor = zlib.compressobj(self.compression_level, zlib.DEFLATED, _GZIP)
        return self._publish(object_key(source, landed_at, object_id), _compressed(compressor, blocks))

    def write_bytes(self, source: str, landed_at: datetime, object_id: str, payload: bytes, ext: str) -> str:
        """Write the payload untouched (a truncated, empty or foreign object) and return its key."""
        return self._publish(object_key(source, landed_at, object_id, ext), [payload])

    def _publish(self, key: str, chunks: Iterable[bytes]) -> str:
        path = self.root / key
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        partial = path.with_name(f".{path.name}.partial")
        with partial.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        os.replace(partial, path)
        return key


def _compressed(compressor: Any, blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        yield compressor.compress(block)
    yield compressor.flush()


def _json_blocks(records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    block = bytearray()
    for record in records:
        block += orjson.dumps(record, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _csv_blocks(records: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(TRAFFIC_COLUMNS)
    for record in records:
        if unknown := record.keys() - set(TRAFFIC_COLUMNS):
            raise UserError(f"traffic_speeds has no column {', '.join(sorted(unknown))}.")
        rows.writerow([_csv_value(record.get(column)) for column in TRAFFIC_COLUMNS])
        if text.tell() >= _BLOCK_BYTES:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def _csv_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return require_utc(value, "measured_at").isoformat().replace("+00:00", "Z")
    return "" if value is None else value
