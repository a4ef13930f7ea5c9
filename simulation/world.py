"""One world day: everybody's processes, run in the order of the second at which they wake.

A process is a generator that yields the second at which it wants to go on. A job's process may be
cut short by its member, whose patience ends at a second of its own.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import date

from simulation.delivery import Delivery, platform_lag
from simulation.draws import Draws
from simulation.geography import City
from simulation.jobs import job, request_times
from simulation.lifecycle import JobRun, MemberLeft
from simulation.moments import moment
from simulation.providers import Neighbourhood, Provider
from simulation.shifts import Duty, duties_of, shift
from simulation.truth import TruthWriter

# Speed on the street by UTC hour, over 33 km/h: two rush hours on the city's clocks.
STREET_KMH = 33.0
CONGESTION = (
    0.8,
    0.85,
    0.95,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    1,
    0.95,
    0.8,
    0.7,
    0.75,
    0.9,
    0.95,
    0.95,
    0.95,
    0.9,
    0.85,
    0.7,
    0.7,
)


def congestion(at: int) -> float:
    """What is left of the free speed at this second."""
    return CONGESTION[at // 3600 % 24]


@dataclass
class Process:
    """A generator of wake-up seconds; `run` is set when a member's patience can end it."""

    steps: Generator[int, None, None] | None
    run: JobRun | None = None


@dataclass
class World:
    """The world day [09:00Z, 09:00Z): who is on duty, and the jobs requested in it to their end."""

    seed: int
    day: date
    city: City
    neighbourhood: Neighbourhood
    delivery: Delivery
    truth: TruthWriter
    start: int
    end: int
    jobs_per_day: int
    member_count: int
    now: int = 0
    request_count: int = 0
    duties: dict[str, list[Duty]] = field(default_factory=dict)
    tracked_duties: list[Duty] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._heap: list[tuple[int, int, Process]] = []
        self._order = 0
        self._status_serial = 0
        self._requests = [
            (at, number)
            for number, at in enumerate(request_times(self.seed, self.day, self.jobs_per_day))
            if self.start <= at < self.end
        ][::-1]
        self._draws = Draws(self.seed, "status", self.day.toordinal())
        for provider in self.neighbourhood.providers:
            self._open(provider)

    def _open(self, provider: Provider) -> None:
        duties = duties_of(self.seed, self.day, provider)
        self.duties[provider.provider_id] = duties
        if provider.is_tracked:
            self.tracked_duties += duties
            for duty in duties:
                self._resume(Process(shift(self, duty)))

    @property
    def is_over(self) -> bool:
        """Whether nothing of this day is still going on."""
        return not self._heap and not self._requests

    def advance(self, until: int) -> None:
        """Run everything that happens before the second `until`."""
        while self._requests and self._requests[-1][0] < until:
            at, number = self._requests.pop()
            self.request_count += 1
            self._push(at, Process(None, self._job_run(number, at)))
        while self._heap and self._heap[0][0] < until:
            self.now, _, process = heapq.heappop(self._heap)
            self._resume(process)

    def speed_kmh(self, at: int) -> float:
        """The speed of a trip that starts at this second."""
        return STREET_KMH * congestion(at)

    def send_status(self, duty: Duty, status: str) -> None:
        """The driver's app reports a status now, if the provider is tracked."""
        if not duty.provider.is_tracked:
            return
        self._status_serial += 1
        digest = hashlib.blake2b(
            f"{self.seed}/status/{self.day}/{self._status_serial}".encode(), digest_size=8
        )
        event_id = f"s{digest.hexdigest()}"
        record = {
            "event_id": event_id,
            "provider_id": duty.provider.provider_id,
            "driver_id": duty.driver.driver_id,
            "truck_id": duty.driver.truck_id,
            "status": status,
            "equipment": duty.driver.equipment,
            "active_job_count": duty.queue_count,
            "event_timestamp": moment(self.now),
        }
        platform = duty.provider.platform
        lag = platform_lag(platform, self._draws)
        self.delivery.add("provider_status", record, event_id, self.now, lag, platform)

    def _job_run(self, number: int, at: int) -> JobRun:
        return JobRun(self, job(self.seed, self.day, number, at, self.city, self.member_count))

    def _resume(self, process: Process) -> None:
        run = process.run
        try:
            if process.steps is None:
                assert run is not None
                process.steps = run.life()
                wake = next(process.steps)
            elif run is not None and run.patience_at is not None and run.patience_at <= self.now:
                wake = process.steps.throw(MemberLeft())
            else:
                wake = next(process.steps)
        except StopIteration:
            return
        if run is not None and run.patience_at is not None:
            wake = min(wake, run.patience_at)
        self._push(max(wake, self.now), process)

    def _push(self, wake: int, process: Process) -> None:
        self._order += 1
        heapq.heappush(self._heap, (wake, self._order, process))
