"""Every step that a runner publishes is timed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from lakehouse.step_timings import StepTiming, StepTimings
from roadside.rendering import notice
from roadside.runner import Progress, StepResult
from validation.errors import RoadsideError


def timed(timings: StepTimings, cores: int, now: Callable[[], datetime], progress: Progress) -> Progress:
    """Hears of each step that ended, keeps how long it took if it published, and tells `progress`.

    A time that cannot be kept is said on stderr and stops nothing: plans do without it.
    """

    def heard(result: StepResult) -> None:
        if result.status == "published":
            try:
                timings.record(StepTiming(result.step, result.interval, result.seconds, cores, now()))
            except RoadsideError as error:
                notice(f"note: how long {result.step} took is not kept: {error.what}", "yellow")
        progress(result)

    return heard
