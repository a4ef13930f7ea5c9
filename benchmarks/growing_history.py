"""A city whose history grows behind it: what a tick and a business-day cut cost after it.

The same kind of tick is timed after each length of history, in one lake: ticks late in a day for the
15-minute views, and for the daily ones the tick that holds the cut, on some days running. All steps of
the road run, from the landed objects to published features, as they do in production.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

from benchmarks.measured import Timing, carry, own_lake, result, timed
from lakehouse.spark import spark_session
from roadside.graph import STEPS
from roadside.runner import Runner
from simulation.city import SimulationConfig, simulate
from validation.clocks import TICK, Interval

START = datetime(2026, 1, 5, tzinfo=UTC)
TICK_HOUR = time(20, 15)
CUT_HOUR = time(8)
"""03:00 in New York before the clocks change."""
BOUND = 1.2
"""Times the seconds, from 7 to 90 days (DESIGN section 12)."""


@dataclass(frozen=True)
class Scale:
    """Days of history to time after, in order; the city; how many ticks are timed after each."""

    days: tuple[int, ...]
    providers: int
    jobs_per_day: int
    ping_seconds: int
    rounds: int


SCALES = {
    "SMALL": Scale((1, 7), 12, 60, 900, 2),
    "FULL": Scale((1, 7, 90), 24, 150, 600, 3),
}


def measured(name: str, scale_name: str, *, is_daily: bool) -> dict[str, Any]:
    """Seconds of a tick (or of a cut) by days of history; the value is the last over the one before.

    Raises:
        CheckFailed: a step failed.
    """
    scale = SCALES[scale_name]
    hour = CUT_HOUR if is_daily else TICK_HOUR
    with own_lake() as settings:
        city = SimulationConfig(
            start=START.date(),
            days=max(scale.days) + scale.rounds,
            providers=scale.providers,
            jobs_per_day=scale.jobs_per_day,
            ping_seconds=scale.ping_seconds,
        )
        simulate(city, settings.home)
        spark = spark_session(settings)
        runner = Runner(settings, spark)
        made, timings = START, {}
        for days in scale.days:
            seconds = []
            for number in range(scale.rounds):
                day = timedelta(days=days + number * is_daily)
                first = datetime.combine(START.date() + day, hour, UTC) + number * (not is_daily) * TICK
                tick = Interval(first - TICK, first)
                if made < tick.start:
                    before = Interval(made, tick.start)
                    timed(partial(carry, runner, before, STEPS), f"history, {before}")
                took, _ = timed(
                    partial(carry, runner, tick, STEPS), f"{days} days of history, tick {number + 1}"
                )
                seconds.append(took)
                made = tick.end
            timings[days] = Timing(tuple(seconds))
        spark.stop()
    shorter, longest = scale.days[-2:]
    ratio = round(timings[longest].median / timings[shorter].median, 2)
    return result(
        name,
        scale_name,
        ratio,
        f"times the seconds, {longest} days of history over {shorter}",
        settings,
        bound=BOUND,
        is_within_bound=ratio <= BOUND,
        seconds={f"{days} days": timing.told() for days, timing in timings.items()},
        sizes={
            "providers": scale.providers,
            "jobs_per_day": scale.jobs_per_day,
            "ping_seconds": scale.ping_seconds,
            "steps": len(STEPS),
        },
    )
