"""tick: seconds of a 15-minute tick, landing to published features, as history grows behind it."""

from __future__ import annotations

from typing import Any

from benchmarks.growing_history import measured


def measure(scale_name: str) -> dict[str, Any]:
    """Seconds of a tick by days of history before it; the value is the longest's over the one before."""
    return measured("tick", scale_name, is_daily=False)
