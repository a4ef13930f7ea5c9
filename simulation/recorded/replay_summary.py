"""What a replay read, wrote and constructed: the counts that landed must reconcile with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

Progress = Callable[[str, int, int], None]
"""Called as (stage, done, total) while a replay works; total may be 0 when it is not known."""


@dataclass(frozen=True)
class SourceCount:
    """What was written to one source: records, and objects with the heartbeats among them."""

    records: int
    objects: int
    heartbeats: int


@dataclass(frozen=True)
class ReplaySummary:
    """The outcome of one replay.

    Attributes:
        replay: the command's name for the recording.
        rows_read: rows taken from each file, after `start` and `end`.
        rows_without_record: rows that left no record of their own, by reason.
        sources: what landed; `records` equals bronze plus quarantined for the source.
        first_landed_at, last_landed_at: stamps of the first and the last object.
        constructed: one sentence for each thing no recording holds.
    """

    replay: str
    rows_read: dict[str, int]
    rows_without_record: dict[str, int]
    sources: dict[str, SourceCount]
    first_landed_at: datetime
    last_landed_at: datetime
    constructed: tuple[str, ...]


class ReplayCounts:
    """Counts a replay as it goes, and sums it up at the end; `stamps` has those of each source."""

    def __init__(self) -> None:
        self.rows_read: Counter[str] = Counter()
        self.rows_without_record: Counter[str] = Counter()
        self.records: Counter[str] = Counter()
        self.objects: Counter[str] = Counter()
        self.heartbeats: Counter[str] = Counter()
        self.stamps: dict[str, set[datetime]] = defaultdict(set)

    def landed(self, source: str, landed_at: datetime, records: int) -> None:
        """One object of so many records was written; none makes it a heartbeat."""
        self.objects[source] += 1
        self.records[source] += records
        self.heartbeats[source] += records == 0
        self.stamps[source].add(landed_at)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written."""
        return not self.objects

    def summary(self, replay: str, constructed: tuple[str, ...]) -> ReplaySummary:
        """The counts so far; at least one object must have been written."""
        return ReplaySummary(
            replay=replay,
            rows_read=dict(self.rows_read),
            rows_without_record=dict(self.rows_without_record),
            sources={
                source: SourceCount(self.records[source], self.objects[source], self.heartbeats[source])
                for source in sorted(self.objects)
            },
            first_landed_at=min(min(stamps) for stamps in self.stamps.values()),
            last_landed_at=max(max(stamps) for stamps in self.stamps.values()),
            constructed=constructed,
        )
