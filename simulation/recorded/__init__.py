"""Recorded data of public agencies, replayed as the landing objects of the real producers.

The recordings stay outside the project; a replay reads their folder and writes what
`simulation.landing` writes for everybody, so everything downstream is the same code. What a
recording lacks and a replay constructs is listed in each adapter's CONSTRUCTED and comes back in
its `ReplaySummary`.
"""

from simulation.recorded.canberra import replay_canberra, transitions_from_raw
from simulation.recorded.new_york import replay_new_york
from simulation.recorded.replay_summary import Progress, ReplaySummary, SourceCount
from simulation.recorded.san_francisco import labels_from_raw, replay_san_francisco

__all__ = [
    "Progress",
    "ReplaySummary",
    "SourceCount",
    "labels_from_raw",
    "replay_canberra",
    "replay_new_york",
    "replay_san_francisco",
    "transitions_from_raw",
]
