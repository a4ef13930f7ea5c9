"""pit_duckdb: labels joined to four views without Spark, ours beside stock Feast's DuckDB store and polars.

The sides take turns over the same files; every answer has the same rows and values. polars is the
lower bound: join_asof by hand, which knows neither Feast nor what two rows of one instant mean.
"""

from __future__ import annotations

import resource
from typing import Any

import polars as pl
import pyarrow as pa

from benchmarks.labels_and_views import KEY, SCALES, TIME, TTL, VIEWS, Data, digest, joined, store_of, written
from benchmarks.measured import in_turn, own_lake, result

BOUND, AIM = 3.0, 4.0
"""Times faster than stock (DESIGN section 12)."""
BOUND_OF_POLARS, AIM_OF_POLARS = 2.0, 1.3
"""Times the seconds of polars, at most."""


def measure(scale: str) -> dict[str, Any]:
    """How many times faster than stock.

    Raises:
        CheckFailed: two sides answer differently.
    """
    sizes = SCALES[scale]
    with own_lake() as settings:
        data = written(settings.home / "pit", sizes)
        threads = {"threads": str(settings.spark_cores)}
        ours = store_of(
            data,
            "roadside",
            {
                "type": "feast_plugins.offline.RoadsideOfflineStore",
                "engine": "duckdb",
                "duckdb": threads,
            },
        )
        stock = store_of(data, "stock", {"type": "duckdb"})
        timings = in_turn(
            {
                "stock": lambda: joined(stock, data),
                "roadside": lambda: joined(ours, data),
                "polars": lambda: _by_hand(data),
            },
            sizes.rounds,
        )
        medians = {side: timing.median for side, timing in timings.items()}
        return result(
            "pit_duckdb",
            scale,
            round(medians["stock"] / medians["roadside"], 2),
            "times faster than stock Feast",
            settings,
            ratio=round(medians["stock"] / medians["roadside"], 2),
            bound=BOUND,
            aim=AIM,
            of_polars={
                "ratio": round(medians["roadside"] / medians["polars"], 2),
                "bound": BOUND_OF_POLARS,
                "aim": AIM_OF_POLARS,
            },
            sides={side: timing.told() for side, timing in timings.items()},
            sizes={"labels": sizes.labels, "views": VIEWS, "rows_of_a_view": sizes.rows},
            peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        )


def _by_hand(data: Data) -> str:
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
    return digest(answered)
