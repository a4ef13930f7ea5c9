"""State changes of Canberra's incidents straight from the published file, to check silver against.

Nothing here is shared with the adapter but the file's name: a change of state is found by shifting
columns in pandas, not by walking through the feed.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from simulation.recorded.recording import recorded_files

CHANGES_FILE = "esa-act-feed/esa_act_2024-03_2025-03.parquet"
TRANSITIONS = ("requested", "accepted", "en_route", "on_scene", "unassigned", "completed")
_STATES = {
    "Resource Allocation Pending": "P",
    "Units On Route": "R",
    "On Scene": "S",
    "Out / Completed": "C",
    "Finished": "C",
}


def transitions_from_raw(data: Path) -> pd.DataFrame:
    """One row per incident: job_id and how often it made each of TRANSITIONS, as Int64 counts.

    Equal to the count of distinct events by job and type of silver.dispatch_events, the late ones
    included. Rows are sorted by job_id.

    Raises:
        InputMissing: the folder or the file is not there.
    """
    path = recorded_files(data, [CHANGES_FILE])[CHANGES_FILE]
    rows = pd.read_parquet(path, columns=["observed_at", "change", "id", "status"])
    rows = rows.sort_values("observed_at", kind="stable", ignore_index=True)
    state = rows["status"].map(_STATES).fillna("?").mask(rows["change"] == "gone", "G")

    def last_among(letters: str) -> pd.Series:
        """The incident's latest earlier state among these letters."""
        among = state.where(state.isin(list(letters)))
        return among.groupby(rows["id"]).ffill().groupby(rows["id"]).shift()

    before, seen_before, assigned_before = last_among("PRSCG?"), last_among("PRSC?"), last_among("PRS")
    was_assigned = assigned_before.isin(["R", "S"])
    happened = pd.DataFrame(
        {
            "requested": ~rows["id"].duplicated(),
            "accepted": state.isin(["R", "S"]) & ~was_assigned,
            "en_route": (state == "R") & (before != "R"),
            "on_scene": (state == "S") & (before != "S"),
            "unassigned": (state == "P") & was_assigned,
            "completed": ((state == "C") & (seen_before != "C")) | ((state == "G") & (before != "C")),
        }
    )
    counts = happened.astype("Int64").groupby("esa-" + rows["id"]).sum()
    return counts.rename_axis("job_id").reset_index()
