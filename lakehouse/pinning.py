"""A retrieval bound to a release: the same rows, and so the same bytes, whenever it is made.

with pinned(Pin(revisions={"zone_demand_15m": 2}, known_through=close)):
    store.get_historical_features(spine, features=service).to_df()

As served, the default, a row is read from its promise on (`available_at`). As published it is read from
the release that first held it on, where that came later than the promise:

with pinned(as_published(Releases(...).by_table())):
    store.get_historical_features(spine, features=service).to_df()

At snapshots, tables that are published meanwhile are read as they stood when their heads were taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from validation.errors import Defect

NEVER = 2**62
"""Microseconds of what was not published."""
TICK, REVISION = "event_timestamp", "revision"
"""The columns of a features table that say which release first held a row."""

_pin: ContextVar[Pin | None] = ContextVar("roadside_pin", default=None)


@dataclass(frozen=True)
class Publications:
    """When rows of a features table could truly be read first.

    Attributes:
        releases: per release of the table its tick and when it came out, in any order.
    """

    releases: tuple[tuple[datetime, datetime], ...]

    def first_read(self, ticks: np.ndarray, revised: np.ndarray, revisions: np.ndarray) -> np.ndarray:
        """Microseconds from which each row could be read; NEVER where no release holds it.

        A row of revision 0 came out with the first release of its tick or a later one; a revision,
        with the first after it was made.

        Args:
            ticks, revised: in microseconds, the rows' ticks and when they were made.
        """
        of_releases = np.array(
            sorted((_microseconds(tick), _microseconds(out)) for tick, out in self.releases), dtype=np.int64
        ).reshape(-1, 2)
        by_tick = np.append(np.minimum.accumulate(of_releases[::-1, 1])[::-1], NEVER)
        by_time = np.append(np.sort(of_releases[:, 1]), NEVER)
        first = by_tick[np.searchsorted(of_releases[:, 0], ticks)]
        return np.where(revisions > 0, by_time[np.searchsorted(by_time[:-1], revised)], first)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Pin:
    """The predicate of a release: rows of a tick until `known_through`, made by `revised_through`.

    Attributes:
        known_through: the last tick (`event_timestamp`) whose rows count; None for any.
        revised_through: the last moment at which a row may have been made (`revised_at`); None for any.
            A replay numbers its revisions by table and interval: by the moment alone they are told apart.
        revision: the greatest revision that counts in views not named; None for any.
        revisions: the greatest revision that counts, by name of the features table.
        published: as published, for the features tables named here; the others as served.
        snapshots: the snapshot that is read of each table, by its name `features.<name>`; None of one that
            had none, and so no rows. Others may not be read. None in place of all: tables as they stand.
    """

    known_through: datetime | None = None
    revision: int | None = None
    revisions: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, Publications] = field(default_factory=dict)
    revised_through: datetime | None = None
    snapshots: Mapping[str, int | None] | None = None

    @property
    def is_at_snapshots(self) -> bool:
        """Whether tables are read at a snapshot each."""
        return self.snapshots is not None

    def snapshot_of(self, table: str) -> int | None:
        """The snapshot that is read of `features.<name>`, or `lake.features.<name>`; None if it had none.

        Raises:
            Defect: the table is not among those that may be read.
        """
        name = ".".join(table.split(".")[-2:])
        if self.snapshots is None or name not in self.snapshots:
            raise Defect(f"{name} is read, and no snapshot of it was taken.", "Name it among the inputs.")
        return self.snapshots[name]

    def revision_of(self, table: str) -> int | None:
        """The greatest revision that counts of the table `lake.features.<name>`."""
        return self.revisions.get(table.rpartition(".")[2], self.revision)

    def published_of(self, table: str) -> Publications | None:
        """When rows of the table `lake.features.<name>` came out; None where that is as promised."""
        return self.published.get(table.rpartition(".")[2])


def as_published(releases: Mapping[str, Sequence[tuple[datetime, datetime]]]) -> Pin:
    """The pin of what came out when: per table `features.<name>`, tick and publication of its releases."""
    return Pin(
        published={
            table.removeprefix("features."): Publications(tuple(came_out))
            for table, came_out in releases.items()
            if table.startswith("features.")
        }
    )


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
