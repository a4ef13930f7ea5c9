"""A simulated city as its readers find it."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import orjson
import pandas as pd

START = date(2026, 3, 1)
DAYS = 3
END = datetime(2026, 3, 1 + DAYS, tzinfo=UTC)


@dataclass
class LandedCity:
    """A city as its readers find it: landed objects, good lines, truth tables."""

    root: Path

    def truth(self, table: str) -> pd.DataFrame:
        return pd.read_parquet(self.root / "truth" / f"{table}.parquet")

    @cached_property
    def keys(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in (self.root / "landing").rglob("*.*"))

    @cached_property
    def truncated(self) -> set[str]:
        objects = self.truth("objects")
        return set(objects[objects.kind == "truncated"].object_key)

    def lines(self, source: str) -> list[bytes]:
        whole = (k for k in self.keys if k.startswith(f"landing/{source}/") and k not in self.truncated)
        return [
            line for k in whole for line in gzip.decompress((self.root / k).read_bytes()).split(b"\n") if line
        ]

    @cached_property
    def events(self) -> pd.DataFrame:
        """Good lifecycle events, each once."""
        return pd.DataFrame(good_records(self.lines("dispatch_events"))).drop_duplicates(
            ["event_id", "event_timestamp"]
        )

    @cached_property
    def pings(self) -> pd.DataFrame:
        """Good pings, each once."""
        pings = pd.DataFrame(good_records(self.lines("gps_pings")))
        pings = pings.drop_duplicates(["event_id", "event_timestamp"])
        return pings.assign(at=pd.to_datetime(pings.event_timestamp))

    def requests(self) -> pd.DataFrame:
        return self.events[self.events.event_type == "requested"]

    def arrivals(self) -> pd.DataFrame:
        """True arrivals early enough for their milestones to have landed."""
        assignments = self.truth("assignments")
        return assignments[assignments.arrived_at < END - timedelta(hours=3)]


def good_records(lines: list[bytes]) -> list[dict]:
    records = []
    for line in lines:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(record, dict) and "event_timestamp" in record:
            records.append(record)
    return records


def forget_city(home: Path) -> None:
    """Remove what landed and its truth, so that another module of the session may simulate into the home."""
    for name in ("landing", "truth"):
        shutil.rmtree(home / name, ignore_errors=True)
