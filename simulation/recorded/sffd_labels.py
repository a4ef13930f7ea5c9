"""Arrival labels straight from the published SFFD files, for checking the datasets against.

Nothing here is shared with the adapter but the files' names: its own reading, its own clocks, its
own rules, in pandas alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from simulation.recorded.recording import recorded_files

FORMATS = {
    "sffd-calls/sffd_2016-12-31_2017-01-04_citywide_seconds.csv.gz": "%m/%d/%Y %I:%M:%S %p",
    "sffd-calls/sffd_2018-01_2018-06_ne-district_minutes.csv.gz": "%m/%d/%y %H:%M",
}
LONGEST_ARRIVAL_MINUTES = 360


def labels_from_raw(data: Path) -> pd.DataFrame:
    """One row per unit that responded: assignment_id, arrival_minutes, status, end_reason.

    Columns:
        assignment_id: `<call number>-<sequence of the unit in the call>-1`.
        arrival_minutes: Response to On Scene; null unless status is `observed`.
        status: `observed` (0 < minutes <= 360), `invalid_arrival` (arrived outside that range),
            `censored` (taken back on the way, or still open), `missing_milestone` (it carried
            somebody or ended before it arrived, by the record).
        end_reason: arrived, member_cancelled, missing_milestone or open, as silver.assignments.

    Rows are sorted by assignment_id. A unit that was sent and never responded has no assignment.

    Raises:
        InputMissing: the folder or a file is not there.
    """
    paths = recorded_files(data, FORMATS)
    parts = [_labels(paths[name], clock_format) for name, clock_format in FORMATS.items()]
    return pd.concat(parts).sort_values("assignment_id", ignore_index=True)


def _labels(path: Path, clock_format: str) -> pd.DataFrame:
    rows = pd.read_csv(path, dtype=str)
    clock = {
        short: pd.to_datetime(rows[f"{short} DtTm"], format=clock_format).dt.tz_localize(
            "US/Pacific", ambiguous=np.ones(len(rows), dtype=bool), nonexistent=pd.Timedelta(hours=1)
        )
        for short in ("Response", "On Scene", "Transport", "Available")
    }
    arrived, ended = clock["On Scene"].notna(), clock["Available"].notna()
    ended_first = arrived & ended & (clock["Available"] < clock["On Scene"])
    cancelled = rows["Call Final Disposition"].eq("Cancelled")
    gone = rows["Call Final Disposition"].eq("Gone on Arrival")
    end_reason = np.select(
        [
            arrived & ~(ended_first & ~gone),
            arrived & ended_first & cancelled,
            arrived | (ended & clock["Transport"].notna()),
            ended,
        ],
        ["arrived", "member_cancelled", "missing_milestone", "member_cancelled"],
        "open",
    )
    minutes = (clock["On Scene"] - clock["Response"]).dt.total_seconds() / 60
    in_range = (minutes > 0) & (minutes <= LONGEST_ARRIVAL_MINUTES)
    status = np.select(
        [(end_reason == "arrived") & in_range, end_reason == "arrived", end_reason == "missing_milestone"],
        ["observed", "invalid_arrival", "missing_milestone"],
        "censored",
    )
    labels = pd.DataFrame(
        {
            "assignment_id": rows["Call Number"] + "-" + rows["Unit sequence in call dispatch"] + "-1",
            "arrival_minutes": minutes.where(status == "observed"),
            "status": status,
            "end_reason": end_reason,
        }
    )
    return labels[clock["Response"].notna()]
