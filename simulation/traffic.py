"""Traffic: a vendor's readings per road segment, one segment to each zone of the city."""

from __future__ import annotations

from dataclasses import dataclass

import h3
import numpy as np

from simulation.delivery import SLOT_SECONDS, Objects, stamp_of
from simulation.draws import Draws, generator
from simulation.geography import City
from simulation.moments import moment
from simulation.rates import rate
from simulation.world import congestion

SOURCE = "traffic_speeds"
FEED = "city_sensors"
NO_READING = -101


@dataclass(frozen=True)
class Segment:
    """One road segment near the centre of a zone."""

    segment_id: str
    latitude: float
    longitude: float
    free_flow_kmh: float


def segments_of(seed: int, city: City) -> list[Segment]:
    """The segments of the city, by zone."""
    segments = []
    for number, zone in enumerate(city.zones):
        draws = Draws(seed, "segment", number)
        latitude, longitude = h3.cell_to_latlng(zone)
        segments.append(
            Segment(
                segment_id=f"SEG{number:05d}",
                latitude=round(latitude + draws.uniform(-0.004, 0.004), 6),
                longitude=round(longitude + draws.uniform(-0.004, 0.004), 6),
                free_flow_kmh=float(draws.pick((48, 56, 72, 88, 104))),
            )
        )
    return segments


class TrafficFeed:
    """The traffic_speeds source: a reading per segment and `every` seconds, a minute or two old."""

    def __init__(self, objects: Objects, seed: int, every: int, segments: list[Segment]) -> None:
        self.objects, self.seed, self.every, self.segments = objects, seed, every, segments
        self._free_flow = np.array([segment.free_flow_kmh for segment in segments])

    def write_slot(self, slot: int, is_reading: bool) -> int:
        """Write the readings of the slot, if any are due in it; else a heartbeat."""
        measured_at = stamp_of(SOURCE, slot) - SLOT_SECONDS
        is_due = is_reading and measured_at % self.every == 0
        lines = self._lines(measured_at) if is_due else []
        self.objects.write_slot(SOURCE, slot, lines, [])
        return len(lines)

    def _lines(self, measured_at: int) -> list[bytes]:
        chance = generator(self.seed, "traffic", measured_at)
        count = len(self.segments)
        speeds = self._free_flow * np.clip(
            congestion(measured_at) * chance.normal(1, 0.08, count), 0.05, 1.15
        )
        samples = chance.poisson(25, count) + 1
        silent = chance.random(count) < rate("traffic_sentinel")
        ages = chance.integers(30, 240, count)
        rows = zip(
            self.segments, speeds.tolist(), samples.tolist(), silent.tolist(), ages.tolist(), strict=True
        )
        return [
            _row(segment, speed, sample_count, is_silent, measured_at + SLOT_SECONDS - age)
            for segment, speed, sample_count, is_silent, age in rows
        ]


def _row(segment: Segment, speed: float, samples: int, is_silent: bool, at: int) -> bytes:
    speed, samples, status = (0.0, 0, NO_READING) if is_silent else (speed, samples, 0)
    return (
        f"{FEED},{segment.segment_id},{segment.latitude},{segment.longitude},{speed:.1f},"
        f"{segment.free_flow_kmh},{samples},{status},{moment(at):%Y-%m-%dT%H:%M:%SZ}\n"
    ).encode()
