"""The San Francisco replay: fire calls, cabs and probe speeds as one roadside operation.

It is good for geometry, supply, lateness and drift. It is not good for accuracy: fire units drive
with priority and arrive in about four minutes, and no cab has to do with any call. Nothing here
has members, promises, declines, prices or claims. `CONSTRUCTED` lists what the recordings do not
hold; it belongs beside every number that rests on it.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

from simulation.landing import LandingWriter
from simulation.recorded import cab_pings, probe_speeds
from simulation.recorded.recording import day_bounds, recorded_files, require_some
from simulation.recorded.replay_summary import Progress, ReplayCounts, ReplaySummary
from simulation.recorded.sffd_calls import CALLS_FILES, replay_calls
from simulation.recorded.sffd_labels import labels_from_raw
from simulation.recorded.slots import write_heartbeats_between

__all__ = ["CONSTRUCTED", "FILES", "labels_from_raw", "replay_san_francisco"]

REPLAY = "san-francisco"
HELD = "2016-12-31 to 2017-01-05 and 2018-01-01 to 2018-07-01 (cabs and speeds 2018-05-19 to 2018-06-02)"
FILES = (*(calls.name for calls in CALLS_FILES), cab_pings.FILE, probe_speeds.FILE)

CONSTRUCTED = (
    "Shift: cab pings and probe speeds of 17-31 May 2008 are moved by 522 whole weeks onto "
    "19 May-2 June 2018; fire calls keep their own dates.",
    "Job: one unit's response to a call; a call that sent three units is three jobs.",
    "Offer: made at Dispatch, one per unit, never declined, without an expiry or a channel.",
    "Acceptance: taken to be at Response, where the unit also starts driving; no promise is made.",
    "Service type: the recorded call type, which is not roadside vocabulary.",
    "Towing: the start of a patient's transport; the arrival at the hospital has no event.",
    "Cancellation: a unit without On Scene and without a transport is cancelled when available again, "
    "by the member if the call was, else by the dispatcher.",
    "Company and driver of a unit: read from the unit's name (its station number, ambulances, private "
    "fleets by prefix); the driver is the unit.",
    "Company and driver of a cab: one of 24 companies by a hash of the cab's id; the driver is the cab. "
    "No cab belongs to a unit, so no arrival has GPS evidence.",
    "Status of a cab: on_job while occupied, available while free.",
    "Arrival: lags are drawn from those measured in the Canberra feed, divided by 20; what a cab sends "
    "in 5 minutes travels together, and so do the readings of a quarter of an hour.",
    "Heartbeats: an object of each source for each 5 minutes between the first and the last arrival of any "
    "recording (a day without any ends the run), so a recording that has not begun, or has ended, while "
    "another goes on is taken to be a source with nothing to say.",
)
SOURCES = ("dispatch_events", "provider_status", "gps_pings", "traffic_speeds")
HEARTBEAT_ID = "heartbeat"
HEARTBEAT_MINUTES = ""  # every source's own


def replay_san_francisco(
    data: Path,
    root: Path,
    start: date | None = None,
    end: date | None = None,
    progress: Progress | None = None,
) -> ReplaySummary:
    """Write the recordings' landing objects under root; the same call writes the same bytes.

    Args:
        data: the folder of recorded data (read only).
        root: the folder that will hold `landing/`.
        start, end: half-open UTC days [start, end) of the call's receipt, the ping, the reading,
            after the shift; all days of all files by default. What happens in them may land up to
            9.5 hours after end, and a response stays whole.
        progress: called as (stage, done, total).

    Raises:
        InputMissing: the folder or a file is not there.
        UserError: the days are empty, hold nothing, or a file is not as published.
    """
    paths = recorded_files(Path(data), FILES)
    first, last = day_bounds(start, end)
    report = progress or _silent
    writer, counts = LandingWriter(root), ReplayCounts()
    for calls in CALLS_FILES:
        replay_calls(calls, paths[calls.name], writer, counts, first, last)
        report(calls.name, counts.rows_read[calls.name], counts.rows_read[calls.name])
    replay_speeds = probe_speeds.replay_probe_speeds
    replay_speeds(paths[probe_speeds.FILE], writer, counts, first, last)
    report(probe_speeds.FILE, counts.rows_read[probe_speeds.FILE], counts.rows_read[probe_speeds.FILE])
    cab_pings.replay_cab_pings(paths[cab_pings.FILE], writer, counts, first, last, report)
    write_heartbeats_between(writer, counts, SOURCES, HEARTBEAT_ID)
    require_some(counts.is_empty, REPLAY, start, end, HELD)
    return counts.summary(REPLAY, CONSTRUCTED)


def _silent(stage: str, done: int, total: int) -> None:
    """No progress was asked for."""
