"""Shifts: a driver's day on duty, where the truck is at every second, and the queue before it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from simulation.draws import Draws
from simulation.geography import DETOUR, Place, beside, between, distance_km
from simulation.moments import HOUR_SECONDS, world_day_start
from simulation.providers import Driver, Provider
from simulation.rates import rate

if TYPE_CHECKING:
    from simulation.world import World

# Hours after 09:00Z. Who works at the end of a world day does not work at its start, so days do not
# overlap in any driver.
PATTERNS = {"graveyard": (0.4, 9.0), "early": (2.5, 12.5), "late": (8.0, 18.0), "evening": (13.0, 23.0)}
ATTENDANCE = 0.75
OPEN_END = 1 << 60
TURNAROUND_SECONDS = 30
BREAK_SECONDS = 1_800


@dataclass
class Leg:
    """A stretch of time at one place, or on the way from one to another: [start, end)."""

    start: int
    end: int
    origin: Place
    target: Place

    def place(self, at: int) -> Place:
        """Where the truck is at a second of the leg."""
        if self.origin == self.target:
            return self.origin
        return between(self.origin, self.target, (at - self.start) / max(1, self.end - self.start))


@dataclass
class Trip:
    """One job in a driver's queue: leave, arrive, done; and what was free before it."""

    depart_at: int
    arrive_at: int
    done_at: int
    target: Place
    end_place: Place
    free_before_at: int
    free_before_place: Place
    is_under_way: bool = False


class Duty:
    """One driver's shift on one world day: the queue it has accepted and the legs it drove."""

    def __init__(self, provider: Provider, driver: Driver, on_at: int, off_at: int, place: Place) -> None:
        self.provider = provider
        self.driver = driver
        self.on_at, self.off_at = on_at, off_at
        self.place = place
        self.free_at, self.free_place = on_at, place
        self.queue_count = 0
        self.legs: list[Leg] = []

    def is_on(self, at: int) -> bool:
        """Whether the driver takes new jobs at this second."""
        return self.on_at <= at < self.off_at

    def is_idle(self, at: int) -> bool:
        """Whether nothing is queued at this second."""
        return self.free_at <= at

    def plan(
        self, now: int, target: Place, end: Place, prepare: int, kmh: float, work: int, haul: int
    ) -> Trip:
        """The trip that would serve a place next in the queue; nothing is booked yet."""
        free_at = max(now, self.free_at)
        depart = max(now + prepare, free_at + TURNAROUND_SECONDS)
        arrive = depart + max(60, round(distance_km(self.free_place, target) * DETOUR / kmh * 3600))
        return Trip(depart, arrive, arrive + work + haul, target, end, self.free_at, self.free_place)

    def book(self, trip: Trip) -> None:
        """Put the trip at the end of the queue."""
        self.queue_count += 1
        self.free_at, self.free_place = trip.done_at, trip.end_place

    def release(self, trip: Trip, now: int) -> None:
        """Take the trip out of the queue, whether waiting, under way or done.

        With a trip queued behind it, which keeps its time, the truck goes where that one starts.
        """
        self.queue_count -= 1
        is_last = self.free_at == trip.done_at
        if not trip.is_under_way:
            if is_last:
                self.free_at, self.free_place = trip.free_before_at, trip.free_before_place
        elif is_last or trip.done_at <= now:
            self.stay(now)
            if is_last:
                self.free_at, self.free_place = now, self.place
        else:
            self.drive(now, trip.done_at, trip.end_place)

    def stay(self, now: int) -> None:
        """Stand where the truck is now."""
        self._halt(now)
        self.legs.append(Leg(now, OPEN_END, self.place, self.place))

    def drive(self, now: int, until: int, target: Place) -> None:
        """Leave for the target, to be there at `until`."""
        self._halt(now)
        self.legs.append(Leg(now, max(until, now + 1), self.place, target))

    def leave(self, now: int, until: int) -> None:
        """End the shift; positions are still known until then."""
        self.stay(now)
        self.legs[-1].end = until

    def _halt(self, now: int) -> None:
        if self.legs and self.legs[-1].start <= now:
            leg = self.legs[-1]
            self.place = leg.place(min(now, leg.end))
            leg.end = min(leg.end, now)


def duties_of(seed: int, day: date, provider: Provider) -> list[Duty]:
    """The shifts of a provider's drivers on a world day (three of four drivers come in)."""
    start, duties = world_day_start(day), []
    for driver in provider.drivers:
        draws = Draws(seed, "shift", day.toordinal(), driver.number)
        if not draws.chance(ATTENDANCE):
            continue
        on, off = (start + int(hours * HOUR_SECONDS) for hours in PATTERNS[driver.pattern])
        shift = draws.seconds(-1200, 1200)
        place = beside(provider.site, draws.uniform(0, 4), draws)
        duties.append(Duty(provider, driver, on + shift, off + shift, place))
    return duties


def shift(world: World, duty: Duty) -> Generator[int, None, None]:
    """A tracked driver's shift as a process: on, perhaps a break, off when the queue is empty."""
    draws = Draws(world.seed, "shift_life", world.day.toordinal(), duty.driver.number)
    yield duty.on_at
    duty.stay(world.now)
    world.send_status(duty, "available")
    yield (duty.on_at + duty.off_at) // 2
    is_idle, is_break = duty.is_idle(world.now), draws.chance(rate("break_taken"))
    if is_idle and is_break:
        duty.free_at = back_at = world.now + BREAK_SECONDS
        world.send_status(duty, "on_break")
        yield back_at
        world.send_status(duty, "available")
    yield duty.off_at
    while duty.queue_count:
        yield max(duty.free_at, world.now + 60)
    world.send_status(duty, "offline")
    extra = draws.seconds(1200, 3600) if draws.chance(rate("off_duty_pings")) else 0
    off_at = world.now
    duty.leave(off_at, off_at + extra)
    world.truth.add(
        "shifts",
        driver_id=duty.driver.driver_id,
        provider_id=duty.provider.provider_id,
        on_duty_at=duty.on_at,
        off_duty_at=off_at,
        off_duty_until_at=off_at + extra if extra else None,
        is_idle_at_break=is_idle,
        is_break_taken=is_idle and is_break,
    )
