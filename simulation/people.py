"""Members and their vehicles: invented, and planted so that a byte search can look for them.

No name, phone or VIN here belongs to anyone: last names are made up, phones lie in the 555-01xx
block kept for fiction, VINs carry a manufacturer code nobody holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from simulation.draws import Draws

FIRST_NAMES = ("Avelina", "Bertram", "Corisande", "Dashiell", "Evadne", "Fergus", "Galatea", "Horatio")
LAST_NAMES = (
    "Quillfeather",
    "Thistlewick",
    "Brambleshaw",
    "Nettlecombe",
    "Oakenhollow",
    "Pemberglass",
    "Ravensmoor",
    "Wintersedge",
)
PLANTED_NAMES = tuple(f"{first} {last}" for first in FIRST_NAMES for last in LAST_NAMES)
PLANTED_PHONES = tuple(f"303-555-01{n:02d}" for n in range(100))
PLANTED_VIN_PREFIX = "7ZZ"

_VEHICLES = (
    ("Halden", "Courier"),
    ("Halden", "Vista"),
    ("Orrin", "Pike"),
    ("Orrin", "Comet"),
    ("Sable", "Ranger"),
    ("Sable", "Lark"),
)
_VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class Member:
    """One member with one vehicle."""

    member_id: str
    name: str
    phone: str
    vehicle: dict[str, Any]

    def record(self) -> dict[str, str]:
        """The member as the dispatch feed writes it."""
        return {"member_id": self.member_id, "name": self.name, "phone": self.phone}


@lru_cache(maxsize=4096)
def member(seed: int, number: int) -> Member:
    """The member of this number: always the same one for a seed."""
    draws = Draws(seed, "member", number)
    make, model = draws.pick(_VEHICLES)
    vin = PLANTED_VIN_PREFIX + "".join(draws.pick(_VIN_LETTERS) for _ in range(14))
    return Member(
        member_id=f"M{number:07d}",
        name=draws.pick(PLANTED_NAMES),
        phone=spelled_phone(draws.pick(PLANTED_PHONES), draws.index(3)),
        vehicle={"year": 2004 + draws.index(22), "make": make, "model": model, "vin": vin},
    )


def spelled_phone(phone: str, spelling: int) -> str:
    """One of the three ways in which a phone number is typed.

    >>> [spelled_phone("303-555-0142", n) for n in range(3)]
    ['303-555-0142', '(303) 555-0142', '+13035550142']
    """
    area, middle, last = phone.split("-")
    return (phone, f"({area}) {middle}-{last}", f"+1{area}{middle}{last}")[spelling]


def note_about(person: Member, draws: Draws) -> str:
    """A free text that an agent should not have typed."""
    if draws.chance(0.5):
        return f"member {person.name} asks to be called on {person.phone} when close"
    return f"VIN {person.vehicle['vin']} read out by {person.name}, parked behind the store"
