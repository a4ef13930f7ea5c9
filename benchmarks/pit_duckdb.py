"""pit_duckdb: labels joined to four views without Spark, ours beside stock Feast's DuckDB store and polars.

The sides take turns over the same files; every answer has the same rows and values. polars is the
lower bound: join_asof by hand, which knows neither Feast nor what two rows of one instant mean.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from benchmarks.labels_and_views import (
    KEY,
    NINETY_DAYS,
    SCALES,
    TENFOLD_LABELS,
    TIME,
    TTL,
    VIEWS,
    Data,
    Sizes,
    digest,
    joined,
    store_of,
    written,
)
from benchmarks.measured import in_turn, own_lake, result
from lakehouse.settings import Settings

SIDES = ("stock", "roadside", "polars")
BOUND, AIM = 3.0, 4.0
"""Times faster than stock (DESIGN section 12)."""
BOUND_OF_POLARS, AIM_OF_POLARS = 2.0, 1.3
"""Times the seconds of polars, at most."""


def measure(scale: str) -> dict[str, Any]:
    """How many times faster than stock; at FULL also for ten times the labels, and for dense views.

    Raises:
        CheckFailed: two sides answer differently.
    """
    with own_lake() as settings:
        told = _compared(settings, "pit", SCALES[scale])
        more = {}
        if scale == "FULL":
            more = {
                "tenfold_labels": _compared(settings, "tenfold", TENFOLD_LABELS),
                "ninety_days_of_15_minutes": _compared(settings, "dense", NINETY_DAYS),
            }
        return result(
            "pit_duckdb",
            scale,
            told["ratio"],
            "times faster than stock Feast",
            settings,
            bound=BOUND,
            aim=AIM,
            **told,
            **more,
        )


def _compared(settings: Settings, name: str, sizes: Sizes) -> dict[str, Any]:
    """The ratios, the seconds of each side, and the most memory each takes in a process of its own."""
    data = written(settings.home / name, sizes)
    sides = {side: partial(_joined_by, side, data, settings.spark_cores) for side in SIDES}
    timings = in_turn({side: make() for side, make in sides.items()}, sizes.rounds, digest=digest)
    medians = {side: timing.median for side, timing in timings.items()}
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as alone:
        peaks = {side: alone.submit(_peak, make).result() for side, make in sides.items()}
    return {
        "ratio": round(medians["stock"] / medians["roadside"], 2),
        "of_polars": {
            "ratio": round(medians["roadside"] / medians["polars"], 2),
            "bound": BOUND_OF_POLARS,
            "aim": AIM_OF_POLARS,
        },
        "sides": {side: timing.told() for side, timing in timings.items()},
        "peak_memory_mib": peaks,
        "sizes": {"labels": sizes.labels, "views": VIEWS, "rows_of_a_view": sizes.rows},
    }


def _joined_by(side: str, data: Data, threads: int) -> Callable[[], pa.Table]:
    """The join by one side, to be made as often as wanted."""
    if side == "polars":
        return partial(_by_hand, data)
    offline: dict[str, Any] = {"type": "duckdb"}
    if side == "roadside":
        offline = {
            "type": "feast_plugins.offline.RoadsideOfflineStore",
            "engine": "duckdb",
            "duckdb": {"threads": str(threads)},
        }
    return partial(joined, store_of(data, side, offline), data)


def _peak(make: Callable[[], Callable[[], pa.Table]]) -> int:
    """MiB that this process held at most, once the join is made."""
    make()()
    told = Path("/proc/self/status").read_text()  # rusage would count what the parent held as well
    return int(told.partition("VmHWM:")[2].split()[0]) // 1024


def _by_hand(data: Data) -> pa.Table:
    found = pl.from_pandas(data.labels).with_row_index("place").sort(TIME)
    for number in range(VIEWS):
        rows = pl.read_parquet(data.path(number)).sort("at", "created").drop("created")
        found = found.join_asof(
            rows,
            left_on=TIME,
            right_on="at",
            by=KEY,
            tolerance=TTL,
            check_sortedness=False,
        ).drop("at")
    answered: pa.Table = found.sort("place").to_arrow()
    return answered
