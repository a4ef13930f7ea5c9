"""One afternoon of eight jobs, small enough to check by hand: what the demo shows and the specs expect.

The tables beside this module say what happened and when it landed; `tests/spec/afternoon/` holds
what must come of it.
"""

from simulation.afternoon.landing_objects import (
    AFTERNOON,
    LandingObject,
    afternoon_objects,
    heartbeats,
    planted_identifiers,
    write_afternoon,
)

__all__ = [
    "AFTERNOON",
    "LandingObject",
    "afternoon_objects",
    "heartbeats",
    "planted_identifiers",
    "write_afternoon",
]
