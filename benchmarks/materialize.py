"""materialize: `feast materialize` of four views into Redis, ours against the stock engine and store.

Both sides read the same parquet files through Feast's DuckDB store, which is part of the time; Redis and
the reader share the machine's cores, as they do in the embedded platform. After every round each entity's
hash is compared: the same keys, fields and bytes.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.feast_sides import OURS, STOCK, feast_sides
from benchmarks.measured import Timing, own_lake, result, spread, timed
from validation.errors import CheckFailed

BOUND, AIM = 3.0, 10.0
"""Times the stock store's rows a second (DESIGN section 12)."""
VIEWS = 4


@dataclass(frozen=True)
class Scale:
    """Sizes of a run: entities of each view, ticks of rows in the files, rounds timed."""

    entities: int
    ticks: int
    rounds: int


SCALES = {"SMALL": Scale(20_000, 1, 3), "FULL": Scale(50_000, 4, 5)}


def measure(scale: str) -> dict[str, Any]:
    """Rows a second into Redis.

    Raises:
        CheckFailed: a hash differs between the sides.
    """
    sizes = SCALES[scale]
    rows = VIEWS * sizes.entities
    seconds: dict[str, list[float]] = {STOCK: [], OURS: []}
    with own_lake() as settings, feast_sides(settings, VIEWS, sizes.entities, sizes.ticks) as sides:
        for _ in range(sizes.rounds):
            for side, taken in seconds.items():
                sides.empty(side)
                taken.append(timed(partial(sides.materialize, side))[0])
            digests = {side: sides.digest(side) for side in seconds}
            if len(set(digests.values())) > 1:
                raise CheckFailed(f"The sides do not agree: {digests}.")
    ratios = [stock / ours for stock, ours in zip(seconds[STOCK], seconds[OURS], strict=True)]
    timings = {side: Timing(tuple(taken)) for side, taken in seconds.items()}
    return result(
        "materialize",
        scale,
        round(rows / timings[OURS].median),
        "rows/s",
        settings,
        ratio=round(statistics.median(ratios), 2),
        ratio_spread=spread(ratios),
        bound=BOUND,
        aim=AIM,
        sides={
            side: {**timing.told(), "rows_per_second": round(rows / timing.median)}
            for side, timing in timings.items()
        },
        sizes={"views": VIEWS, "entities": sizes.entities, "rows": rows, "ticks": sizes.ticks},
    )
