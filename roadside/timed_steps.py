"""Every step that a runner publishes is timed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from lakehouse.step_timings import StepTiming, StepTimings
from roadside.runner import Progress, StepResult


def timed(timings: StepTimings, cores: int, now: Callable[[], datetime], progress: Progress) -> Progress:
    """Hears of each step that ended, keeps how long it took if it published, and tells `progress`."""

    def heard(result: StepResult) -> None:
        if result.status == "published":
            timings.record(StepTiming(result.step, result.interval, result.seconds, cores, now()))
        progress(result)

    return heard
