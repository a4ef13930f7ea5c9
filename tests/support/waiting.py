"""Waiting for what is to come true, as long as a busy machine may need."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it holds, at the latest after so many seconds; asked all the while."""
    until = monotonic() + seconds
    while not holds() and monotonic() < until:
        sleep(0.002)
    return holds()
