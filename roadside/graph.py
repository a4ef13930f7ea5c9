"""The table graph: what each step reads, how far back, and what it writes.

A tuple lists the steps in the order of the road; nothing is found by scanning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import ModuleType

from pyspark.sql import Column, DataFrame

from transforms.features import (
    area_dispatch_15m,
    area_hour_1d,
    area_service_1d,
    driver_state_15m,
    job_state_15m,
    market_dispatch_15m,
    program_dispatch_15m,
    provider_activity_15m,
    provider_area_1d,
    provider_fleet_15m,
    provider_performance_1d,
    provider_profile_1d,
    provider_service_1d,
    zone_demand_15m,
    zone_supply_15m,
    zone_traffic_15m,
)
from transforms.features.fleet import FIXES_LOOK_BACK, STATES_LOOK_BACK
from transforms.grid import BUSINESS_DAYS, HELD_MEMORY
from transforms.silver import (
    arrival_evidence,
    dispatch_events,
    gps_pings,
    lifecycle,
    provider_status,
    service_outcomes,
    traffic_speeds,
)
from transforms.silver.deduplication import Identity
from transforms.silver.histories import rows_of
from transforms.tiles import area_hour_1d as area_hour_tiles
from transforms.tiles import (
    available_hours,
    dispatch_1d,
    dispatch_15m,
    driver_fixes_15m,
    driver_states_15m,
    fleet_1d,
    traffic_15m,
)
from validation.clocks import TICK, Interval
from validation.contract import Table
from validation.contracts import table_named
from validation.errors import UnknownName
from validation.sources import SOURCES

Frames = Mapping[str, DataFrame]


@dataclass(frozen=True)
class Edge:
    """What the edge lends to a pure transform: functions that need a key, and verdicts of the ledger.

    Attributes:
        location_of: opens a sealed payload.
        held: instants at which a feature step may not write: a source it reads is incomplete there.
    """

    location_of: Callable[[Column], Column]
    held: frozenset[datetime] = frozenset()


@dataclass(frozen=True)
class Step:
    """One step of the road: an interval of its inputs in, the same interval of its tables out.

    Attributes:
        name: what the user calls it; the name of its table, or of the family it writes.
        writes: tables it replaces.
        reads: input tables and how far back of the interval each is read.
        build: the transform; None for a source, which is read from landing.
        is_daily: runs only for intervals that hold a business-day cut.
        rests: without a row of its inputs in the interval it makes none (features do: windows expire).
        share: builds a frame that several of its tables derive from; kept in memory meanwhile.
        sources: landing sources its values come from, where these are fewer than its inputs have.
        identity: what makes rows of its one input copies, if its first table holds each of them once.
    """

    name: str
    writes: tuple[str, ...]
    reads: Mapping[str, timedelta]
    build: Callable[[Frames, Interval, Edge], Frames] | None = None
    is_daily: bool = False
    rests: bool = True
    share: Callable[[Frames, Interval], DataFrame] | None = field(default=None)
    sources: tuple[str, ...] = ()
    identity: Identity | None = None

    @property
    def tables(self) -> tuple[Table, ...]:
        """Contracts of the tables it writes."""
        return tuple(table_named(name) for name in self.writes)

    @property
    def is_features(self) -> bool:
        """Whether it writes a feature view, and so waits for complete sources."""
        return self.name.startswith("features.")

    def due(self, interval: Interval) -> bool:
        """Whether the interval gives it anything to do."""
        return not self.is_daily or bool(interval.cuts())


def _one(name: str, transform: Callable[..., DataFrame]) -> Callable[[Frames, Interval, Edge], Frames]:
    """A build that passes every input, in the order of `reads`, then the interval."""

    def build(inputs: Frames, interval: Interval, _edge: Edge) -> Frames:
        return {name: transform(*inputs.values(), interval)}

    return build


def _features(name: str, transform: Callable[..., DataFrame]) -> Callable[[Frames, Interval, Edge], Frames]:
    """A build of features: every input, in the order of `reads`, the interval, the held instants."""

    def build(inputs: Frames, interval: Interval, edge: Edge) -> Frames:
        return {name: transform(*inputs.values(), interval, edge.held)}

    return build


def _dispatch_events(inputs: Frames, interval: Interval, _edge: Edge) -> Frames:
    bronze = inputs["bronze.dispatch_events"]
    return {
        "silver.dispatch_events": dispatch_events.dispatch_events(bronze, interval),
        "silver.dispatch_events_precise": dispatch_events.dispatch_events_precise(bronze, interval),
    }


def _lifecycle_changes(inputs: Frames, interval: Interval) -> DataFrame:
    return lifecycle.lifecycle(inputs["silver.dispatch_events"], interval)


def _lifecycle(inputs: Frames, _interval: Interval, _edge: Edge) -> Frames:
    return {table.name: rows_of(inputs["shared"], table) for table in lifecycle.FOLDS}


def _arrival_evidence(inputs: Frames, interval: Interval, edge: Edge) -> Frames:
    evidence = arrival_evidence.arrival_evidence(
        inputs["silver.assignments"],
        inputs["silver.dispatch_events_precise"],
        inputs["silver.gps_pings"],
        interval,
        edge.location_of,
    )
    return {"silver.arrival_evidence": evidence}


def _source_steps() -> tuple[Step, ...]:
    return tuple(
        Step(
            name=f"bronze.{source.name}",
            writes=(f"bronze.{source.name}", f"quarantine.{source.name}"),
            reads={},
        )
        for source in SOURCES
    )


def _view(module: ModuleType, tiles: str, sources: tuple[str, ...] = ()) -> Step:
    """A view made of one family of tiles; of their measures it reads those of `sources` only."""
    name = module.SPEC.table.name
    return Step(
        name,
        (name,),
        {tiles: module.SPEC.look_back},
        _features(name, getattr(module, module.SPEC.table.short_name)),
        is_daily=module.SPEC.grid is BUSINESS_DAYS,
        rests=False,
        sources=sources,
    )


def _fleet_view(module: ModuleType, fix_window: int, tiles: Mapping[str, timedelta] | None = None) -> Step:
    """A view that counts drivers and fixes; `fix_window` is how long a fix counts, in ticks."""
    name = module.SPEC.table.name
    reads = {
        **(tiles or {}),
        "tiles.driver_states_15m": STATES_LOOK_BACK,
        "tiles.fleet_1d": fix_window * TICK + HELD_MEMORY + timedelta(hours=2),
        "tiles.driver_fixes_15m": FIXES_LOOK_BACK,
    }
    build = _features(name, getattr(module, module.SPEC.table.short_name))
    return Step(name, (name,), reads, build, rests=False)


STEPS: tuple[Step, ...] = (
    *_source_steps(),
    Step(
        "silver.dispatch_events",
        ("silver.dispatch_events", "silver.dispatch_events_precise"),
        {"bronze.dispatch_events": dispatch_events.LOOK_BACK},
        _dispatch_events,
        identity=dispatch_events.IDENTITY,
    ),
    Step(
        "silver.lifecycle",
        (
            "silver.offers",
            "silver.assignments",
            "silver.job_milestones",
            "silver.jobs",
            "silver.job_waits",
        ),
        {"silver.dispatch_events": lifecycle.LOOK_BACK},
        _lifecycle,
        rests=False,  # what was stamped ahead is known later than it landed
        share=_lifecycle_changes,
    ),
    *(
        Step(
            f"silver.{name}",
            (f"silver.{name}",),
            {f"bronze.{name}": module.LOOK_BACK},
            _one(f"silver.{name}", getattr(module, name)),
            identity=identity,
        )
        for name, module, identity in (
            ("provider_status", provider_status, provider_status.IDENTITY),
            ("gps_pings", gps_pings, gps_pings.IDENTITY),
            ("service_outcomes", service_outcomes, service_outcomes.IDENTITY),
            ("traffic_speeds", traffic_speeds, None),  # sums of readings
        )
    ),
    Step(
        "silver.arrival_evidence",
        ("silver.arrival_evidence",),
        {
            "silver.assignments": arrival_evidence.LOOK_BACK,
            "silver.dispatch_events_precise": arrival_evidence.LOOK_BACK,
            "silver.gps_pings": arrival_evidence.LOOK_BACK,
        },
        _arrival_evidence,
    ),
    Step(
        "tiles.dispatch_15m",
        ("tiles.dispatch_15m",),
        {f"silver.{name}": dispatch_15m.LOOK_BACK for name in ("offers", "assignments", "jobs", "job_waits")},
        _one("tiles.dispatch_15m", dispatch_15m.dispatch_15m),
    ),
    Step(
        "tiles.dispatch_1d",
        ("tiles.dispatch_1d",),
        {
            "silver.offers": dispatch_1d.LOOK_BACK,
            "silver.assignments": dispatch_1d.LOOK_BACK,
            "silver.jobs": dispatch_1d.JOB_LOOK_BACK,
            "silver.arrival_evidence": dispatch_1d.LOOK_BACK,
            "silver.service_outcomes": dispatch_1d.CLAIM_LOOK_BACK,
        },
        _one("tiles.dispatch_1d", dispatch_1d.dispatch_1d),
        is_daily=True,
        rests=False,
    ),
    Step(
        "tiles.driver_fixes_15m",
        ("tiles.driver_fixes_15m",),
        {"silver.gps_pings": driver_fixes_15m.LOOK_BACK},
        _one("tiles.driver_fixes_15m", driver_fixes_15m.driver_fixes_15m),
    ),
    Step(
        "tiles.driver_states_15m",
        ("tiles.driver_states_15m",),
        {
            "silver.provider_status": driver_states_15m.LOOK_BACK,
            "tiles.driver_fixes_15m": driver_states_15m.LOOK_BACK,
        },
        _one("tiles.driver_states_15m", driver_states_15m.driver_states_15m),
        rests=False,
    ),
    Step(
        "tiles.fleet_1d",
        ("tiles.fleet_1d",),
        {
            "tiles.driver_fixes_15m": fleet_1d.LOOK_BACK,
            "tiles.driver_states_15m": available_hours.STATES_LOOK_BACK,
        },
        _one("tiles.fleet_1d", fleet_1d.fleet_1d),
        is_daily=True,
        rests=False,
    ),
    Step(
        "tiles.traffic_15m",
        ("tiles.traffic_15m",),
        {
            "silver.traffic_speeds": timedelta(0),
            "silver.gps_pings": timedelta(0),
            "silver.provider_status": traffic_15m.LOOK_BACK,
        },
        _one("tiles.traffic_15m", traffic_15m.traffic_15m),
    ),
    Step(
        "tiles.area_hour_1d",
        ("tiles.area_hour_1d",),
        {
            **{f"silver.{name}": area_hour_tiles.LOOK_BACK for name in ("offers", "assignments", "jobs")},
            "tiles.driver_states_15m": available_hours.STATES_LOOK_BACK,
        },
        _one("tiles.area_hour_1d", area_hour_tiles.area_hour_1d),
        is_daily=True,
        rests=False,
    ),
    Step(
        "features.driver_state_15m",
        ("features.driver_state_15m",),
        {
            "tiles.driver_states_15m": STATES_LOOK_BACK,
            "tiles.traffic_15m": zone_traffic_15m.SPEC.look_back,
        },
        _features("features.driver_state_15m", driver_state_15m.driver_state_15m),
        rests=False,
    ),
    _fleet_view(provider_fleet_15m, provider_fleet_15m.WEEK),
    _view(provider_activity_15m, "tiles.dispatch_15m"),
    _view(zone_demand_15m, "tiles.dispatch_15m"),
    _fleet_view(zone_supply_15m, zone_supply_15m.MONTH),
    _view(zone_traffic_15m, "tiles.traffic_15m"),
    _fleet_view(
        area_dispatch_15m,
        area_dispatch_15m.MONTH,
        {
            "tiles.dispatch_15m": area_dispatch_15m.SPEC.look_back,
            "tiles.area_hour_1d": area_dispatch_15m.USUAL_LOOK_BACK,
        },
    ),
    _fleet_view(
        market_dispatch_15m,
        market_dispatch_15m.MONTH,
        {"tiles.dispatch_15m": market_dispatch_15m.SPEC.look_back},
    ),
    _view(program_dispatch_15m, "tiles.dispatch_15m"),
    Step(
        "features.job_state_15m",
        ("features.job_state_15m",),
        {"silver.jobs": job_state_15m.LOOK_BACK, "silver.assignments": job_state_15m.LOOK_BACK},
        _features("features.job_state_15m", job_state_15m.job_state_15m),
        rests=False,
    ),
    _view(provider_performance_1d, "tiles.dispatch_1d"),
    _view(provider_service_1d, "tiles.dispatch_1d", sources=("dispatch_events",)),
    _view(provider_area_1d, "tiles.dispatch_1d", sources=("dispatch_events",)),
    _view(area_service_1d, "tiles.dispatch_1d", sources=("dispatch_events",)),
    _view(area_hour_1d, "tiles.area_hour_1d"),
    Step(
        "features.provider_profile_1d",
        ("features.provider_profile_1d",),
        {
            "tiles.dispatch_1d": provider_profile_1d.SPEC.look_back,
            "tiles.fleet_1d": provider_profile_1d.FLEET_LOOK_BACK,
        },
        _features("features.provider_profile_1d", provider_profile_1d.provider_profile_1d),
        is_daily=True,
        rests=False,
        sources=("dispatch_events", "gps_pings", "provider_status"),
    ),
)


def step_named(name: str) -> Step:
    """The step of that name, or the one that writes the table of that name.

    Raises:
        UnknownName: neither exists.
    """
    for step in STEPS:
        if name == step.name or name in step.writes:
            return step
    known = {step.name for step in STEPS} | {table for step in STEPS for table in step.writes}
    raise UnknownName("step or table", name, known)


def sources_read(step: Step) -> tuple[str, ...]:
    """The landing sources that the step's values come from, through all it reads, in order of name."""
    if step.sources:
        return step.sources
    if step.build is None:
        return (step.name.partition(".")[2],)
    found = {source for name in step.reads for source in sources_read(step_named(name))}
    return tuple(sorted(found))


def downstream(step: Step) -> tuple[tuple[Step, timedelta], ...]:
    """The steps that read what the step writes, directly or through others, with their total reach."""
    reach: dict[str, timedelta] = {name: timedelta(0) for name in step.writes}
    found = []
    for later in STEPS:
        reached = [reach[name] + back for name, back in later.reads.items() if name in reach]
        if reached:
            found.append((later, max(reached)))
            reach.update({name: max(reached) for name in later.writes})
    return tuple(found)
