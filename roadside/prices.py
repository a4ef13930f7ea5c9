"""What computing costs: the price file beside this module, and what the command line says otherwise."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from math import isfinite
from pathlib import Path

from validation.errors import UnknownName, UserError

PLACE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Prices:
    """US dollars an hour for a core and for a GB of memory, and how many GB a core comes with."""

    vcpu_hour: float
    memory_gb_hour: float
    memory_gb_per_vcpu: float
    source: str
    as_of: date

    @property
    def core_hour(self) -> float:
        """A core with its memory, for an hour.

        >>> Prices(0.05, 0.005, 4.0, "a list", date(2026, 3, 1)).core_hour
        0.07
        """
        return self.vcpu_hour + self.memory_gb_hour * self.memory_gb_per_vcpu

    def dollars(self, seconds: float, cores: float) -> float:
        """That many cores held for that long."""
        return seconds / 3600 * cores * self.core_hour


PRICED = tuple(each.name for each in fields(Prices) if each.name not in ("source", "as_of"))


def prices(overrides: Sequence[str] = (), place: Path = PLACE) -> Prices:
    """The prices of the file, save those given as NAME=VALUE.

    Raises:
        UserError: an override is not NAME=VALUE with a number of zero or more.
        UnknownName: it names no price.
    """
    told = tomllib.loads(place.read_text())
    found = Prices(**told["dollars"], **told["shape"], source=told["source"], as_of=told["as_of"])
    given = dict(_override(each) for each in overrides)
    if not given:
        return found
    source = f"{found.source}; {', '.join(sorted(given))} as given"
    return Prices(**(vars(found) | given | {"source": source}))


def _override(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    if name not in PRICED:
        raise UnknownName("price", name, PRICED)
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not isfinite(value) or value < 0:
        raise UserError(f"--price {text} is not NAME=VALUE with a number.", f"Write --price {name}=0.05.")
    return name, value
