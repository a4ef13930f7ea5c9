"""Every step that a runner publishes is timed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from lakehouse.step_timings import START, StepTiming, StepTimings
from roadside.rendering import notice
from roadside.runner import Progress, StepResult
from validation.clocks import Interval
from validation.errors import RoadsideError


def timed(timings: StepTimings, cores: int, now: Callable[[], datetime], progress: Progress) -> Progress:
    """Hears of each step that ended, keeps how long it took if it published, and tells `progress`.

    The first run of a step that it hears of is told from the later ones: one runner is one process's. A time
    that cannot be kept is said on stderr and stops nothing: plans do without it.
    """
    warm: set[str] = set()

    def heard(result: StepResult) -> None:
        if result.status == "published":
            is_first = result.step not in warm
            warm.add(result.step)
            _keep(timings, StepTiming(result.step, result.interval, result.seconds, cores, now(), is_first))
        progress(result)

    return heard


def timed_start(
    timings: StepTimings, cores: int, now: Callable[[], datetime], span: Interval
) -> Callable[[float], None]:
    """Hears once how many seconds passed until the first step of a backfill of the span, and keeps it."""
    return lambda seconds: _keep(timings, StepTiming(START, span, seconds, cores, now()))


def _keep(timings: StepTimings, timing: StepTiming) -> None:
    try:
        timings.record(timing)
    except RoadsideError as error:
        notice(f"note: how long {timing.step} took is not kept: {error.what}", "yellow")
