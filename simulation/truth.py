"""What really happened, kept aside: truth/*.parquet, which no part of the platform reads.

`providers` one row per provider; `shifts` per driver and world day; `jobs` per job, to its end even
when that lies beyond the simulated days; `candidates` per job, round and provider that could have
been asked; `offers` per offer (one whose ETA was refused is accepted here, and refused in
`assignments`); `assignments` per acceptance, with the true arrival, or the one that would have
come; `claims` per claim; `planted_identifiers` per job, identifier and field; `delays` per record
of the small JSON sources that landed (a resend is not a row); `ping_slots` per 5 minutes of pings;
`dirt` per dirty line; `objects` per object written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_TIME = pa.timestamp("us", tz="UTC")
_TEXT, _FLAG, _COUNT, _NUMBER = pa.string(), pa.bool_(), pa.int64(), pa.float64()

TABLES: dict[str, dict[str, pa.DataType]] = {
    "providers": {
        "provider_id": _TEXT,
        "is_tracked": _FLAG,
        "platform": _TEXT,
        "driver_count": _COUNT,
        "site_latitude": _NUMBER,
        "site_longitude": _NUMBER,
        "service_types": pa.list_(_TEXT),
        "willingness": _NUMBER,
        "response_median_seconds": _NUMBER,
        "optimism": _NUMBER,
        "quality": _NUMBER,
        "rate_index": _NUMBER,
    },
    "shifts": {
        "driver_id": _TEXT,
        "provider_id": _TEXT,
        "on_duty_at": _TIME,
        "off_duty_at": _TIME,
        "off_duty_until_at": _TIME,
        "is_idle_at_break": _FLAG,
        "is_break_taken": _FLAG,
    },
    "jobs": {
        "job_id": _TEXT,
        "requested_at": _TIME,
        "service_type": _TEXT,
        "job_kind": _TEXT,
        "program_id": _TEXT,
        "platform": _TEXT,
        "scheduled_for": _TIME,
        "latitude": _NUMBER,
        "longitude": _NUMBER,
        "would_cancel_at": _TIME,
        "end": _TEXT,
        "ended_at": _TIME,
        "waited_minutes": _NUMBER,
        "round_count": _COUNT,
        "offer_count": _COUNT,
    },
    "candidates": {
        "job_id": _TEXT,
        "round": _COUNT,
        "provider_id": _TEXT,
        "rank": _COUNT,
        "score": _NUMBER,
        "distance_km": _NUMBER,
        "idle_driver_count": _COUNT,
        "accept_probability": _NUMBER,
    },
    "offers": {
        "offer_id": _TEXT,
        "job_id": _TEXT,
        "provider_id": _TEXT,
        "round": _COUNT,
        "rank": _COUNT,
        "dispatch_channel": _TEXT,
        "offered_at": _TIME,
        "outcome": _TEXT,
        "responded_at": _TIME,
        "is_explored": _FLAG,
        "is_first_of_round": _FLAG,
        "candidate_count": _COUNT,
        "is_recontact": _FLAG,
        "is_backdated": _FLAG,
    },
    "assignments": {
        "assignment_id": _TEXT,
        "job_id": _TEXT,
        "provider_id": _TEXT,
        "driver_id": _TEXT,
        "is_tracked": _FLAG,
        "has_driver": _FLAG,
        "is_immediate": _FLAG,
        "service_type": _TEXT,
        "accepted_at": _TIME,
        "first_promised_arrival_at": _TIME,
        "promised_arrival_at": _TIME,
        "promise_extension_count": _COUNT,
        "planned_departure_at": _TIME,
        "planned_arrival_at": _TIME,
        "arrived_at": _TIME,
        "on_scene_reported_at": _TIME,
        "end_reason": _TEXT,
        "ended_at": _TIME,
        "completed_at": _TIME,
        "is_eta_rejection_drawn": _FLAG,
        "is_give_back_drawn": _FLAG,
        "is_extension_due": _FLAG,
        "is_extension_drawn": _FLAG,
        "is_reassignment_due": _FLAG,
        "is_reassignment_drawn": _FLAG,
        "is_driver_named": _FLAG,
        "is_en_route_early": _FLAG,
        "is_gone_on_arrival": _FLAG,
        "is_then_cancelled": _FLAG,
        "is_unsuccessful": _FLAG,
        "is_service_changed": _FLAG,
    },
    "claims": {
        "claim_id": _TEXT,
        "job_id": _TEXT,
        "provider_id": _TEXT,
        "outcome": _TEXT,
        "submitted_at": _TIME,
        "version_count": _COUNT,
        "is_rated": _FLAG,
        "is_surveyed": _FLAG,
        "billed_usd": _NUMBER,
    },
    "planted_identifiers": {"kind": _TEXT, "value": _TEXT, "job_id": _TEXT, "field": _TEXT},
    "delays": {
        "source": _TEXT,
        "record_id": _TEXT,
        "platform": _TEXT,
        "event_timestamp": _TIME,
        "arrived_at": _TIME,
        "landed_at": _TIME,
        "cause": _TEXT,
    },
    "ping_slots": {
        "landed_at": _TIME,
        "ping_count": _COUNT,
        "buffered_count": _COUNT,
        "days_late_count": _COUNT,
        "inaccurate_count": _COUNT,
        "resent_count": _COUNT,
    },
    "dirt": {
        "kind": _TEXT,
        "source": _TEXT,
        "record_id": _TEXT,
        "event_timestamp": _TIME,
        "object_key": _TEXT,
        "line": _COUNT,
    },
    "objects": {
        "object_key": _TEXT,
        "source": _TEXT,
        "landed_at": _TIME,
        "due_at": _TIME,
        "kind": _TEXT,
        "line_count": _COUNT,
    },
}
_BUFFERED_ROWS = 50_000


class TruthWriter:
    """Writes the truth tables row by row; moments are given as whole seconds since 1970."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
        self._writers = {
            table: pq.ParquetWriter(folder / f"{table}.parquet", _schema(table), compression="zstd")
            for table in TABLES
        }

    def add(self, table: str, **row: Any) -> None:
        """Add one row; columns not given are null."""
        rows = self._rows[table]
        rows.append(row)
        if len(rows) >= _BUFFERED_ROWS:
            self._write(table)

    def close(self) -> None:
        """Write what is buffered and finish the files; empty tables get a file too."""
        for table, writer in self._writers.items():
            if self._rows[table]:
                self._write(table)
            writer.close()

    def _write(self, table: str) -> None:
        columns = [
            _column([row.get(name) for row in self._rows[table]], kind)
            for name, kind in TABLES[table].items()
        ]
        self._writers[table].write_table(pa.Table.from_arrays(columns, schema=_schema(table)))
        self._rows[table] = []


def _schema(table: str) -> pa.Schema:
    return pa.schema(list(TABLES[table].items()))


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if kind != _TIME:
        return pa.array(values, kind)
    return pa.array(values, pa.int64()).cast(pa.timestamp("s", tz="UTC")).cast(_TIME)
