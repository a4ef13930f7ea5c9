"""What each hop of the road has: newest landed objects, known time made, releases, Redis' markers.

A few queries of the ledgers, a listing of the last landed objects, and Iceberg's metadata; neither Spark
nor a row of a table is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lakehouse.catalog_reader import CatalogReader, TableState
from lakehouse.completeness import Completeness
from lakehouse.landing_ledger import LandingLedger
from lakehouse.ops import Ops
from lakehouse.releases import Releases
from lakehouse.run_history import arrivals, reach_by_table
from lakehouse.settings import Settings
from roadside.graph import sources_read, step_named
from roadside.holds import Hold, served_through, view_holds
from roadside.hop_budgets import Budgets
from roadside.landed_backlog import newest_stamp
from validation.clocks import TICK, TICK_DELAY, tick_end, tick_start
from validation.contracts import FEATURES, SERVED, table_named
from validation.contracts.features.feature_table import time_to_live
from validation.errors import RoadsideError, Unreachable
from validation.sources import SOURCES

_FURTHER = timedelta(days=1)  # where a source landed nothing within its budget
_LONGEST_ROAD = timedelta(hours=30)  # from a cut until the next is due


@dataclass(frozen=True)
class Reach:
    """The known time that a table's standing runs reach from and through."""

    start: datetime
    through: datetime


@dataclass(frozen=True)
class Held:
    """A view held at an instant: by which sources, and the last tick at which its readers are served."""

    by: tuple[Hold, ...]
    served_through: datetime

    @property
    def since(self) -> datetime:
        """The first instant that is held without a break until then."""
        return self.served_through + TICK


@dataclass(frozen=True)
class LakeReadings:
    """What the lake has.

    Attributes:
        heartbeats: by source.
        landed: by source, the newest stamp of an object that its producer landed until the moment asked for.
        closed: by source, the last tick that is closed.
        made: by table.
        released: by table, the newest tick (or cut) released.
        held: by a view and one of its instants, what holds it there; None where nothing does.
        arrived: by a table and a tick (or cut) of the last day, when the run that made it had finished; None
            of one that is not made.
        tables: what the tables asked for hold by Iceberg's metadata; None of one that was never created.
        problem: why `tables` lacks some, if it does.
    """

    heartbeats: Mapping[str, timedelta]
    landed: Mapping[str, datetime] = field(default_factory=dict)
    closed: Mapping[str, datetime] = field(default_factory=dict)
    made: Mapping[str, Reach] = field(default_factory=dict)
    released: Mapping[str, datetime] = field(default_factory=dict)
    held: Callable[[str, datetime], Held | None] = lambda _view, _instant: None
    arrived: Callable[[str, datetime], datetime | None] = lambda _table, _instant: None
    tables: Mapping[str, TableState | None] = field(default_factory=dict)
    problem: RoadsideError | None = None


@dataclass(frozen=True)
class ViewInRedis:
    """One view as Redis has it.

    Attributes:
        complete_through: every row usable until then is there; None of a view that was never finished.
        live: entities that have a value and no closing row since; fresh: those within the time to live.
    """

    complete_through: datetime | None
    live: int
    fresh: int

    @property
    def coverage(self) -> float | None:
        """The fresh share of the live ones; None without any."""
        return round(self.fresh / self.live, 4) if self.live else None


def newest_closed(ops: Ops) -> datetime | None:
    """The newest tick that a source has closed; None while none has."""
    return max(_closed(ops).values(), default=None)


def read_lake(
    settings: Settings, ops: Ops, budgets: Budgets, at: datetime, tables: Collection[str]
) -> LakeReadings:
    """What the lake has at the moment, and what these tables hold.

    Raises:
        Unreachable: the ledgers or the landed objects cannot be read.
    """
    heartbeats = {each.name: each.heartbeat for each in SOURCES} | settings.heartbeats
    completeness = Completeness(ops, settings.heartbeats)
    landed = {
        source: _newest_landed(settings, completeness, source, at, heartbeat + budgets.share("source"))
        for source, heartbeat in heartbeats.items()
    }
    states, problem = _table_states(settings, tables)
    return LakeReadings(
        heartbeats=heartbeats,
        landed={source: stamp for source, stamp in landed.items() if stamp is not None},
        closed=_closed(ops),
        made={name: Reach(*span) for name, span in reach_by_table(ops).items()},
        released=Releases(ops, _no_clock).newest_ticks(),
        held=_hold_teller(completeness),
        arrived=_arrival_teller(ops, at - _LONGEST_ROAD),
        tables=states,
        problem=problem,
    )


def read_redis(settings: Settings, views: Collection[str], at: datetime) -> dict[str, ViewInRedis]:
    """Of these views those that are served, or were written all the same.

    Raises:
        Unreachable: Redis does not answer.
        UserError: the online store is the stock one, which keeps no markers.
    """
    from roadside.redis_standing import require_redis

    require_redis(settings)
    from lakehouse import feast_edge
    from roadside.online_state import view_state

    state = view_state(feast_edge.feature_store(settings))
    markers = state.complete_through()
    served = {table.short_name for table in SERVED}
    return {
        view: ViewInRedis(
            markers.get(view), *state.live_counts(view, at - time_to_live(table_named(f"features.{view}")))
        )
        for view in (table.short_name for table in FEATURES)
        if view in views and (view in served or view in markers)
    }


def marked_tick(complete_through: datetime) -> datetime:
    """The last tick whose rows are in Redis, where all rows usable until then are."""
    return tick_start(complete_through - TICK_DELAY)


def _closed(ops: Ops) -> dict[str, datetime]:
    ledger = LandingLedger(ops)
    found = {each.name: ledger.closed_through(each.name) for each in SOURCES}
    return {source: tick for source, tick in found.items() if tick is not None}


def _newest_landed(
    settings: Settings, completeness: Completeness, source: str, at: datetime, budget: timedelta
) -> datetime | None:
    """The newest stamp at most `at`: of what landed within the budget, else further back, else ever known."""
    for since in (at - budget, at - budget - _FURTHER):
        stamp = newest_stamp(settings, source, since, at)
        if stamp is not None:
            return stamp
    known = completeness.last_object_at(source, tick_end(at))
    return known if known is None or known <= at else completeness.last_object_at(source, tick_start(at))


def _table_states(
    settings: Settings, tables: Collection[str]
) -> tuple[dict[str, TableState | None], RoadsideError | None]:
    reader = CatalogReader(settings)
    states: dict[str, TableState | None] = {}
    try:
        for name in tables:
            states[name] = reader.state(table_named(name))
    except RoadsideError as error:
        return states, error
    except Exception as error:  # whatever pyiceberg's catalog or file system raises
        return states, Unreachable(
            f"The Iceberg catalog cannot be read ({type(error).__name__}).",
            "Check the address, the network and the credentials, then run again.",
        )
    return states, None


def _hold_teller(completeness: Completeness) -> Callable[[str, datetime], Held | None]:
    """What `roadside.holds` says, asked once for the views that read the same sources."""
    known: dict[tuple[object, ...], Held | None] = {}

    def held(view: str, instant: datetime) -> Held | None:
        step = step_named(f"features.{view}")
        asked = (sources_read(step), step.is_daily, instant)
        if asked not in known:
            by = view_holds(completeness, view, instant)
            known[asked] = Held(by, served_through(completeness, view, instant)) if by else None
        return known[asked]

    return held


def _arrival_teller(ops: Ops, since: datetime) -> Callable[[str, datetime], datetime | None]:
    """When tables arrived at an instant; the ledger is asked once, when somebody asks."""
    known: list[dict[str, list[tuple[datetime, datetime]]]] = []

    def arrived(table: str, instant: datetime) -> datetime | None:
        if not known:
            known.append(arrivals(ops, since))
        return min((when for end, when in known[0].get(table, ()) if end >= instant), default=None)

    return arrived


def _no_clock() -> datetime:
    return datetime.now(UTC)
