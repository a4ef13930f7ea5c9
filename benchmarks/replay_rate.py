"""replay_rate: events a second and core from silver to published features, day after day.

A simulated city's silver is made first; timed is what a replay does next with each of its days: tiles,
features, check and publish, all views. The vCPU that 90 days at full volume in 36 hours would take
follow from the rate (FACTS section 4: 205 M events a day).
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from benchmarks.measured import carry, own_lake, result, spread, timed
from lakehouse.spark import spark_session
from roadside.graph import STEPS
from roadside.runner import Runner
from simulation.city import SimulationConfig, simulate
from validation.clocks import Interval
from validation.contracts import table_named

START = datetime(2026, 3, 2, tzinfo=UTC)
EVENTS_A_DAY = 205_000_000
REPLAY_DAYS, REPLAY_HOURS = 90, 36
BOUND = 32
"""vCPU."""
SOURCES = ("dispatch_events", "provider_status", "gps_pings", "service_outcomes", "traffic_speeds")


@dataclass(frozen=True)
class Scale:
    """The city, and its days: the first warms up, the others are timed."""

    days: int
    providers: int
    jobs_per_day: int
    ping_seconds: int


SCALES = {"SMALL": Scale(3, 60, 600, 60), "FULL": Scale(2, 240, 3_000, 15)}


def measure(scale_name: str) -> dict[str, Any]:
    """The median rate over the days timed, in events of silver a second and core.

    Raises:
        CheckFailed: a step failed.
    """
    scale = SCALES[scale_name]
    with own_lake() as settings:
        city = SimulationConfig(
            start=START.date(),
            days=scale.days,
            providers=scale.providers,
            jobs_per_day=scale.jobs_per_day,
            ping_seconds=scale.ping_seconds,
        )
        simulate(city, settings.home)
        spark = spark_session(settings)
        runner = Runner(settings, spark)
        days = [Interval(START + timedelta(days=n), START + timedelta(days=n + 1)) for n in range(scale.days)]
        below = [step for step in STEPS if step.name.startswith(("bronze.", "silver."))]
        above = [step for step in STEPS if step not in below]
        timed(partial(carry, runner, Interval(days[0].start, days[-1].end), below), "silver of all days")
        rates: list[float] = []
        seconds, sizes = [], []
        for day in days:
            took, _ = timed(partial(carry, runner, day, above), f"day {len(rates) + 1} of {scale.days}")
            events = sum(
                runner.lakehouse.read_known(table_named(f"silver.{name}"), day).count() for name in SOURCES
            )
            seconds.append(took)
            sizes.append(events)
            rates.append(events / took / settings.spark_cores)
        spark.stop()
    rate = statistics.median(rates[1:])
    needed = EVENTS_A_DAY * REPLAY_DAYS / (REPLAY_HOURS * 3600) / rate
    return result(
        "replay_rate",
        scale_name,
        round(rate),
        "events/s per vCPU",
        settings,
        spread=spread(rates[1:]),
        vcpu_for_90_days_in_36_hours=round(needed, 1),
        bound=BOUND,
        is_within_bound=needed <= BOUND,
        seconds={"first_day": round(seconds[0], 1), "other_days": [round(each, 1) for each in seconds[1:]]},
        sizes={"events_by_day": sizes, "providers": scale.providers, "views": len(above)},
    )
