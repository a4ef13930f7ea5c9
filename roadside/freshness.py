"""How fresh every hop of the road is, against its budget: by data, never by when a job last ran.

A hop is a source, a table of a layer, a view's release, or a view in Redis. What it has is compared with the
last tick (or business-day cut) that is due there at a moment; a view that a source holds is told as held, not
as late, and a view whose values have all expired is not fresh, whatever its last run says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from lakehouse.ops import Ops
from lakehouse.settings import Settings
from roadside.graph import STEPS, Step, step_named
from roadside.holds import Hold
from roadside.hop_budgets import LEAST_COVERAGE, ROAD, Budgets, last_cut
from roadside.hop_readings import Held, LakeReadings, ViewInRedis, marked_tick, read_lake, read_redis
from roadside.standing import is_daily
from validation.clocks import TICK, TICK_DELAY, daily_available_at
from validation.contract import Table
from validation.contracts import BRONZE, FEATURES, SILVER, TILES, table_named
from validation.contracts.features.feature_table import time_to_live
from validation.errors import RoadsideError
from validation.sources import SOURCES

SOURCE, RELEASE, ONLINE = "source", "release", "online"
LAYERS = (SOURCE, *ROAD)
MADE = (*BRONZE, *SILVER, *TILES, *FEATURES)


class State(StrEnum):
    """How a hop stands."""

    OK = "ok"
    LATE = "late"
    HELD = "held"
    MISSING = "missing"
    NO_DATA = "no data"


@dataclass(frozen=True)
class Hop:
    """One hop at one moment.

    Attributes:
        hop: source, bronze, silver, tiles, features, release or online; what: the source, table or view.
        through: the newest instant it has: a source's newest stamp, else the end of the last tick (or the
            last cut); due: the one that it should have, but for a source.
        age: how long ago that is; budget: how old it may become before it is late.
        is_over: whether a monitor should page: late, missing, held longer than a hold may last, or
            without values though there should be some.
        newest_event: of a source and of the tables that have one, by Iceberg's metadata.
        closed_through: of a source, its last closed tick.
        held_by: the sources that hold it.
        live, coverage: in Redis, the entities that live and the share that has a value.
        lost_at: of a hop that is over, the first hop of its road that is, or that had the instant due after
            its own deadline; itself, where those before it were in time.
    """

    hop: str
    what: str
    through: datetime | None
    age: timedelta | None
    budget: timedelta
    state: State
    is_over: bool
    due: datetime | None = None
    newest_event: datetime | None = None
    closed_through: datetime | None = None
    held_by: tuple[Hold, ...] = ()
    live: int | None = None
    coverage: float | None = None
    lost_at: str | None = None

    @property
    def name(self) -> str:
        """As `lost_at` has it: silver.offers, online.zone_demand_15m."""
        return f"{self.hop}.{self.what}"


@dataclass(frozen=True)
class Asked:
    """Which hops are wanted; nothing named is everything.

    Attributes:
        sources: they and their bronze tables; views: their features, release and place in Redis.
        layers: of these, only hops so named.
    """

    sources: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    with_online: bool = True

    def holds(self, hop: str, what: str) -> bool:
        """Whether the hop is wanted."""
        if (self.layers and hop not in self.layers) or (hop == ONLINE and not self.with_online):
            return False
        if not self.sources and not self.views:
            return True
        of_sources = hop in (SOURCE, "bronze") and what in self.sources
        return of_sources or (hop in ("features", RELEASE, ONLINE) and what in self.views)

    @property
    def views_online(self) -> tuple[str, ...]:
        """The views that Redis is asked for."""
        names = (table.short_name for table in FEATURES)
        return tuple(name for name in names if self.holds(ONLINE, name))


@dataclass(frozen=True)
class Freshness:
    """The road at one moment; `cannot_tell` has what kept hops from being told."""

    at: datetime
    hops: tuple[Hop, ...]
    cannot_tell: tuple[RoadsideError, ...] = field(default=())

    @property
    def over(self) -> tuple[Hop, ...]:
        """The hops over their budget."""
        return tuple(each for each in self.hops if each.is_over)


def freshness(
    settings: Settings, at: datetime, asked: Asked | None = None, budgets: Budgets | None = None
) -> Freshness:
    """The hops asked for at the moment, against what they have now.

    What cannot be reached (the catalog, Redis) is told beside the hops that could be.

    Raises:
        Unreachable: the ledgers or the landed objects cannot be read.
    """
    asked, budgets = asked or Asked(), budgets or Budgets()
    lake = read_lake(settings, Ops(settings.ops_url), budgets, at, _tables_read(asked))
    problems = [] if lake.problem is None else [lake.problem]
    online: Mapping[str, ViewInRedis] = {}
    if asked.views_online:
        try:
            online = read_redis(settings, asked.views_online, at)
        except RoadsideError as error:
            problems.append(error)
    hops = hops_at(at, lake, online, budgets, asked)
    return Freshness(at, tuple(each for each in hops if asked.holds(each.hop, each.what)), tuple(problems))


def hops_at(
    at: datetime, lake: LakeReadings, online: Mapping[str, ViewInRedis], budgets: Budgets, asked: Asked
) -> tuple[Hop, ...]:
    """Every hop in the order of the road; releases and Redis only where they are asked for."""
    judge = _Judge(at, lake, budgets)
    found = [judge.source(source.name) for source in SOURCES]
    found += [judge.table(table) for table in MADE]
    views = [table.short_name for table in FEATURES]
    found += [judge.release(view) for view in views if asked.holds(RELEASE, view)]
    found += [judge.online(view, online[view]) for view in views if view in online]
    return _with_losses(found, lake, budgets)


@dataclass(frozen=True)
class _Judge:
    """What each hop's readings say at the moment."""

    at: datetime
    lake: LakeReadings
    budgets: Budgets

    def source(self, name: str) -> Hop:
        """By the stamp of its newest object, a heartbeat be it."""
        stamp = self.lake.landed.get(name)
        budget = self.lake.heartbeats[name] + self.budgets.share(SOURCE)
        bronze = self.lake.tables.get(f"bronze.{name}")
        state = State.OK
        if stamp is None:
            state = State.MISSING
        elif self.at - stamp >= budget:
            state = State.LATE
        elif bronze is not None and bronze.newest_event is None:
            state = State.NO_DATA
        return replace(
            self._hop(SOURCE, name, stamp, budget, state),
            newest_event=bronze.newest_event if bronze else None,
            closed_through=self.lake.closed.get(name),
        )

    def table(self, table: Table) -> Hop:
        """By the end of the known time that is made of it."""
        hop, daily = table.layer, is_daily(table)
        made = self.lake.made.get(table.name)
        through = None if made is None else last_cut(made.through) if daily else made.through
        due = self.budgets.due(hop, self.at, is_daily=daily)
        held = self.lake.tables.get(table.name)
        state = State.OK
        if not self._reaches(table, due):
            state = State.MISSING if through is None else State.LATE
        elif (held is not None and not held.rows) or through is None or self._has_expired(table):
            state = State.NO_DATA
        budget = self.budgets.longest_age(hop, through, is_daily=daily)
        told = self._hop(hop, table.short_name, through, budget, state)
        return replace(
            told,
            due=due,
            newest_event=held.newest_event if held else None,
            is_over=told.is_over or (state is State.NO_DATA and self._has_expired(table)),
        )

    def release(self, view: str) -> Hop:
        """By the newest tick (or cut) that was released, or what holds the one that is due."""
        table = table_named(f"features.{view}")
        released = self.lake.released.get(table.name)
        due = self.budgets.due(RELEASE, self.at, is_daily=is_daily(table))
        budget = self.budgets.longest_age(RELEASE, released, is_daily=is_daily(table))
        hop = replace(self._hop(RELEASE, view, released, budget, State.OK), due=due)
        if released is not None and released >= due:
            return hop
        if due <= self._begun:
            return _stated(hop, State.OK if released else State.NO_DATA)
        if held := self._holds(table, due):
            return self._held(hop, held)
        return _stated(hop, State.MISSING if released is None else State.LATE)

    def online(self, view: str, found: ViewInRedis) -> Hop:
        """By Redis' own marker, by what holds the view, and by how many of the living have a value."""
        table = table_named(f"features.{view}")
        daily = is_daily(table)
        marker = found.complete_through
        through = None if marker is None else _readable_cut(marker) if daily else marked_tick(marker)
        due = self.budgets.due(ONLINE, self.at, is_daily=daily)
        budget = self.budgets.longest_age(ONLINE, through, is_daily=daily)
        coverage, hop = found.coverage, self._hop(ONLINE, view, through, budget, State.OK)
        hop = replace(hop, due=due, live=found.live, coverage=coverage)
        if through is None:
            return _stated(hop, State.MISSING)
        if through < due and due > self._begun:
            held = self._holds(table, due)
            if held and through >= (last_cut(held.served_through) if daily else held.served_through):
                return self._held(hop, held)
            return _stated(hop, State.LATE)
        if not found.live or (coverage is not None and coverage < LEAST_COVERAGE):
            return replace(_stated(hop, State.NO_DATA), is_over=bool(found.live))
        return hop

    @property
    def _begun(self) -> datetime:
        """From when on there is anything to be made of: nothing is due before."""
        starts = (each.start for name, each in self.lake.made.items() if name.startswith("bronze."))
        return min(starts, default=self.at - timedelta(days=2))

    def _reaches(self, table: Table, due: datetime) -> bool:
        made = self.lake.made.get(table.name)
        return due <= self._begun or (made is not None and made.through >= due)

    def _has_expired(self, table: Table) -> bool:
        """Whether a features table has values, and none that may still be read."""
        state = self.lake.tables.get(table.name)
        if table.layer != "features" or state is None or state.newest_event is None:
            return False
        newest = state.newest_event
        available = daily_available_at(newest) if is_daily(table) else newest + TICK_DELAY
        return available + time_to_live(table) < self.at

    def _holds(self, table: Table, due: datetime) -> Held | None:
        """What holds the instant due: only where the features were made, for else nobody looked."""
        return self.lake.held(table.short_name, due) if self._reaches(table, due) else None

    def _held(self, hop: Hop, held: Held) -> Hop:
        longest = self.budgets.share("hold_1d" if is_daily(table_named(f"features.{hop.what}")) else "hold")
        return replace(hop, state=State.HELD, held_by=held.by, is_over=self.at - held.since >= longest)

    def _hop(self, hop: str, what: str, through: datetime | None, budget: timedelta, state: State) -> Hop:
        age = None if through is None else max(self.at - through, timedelta(0))
        return _stated(Hop(hop, what, through, age, budget, state, is_over=False), state)


def _stated(hop: Hop, state: State) -> Hop:
    return replace(hop, state=state, is_over=state in (State.LATE, State.MISSING))


def _readable_cut(complete_through: datetime) -> datetime:
    """The last cut whose daily values may be read at that moment."""
    cut = last_cut(complete_through)
    return cut if daily_available_at(cut) <= complete_through else last_cut(cut - TICK)


def _with_losses(hops: Sequence[Hop], lake: LakeReadings, budgets: Budgets) -> tuple[Hop, ...]:
    """The hops, those over their budget with where that was lost."""
    empty = {each.name for each in hops if each.is_over and each.state is State.NO_DATA}

    def lost_at(hop: Hop) -> str:
        if hop.held_by:
            return f"{SOURCE}.{min(hop.held_by, key=lambda each: each.since).source}"
        due = hop.due
        if hop.state is State.NO_DATA or due is None:
            return next((name for name in _road_to(hop) if name in empty), hop.name)
        is_tick = not is_daily(_table_of(hop))
        return next((name for name in _road_to(hop) if not came_in_time(name, due, is_tick)), hop.name)

    def came_in_time(name: str, due: datetime, is_tick: bool) -> bool:
        """Whether the table has what the later hop lacks, and had it by its own deadline.

        Of a table made once a day a tick reads the cut that was due by then.
        """
        table = table_named(name)
        layer, daily = table.layer, is_daily(table)
        wanted = budgets.due(layer, due, is_daily=True) if daily and is_tick else due
        if name not in lake.made or lake.made[name].through < wanted:
            return False
        arrived = lake.arrived(name, wanted)
        return arrived is None or arrived <= wanted + budgets.deadline(layer, is_daily=daily)

    return tuple(replace(each, lost_at=lost_at(each)) if each.is_over else each for each in hops)


def _road_to(hop: Hop) -> Iterator[str]:
    """The names of the tables before it, in the order of the road.

    Without sources: a silent one holds views and makes no table late, for ingestion goes on.
    """
    if hop.hop == SOURCE:
        return
    step = step_named(_table_of(hop).name)
    behind = _behind(step) | ({step.name} if hop.hop in (RELEASE, ONLINE) else set())
    made = {table.name for table in MADE}
    yield from (name for each in STEPS if each.name in behind for name in each.writes if name in made)


def _table_of(hop: Hop) -> Table:
    return table_named(f"features.{hop.what}" if hop.hop in (RELEASE, ONLINE) else hop.name)


def _behind(step: Step) -> set[str]:
    """The names of the steps that the step reads, directly or through others."""
    direct = {step_named(name).name for name in step.reads}
    return direct.union(*(_behind(step_named(name)) for name in direct))


def _tables_read(asked: Asked) -> list[str]:
    """Tables whose metadata says something: those asked for that tell events, and the sources' bronze."""
    wanted = [table for table in MADE if asked.holds(table.layer, table.short_name)]
    of_sources = [table for table in BRONZE if asked.holds(SOURCE, table.short_name)]
    tell = [table.name for table in [*of_sources, *wanted] if "event_timestamp" in table.column_names]
    return list(dict.fromkeys(tell))
