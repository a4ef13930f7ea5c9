"""The simulated city: five feeds of landing objects, hour by hour, and the truth beside them.

Same configuration, same bytes. Every draw is keyed by seed, entity and day, so no day's jobs,
shifts or positions depend on another day's draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from pathlib import Path

import orjson

from simulation.delivery import PHASE, SLOT_SECONDS, Delivery, Objects, dead_feed, slot_of, stamp_of
from simulation.geography import City, city_for, coordinates
from simulation.jobs import MEMBERS_PER_DAILY_JOB
from simulation.landing import SOURCES, LandingWriter
from simulation.moments import DAY_SECONDS, HOUR_SECONDS, midnight, moment, world_day_start
from simulation.pings import PingFeed
from simulation.providers import Neighbourhood, Provider, providers_of
from simulation.traffic import TrafficFeed, segments_of
from simulation.truth import TruthWriter
from simulation.world import World
from validation.errors import UserError

CONFIGURATION = "simulation.json"
DAYS_OF_A_DEAD_FEED = 3
Progress = Callable[[date, int, int, int], None]


@dataclass(frozen=True)
class SimulationConfig:
    """What to simulate: UTC days [start, start + days), landed whole.

    `scale` multiplies providers and jobs. Positions and traffic readings are made for the last
    `pings_days` only (null: all); before them these sources land heartbeats. With `dead_feed`, one
    source falls silent for 40 minutes on the second day, more than a day before the end.
    """

    start: date
    days: int = 1
    seed: int = 1
    providers: int = 40
    jobs_per_day: int = 300
    ping_seconds: int = 60
    pings_days: int | None = None
    traffic_seconds: int = 900
    scale: float = 1.0
    largest_object: int = 50_000
    dead_feed: bool = False

    def __post_init__(self) -> None:
        problems = [
            f"{name} is {getattr(self, name)}; it must be at least {least}."
            for name, least in (("days", 1), ("providers", 3), ("jobs_per_day", 0), ("ping_seconds", 1))
            if getattr(self, name) < least
        ]
        if isinstance(self.start, datetime):
            problems.append("start is a moment; it must be a day.")
        if self.scale <= 0:
            problems.append(f"scale is {self.scale}; it must be above 0.")
        if self.pings_days is not None and not 0 <= self.pings_days <= self.days:
            problems.append(f"pings_days is {self.pings_days}; it must be between 0 and days, {self.days}.")
        if self.traffic_seconds < SLOT_SECONDS or self.traffic_seconds % SLOT_SECONDS:
            problems.append(
                f"traffic_seconds is {self.traffic_seconds}; it must be a multiple of {SLOT_SECONDS}."
            )
        if self.dead_feed and self.days < DAYS_OF_A_DEAD_FEED:
            problems.append(f"days is {self.days}; a dead feed needs at least {DAYS_OF_A_DEAD_FEED}.")
        if problems:
            raise UserError("The simulation cannot run as asked:\n" + "\n".join(f"  {p}" for p in problems))

    @property
    def provider_count(self) -> int:
        """Providers after scaling."""
        return max(3, round(self.providers * self.scale))

    @property
    def daily_jobs(self) -> int:
        """Mean jobs a day after scaling."""
        return round(self.jobs_per_day * self.scale)

    @property
    def first_ping_day(self) -> date:
        """The first day with positions and traffic readings."""
        return self.start + timedelta(
            days=self.days - (self.days if self.pings_days is None else self.pings_days)
        )


@dataclass(frozen=True)
class SimulationSummary:
    """What landed."""

    landing: Path
    truth: Path
    start: datetime
    end: datetime
    objects: int
    records: dict[str, int]
    jobs: int


def simulate(config: SimulationConfig, root: Path, progress: Progress | None = None) -> SimulationSummary:
    """Write `landing/` and `truth/` under root; the same configuration writes the same bytes.

    `progress(day, hour, objects, records)` is called after each simulated hour with the running
    totals. Records counted are lines as landed, resends and garbled copies included.

    Raises:
        UserError: the folder holds a city of another configuration.
    """
    _claim_folder(config, root)
    return _Simulation(config, root).run(progress)


def _claim_folder(config: SimulationConfig, root: Path) -> None:
    """Two cities in one folder would be two truths for one feed."""
    wanted = orjson.dumps(asdict(config), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    path = root / "truth" / CONFIGURATION
    if path.exists() and path.read_bytes() != wanted:
        there = orjson.loads(path.read_bytes())
        differ = [
            field.name
            for field in fields(config)
            if orjson.loads(wanted)[field.name] != there.get(field.name)
        ]
        raise UserError(
            f"{root} holds a simulated city of another configuration ({', '.join(differ)} differ).",
            "Choose another folder, or remove its landing/ and truth/ first.",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wanted)


class _Simulation:
    """One run: the worlds of the days that are open, and the feeds that carry them away."""

    def __init__(self, config: SimulationConfig, root: Path) -> None:
        self.config, self.root = config, root
        self.city: City = city_for(config.provider_count)
        self.start = midnight(config.start)
        self.end = self.start + config.days * DAY_SECONDS
        self.pings_from = midnight(config.first_ping_day)
        self.providers = providers_of(config.seed, config.provider_count, self.city)
        self.neighbourhood = Neighbourhood(self.providers)
        self.truth = TruthWriter(root / "truth")
        self.objects = Objects(
            LandingWriter(root, compression_level=3),
            self.truth,
            config.seed,
            config.largest_object,
            dead_feed(config.seed, self.start) if config.dead_feed else None,
        )
        self.delivery = Delivery(self.objects, config.seed, self.start)
        self.pings = PingFeed(self.objects, self.truth, config.seed, config.ping_seconds, self.providers)
        segments = segments_of(config.seed, self.city)
        self.traffic = TrafficFeed(self.objects, config.seed, config.traffic_seconds, segments)
        self.worlds: list[World] = []
        self.next_day = config.start - timedelta(days=1)
        self.slots = {source: self._first_slot(source) for source in SOURCES}
        self.records = dict.fromkeys(SOURCES, 0)
        self.jobs = 0

    def _first_slot(self, source: str) -> int:
        return slot_of(source, self.start - 1 if PHASE[source] == 0 else self.start)

    def run(self, progress: Progress | None) -> SimulationSummary:
        for provider in self.providers:
            self._note_provider(provider)
        for hour in range(self.start, self.end, HOUR_SECONDS):
            self._run_hour(hour)
            if progress is not None:
                day = self.config.start + timedelta(seconds=hour - self.start)
                progress(day, moment(hour).hour, self.objects.object_count, sum(self.records.values()))
        for world in self.worlds:  # what is still going on ends in the truth; nobody hears of it
            world.advance(self.end + 30 * DAY_SECONDS)
        self.truth.close()
        return SimulationSummary(
            landing=self.root / "landing",
            truth=self.root / "truth",
            start=moment(self.start),
            end=moment(self.end),
            objects=self.objects.object_count,
            records=self.records,
            jobs=self.jobs,
        )

    def _run_hour(self, hour: int) -> None:
        until = hour + HOUR_SECONDS
        self.delivery.begin_hour(hour)
        while world_day_start(self.next_day) < until:
            self._open_world()
        # Positions follow the trucks in steps of five minutes: a leg is only cut short by what
        # has happened, and what happened within a slot is settled once the slot is over.
        for slot_end in range(hour + SLOT_SECONDS, until + 1, SLOT_SECONDS):
            for world in self.worlds:
                before = world.request_count
                world.advance(slot_end)
                self.jobs += world.request_count - before
            if slot_end > self.pings_from:
                duties = [duty for world in self.worlds for duty in world.tracked_duties if duty.legs]
                self.pings.make(slot_end - SLOT_SECONDS, duties)
            self._write_slots(slot_end)
        self.worlds = [world for world in self.worlds if not world.is_over]

    def _open_world(self) -> None:
        config = self.config
        world = World(
            seed=config.seed,
            day=self.next_day,
            city=self.city,
            neighbourhood=self.neighbourhood,
            delivery=self.delivery,
            truth=self.truth,
            start=self.start,
            end=self.end,
            jobs_per_day=config.daily_jobs,
            member_count=max(1, config.daily_jobs * MEMBERS_PER_DAILY_JOB),
        )
        self.worlds.append(world)
        self.next_day += timedelta(days=1)

    def _write_slots(self, until: int) -> None:
        """Write every slot whose object may be stamped by `until`, in order of source and time."""
        for source in SOURCES:
            while (stamp := stamp_of(source, self.slots[source])) <= until and stamp < self.end:
                slot = self.slots[source]
                if source == "gps_pings":
                    count = self.pings.write_slot(slot)
                elif source == "traffic_speeds":
                    count = self.traffic.write_slot(slot, stamp > self.pings_from)
                else:
                    count = self.delivery.write_slot(source, slot)
                self.records[source] += count
                self.slots[source] += 1

    def _note_provider(self, provider: Provider) -> None:
        latitude, longitude = coordinates(provider.site)
        self.truth.add(
            "providers",
            provider_id=provider.provider_id,
            is_tracked=provider.is_tracked,
            platform=provider.platform,
            driver_count=len(provider.drivers),
            site_latitude=latitude,
            site_longitude=longitude,
            service_types=sorted(provider.services),
            willingness=provider.willingness,
            response_median_seconds=provider.response_median_seconds,
            optimism=provider.optimism,
            quality=provider.quality,
            rate_index=provider.rate_index,
        )


__all__ = ["SimulationConfig", "SimulationSummary", "simulate"]
