"""Providers: companies of 1 to 40 drivers, a third of them known by phone number only."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import NormalDist

from simulation.draws import Draws, generator
from simulation.geography import City, Place
from simulation.rates import rate

LIGHT_SERVICES = ("jump_start", "flat_tire", "lockout", "fuel_delivery")
HEAVY_SERVICES = ("tow", "winch_out")
DIRECT, RELAY = "direct", "relay"
LARGEST_COMPANY = 40
NEARBY_KM = 10.0
NEARBY_COUNT = 15


@dataclass(frozen=True)
class Driver:
    """One person who drives for a provider; number is unique in the city."""

    driver_id: str
    number: int
    truck_id: str
    can_tow: bool
    pattern: str

    @property
    def equipment(self) -> list[str]:
        """What the truck carries."""
        return ["flatbed", "winch", "light_service"] if self.can_tow else ["light_service"]


@dataclass(frozen=True)
class Provider:
    """One contracted company, with the traits that its answers and arrivals follow."""

    provider_id: str
    number: int
    is_tracked: bool
    platform: str
    site: Place
    drivers: tuple[Driver, ...]
    services: frozenset[str]
    willingness: float
    response_median_seconds: float
    optimism: float
    quality: float
    rate_index: float


def providers_of(seed: int, count: int, city: City) -> list[Provider]:
    """The providers of the city, by number; company sizes are lognormal, 1 to 40 drivers."""
    untracked = set(
        generator(seed, "untracked").permutation(count)[: round(count * rate("untracked_provider"))].tolist()
    )
    sizes = _company_sizes(seed, count)
    providers, first_driver = [], 0
    for number in range(count):
        providers.append(_provider(seed, number, number not in untracked, sizes[number], first_driver, city))
        first_driver += len(providers[-1].drivers)
    return providers


def _company_sizes(seed: int, count: int) -> list[int]:
    """Even quantiles of a lognormal, shuffled: a small city has its large company too."""
    normal = NormalDist()
    sizes = [
        min(LARGEST_COMPANY, max(1, round(3.2 * math.exp(normal.inv_cdf((n + 0.5) / count)))))
        for n in range(count)
    ]
    return [sizes[n] for n in generator(seed, "company_sizes").permutation(count)]


def _provider(seed: int, number: int, is_tracked: bool, size: int, first_driver: int, city: City) -> Provider:
    draws = Draws(seed, "provider", number)
    size = size if is_tracked else min(size, 4)
    tows = draws.chance(0.75)
    light = frozenset(service for service in LIGHT_SERVICES if draws.chance(0.85)) or {"jump_start"}
    drivers = []
    for n in range(size):
        driver = first_driver + n
        can_tow = tows and (n == 0 or draws.chance(0.6))
        pattern = _pattern(draws, size)
        drivers.append(Driver(f"D{driver:06d}", driver, f"T{driver:06d}", can_tow, pattern))
    return Provider(
        provider_id=f"P{number:05d}",
        number=number,
        is_tracked=is_tracked,
        platform=RELAY if is_tracked and draws.chance(rate("relay_provider")) else DIRECT,
        site=city.place(draws, spread=0.5),
        drivers=tuple(drivers),
        services=frozenset(light | set(HEAVY_SERVICES)) if tows else frozenset(light),
        willingness=draws.uniform(0.55, 0.92),
        response_median_seconds=draws.uniform(8, 40),
        optimism=min(1.2, draws.lognormal(0.97, 0.15)),
        quality=draws.uniform(),
        rate_index=draws.uniform(0.8, 1.3),
    )


def _pattern(draws: Draws, size: int) -> str:
    share = draws.uniform()
    if size >= 4 and share < 0.12:
        return "graveyard"
    return "early" if share < 0.45 else "late" if share < 0.75 else "evening"


class Neighbourhood:
    """Which providers may be asked for a job at a place: those with a site nearby.

    Answers come from a grid and are remembered per grid cell, so asking does not slow down as the
    city grows.
    """

    def __init__(self, providers: list[Provider]) -> None:
        self.providers = providers
        self._grid: dict[tuple[int, int], list[Provider]] = defaultdict(list)
        self._near: dict[tuple[int, int], list[Provider]] = {}
        for provider in providers:
            self._grid[_cell(provider.site)].append(provider)

    def near(self, place: Place) -> list[Provider]:
        """At least NEARBY_COUNT providers around the place (all, if there are fewer), by number."""
        cell = _cell(place)
        if cell not in self._near:
            self._near[cell] = self._around(cell)
        return self._near[cell]

    def _around(self, cell: tuple[int, int]) -> list[Provider]:
        reach = 1
        found: list[Provider] = []
        while len(found) < min(NEARBY_COUNT, len(self.providers)):
            found = [
                provider
                for east in range(cell[0] - reach, cell[0] + reach + 1)
                for north in range(cell[1] - reach, cell[1] + reach + 1)
                for provider in self._grid.get((east, north), ())
            ]
            reach += 1
        return sorted(found, key=lambda provider: provider.number)


def _cell(place: Place) -> tuple[int, int]:
    return math.floor(place[0] / NEARBY_KM), math.floor(place[1] / NEARBY_KM)
