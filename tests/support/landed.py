"""Objects landed on a disk and read back through a real vault, and records to land."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from ingestion.objects import ObjectReader, Piece
from ingestion.rows import read_object
from lakehouse.landing_ledger import LedgerEntry
from lakehouse.vault import Vault, VaultHandle
from validation.clocks import tick_end
from validation.source import Source
from validation.sources import source_named

LANDED_AT = datetime(2026, 3, 10, 17, 2, tzinfo=UTC)


@dataclass
class Landing:
    """Lands payloads and reads them back."""

    root: Path
    vault: Vault
    handle: VaultHandle
    numbers: Iterable[int] = field(default_factory=count)

    @property
    def root_uri(self) -> str:
        return self.root.as_uri()

    def land(self, source: str, payload: bytes, ext: str = "json.gz") -> LedgerEntry:
        """An object with exactly these bytes."""
        number = next(iter(self.numbers))
        key = f"landing/{source}/2026/03/10/17/{source}-2026-03-10-17-02-00-{number:06d}.{ext}"
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload)
        return LedgerEntry(source, key, LANDED_AT, tick_end(LANDED_AT), len(payload), False)

    def land_records(self, source: str, *records: Any) -> LedgerEntry:
        return self.land(source, gzip.compress(json_lines(*records)))

    def pieces(self, source: str, payload: bytes, ext: str = "json.gz") -> tuple[list[Piece], ObjectReader]:
        """What the reader makes of the payload, and the reader once it is done."""
        entry = self.land(source, payload, ext)
        names = frozenset(each.path for each in source_named(source).fields)
        reader = ObjectReader(self.root_uri, entry.key, names)
        return list(reader.pieces()), reader

    def batches(self, entry: LedgerEntry) -> list[pa.RecordBatch]:
        return list(read_object(self.source(entry), entry, self.root_uri, self.vault))

    def read(self, entry: LedgerEntry) -> dict[str, list[dict[str, Any]]]:
        """The rows of an object by kind."""
        rows: dict[str, list[dict[str, Any]]] = {"record": [], "quarantined": [], "object": []}
        for batch in self.batches(entry):
            for row in batch.to_pylist():
                rows[row["kind"]].append(row)
        return rows

    def refusals(
        self, source: str, payload: bytes, ext: str = "json.gz"
    ) -> list[tuple[int, str, str | None]]:
        """Line, reason and field of every line refused."""
        refused = self.read(self.land(source, payload, ext))["quarantined"]
        return [(row["source_line"], row["reason"], row["field_name"]) for row in refused]

    @staticmethod
    def source(entry: LedgerEntry) -> Source:
        return source_named(entry.source)


def json_lines(*records: Any) -> bytes:
    """Records as JSON lines; bytes stand as they are."""
    return b"".join((r if isinstance(r, bytes) else orjson.dumps(r)) + b"\n" for r in records)


def a_ping(**changes: Any) -> dict[str, Any]:
    """A good ping; fields given as None are left out."""
    ping = {
        "event_id": "e1",
        "provider_id": "P1",
        "driver_id": "D1",
        "latitude": 37.77,
        "longitude": -122.42,
        "speed_kmh": 31.5,
        "event_timestamp": "2026-03-10T17:01:00Z",
    }
    return {name: value for name, value in (ping | changes).items() if value is not None}


def a_request(**changes: Any) -> dict[str, Any]:
    """A good request of a member with a car; fields given as None are left out."""
    request = {
        "event_id": "e1",
        "job_id": "J1",
        "event_type": "requested",
        "event_timestamp": "2026-03-10T17:01:00Z",
        "service_type": "tow",
        "latitude": 37.77,
        "longitude": -122.42,
        "destination": {"latitude": 37.80, "longitude": -122.27},
        "vehicle": {"year": 2019, "make": "Subaru", "model": "Outback", "vin": "4S4BSANC5K3000001"},
        "member": {"member_id": "M-77", "name": "Ada Planted", "phone": "+1-555-0100"},
        "program_id": "PR1",
        "notes": "call Ada at the gate",
    }
    return {name: value for name, value in (request | changes).items() if value is not None}
