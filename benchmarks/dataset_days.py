"""dataset_days: seconds of a day of eta_v1 as the days that stand, and the history behind them, grow.

A simulated city is carried along the road as one chunk; then its days are built in order, as a nightly
build would, some at once. Compared are the seconds a day of the last third of the chunks with the first's.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from benchmarks.measured import Timing, carry, own_lake, quiet, result, timed
from lakehouse import feast_edge
from lakehouse.spark import spark_session
from lakehouse.vault import handle_of
from roadside.graph import STEPS
from roadside.locations import location_opener
from roadside.runner import Runner
from simulation.city import SimulationConfig, simulate
from training_datasets.build import build
from training_datasets.specs.eta_v1 import ETA_V1
from validation.clocks import Interval

FIRST = date(2026, 1, 5)
BOUND = 1.2
"""Times the seconds: flat within 20 % (DESIGN section 12, a daily run)."""


@dataclass(frozen=True)
class Scale:
    """The city; its days, and how many are built at once."""

    days: int
    at_once: int
    providers: int
    jobs_per_day: int


SCALES = {"SMALL": Scale(6, 1, 12, 60), "FULL": Scale(90, 5, 24, 150)}


def measure(scale_name: str) -> dict[str, Any]:
    """The last third's seconds a day over the first third's; the first chunk warms up.

    Raises:
        CheckFailed: a step failed, or a day does not pass its gates.
    """
    scale = SCALES[scale_name]
    with own_lake() as settings:
        whole = SimulationConfig(
            start=FIRST,
            days=scale.days + ETA_V1.closes_after_days + 1,
            providers=scale.providers,
            jobs_per_day=scale.jobs_per_day,
            ping_seconds=900,
            pings_days=2,
        )
        simulate(whole, settings.home)
        spark = spark_session(settings)
        runner = Runner(settings, spark)
        start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
        road = Interval(start, start + timedelta(days=whole.days))
        timed(partial(carry, runner, road, STEPS), f"the road, {road}")
        feast_edge.apply(settings)
        store = feast_edge.feature_store(settings)
        seconds, rows = [], 0
        for first in range(0, scale.days, scale.at_once):
            days = [FIRST + timedelta(days=first + n) for n in range(scale.at_once)]
            with quiet():
                took, built = timed(
                    partial(
                        build,
                        settings,
                        runner.lakehouse,
                        store,
                        ETA_V1,
                        days[0],
                        days[-1] + timedelta(days=1),
                        location_of=location_opener(handle_of(settings)),
                        days_at_once=scale.at_once,
                    )
                )
            sys.stderr.write(f"{days[0]} to {days[-1]}, {built.rows} rows: {took:.1f} s\n")
            seconds.append(took / scale.at_once)
            rows += built.rows
        spark.stop()
    third = max(1, (len(seconds) - 1) // 3)
    early, late = Timing(tuple(seconds[1 : 1 + third])), Timing(tuple(seconds[-third:]))
    ratio = round(late.median / early.median, 2)
    return result(
        "dataset_days",
        scale_name,
        ratio,
        f"times the seconds a day, the last {third} of {len(seconds)} chunks over the first",
        settings,
        bound=BOUND,
        is_within_bound=ratio <= BOUND,
        seconds={"first_chunk": round(seconds[0], 2), "early": early.told(), "late": late.told()},
        median_seconds_a_day=round(statistics.median(seconds[1:]), 2),
        sizes={
            "days": scale.days,
            "days_at_once": scale.at_once,
            "rows": rows,
            "providers": scale.providers,
            "jobs_per_day": scale.jobs_per_day,
        },
    )
