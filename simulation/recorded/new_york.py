"""The New York replay: a third-party traffic feed with its sentinels and its gaps.

A reading of a link becomes a traffic_speeds row, status -101 included: it means no reading, and
its speed (0, or the last value frozen) is passed on as published, for the platform to keep out of
every average. When the feed is silent (for up to two days) nothing lands: it sends no heartbeats,
and none is invented. Run with ROADSIDE_HEARTBEAT_MINUTES=traffic_speeds=30: its longest pause is 21
minutes, save three outages, which are held (6.3 % of the ticks). Status 0 is published for real
readings. Local times are America/New_York.

A link is placed at the first point of its line; the published lines are cut at 255 characters, so
the first point is the only one that every link surely has whole.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulation.landing import LandingWriter
from simulation.recorded.arrival_lags import arrival_lags, lag_keys
from simulation.recorded.local_times import epoch_seconds, utc_from_local
from simulation.recorded.recording import day_bounds, recorded_files, require_some
from simulation.recorded.replay_summary import Progress, ReplayCounts, ReplaySummary
from simulation.recorded.slots import Stream, joined, utc_texts
from validation.errors import UserError

REPLAY = "new-york"
HELD = "2018-05-01 to 2018-06-01"
SPEEDS_FILE = "nyc-dot-speeds/speeds_2018-05.parquet"
LINKS_FILE = "nyc-dot-speeds/links_2018-05.parquet"
FILES = (SPEEDS_FILE, LINKS_FILE)
FEED = "nyc-dot"
HEARTBEAT_MINUTES = "traffic_speeds=30"
ZONE = "America/New_York"
KMH_PER_MPH = 1.609344

CONSTRUCTED = (
    "Place of a link: the first point of its published line.",
    "Speed: miles per hour turned into kilometres per hour, to 2 decimals; sentinels likewise.",
    "Arrival: lags are drawn from those measured in the Canberra feed, divided by 20; readings of one "
    "second travel together.",
)


def replay_new_york(
    data: Path,
    root: Path,
    start: date | None = None,
    end: date | None = None,
    progress: Progress | None = None,
) -> ReplaySummary:
    """Write the feed's traffic_speeds objects under root; the same call writes the same bytes.

    Args:
        data: the folder of recorded data (read only).
        root: the folder that will hold `landing/`.
        start, end: half-open UTC days [start, end) of the readings; all by default.
        progress: called as (stage, done, total).

    Raises:
        InputMissing: the folder or a file is not there.
        UserError: the days are empty, hold nothing, or a link of a reading has no place.
    """
    paths = recorded_files(Path(data), FILES)
    first, last = day_bounds(start, end)
    counts = ReplayCounts()
    stream = Stream(LandingWriter(root), counts, "traffic_speeds", FEED, has_heartbeats=False)
    readings = pq.read_table(paths[SPEEDS_FILE])
    measured_at = _measured_at(readings)
    wanted = np.flatnonzero((measured_at >= first) & (measured_at < last))
    readings, measured_at = readings.take(wanted), measured_at[wanted]
    counts.rows_read[SPEEDS_FILE] += len(wanted)
    arrived_at = measured_at + _lags(measured_at)
    order = np.lexsort((wanted, arrived_at))
    readings, measured_at = readings.take(order), measured_at[order]
    places = _places(paths[LINKS_FILE], readings["link_id"])
    stream.write_sorted(
        arrived_at[order],
        lambda begin, stop: _lines(readings.slice(begin, stop - begin), measured_at[begin:stop], places),
    )
    require_some(counts.is_empty, REPLAY, start, end, HELD)
    if progress:
        progress(SPEEDS_FILE, len(wanted), len(wanted))
    return counts.summary(REPLAY, CONSTRUCTED)


def _measured_at(readings: pa.Table) -> np.ndarray:
    return epoch_seconds(utc_from_local(readings["data_as_of_local"].to_pandas(), ZONE))


def _lags(measured_at: np.ndarray) -> np.ndarray:
    seconds, second_of = np.unique(measured_at, return_inverse=True)
    return arrival_lags(lag_keys(f"{FEED}@{second}" for second in seconds.tolist()))[second_of]


def _places(path: Path, link_ids: pa.ChunkedArray) -> pd.Series:
    """`latitude,longitude` of each link, by link id.

    Raises:
        UserError: a link that has readings is not in the file.
    """
    links = pq.read_table(path, columns=["LinkId", "LinkPoints"]).to_pandas()
    if homeless := set(pc.unique(link_ids).to_pylist()) - set(links["LinkId"]):
        raise UserError(
            f"{len(homeless)} links of {SPEEDS_FILE} are not in {LINKS_FILE}.", "Use both as published."
        )
    return links.set_index("LinkId")["LinkPoints"].str.split().str[0]


def _lines(readings: pa.Table, measured_at: np.ndarray, places: pd.Series) -> pa.StringArray:
    link_ids = readings["link_id"].to_numpy()
    speed = np.round(readings["speed_mph"].to_numpy() * KMH_PER_MPH, 2)
    return joined(
        f"{FEED},",
        _texts(link_ids),
        ",",
        pa.array(places.loc[link_ids], pa.string()),
        ",",
        _texts(speed),
        ",,,",
        _texts(readings["status"].to_numpy()),
        ",",
        utc_texts(measured_at),
        "\n",
    )


def _texts(numbers: np.ndarray) -> pa.StringArray:
    return pc.cast(pa.array(numbers), pa.string())
