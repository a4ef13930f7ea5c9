"""Dirt on single lines: what producers and networks do to records, each kind planted and noted."""

from __future__ import annotations

from typing import Any

import orjson

from simulation.draws import Draws
from simulation.rates import rate

RESENT, CONFLICTING, UNKNOWN_FIELD = "resent", "conflicting", "unknown_field"
MALFORMED = (
    "malformed_cut",
    "malformed_text",
    "malformed_encoding",
    "malformed_array",
    "malformed_field_missing",
)
RESEND_DELAY_SECONDS = (300, 2 * 86_400)

# What a conflicting copy says otherwise, and the required field a malformed copy lacks.
_CONTRADICTED = {
    "dispatch_events": "reason_code",
    "provider_status": "active_job_count",
    "gps_pings": "speed_kmh",
    "service_outcomes": "billed_usd",
}
_REQUIRED = {
    "dispatch_events": "event_timestamp",
    "provider_status": "status",
    "gps_pings": "latitude",
    "service_outcomes": "source_updated_at",
}
_SHARES = (
    (RESENT, rate("resent")),
    (CONFLICTING, rate("conflicting")),
    (UNKNOWN_FIELD, rate("unknown_field")),
    ("malformed", rate("malformed")),
)
ANY_SHARE = sum(share for _, share in _SHARES)


def kind_of(draws: Draws) -> str | None:
    """The dirt on the next record: at most one kind, mostly none."""
    return kind_at(draws.uniform(), draws)


def kind_at(point: float, draws: Draws) -> str | None:
    """The dirt at a point of [0, 1); the malformed kind is drawn further."""
    for kind, share in _SHARES:
        if point < share:
            return draws.pick(MALFORMED) if kind == "malformed" else kind
        point -= share
    return None


def resend_delay(draws: Draws) -> int:
    """Seconds until the same record arrives again: mostly minutes, at most two days."""
    low, high = RESEND_DELAY_SECONDS
    return min(high, low + int(draws.exponential(3600)))


def contradicted(source: str, record: dict[str, Any]) -> dict[str, Any]:
    """The record with other content under the same id and time."""
    field = _CONTRADICTED[source]
    value = record.get(field)
    other = value + 7 if isinstance(value, (int, float)) else "unknown" if value is None else "other"
    return {**record, field: other}


def garbled(source: str, kind: str, record: dict[str, Any]) -> bytes:
    """A copy of the record that no reader can take, as one line."""
    line = orjson.dumps(record, option=orjson.OPT_UTC_Z)
    if kind == "malformed_cut":
        line = line[: len(line) * 3 // 5]
    elif kind == "malformed_text":
        line = b"upstream request timeout (504)"
    elif kind == "malformed_encoding":
        line = line.replace(b'":"', b'":"\xff\xfe', 1)
    elif kind == "malformed_array":
        line = b"[" + line + b"]"
    else:
        lacking = {name: value for name, value in record.items() if name != _REQUIRED[source]}
        line = orjson.dumps(lacking, option=orjson.OPT_UTC_Z)
    return line + b"\n"
