"""The afternoon for tests: its landing objects, and what must come of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson

from simulation.afternoon import (
    AFTERNOON,
    LandingObject,
    afternoon_objects,
    heartbeats,
    planted_identifiers,
    write_afternoon,
)
from simulation.landing import object_key
from support.ascii_tables import clock, table_file, yes_no
from support.oracle_records import Landed

__all__ = [
    "AFTERNOON",
    "AFTERNOON_END",
    "AFTERNOON_START",
    "LandingObject",
    "afternoon_objects",
    "at",
    "expected",
    "heartbeats",
    "oracle_records",
    "planted_identifiers",
    "write_afternoon",
    "zone_ids",
]

TABLES = Path(__file__).parents[1] / "spec" / "afternoon"
AFTERNOON_START = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
AFTERNOON_END = datetime(2026, 3, 10, 21, 30, tzinfo=UTC)

_CELLS: dict[str, Any] = {
    "expected_ticks": {
        "tick": clock(AFTERNOON),
        "P1_offers_60m": int,
        "P1_declines_60m": int,
        "P1_available": int,
        "P1_available_corrected": int,
        "Z1_requests_60m": int,
        "Z2_requests_60m": int,
        "arrivals_60m": int,
        "on_time_60m": int,
        "arrivals_60m_corrected": int,
        "on_time_60m_corrected": int,
    },
    "expected_p1_offers": {
        "decision": clock(AFTERNOON),
        "tick": clock(AFTERNOON),
        "offers_60m": int,
        "declines_60m": int,
        "available": int,
        "ignoring_offers_60m": int,
        "ignoring_declines_60m": int,
        "ignoring_available": int,
    },
    "expected_offers": {},
    "expected_eta_v1": {
        "arrival_minutes": float,
        "observed_minutes": float,
        "lower_bound": float,
        "upper_bound": float,
        "is_goa": yes_no,
        "on_time": yes_no,
        "on_time_last_promise": yes_no,
    },
    "expected_eta_v1_waterfall": {"rows": int},
    "expected_eta_v2": {
        "seq": int,
        "rows": int,
        "decision": clock(AFTERNOON),
        "remaining_minutes": float,
        "observed_minutes": float,
        "lower_bound": float,
        "upper_bound": float,
        "is_goa": yes_no,
    },
    "expected_eta_v2_stale_open": {"decision": clock(AFTERNOON)},
    "expected_eta_v2_waterfall": {"rows": int},
    "expected_matching_acceptance_v1": {
        "decision": clock(AFTERNOON),
        "requested": clock(AFTERNOON),
        "is_accepted": yes_no,
        "response_seconds": int,
        "was_given_back": yes_no,
        "offers_so_far": int,
        "declines_so_far": int,
        "minutes_since_declined": float,
        "tow_leg_km": float,
    },
    "expected_matching_acceptance_v1_waterfall": {"rows": int},
    "expected_matching_ranking_v1": {
        "round": int,
        "decision": clock(AFTERNOON),
        "gain": int,
        "offer_rank": int,
    },
    "expected_matching_ranking_v1_recall": {"round": int, "offered": int, "inside": int},
    "expected_matching_ranking_v1_waterfall": {"rows": int},
}


def at(clock_time: str, day: date = AFTERNOON) -> datetime:
    """A moment of the afternoon, as in the tables: at("17:03:40")."""
    moment: datetime = clock(day)(clock_time)
    return moment


def expected(name: str) -> list[dict[str, Any]]:
    """The rows of tests/spec/afternoon/expected_<name>.txt, typed; a blank cell is None."""
    return table_file(TABLES / f"expected_{name}.txt", _CELLS[f"expected_{name}"])


def zone_ids() -> dict[str, str]:
    """H3 r7 cell of Z1 and Z2, r6 cell of A1."""
    rows = table_file(TABLES / "zones.txt")
    return {name: row[f"{kind}_id"] for row in rows for kind in ("zone", "area") for name in (row[kind],)}


def oracle_records(objects: Iterable[LandingObject] | None = None) -> list[Landed]:
    """The records of landing objects (the afternoon and its history) as the oracle reads them."""
    records = []
    for each in afternoon_objects() if objects is None else objects:
        key = object_key(each.source, each.landed_at, each.object_id)
        for number, record in enumerate(each.records, start=1):
            data = orjson.loads(orjson.dumps(record, option=orjson.OPT_UTC_Z))
            records.append(Landed(each.source, data, each.landed_at, key, number))
    return records
