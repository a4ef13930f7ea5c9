"""checks_cost: what all checks add to the run they guard, a day of the whole road with and without them.

Without: nothing is counted while objects are read, no feed and no table is held to its past or to bronze, and
no row rule, key or null is asked of what was written. The sides take turns over the same landed objects; both
publish the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch

from benchmarks.measured import carry, in_turn, own_lake, result
from lakehouse.quality_ledger import QualityLedger
from lakehouse.tables import Found, Lakehouse, digests
from roadside import runner as road
from roadside.feed_gate import DAYS, WEEKS
from roadside.graph import STEPS
from roadside.runner import Runner
from roadside.spark_runner import open_runner
from simulation.city import SimulationConfig, simulate
from validation.clocks import Interval
from validation.source import Source
from validation.sources import SOURCES, source_named

BOUND = 0.15
"""Of the run without them."""
DAY = date(2026, 3, 3)


@dataclass(frozen=True)
class Scale:
    """Sizes of a run: the city's providers and jobs a day, rounds timed."""

    providers: int
    jobs: int
    rounds: int


SCALES = {"SMALL": Scale(24, 200, 2), "FULL": Scale(120, 1_500, 3)}


def measure(scale: str) -> dict[str, Any]:
    """The share that the checks add to the seconds without them.

    Raises:
        CheckFailed: a step failed, or the sides published other rows.
    """
    sizes = SCALES[scale]
    with own_lake() as settings:
        simulate(
            SimulationConfig(
                start=DAY, days=1, providers=sizes.providers, jobs_per_day=sizes.jobs, pings_days=1
            ),
            settings.home,
        )
        runner = open_runner(settings)
        midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
        day = Interval(midnight, midnight + timedelta(days=1))
        carry(runner, day, STEPS)
        _remember(runner, day)
        tables = [table for step in STEPS for table in step.tables if table.layer in ("bronze", "silver")]
        timings = in_turn(
            {"checked": lambda: _again(runner, day), "unchecked": lambda: _unchecked(runner, day)},
            sizes.rounds,
            digest=lambda _found: tuple(sorted(digests(runner.lakehouse, tables).items())),
        )
        added = timings["checked"].median / timings["unchecked"].median - 1
        return result(
            "checks_cost",
            scale,
            round(added, 3),
            "of the run without them",
            settings,
            bound=BOUND,
            sides={side: timing.told() for side, timing in timings.items()},
            sizes={"jobs": sizes.jobs, "providers": sizes.providers, "steps": len(STEPS)},
        )


def _remember(runner: Runner, day: Interval) -> None:
    """Give every feed a past like the day, of all days and weeks that it is held to."""
    ledger = QualityLedger(runner.ops)
    for source in SOURCES:
        counts = ledger.counts(source, day)
        for days in (*range(1, DAYS + 1), *(7 * week for week in range(1, WEEKS + 1))):
            ledger.record_counts(source, {tick - timedelta(days=days): each for tick, each in counts.items()})


def _again(runner: Runner, day: Interval) -> None:
    carry(runner, day, STEPS, force=True)


def _unchecked(runner: Runner, day: Interval) -> None:
    with without_checks():
        _again(runner, day)


@contextmanager
def without_checks() -> Iterator[None]:
    """A road that checks nothing of what it reads and writes."""

    def unchecked(name: str) -> Source:
        return replace(source_named(name), checks=())

    def rows_alone(_self: Any, _table: Any, _span: Any, _branch: Any, written: int) -> Found:
        return Found(written)

    with (
        patch.object(road, "source_named", unchecked),
        patch.object(road, "gated", lambda *_given: {}),
        patch.object(road, "table_gated", lambda *_given: {}),
        patch.object(Lakehouse, "_violations", rows_alone),
    ):
        yield
