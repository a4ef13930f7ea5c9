"""online_read: `get_online_features` of a service over four views, ours against the stock store.

Asked for 1, 10, 100 and 500 entities, the sides in turn; the answers are compared value by value. Ours
also checks every value's age and logs the read, which the stock store does not.
"""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.feast_sides import OURS, STOCK, Sides, entity, feast_sides
from benchmarks.measured import own_lake, result
from validation.errors import CheckFailed

BOUND, AIM = 1.0, 0.5
"""Times the stock store's p50 for ten entities (DESIGN section 12)."""
VIEWS = 4
COUNTS = (1, 10, 100, 500)
TOLD_COUNT = 10
BLOCK = 20


@dataclass(frozen=True)
class Scale:
    """Sizes of a run: entities of each view, reads timed for ten entities and fewer, for more."""

    entities: int
    reads: int
    long_reads: int


SCALES = {"SMALL": Scale(5_000, 300, 60), "FULL": Scale(20_000, 2_000, 300)}


def measure(scale: str) -> dict[str, Any]:
    """Milliseconds of the middle read of ten entities.

    Raises:
        CheckFailed: the sides answer differently.
    """
    sizes = SCALES[scale]
    with own_lake() as settings, feast_sides(settings, VIEWS, sizes.entities, 1) as sides:
        for side in (STOCK, OURS):
            sides.materialize(side)
        chance = np.random.default_rng(7)
        counts = {
            count: _timed(
                sides, count, sizes.reads if count <= TOLD_COUNT else sizes.long_reads, chance, sizes
            )
            for count in COUNTS
        }
    told = counts[TOLD_COUNT]
    return result(
        "online_read",
        scale,
        told[OURS]["p50"],
        "ms",
        settings,
        ratio=round(told[OURS]["p50"] / told[STOCK]["p50"], 3),
        processor_ratio=round(told[OURS]["processor"] / told[STOCK]["processor"], 3),
        bound=BOUND,
        aim=AIM,
        sides={str(count): timings for count, timings in counts.items()},
        sizes={"views": VIEWS, "entities": sizes.entities, "reads": sizes.reads},
    )


def _timed(
    sides: Sides, count: int, reads: int, chance: np.random.Generator, sizes: Scale
) -> dict[str, dict[str, float]]:
    """Milliseconds by side: p50 and p99 of the clock, and p50 of this process's processor time.

    A side reads in blocks, the first of each not counted: Feast keeps what it worked out of a service
    for one registry at a time, and a process that serves has but one.
    """
    taken: dict[str, list[float]] = {STOCK: [], OURS: []}
    worked: dict[str, list[float]] = {STOCK: [], OURS: []}
    for block in range(-(-reads // BLOCK) + 1):  # the first block warms up
        asked = [
            [entity(int(each)) for each in chance.integers(0, sizes.entities, count)]
            for _ in range(BLOCK + 1)
        ]
        answers: dict[str, list[Any]] = {}
        for side in (STOCK, OURS) if block % 2 else (OURS, STOCK):
            answers[side] = []
            for number, entities in enumerate(asked):
                gc.disable()
                began, before = time.perf_counter(), time.process_time()
                answers[side].append(sides.read(side, entities))
                if block and number:
                    taken[side].append((time.perf_counter() - began) * 1_000)
                    worked[side].append((time.process_time() - before) * 1_000)
                gc.enable()
        if [each.to_dict() for each in answers[STOCK]] != [each.to_dict() for each in answers[OURS]]:
            raise CheckFailed(f"The sides answer differently for {count} entities.")
    return {
        side: {
            "p50": round(statistics.median(times), 3),
            "p99": round(float(np.percentile(times, 99)), 3),
            "processor": round(statistics.median(worked[side]), 3),
        }
        for side, times in taken.items()
    }
