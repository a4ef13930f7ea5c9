"""A retrieval bound to a release: the same rows, and so the same bytes, whenever it is made.

with pinned(Pin(revisions={"zone_demand_15m": 2}, known_through=close)):
    store.get_historical_features(spine, features=service).to_df()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

_pin: ContextVar[Pin | None] = ContextVar("roadside_pin", default=None)


@dataclass(frozen=True)
class Pin:
    """The predicate of a release: rows of a tick until `known_through`, and at most these revisions.

    Attributes:
        known_through: the last tick (`event_timestamp`) whose rows count; None for any.
        revision: the greatest revision that counts in views not named; None for any.
        revisions: the greatest revision that counts, by name of the features table.
    """

    known_through: datetime | None = None
    revision: int | None = None
    revisions: Mapping[str, int] = field(default_factory=dict)

    def revision_of(self, table: str) -> int | None:
        """The greatest revision that counts of the table `lake.features.<name>`."""
        return self.revisions.get(table.rpartition(".")[2], self.revision)


@contextmanager
def pinned(pin: Pin) -> Iterator[None]:
    """Bind every retrieval that is asked for within the block; it may be carried out after it."""
    token = _pin.set(pin)
    try:
        yield
    finally:
        _pin.reset(token)


def pin_in_force() -> Pin | None:
    """The pin of the block around; None outside of one."""
    return _pin.get()
