"""Naive oracle, aside: the drivers a provider has available (the first feature of provider_fleet_15m)."""

from __future__ import annotations

from datetime import datetime

from support.oracle_records import Landed
from support.oracle_ticks import DAY, Silver, known, last


def available_drivers(
    silver: Silver, provider_id: str, tick: datetime, corrected: bool = False
) -> int | None:
    """Drivers of the provider whose last status in 24 hours is available; None if it has no such status."""
    latest: dict[str, Landed] = {}
    statuses = known(silver.provider_status, tick, corrected)
    for status in sorted(
        statuses, key=lambda each: (each.event_timestamp, each.landed_at, each.data["event_id"])
    ):
        if status.data["provider_id"] == provider_id and last(DAY, tick).holds(status.event_timestamp):
            latest[status.data["driver_id"]] = status
    if not latest:
        return None
    return sum(status.data["status"] == "available" for status in latest.values())
