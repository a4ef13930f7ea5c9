"""backfill_prediction: how far the time that `roadside backfill` foretells is from the time it takes.

A city of its own; some days are made first, in chunks of several sizes and several chunks a process, so
that the ledger has runs to foretell from: a process's first ones and later ones. A day as the platform lives
it follows, some ticks and then its rest, which must tell nothing of a backfill. Then ranges, each greater
than the one before and never made yet, are planned and carried out as a person does it: by the command, in a
process of its own, its start included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from benchmarks.measured import own_lake, result, timed
from lakehouse.settings import Settings
from simulation.city import SimulationConfig, simulate
from validation.clocks import TICK, Interval
from validation.errors import CheckFailed

START = datetime(2026, 3, 2, tzinfo=UTC)
BOUND = 0.3
"""Of the predicted time."""
TICKS = 3
"""Made one by one, as the platform does all day; short runs of a ledger beside the long ones."""


@dataclass(frozen=True)
class Scale:
    """The city, the ranges that are made first (days, and days of a chunk), the sizes in days of what is
    foretold, and the one view or table that is made, if it is not all of the road."""

    providers: int
    jobs_per_day: int
    ping_seconds: int
    made_first: tuple[tuple[int, int], ...]
    sizes: tuple[int, ...]
    view: str = ""


SCALES = {
    "SMALL": Scale(12, 60, 600, ((2, 1), (4, 2)), (1, 3, 6), "silver.dispatch_events"),
    "FULL": Scale(40, 300, 180, ((1, 1), (1, 1), (4, 1), (6, 3)), (2, 5, 10)),
}


def measure(scale_name: str) -> dict[str, Any]:
    """The greatest error of the sizes, as a part of the predicted time.

    Raises:
        CheckFailed: a command failed.
    """
    scale = SCALES[scale_name]
    with own_lake() as settings:
        city = SimulationConfig(
            start=START.date(),
            days=sum(days for days, _ in scale.made_first) + 1 + sum(scale.sizes),
            providers=scale.providers,
            jobs_per_day=scale.jobs_per_day,
            ping_seconds=scale.ping_seconds,
        )
        simulate(city, settings.home)
        day, made, foretold = START, [], []
        for days, of_a_chunk in scale.made_first:
            span = Interval(day, day + timedelta(days=days))
            line = [*_backfill(scale, span), "--chunk-days", str(of_a_chunk), "--execute"]
            took, _ = timed(partial(_command, settings, *line), f"{days} days made, {of_a_chunk} a chunk")
            made.append({"days": days, "chunk_days": of_a_chunk, "seconds": round(took, 1)})
            day += timedelta(days=days)
        for part in _lived(day):
            timed(partial(_command, settings, *_backfill(scale, part), "--execute"), f"{part} made")
        day += timedelta(days=1)
        for days in scale.sizes:
            foretold.append(_foretold(settings, scale, day, days))
            day += timedelta(days=days)
    worst = max(abs(each["error"]) for each in foretold)
    return result(
        "backfill_prediction",
        scale_name,
        round(worst, 3),
        f"of the predicted time, the worst of {len(scale.sizes)} sizes",
        settings,
        bound=BOUND,
        is_within_bound=worst <= BOUND,
        sizes={
            "made_first": made,
            "ticks_made": TICKS,
            "days": foretold,
            "jobs_per_day": scale.jobs_per_day,
            "providers": scale.providers,
        },
    )


def _lived(day: datetime) -> list[Interval]:
    """The day's first ticks, and the rest of it."""
    ticks = [Interval(day + n * TICK, day + (n + 1) * TICK) for n in range(TICKS)]
    return [*ticks, Interval(ticks[-1].end, day + timedelta(days=1))]


def _backfill(scale: Scale, span: Interval) -> list[str]:
    bounds = ["--from", f"{span.start:%Y-%m-%dT%H:%MZ}", "--to", f"{span.end:%Y-%m-%dT%H:%MZ}"]
    return ["backfill", *bounds, *(["--view", scale.view] if scale.view else []), "--json"]


def _foretold(settings: Settings, scale: Scale, start: datetime, days: int) -> dict[str, Any]:
    """One range planned, then carried out."""
    line = _backfill(scale, Interval(start, start + timedelta(days=days)))
    plan = json.loads(_command(settings, *line))
    took, _ = timed(partial(_command, settings, *line, "--execute"))
    predicted, (low, high) = plan["predicted_seconds"], plan["likely_seconds"]
    sys.stderr.write(f"{days} days: {predicted:.0f} s foretold, {took:.0f} s taken\n")
    return {
        "days": days,
        "chunks": len(plan["chunks"]),
        "rows_read": plan["rows_read"],
        "start_seconds": round(plan["start_seconds"], 1),
        "predicted_seconds": round(predicted, 1),
        "likely_seconds": [round(low, 1), round(high, 1)],
        "seconds": round(took, 1),
        "error": round(took / predicted - 1, 3),
        "is_within_likely": low <= took <= high,
    }


def _command(settings: Settings, *arguments: str) -> str:
    """What the command printed."""
    ended = subprocess.run(
        [sys.executable, "-m", "roadside.cli", *arguments],
        env={**os.environ, **settings.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise CheckFailed(
            f"`roadside {' '.join(arguments)}` ended with {ended.returncode}: {ended.stderr[-2000:]}"
        )
    return ended.stdout
