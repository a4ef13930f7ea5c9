"""Seconds of the simulated city: whole seconds since 1970, UTC, and the days it lives by."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
WORLD_DAY_OFFSET = 9 * HOUR_SECONDS  # 03:00 on the city's clocks: nobody starts or ends a shift then


def moment(seconds: int) -> datetime:
    """The tz-aware UTC time of a second."""
    return datetime.fromtimestamp(seconds, UTC)


def midnight(day: date) -> int:
    """The second at which a UTC day starts."""
    return int(datetime.combine(day, time(0), UTC).timestamp())


def world_day_start(day: date) -> int:
    """The second at which a world day starts: [09:00Z, 09:00Z the next day)."""
    return midnight(day) + WORLD_DAY_OFFSET
