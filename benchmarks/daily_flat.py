"""daily_flat: seconds of the tick that holds a business-day cut, as history grows behind it."""

from __future__ import annotations

from typing import Any

from benchmarks.growing_history import measured


def measure(scale_name: str) -> dict[str, Any]:
    """Seconds of a cut by days of history before it; the value is the longest's over the one before."""
    return measured("daily_flat", scale_name, is_daily=True)
