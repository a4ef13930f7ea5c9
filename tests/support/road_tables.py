"""Statuses, pings and traffic readings written as ASCII tables, as landing objects: one object a row.

Left out or blank: landed a minute after t; the driver is D1, the provider P1, the zone Z1. A zone is Z1,
Z2, or Z1+4: a cell four steps from Z1. t and landed are clock times of the day, or whole ones.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import h3

from simulation.afternoon import AFTERNOON, LandingObject
from simulation.ascii_tables import read_table
from support.afternoon import zone_ids
from support.dispatch_tables import LANDING_DELAY, moment

Record = dict[str, Any]


def status_objects(text: str, day: date = AFTERNOON) -> list[LandingObject]:
    """provider_status, from the columns driver, provider, status, t, landed, truck, jobs, equipment."""

    def record(number: int, row: dict[str, str]) -> Record:
        return {
            "event_id": f"status-{number:02}",
            "driver_id": row.get("driver") or "D1",
            "provider_id": row.get("provider") or "P1",
            "status": row["status"],
            "truck_id": row.get("truck"),
            "active_job_count": int(row["jobs"]) if row.get("jobs") else None,
            "equipment": row["equipment"].split(", ") if row.get("equipment") else None,
            "event_timestamp": moment(row["t"], day),
        }

    return _objects("provider_status", text, day, record)


def ping_objects(text: str, day: date = AFTERNOON) -> list[LandingObject]:
    """gps_pings, from the columns driver, provider, zone, t, landed, speed, accuracy."""

    def record(number: int, row: dict[str, str]) -> Record:
        latitude, longitude = h3.cell_to_latlng(cell(row.get("zone") or "Z1"))
        return {
            "event_id": f"ping-{number:02}",
            "driver_id": row.get("driver") or "D1",
            "provider_id": row.get("provider") or "P1",
            "latitude": latitude,
            "longitude": longitude,
            "speed_kmh": float(row["speed"]) if row.get("speed") else None,
            "accuracy_m": float(row["accuracy"]) if row.get("accuracy") else None,
            "event_timestamp": moment(row["t"], day),
        }

    return _objects("gps_pings", text, day, record)


def reading_objects(text: str, day: date = AFTERNOON) -> list[LandingObject]:
    """traffic_speeds, from the columns feed, zone, t, landed, speed, free_flow, samples, status."""

    def record(number: int, row: dict[str, str]) -> Record:
        latitude, longitude = h3.cell_to_latlng(cell(row.get("zone") or "Z1"))
        return {
            "feed": row.get("feed") or "feed",
            "segment_id": f"segment-{number:02}",
            "latitude": latitude,
            "longitude": longitude,
            "speed_kmh": float(row["speed"]) if row.get("speed") else None,
            "free_flow_kmh": float(row["free_flow"]) if row.get("free_flow") else None,
            "sample_count": int(row["samples"]) if row.get("samples") else None,
            "status": row.get("status"),
            "measured_at": moment(row["t"], day),
        }

    return _objects("traffic_speeds", text, day, record)


def cell(name: str) -> str:
    """The r7 cell of a zone's name.

    >>> h3.grid_distance(cell("Z1"), cell("Z1+4"))
    4
    """
    zone, _, steps = name.partition("+")
    return min(h3.grid_ring(zone_ids()[zone], int(steps or 0)))


def _objects(
    source: str, text: str, day: date, record: Callable[[int, dict[str, str]], Record]
) -> list[LandingObject]:
    objects = []
    for number, row in enumerate(read_table(text), start=1):
        made = {name: value for name, value in record(number, row).items() if value not in (None, "")}
        landed = row.get("landed")
        landed_at = moment(landed, day) if landed else moment(row["t"], day) + LANDING_DELAY
        objects.append(LandingObject(source, landed_at.replace(microsecond=0), f"row-{number:02}", (made,)))
    return objects
