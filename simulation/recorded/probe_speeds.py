"""Probe speeds of May 2008 as traffic_speeds: 15-minute means of cells of 0.01 degrees.

The probes are cabs that are not in the ping file. A segment is a cell, placed at its centre
(cells are counted by floor, which fits the pings' own density best). measured_at is the start of
the quarter of an hour that the mean is of; the reading is complete, and leaves, at its end. The
feed is mean_kmh with its number of samples; it has no free flow and no status.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulation.landing import LandingWriter
from simulation.recorded.arrival_lags import arrival_lags, lag_keys
from simulation.recorded.cab_pings import SHIFT_SECONDS
from simulation.recorded.replay_summary import ReplayCounts
from simulation.recorded.slots import Stream, joined, utc_texts

FILE = "sf-probe-speeds/probe_speeds_2008-05-17_05-31.parquet"
FEED = "sf-probe-speeds"
WINDOW_SECONDS = 900


def replay_probe_speeds(
    path: Path, writer: LandingWriter, counts: ReplayCounts, first: int, last: int
) -> None:
    """Write the traffic_speeds objects of the windows that start in epoch seconds [first, last)."""
    table = pq.read_table(path)
    started_at = table["window_start_epoch_s"].to_numpy() + SHIFT_SECONDS
    wanted = np.flatnonzero((started_at >= first) & (started_at < last))
    counts.rows_read[FILE] += len(wanted)
    table, started_at = table.take(wanted), started_at[wanted]
    windows, window_of = np.unique(started_at, return_inverse=True)
    lags = arrival_lags(lag_keys(f"{FEED}@{window}" for window in windows.tolist()))
    arrived_at = started_at + WINDOW_SECONDS + lags[window_of]
    order = np.lexsort((wanted, arrived_at))
    table, started_at = table.take(order), started_at[order]
    stream = Stream(writer, counts, "traffic_speeds", FEED)
    stream.write_sorted(
        arrived_at[order],
        lambda begin, stop: _lines(table.slice(begin, stop - begin), started_at[begin:stop]),
    )


def _lines(table: pa.Table, started_at: np.ndarray) -> pa.StringArray:
    south, west = table["cell_lat_e2"].to_numpy(), table["cell_lon_e2"].to_numpy()
    speed = np.round(table["mean_kmh"].to_numpy().astype(np.float64), 2)
    return joined(
        f"{FEED},",
        _texts(south),
        "_",
        _texts(west),
        ",",
        _texts(np.round(south / 100 + 0.005, 3)),
        ",",
        _texts(np.round(west / 100 + 0.005, 3)),
        ",",
        _texts(speed),
        ",,",
        _texts(table["n_samples"].to_numpy()),
        ",,",
        utc_texts(started_at),
        "\n",
    )


def _texts(numbers: np.ndarray) -> pa.StringArray:
    return pc.cast(pa.array(numbers), pa.string())
