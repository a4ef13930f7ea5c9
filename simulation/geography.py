"""The city on the ground: a disk of H3 r7 cells, and kilometres from its centre.

Inside the simulation a place is (east, north) in kilometres on a plane that touches the city's
centre; latitude and longitude appear when a record is written.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import h3

from simulation.draws import Draws

CENTRE_LATITUDE = 39.75
CENTRE_LONGITUDE = -104.99
ZONE_RESOLUTION = 7
KM_PER_DEGREE = 111.195  # mean earth radius 6371.0088 km
KM_PER_DEGREE_EAST = KM_PER_DEGREE * math.cos(math.radians(CENTRE_LATITUDE))
KM_PER_RING = 2.1  # between centres of neighbouring r7 cells, rounded down
DETOUR = 1.3  # street over straight line
PROVIDERS_PER_CITY = 40
RINGS_PER_CITY = 8

Place = tuple[float, float]


@dataclass(frozen=True)
class City:
    """A disk of zones; its area grows with the number of providers, so density stays."""

    rings: int

    @property
    def radius_km(self) -> float:
        """From the centre to the edge."""
        return self.rings * KM_PER_RING

    @property
    def zones(self) -> list[str]:
        """The r7 cells of the city, sorted."""
        centre = h3.latlng_to_cell(CENTRE_LATITUDE, CENTRE_LONGITUDE, ZONE_RESOLUTION)
        return sorted(h3.grid_disk(centre, self.rings))

    def place(self, draws: Draws, spread: float = 0.5) -> Place:
        """Somewhere in the city; spread is the standard deviation over the radius."""
        deviation = spread * self.radius_km
        east, north = draws.normal(0, deviation), draws.normal(0, deviation)
        over = math.hypot(east, north) / self.radius_km
        return (east / over, north / over) if over > 1 else (east, north)


def city_for(providers: int) -> City:
    """The city that this many providers serve."""
    return City(max(4, round(RINGS_PER_CITY * math.sqrt(providers / PROVIDERS_PER_CITY))))


def coordinates(place: Place) -> tuple[float, float]:
    """(latitude, longitude) of a place, rounded to a decimetre.

    >>> coordinates((0.0, 0.0))
    (39.75, -104.99)
    """
    east, north = place
    return (
        round(CENTRE_LATITUDE + north / KM_PER_DEGREE, 6),
        round(CENTRE_LONGITUDE + east / KM_PER_DEGREE_EAST, 6),
    )


def plane(latitude: float, longitude: float) -> Place:
    """The place at these coordinates."""
    return (longitude - CENTRE_LONGITUDE) * KM_PER_DEGREE_EAST, (latitude - CENTRE_LATITUDE) * KM_PER_DEGREE


def distance_km(a: Place, b: Place) -> float:
    """Straight line between two places."""
    return math.hypot(a[0] - b[0], a[1] - b[1])


def between(a: Place, b: Place, share: float) -> Place:
    """The place a share of the way from a to b."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def beside(place: Place, km: float, draws: Draws) -> Place:
    """A place that far away, in any direction."""
    angle = draws.uniform(0, 2 * math.pi)
    return place[0] + km * math.cos(angle), place[1] + km * math.sin(angle)
